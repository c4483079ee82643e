"""The people who rate: how each does, what they say together, and whether a model may join."""

from autoqa.evaluation.raters.applicability import applicability_agreement
from autoqa.evaluation.raters.effects import RaterEffects, fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.raters.replacement import Replacement, ReplacementVerdict, replacement_test
from autoqa.evaluation.raters.report import RaterReport, rater_report
from autoqa.evaluation.raters.session_effect import SessionEffect, session_effect
from autoqa.evaluation.raters.session_rule import SessionRule
from autoqa.evaluation.raters.true_scores import estimate_true_levels, rater_accuracy

__all__ = [
    "RaterEffects",
    "RaterReport",
    "RatingTable",
    "Replacement",
    "ReplacementVerdict",
    "SessionEffect",
    "SessionRule",
    "applicability_agreement",
    "estimate_true_levels",
    "fit_rater_effects",
    "rater_accuracy",
    "rater_report",
    "replacement_test",
    "session_effect",
]
