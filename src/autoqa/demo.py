"""The whole path without any input: simulate, train, score the sample, experiment, compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoqa.batch import ScoringSetup, Summary, score
from autoqa.evaluation.comparison import Comparison, compare
from autoqa.evaluation.comparison_tables import to_markdown
from autoqa.evaluation.render import show, summary
from autoqa.evaluation.study import conduct_study
from autoqa.experiments.registering import log_trained
from autoqa.experiments.run import ExperimentResult, run_experiment
from autoqa.experiments.spec import ArmSpec, ExperimentSpec, SplitSpec
from autoqa.experiments.tracking import Tracker
from autoqa.experiments.training import TrainingReport, train
from autoqa.readers import Quarantine, read
from autoqa.records import Evaluation, Flag, LabelledTranscript, Rating
from autoqa.reports import write_report
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard
from autoqa.scorers.folder import ModelFolder
from autoqa.simulate import SimulationSettings, write_simulation
from autoqa.store import atomic_write_json, atomic_write_text, read_records

CONVERSATIONS = 500
"""Simulated conversations that the demo learns from."""

_SHIPPED = "scores-shipped"
_SHOWN = 5  # flagged conversations in the closing text


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    out: Path
    training: TrainingReport
    scored: Summary
    experiment: ExperimentResult
    comparison: Comparison
    flagged: tuple[str, ...]
    by_shipped: str
    model_uri: str
    seconds: float

    def to_text(self) -> str:
        """Return what happened, where things are, and what to try next."""
        learned = sum(one.use == "linear" for one in self.training.criteria.values())
        by_rules = len(load_scorecard("support-core").criteria) - learned
        n, out = self.training.n_conversations, self.out
        arms = "\n".join(
            f"    {name:24} Spearman with CSAT {_spearman(table)}"
            for name, table in self.experiment.tables.items()
        )
        arms += "".join(f"\n    {name:24} failed" for name in self.experiment.failed)
        shipped = f"  {out}/{_SHIPPED}/  the same by models/default\n"
        shipped = shipped if (out / _SHIPPED).is_dir() else ""
        return f"""
Scored {self.scored.scored} fictional conversations in four languages on support-core
  ({learned} criteria by learned models, {by_rules} by rules; learned from {n} SIMULATED
  conversations, so the figures show the workings and are no finding)

Conversations that a person should look at first
{chr(10).join(f"  {line}" for line in self.flagged)}

Automated QA, human QA and CSAT on the sample (two fictional reviewers)
{chr(10).join(f"  {line}" for line in summary(self.comparison)[:6])}
  {self.by_shipped}

Experiment on the simulated centre, run {self.experiment.run_id[:8]}
{arms}

Where things are
  {out}/scores/        evaluations, ratings, csat, flags, transcripts (Parquet), summary.json
{shipped}  {out}/report.html    all of it as one page: open it in a browser
  {out}/comparison/    comparison.md, comparison.json, agreement.png
  {out}/experiment.md  and in MLflow: mlflow ui --backend-store-uri sqlite:///{out}/mlflow.db
  {out}/models/        the trained models and their card; in MLflow {self.model_uri}

Try next
  autoqa review serve {out}/scores --database {out}/review.db   (people decide, in a browser)
  autoqa scorecard show support-core.es
  autoqa score YOUR_TRANSCRIPTS --scorecard support-core --models {out}/models --out runs/mine
  autoqa experiment list

Done in {self.seconds:.0f} s.
"""


def run_demo(
    out: str | Path,
    *,
    conversations: int = CONVERSATIONS,
    shipped: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> DemoResult:
    """Run the whole path and write everything below `out`.

    Parameters
    ----------
    out : path
    conversations : int
        How many to simulate and learn from.
    shipped : path, optional
        Models that come along: verified, and the sample is scored with them too.
    progress : callable, optional
        Called with what happens next.
    """
    say = progress or (lambda _: None)
    started = time.perf_counter()
    folder = Path(out)
    card = load_scorecard("support-core")
    say(f"Simulating a contact centre of {conversations} conversations")
    settings = SimulationSettings(conversations=conversations, review_share=0.6)
    simulated = write_simulation(settings, folder / "simulated-centre")
    say("Learning the scorecard and CSAT from its reviews and surveys")
    training = train(
        [simulated.conversations],
        card,
        folder / "models",
        csat=True,
        progress=lambda step, n, of: say(f"Learning {n}/{of}: {step}"),
    )
    say("Scoring the sample conversations")
    setup = ScoringSetup(card, folder / "models", curve=True)
    scored = score([sample_path()], folder / "scores", setup, overwrite=True)
    say("Comparing automated QA, human QA and CSAT")
    comparison = _compare_sample(folder)
    say("Scoring the sample with the models that come along")
    by_shipped = score_by_shipped(folder, shipped)
    say("Running an experiment on the simulated centre")
    tracker = Tracker(f"sqlite:///{(folder / 'mlflow.db').resolve()}")
    experiment = _experiment(folder, simulated.conversations.parent, tracker)
    say("Logging the models")
    model_uri = log_trained(tracker, folder / "models", card, training)
    return DemoResult(
        folder,
        training,
        scored,
        experiment,
        comparison,
        _flagged(folder),
        by_shipped,
        model_uri,
        time.perf_counter() - started,
    )


def score_by_shipped(folder: Path, shipped: Path | None) -> str:
    """Score the sample with models that learned from real conversations; return what they say."""
    if shipped is None:
        return "No models come along here: models/default is part of a checkout."
    files = ModelFolder(shipped).verify()
    place = folder / _SHIPPED
    setup = ScoringSetup(load_scorecard("support-core"), shipped)
    score([sample_path()], place, setup, overwrite=True)
    surveys = [survey for one in _sample() for survey in one.surveys]
    predicted = list(read_records(place / "csat.parquet", Rating))
    csat = compare(predicted, [], surveys=surveys).csat
    found = csat.predicted["spearman"] if csat and csat.predicted else None
    return (
        f"Satisfaction as the models that come along predict it ({files} files verified): Spearman "
        f"{show(found, with_n=True)} with what customers answered."
    )


def _sample() -> list[LabelledTranscript]:
    with Quarantine() as quarantine:
        return list(read([sample_path()], quarantine=quarantine))


def _compare_sample(folder: Path) -> Comparison:
    labelled = _sample()
    scores = folder / "scores"
    study = conduct_study(
        [
            *read_records(scores / "ratings.parquet", Rating),
            *read_records(scores / "csat.parquet", Rating),
        ],
        [rating for one in labelled for rating in one.ratings],
        surveys=[survey for one in labelled for survey in one.surveys],
        conversations=labelled,
        card=load_scorecard("support-core"),
        n_resamples=500,
    )
    comparison = study.comparison
    out = folder / "comparison"
    atomic_write_json(out / "comparison.json", comparison.to_dict())
    atomic_write_text(out / "comparison.md", to_markdown(comparison))
    comparison.plot_agreement().savefig(out / "agreement.png", bbox_inches="tight")
    write_report(study, folder / "report.html", title="Fictional sample conversations")
    return comparison


def _experiment(folder: Path, centre: Path, tracker: Tracker) -> ExperimentResult:
    spec = ExperimentSpec(
        question="Does automated QA tell CSAT as well as human QA does? (simulated centre)",
        task="qa_vs_csat",
        data=(str(centre.resolve()),),
        split=SplitSpec(group_by="agent", folds=3),
        arms=(
            ArmSpec(name="mean", use="mean"),
            ArmSpec(name="handle_time", use="handle_time"),
            ArmSpec(name="human_qa", use="human_qa"),
            ArmSpec.model_validate(
                {"name": "automated_qa_rules", "use": "automated_qa", "scorer": "rules"}
            ),
            ArmSpec(name="csat_model", use="csat_model"),
        ),
        metrics=("spearman", "auc_dissatisfied", "mae"),
        n_resamples=300,
    )
    result = run_experiment(spec, tracker=tracker)
    atomic_write_text(folder / "experiment.md", result.to_markdown())
    return result


def _flagged(folder: Path) -> tuple[str, ...]:
    """The most urgent flags, one per conversation."""
    totals = {
        e.conversation_id: e.total
        for e in read_records(folder / "scores" / "evaluations.parquet", Evaluation)
    }
    first: dict[str, Flag] = {}
    flags = sorted(
        read_records(folder / "scores" / "flags.parquet", Flag),
        key=lambda one: (-one.priority, one.conversation_id),
    )
    for flag in flags:
        first.setdefault(flag.conversation_id, flag)
    lines = []
    for conversation, flag in list(first.items())[:_SHOWN]:
        total = totals[conversation]
        shown = "-" if total is None else f"{total:.0f}"
        lines.append(f"{conversation}  QA {shown:>3}  {flag.message}")
    return tuple(lines)


def _spearman(table: object) -> str:
    from autoqa.experiments.tables import show_figure

    assert isinstance(table, dict)
    figures = next(iter(table.values()))["metrics"]
    return show_figure(figures.get("spearman"))
