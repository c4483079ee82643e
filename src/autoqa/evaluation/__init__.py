"""Agreement, human ceilings, calibration, and QA against CSAT: every figure with its interval."""

from autoqa.evaluation.agreement import (
    cohen_kappa,
    exact_agreement,
    gwet_ac1,
    gwet_ac2,
    icc,
    krippendorff_alpha,
    quadratic_kappa,
    within_one,
)
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
from autoqa.evaluation.intervals import Estimate, bootstrap, bootstrap_many, paired_difference
from autoqa.evaluation.plots import (
    plot_agreement,
    plot_reliability,
    plot_risk_coverage,
    plot_totals_and_csat,
)
from autoqa.evaluation.render import to_html_table, to_markdown
from autoqa.evaluation.selective import abstention_threshold, risk_coverage

__all__ = [
    "Comparison",
    "Estimate",
    "Panel",
    "abstention_threshold",
    "auc",
    "bootstrap",
    "bootstrap_many",
    "classification_estimates",
    "classification_metrics",
    "cohen_kappa",
    "compare",
    "exact_agreement",
    "expected_calibration_error",
    "f1_binary",
    "gwet_ac1",
    "gwet_ac2",
    "icc",
    "krippendorff_alpha",
    "leave_one_out_ceiling",
    "majority_metrics",
    "paired_difference",
    "pairwise_ceiling",
    "plot_agreement",
    "plot_reliability",
    "plot_risk_coverage",
    "plot_totals_and_csat",
    "quadratic_kappa",
    "reliability_table",
    "risk_coverage",
    "spearman",
    "to_html_table",
    "to_markdown",
    "token_f1",
    "within_one",
]
