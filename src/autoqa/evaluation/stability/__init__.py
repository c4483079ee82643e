"""Whether scores are fair to groups, the same when asked again, and the same over time."""

from autoqa.evaluation.plots import plot_agreement_history, plot_control_chart, plot_gaps
from autoqa.evaluation.stability.agreement_over_time import agreement_over_time
from autoqa.evaluation.stability.control_charts import control_chart
from autoqa.evaluation.stability.counterfactual import SwapReport, swap_changes
from autoqa.evaluation.stability.drift import input_drift, kolmogorov_smirnov, score_drift
from autoqa.evaluation.stability.fairness import FairnessReport, group_gaps
from autoqa.evaluation.stability.population_stability import population_stability
from autoqa.evaluation.stability.repeatability import RepeatabilityReport, repeatability
from autoqa.evaluation.stability.time_windows import scorecard_versions

__all__ = [
    "FairnessReport",
    "RepeatabilityReport",
    "SwapReport",
    "agreement_over_time",
    "control_chart",
    "group_gaps",
    "input_drift",
    "kolmogorov_smirnov",
    "plot_agreement_history",
    "plot_control_chart",
    "plot_gaps",
    "population_stability",
    "repeatability",
    "score_drift",
    "scorecard_versions",
    "swap_changes",
]
