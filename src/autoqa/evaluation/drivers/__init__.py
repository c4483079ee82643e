"""What moves CSAT: effects of criteria, their shares, and scorecard weights that would follow."""

from autoqa.evaluation.drivers.dominance import shapley_r2
from autoqa.evaluation.drivers.ordinal_regression import fit_cumulative_logit
from autoqa.evaluation.drivers.rating_error import rating_reliability
from autoqa.evaluation.drivers.realignment import Advice, Realignment, realign
from autoqa.evaluation.drivers.report import CsatDrivers, csat_drivers
from autoqa.evaluation.drivers.table import DriverTable, conversation_covariates, driver_table

__all__ = [
    "Advice",
    "CsatDrivers",
    "DriverTable",
    "Realignment",
    "conversation_covariates",
    "csat_drivers",
    "driver_table",
    "fit_cumulative_logit",
    "rating_reliability",
    "realign",
    "shapley_r2",
]
