"""Agreement, human ceilings, calibration, and QA against CSAT: every figure with its interval."""

from autoqa.evaluation.agreement import (
    bias_index,
    cohen_kappa,
    exact_agreement,
    gwet_ac1,
    gwet_ac2,
    icc,
    krippendorff_alpha,
    pabak,
    prevalence_index,
    quadratic_kappa,
    within_one,
)
from autoqa.evaluation.agreement_intervals import agreement_estimates, kappa_in_context
from autoqa.evaluation.calibration import (
    expected_calibration_error,
    reliability_table,
)
from autoqa.evaluation.ceiling import Panel, leave_one_out_ceiling, pairwise_ceiling
from autoqa.evaluation.classification import (
    auc,
    classification_estimates,
    classification_metrics,
    f1_binary,
    majority_metrics,
    spearman,
    token_f1,
)
from autoqa.evaluation.comparison import Comparison, compare
from autoqa.evaluation.comparison_tables import to_html_table, to_markdown
from autoqa.evaluation.intervals import Estimate, bootstrap, bootstrap_many, paired_difference
from autoqa.evaluation.oracle import oracle_macro_f1
from autoqa.evaluation.plots import (
    plot_agreement,
    plot_reliability,
    plot_risk_coverage,
    plot_totals_and_csat,
)
from autoqa.evaluation.prediction_powered import prediction_powered_means
from autoqa.evaluation.quadrants import agent_quadrants, place_agents
from autoqa.evaluation.review_policies import compare_policies
from autoqa.evaluation.reviews_needed import reviews_needed
from autoqa.evaluation.selection import plan_reviews, review_yield
from autoqa.evaluation.selective import abstention_threshold, risk_coverage

__all__ = [
    "Comparison",
    "Estimate",
    "Panel",
    "abstention_threshold",
    "agent_quadrants",
    "agreement_estimates",
    "auc",
    "bias_index",
    "bootstrap",
    "bootstrap_many",
    "classification_estimates",
    "classification_metrics",
    "cohen_kappa",
    "compare",
    "compare_policies",
    "exact_agreement",
    "expected_calibration_error",
    "f1_binary",
    "gwet_ac1",
    "gwet_ac2",
    "icc",
    "kappa_in_context",
    "krippendorff_alpha",
    "leave_one_out_ceiling",
    "majority_metrics",
    "oracle_macro_f1",
    "pabak",
    "paired_difference",
    "pairwise_ceiling",
    "place_agents",
    "plan_reviews",
    "plot_agreement",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_totals_and_csat",
    "prediction_powered_means",
    "prevalence_index",
    "quadratic_kappa",
    "reliability_table",
    "review_yield",
    "reviews_needed",
    "risk_coverage",
    "spearman",
    "to_html_table",
    "to_markdown",
    "token_f1",
    "within_one",
]
