"""Figures for reports and notebooks, made without pyplot so that no window or state is left.

Every function takes `say`, which translates what is written (`autoqa.evaluation.wording`). Colours
are Okabe and Ito's, and shape, fill or a word always tells the same; intervals are 95 %.
"""

from autoqa.evaluation.plots.agreement import plot_agreement, plot_agreement_history
from autoqa.evaluation.plots.confidence import plot_reliability, plot_risk_coverage
from autoqa.evaluation.plots.csat import plot_quadrants, plot_totals_and_csat
from autoqa.evaluation.plots.drivers import plot_dominance, plot_drivers, plot_weights
from autoqa.evaluation.plots.monitoring import plot_control_chart, plot_gaps
from autoqa.evaluation.plots.people import plot_rater_severity, plot_replacement
from autoqa.evaluation.plots.reviews import plot_policies, plot_review_yield, plot_team_means
from autoqa.evaluation.plots.surveys import plot_satisfaction, plot_survey_truth

__all__ = [
    "plot_agreement",
    "plot_agreement_history",
    "plot_control_chart",
    "plot_dominance",
    "plot_drivers",
    "plot_gaps",
    "plot_policies",
    "plot_quadrants",
    "plot_rater_severity",
    "plot_reliability",
    "plot_replacement",
    "plot_review_yield",
    "plot_risk_coverage",
    "plot_satisfaction",
    "plot_survey_truth",
    "plot_team_means",
    "plot_totals_and_csat",
    "plot_weights",
]
