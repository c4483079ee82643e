"""What must be said beside drivers of CSAT."""

from __future__ import annotations

from autoqa.evaluation.drivers.models import DriverModels
from autoqa.evaluation.drivers.table import FEW, BoolArray, DriverTable, State
from autoqa.evaluation.figures import FEW_CLUSTERS


def about_rating_error(*, corrected: bool) -> str:
    """Return what errors of rating do to effects."""
    if corrected:
        return "Effects are corrected for errors of rating, with the reliabilities taken as known."
    return (
        "Errors of rating make effects look smaller than they are; the raters' reliability would "
        "tell by how much."
    )


def about_models(models: DriverModels, n: int, n_clusters: int, by: str) -> list[str]:
    """Return what the data leave uncertain, whatever the criterion."""
    said = []
    n_features = models.features.shape[1]
    if n < 10 * n_features:
        said.append(
            f"{n} conversations for {n_features} columns: effects are shrunk and uncertain."
        )
    if by == "agent" and n_clusters < FEW_CLUSTERS:
        said.append(
            f"Intervals resample {n_clusters} agents: with fewer than {FEW_CLUSTERS} they are "
            "too narrow."
        )
    if by == "conversation" and models.table_agents:
        said.append(
            f"Only {models.table_agents} agents: intervals resample conversations and say nothing "
            "about other agents."
        )
    if not models.control_names:
        said.append("No covariates: what else differs between conversations is not held constant.")
    if models.levels.merged:
        said.append(f"CSAT answers are merged to {len(models.levels.values)} levels.")
    if "top_box" not in models.outcomes:
        said.append(
            f"Fewer than {FEW} customers at one end of the CSAT scale, or outside it: what "
            "prevents bad and what lifts good cannot be told apart."
        )
    return said


def about_criteria(used: DriverTable, varied: BoolArray) -> list[str]:
    """Return which criteria hardly vary or were often not rated."""
    n = len(used.conversations)
    said = []
    flat = [name for name, v in zip(used.criteria, varied, strict=True) if not v]
    if flat:
        said.append(
            f"Nearly all ratings of {', '.join(flat)} are alike (fewer than {FEW} differ): "
            "whether they matter cannot be seen."
        )
    missing = (used.states == State.MISSING).sum(axis=0)
    absent = [f"{c} ({k})" for c, k in zip(used.criteria, missing, strict=True) if k > 0.1 * n]
    if absent:
        said.append(f"Not rated in many of {n} conversations: {', '.join(absent)}.")
    return said
