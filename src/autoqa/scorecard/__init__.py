"""Scorecards: what is asked of a conversation, what answers are worth, whether it asks well."""

from autoqa.scorecard.findings import Finding, Severity
from autoqa.scorecard.lint import lint, lint_file
from autoqa.scorecard.load import library_names, load_scorecard
from autoqa.scorecard.render import as_form, to_html
from autoqa.scorecard.schema import Condition, Criterion, Level, Scorecard, ScorerSpec, Section
from autoqa.scorecard.totals import evaluate

__all__ = [
    "Condition",
    "Criterion",
    "Finding",
    "Level",
    "Scorecard",
    "ScorerSpec",
    "Section",
    "Severity",
    "as_form",
    "evaluate",
    "library_names",
    "lint",
    "lint_file",
    "load_scorecard",
    "to_html",
]
