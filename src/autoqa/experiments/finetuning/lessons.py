"""Lessons: windows over conversations with what people said of the turns in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autoqa.experiments.tasks import Dataset, Task
from autoqa.experiments.tasks.base import LONGEST_CLASSES
from autoqa.features.conversations import Window, WindowReader
from autoqa.features.views import same_side


@dataclass(frozen=True)
class HeadSpec:
    """One thing to learn: classes of a short scale, or the place on a long one."""

    name: str
    scale: tuple[int, ...]

    @property
    def is_number(self) -> bool:
        """Whether the scale is learned as one number."""
        return len(self.scale) > LONGEST_CLASSES

    @property
    def width(self) -> int:
        """Outputs of the head."""
        return 1 if self.is_number else len(self.scale)

    def target(self, shares: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what to learn from shares of raters, shape (width,)."""
        if not self.is_number:
            return shares.astype(np.float32)
        low, high = self.scale[0], self.scale[-1]
        # The ends of the scale are at -2 and 2: about two standard deviations.
        mean = float(shares @ np.array(self.scale, float))
        return np.array([4 * (mean - low) / (high - low) - 2], np.float32)


@dataclass(frozen=True)
class Label:
    """What people said of one turn, for one head."""

    head: str
    start: int  # of the turn's tokens in the window
    end: int
    target: NDArray[np.float32]
    weight: float
    whole: bool  # whether it is about the whole conversation, which ends with this turn


@dataclass(frozen=True)
class Lesson:
    """A window with its labels; `source` is the dataset it comes from."""

    window: Window
    labels: tuple[Label, ...]
    source: str


def heads_of(tasks: Sequence[Task]) -> dict[str, HeadSpec]:
    """Return the heads of some tasks by name."""
    return {head.id: HeadSpec(head.id, head.scale) for task in tasks for head in task.heads}


def lessons_of(
    task: Task, dataset: Dataset, heads: Mapping[str, HeadSpec], reader: WindowReader
) -> list[Lesson]:
    """Return a dataset's labelled windows.

    What is said of a whole conversation is learned at the judged speaker's last turn.
    """
    if not dataset.labelled:
        return []
    said: dict[tuple[int, int], list[tuple[str, NDArray[np.float32], float, bool]]]
    said = defaultdict(list)
    for name, examples in task.examples(dataset).items():
        criterion = task.head(name)
        for item, shares, given in zip(
            examples.items, examples.shares, examples.raters, strict=True
        ):
            turns = dataset.labelled[item.transcript].transcript.turns
            last = len(turns) - 1 if item.turn is None else item.turn
            own = [t for t in range(last + 1) if same_side(turns[t].speaker, criterion.speaker)]
            if own:
                target = heads[name].target(shares)
                weight = float(np.sqrt(max(len(given), 1)))
                what = (name, target, weight, item.turn is None)
                said[item.transcript, own[-1]].append(what)
    found = []
    for place, one in enumerate(dataset.labelled):
        for window in reader.windows(one.transcript.turns):
            labels = tuple(
                Label(name, start, end, target, weight, whole)
                for turn, start, end in window.reads
                for name, target, weight, whole in said.get((place, turn), ())
            )
            if labels:
                found.append(Lesson(_cut(window, labels), labels, dataset.name))
    return found


def _cut(window: Window, labels: Sequence[Label]) -> Window:
    """Leave out what comes after the last labelled turn: nothing is learned from it."""
    end = max(label.end for label in labels)
    return replace(window, ids=window.ids[:end], turns=window.turns[:end], agent=window.agent[:end])


def batches(
    lessons: Sequence[Lesson], tokens: int, rng: np.random.Generator | None
) -> Iterator[list[Lesson]]:
    """Yield lessons of like length together, at most `tokens` padded tokens at once.

    With `rng`, in random order and with a little noise in what is together.
    """
    noise = rng.normal(0, 24, len(lessons)) if rng else np.zeros(len(lessons))
    lengths = [len(lesson.window.ids) for lesson in lessons]
    groups: list[list[Lesson]] = [[]]
    longest = 0
    for i in np.argsort(lengths + noise, kind="stable"):
        longest = max(longest, lengths[i])
        if groups[-1] and longest * (len(groups[-1]) + 1) > tokens:
            groups.append([])
            longest = lengths[i]
        groups[-1].append(lessons[i])
    order = rng.permutation(len(groups)) if rng else np.arange(len(groups))
    for group in order:
        yield groups[group]
