"""How answers improve with the number of human evaluations that arms learn from.

An evaluation is one rated conversation, with everything that was rated in it. Conversations are
drawn from those that an arm may learn from (the train part, or the rest of the folds), and every
draw is judged on the same held-out items. Within one repeat smaller draws are part of larger ones,
as when reviewers go on rating.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError
from autoqa.experiments.arms import Arm, Learned, Majority, arm_of, needs_no_labels
from autoqa.experiments.benchmark import judged_json
from autoqa.experiments.figures import plot_learning_curves
from autoqa.experiments.prepared import Prepared
from autoqa.experiments.spec import ArmSpec, CurveSpec, ExperimentSpec
from autoqa.experiments.tables import show_figure, table_rows
from autoqa.experiments.tasks import Dataset, Examples, Task
from autoqa.experiments.tracking import Tracker
from autoqa.features.batch import Batch
from autoqa.features.encoders import Encoder

Progress = Callable[[str, int, int], None]

_BAND = (0.025, 0.975)  # shares of the repeats between which the band lies


@dataclass(frozen=True)
class Point:
    """How many evaluations to learn from; `draws` is 1 where there is nothing to draw."""

    size: int
    draws: int
    everything: bool = False


def run_learning_curve(
    spec: ExperimentSpec,
    task: Task,
    datasets: Sequence[Dataset],
    encoders: Mapping[str, Encoder],
    tracker: Tracker,
    report: Progress,
) -> dict[str, Any]:
    """Run the experiment and return the fields of an `ExperimentResult`.

    Its tables hold, per arm and dataset, ``{"n", "n_conversations", "splits", "human_ceiling",
    "majority", "out_of_reach", "curve"}``; the latter is a list of ``{"evaluations", "draws",
    "metrics", "commonest_instead"}`` by size. A figure is the mean over draws; from ``low`` to
    ``high`` lie 95 % of the draws or, where there is a single one, the bootstrap interval over
    held-out conversations.
    """
    assert spec.curve is not None
    params = {
        "question": spec.question,
        "task": spec.task,
        "split": spec.split.model_dump(),
        "curve": spec.curve.model_dump(),
        "n_resamples": spec.n_resamples,
    }
    tags = {"seed": str(spec.seed), "spec.sha256": spec.content_hash}
    tables: dict[str, dict[str, Any]] = {arm.name: {} for arm in spec.arms}
    with tracker.experiment_run(spec.title, params, tags) as parent:
        prepared = []
        for dataset in datasets:
            parent.log_dataset(dataset.name, dataset.path, dataset.sha256, len(dataset.labelled))
            prepared.append(Prepared.of(task, dataset, spec, encoders))
            prepared[-1].check_metrics(spec)
        about = {data.dataset.name: _about(data, spec) for data in prepared}
        steps = Steps(report, _count(spec, prepared))
        for stated in spec.arms:
            with parent.arm(stated.name, stated.params, on_error="continue") as arm:
                for asked in prepared:
                    data = asked.through(stated.encoders)
                    name = data.dataset.name
                    rows = curve_of(stated, data, spec, steps)
                    tables[stated.name][name] = {**about[name], "curve": rows}
                    prefix = f"{name}." if len(prepared) > 1 else ""
                    arm.log_metrics(
                        {
                            f"{prefix}{metric}_at_{row['evaluations']}": figure
                            for row in rows
                            for metric, figure in row["metrics"].items()
                            if metric in _shown(spec, row)
                        }
                    )
        failed = tuple(parent.failed_arms)
        done = {name: of_arm for name, of_arm in tables.items() if name not in failed}
        parent.log_json(table_rows(done), "curves.json")
        for name in about if done else ():
            of_arms = {arm: of_arm[name] for arm, of_arm in done.items()}
            figure = plot_learning_curves(
                of_arms, title=f"{spec.title}: {name}", metrics=spec.metrics
            )
            parent.log_figure(figure, f"curves_{name}.png")
        run_id = parent.run_id
    steps.finish()
    return {
        "run_id": run_id,
        "title": spec.title,
        "question": spec.question,
        "tables": done,
        "report": to_markdown(spec, done, failed),
        "failed": failed,
    }


class Steps:
    """Counts draws for a progress bar."""

    def __init__(self, report: Progress, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def next(self, about: str) -> None:
        """Say what is about to be done."""
        self._report(about, self._done, self._total)
        self._done += 1

    def finish(self) -> None:
        """Say that all is done."""
        self._report("done", self._total, self._total)


def curve_of(
    stated: ArmSpec, data: Prepared, spec: ExperimentSpec, steps: Steps
) -> list[dict[str, Any]]:
    """Return an arm's figures by size; see `run_learning_curve`."""
    assert spec.curve is not None
    rows = []
    for point in points_of(stated, data, spec.curve):
        drawn: list[dict[str, Any]] = []
        instead: Counter[str] = Counter()
        resamples = spec.n_resamples if point.draws == 1 else 1
        for draw in range(point.draws):
            steps.next(f"{stated.name} from {point.size} on {data.dataset.name}")
            part = data
            if not point.everything:
                order = drawn_order(len(data.dataset.labelled), spec.split.seed, draw)
                part = data.learning_from(order, point.size)
            said, _ = part.answer(_or_commonest(arm_of(stated), instead), keep=False)
            judged = part.judge(said, spec.model_copy(update={"n_resamples": resamples}))
            drawn.append(judged_json(judged)["metrics"])
        rows.append(
            {
                "evaluations": point.size,
                "draws": point.draws,
                "metrics": drawn[0] if point.draws == 1 else _over_draws(drawn),
                "commonest_instead": dict(instead),
            }
        )
    return rows


def points_of(stated: ArmSpec, data: Prepared, curve: CurveSpec) -> list[Point]:
    """Return the sizes that an arm is tried at.

    Where the dataset holds fewer conversations than asked for, the last point learns from all.
    """
    if needs_no_labels(stated):
        return [Point(0, 1)]
    most = conversations_to_learn_from(data)
    found = [Point(size, curve.repeats) for size in curve.sizes if size <= most]
    if curve.sizes[-1] > most and most not in curve.sizes:
        found.append(Point(most, 1, everything=True))
    return found


def conversations_to_learn_from(data: Prepared) -> int:
    """Return how many rated conversations every part has at least to learn from."""
    return min(
        len({data.examples[head].items[i].transcript for i in train})
        for head, parts in data.parts.items()
        for train, _ in parts
    )


def drawn_order(n: int, seed: int, draw: int) -> NDArray[np.int_]:
    """Return the order in which conversations are evaluated; same seed and draw, same order."""
    return np.random.default_rng([seed, draw]).permutation(n)


def _or_commonest(arm: Arm, instead: Counter[str]) -> Arm:
    """Let the commonest answer stand in where there is too little to learn from, and count it."""

    def learn(task: Task, head: str, batch: Batch, train: Examples) -> Learned:
        try:
            return arm(task, head, batch, train)
        except DataError:
            instead[head] += 1
            return Majority.learn(task, head, batch, train)

    return learn


def _over_draws(drawn: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return each figure's mean and band; none where a draw leaves it undefined."""
    found: dict[str, dict[str, float | None]] = {}
    for name in drawn[0]:
        values = [one[name]["value"] for one in drawn]
        if None in values:
            found[name] = {"value": None, "low": None, "high": None}
            continue
        low, high = np.quantile(values, _BAND)
        found[name] = {"value": float(np.mean(values)), "low": float(low), "high": float(high)}
    return found


def _count(spec: ExperimentSpec, prepared: Sequence[Prepared]) -> int:
    assert spec.curve is not None
    return sum(
        point.draws
        for data in prepared
        for stated in spec.arms
        for point in points_of(stated, data, spec.curve)
    )


def _about(data: Prepared, spec: ExperimentSpec) -> dict[str, Any]:
    """What is the same for all arms: the held-out items, people on them, and sizes out of reach."""
    assert spec.curve is not None
    said, _ = data.answer(Majority.learn, keep=False)
    most = conversations_to_learn_from(data)
    judged = judged_json(data.judge(said, spec))
    return {
        **{key: judged[key] for key in ("n", "n_conversations", "human_ceiling", "majority")},
        "splits": data.split_names,
        "to_learn_from": most,
        "out_of_reach": [size for size in spec.curve.sizes if size > most],
    }


# the report


def to_markdown(
    spec: ExperimentSpec, tables: Mapping[str, Mapping[str, Any]], failed: Sequence[str] = ()
) -> str:
    """Return one table per dataset and figure: a row per arm, a column per size."""
    lines = [f"## {spec.title}", "", spec.question, ""]
    for name in next(iter(tables.values()), {}):
        of_arms = {arm: of_arm[name] for arm, of_arm in tables.items()}
        lines += _dataset_lines(spec, name, of_arms)
    lines += [f"Arm {name} failed; `autoqa experiment show` says why." for name in failed]
    return "\n".join(lines)


def _dataset_lines(
    spec: ExperimentSpec, name: str, of_arms: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    assert spec.curve is not None
    first = next(iter(of_arms.values()))
    judged_on = f"n = {first['n']} items in {first['n_conversations']} conversations"
    yield f"**{name}**: judged on {judged_on}"
    yield ""
    yield (
        "By number of evaluations (rated conversations) learned from: the mean of "
        f"{spec.curve.repeats} draws and where 95 % of them lie; where nothing is drawn (0, all), "
        "the 95 % bootstrap interval over held-out conversations."
    )
    yield ""
    if first["out_of_reach"]:
        far = ", ".join(map(str, first["out_of_reach"]))
        yield f"Out of reach: {far}; there are {first['to_learn_from']} to learn from."
        yield ""
    sizes = sorted({row["evaluations"] for one in of_arms.values() for row in one["curve"]})
    everything = first["to_learn_from"] if first["out_of_reach"] else None
    heads = [f"{size} (all)" if size == everything else str(size) for size in sizes]
    rows = [row for one in of_arms.values() for row in one["curve"]]
    for metric in _shown(spec, rows[0]):
        yield f"| {metric} | {' | '.join(heads)} |"
        yield "|---" * (len(sizes) + 1) + "|"
        for arm, one in of_arms.items():
            by_size = {row["evaluations"]: row["metrics"].get(metric) for row in one["curve"]}
            cells = " | ".join(show_figure(by_size.get(size)) for size in sizes)
            yield f"| {arm} | {cells} |"
        yield ""
        people = (first["human_ceiling"] or {}).get(metric)
        if people:
            yield f"People among themselves: {show_figure(people)}."
        yield from _crossings(metric, of_arms)
        yield ""
    yield from _stand_ins(of_arms)


def _crossings(metric: str, of_arms: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say from how many evaluations on arms are above those that learn nothing."""
    unlearned = {arm: one["curve"][0] for arm, one in of_arms.items() if _learns_nothing(one)}
    learned = {arm: one["curve"] for arm, one in of_arms.items() if not _learns_nothing(one)}
    for floor, row in unlearned.items():
        bar = row["metrics"][metric]["value"]
        if bar is None or not learned:
            continue
        starts = {arm: first_above(curve, metric, bar) for arm, curve in learned.items()}
        said = [
            f"{arm} from {start} on" if start else f"{arm} at no size"
            for arm, start in starts.items()
        ]
        yield f"Whole band above {floor}: {', '.join(said)}."


def _learns_nothing(one: Mapping[str, Any]) -> bool:
    return [row["evaluations"] for row in one["curve"]] == [0]


def first_above(curve: Sequence[Mapping[str, Any]], metric: str, bar: float) -> int | None:
    """Return the smallest size from which on the low end of an arm's band exceeds `bar`.

    Where nothing was drawn there is no band; the figure itself counts.
    """
    start = None
    for row in curve:
        low = row["metrics"][metric]["low" if row["draws"] > 1 else "value"]
        if low is None or low <= bar:
            start = None
        elif start is None:
            start = row["evaluations"]
    return start


def _stand_ins(of_arms: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say where arms had too little to learn from."""
    lacking: dict[tuple[int, str], list[str]] = {}
    for arm, one in of_arms.items():
        for row in one["curve"]:
            for head in sorted(row["commonest_instead"]):
                lacking.setdefault((row["evaluations"], head), []).append(arm)
    for (size, head), arms in lacking.items():
        yield (
            f"{size} evaluations were too few to learn {head} by {', '.join(arms)}, always or in "
            "some draws: there the commonest answer stands in."
        )
    yield ""


def _shown(spec: ExperimentSpec, row: Mapping[str, Any]) -> list[str]:
    return [name for name in row["metrics"] if not spec.metrics or name in spec.metrics]
