"""What an arm's ratings say beside people's and customers', and how MLflow keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from autoqa.errors import DataError
from autoqa.evaluation.study import Study, conduct_study
from autoqa.evaluation.study.figures import StudyFigures
from autoqa.experiments.centre import Centre
from autoqa.experiments.spec import ExperimentSpec
from autoqa.experiments.tracking import ArmRun
from autoqa.records import Rating
from autoqa.reports import report_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def study_of(automated: Sequence[Rating], centre: Centre, spec: ExperimentSpec) -> Study:
    """Ask every question of a centre's data and an arm's ratings.

    Without predictions after single turns, since these would bring along what people said.
    """
    return conduct_study(
        automated,
        centre.human,
        surveys=centre.surveys,
        conversations=centre.dataset.labelled,
        card=centre.card,
        seed=spec.seed,
        n_resamples=spec.n_resamples,
    )


def log_study(arm: ArmRun, study: Study, centre: Centre) -> None:
    """Keep a study as JSON, as figures, and as a report to open in a browser."""
    name = centre.dataset.name
    arm.log_json(study.comparison.to_dict(), f"comparison_{name}.json")
    arm.log_json(study.to_dict(), f"study_{name}.json")
    for what, figure in drawn(study):
        arm.log_figure(figure, f"{what}_{name}.png")
    page = report_html(
        study,
        title=f"{name}: automated QA, human QA and CSAT",
        simulated=centre.is_simulated,
        data_hashes={name: centre.dataset.sha256},
    )
    arm.log_page(page, f"report_{name}.html")


def drawn(study: Study) -> Iterator[tuple[str, Figure]]:
    """Yield the name and the figure of every part that a study holds."""
    for method in sorted(name for name in dir(StudyFigures) if name.startswith("plot_")):
        try:
            figure = getattr(study, method)()
        except DataError:  # the study says in `missing` why
            continue
        yield method.removeprefix("plot_"), figure
