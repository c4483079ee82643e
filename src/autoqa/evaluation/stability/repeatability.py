"""Does one scorer say the same again about the same conversation?

The same conversations are scored several times by one scorer; each time is a *run*. An answer is a
level or, where none was given, the status (not applicable, abstained, failed), so that a scorer
which abstains only sometimes is not called steady.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.by_criterion import index_automated, scales_of, where
from autoqa.evaluation.by_total import totals_of
from autoqa.evaluation.ceiling import ItemKey, sortable
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.intervals import Estimate, bootstrap_tables, cluster_codes
from autoqa.evaluation.render import show
from autoqa.evaluation.stability.mean_gaps import resampling_units
from autoqa.evaluation.tables import FloatArray, IntArray, ratio
from autoqa.notebook import html_table
from autoqa.records import Rating, Status
from autoqa.scorecard.schema import Scorecard

REPEATABILITY = 1.96 * math.sqrt(2)
"""Within-item standard deviations that two of 95 % repeated scores lie apart at most."""

TOTAL = "total"
"""What the QA total (0-100) is called among the criteria."""

_STATUSES = tuple(status for status in Status if status is not Status.RATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How steady a scorer's answers to one criterion are.

    Attributes
    ----------
    n_items, n_runs : int
        Items that were scored in two runs or more, and runs.
    flip_rate : Estimate
        Share of items without the same answer in all runs; it grows with the number of runs.
    pairwise_agreement : Estimate
        Share of pairs of runs with the same answer, which does not.
    within_item_sd : Estimate
        Standard deviation between runs of one item, in units of the scale.
    repeatability_coefficient : Estimate
        Two scores of one item lie within it of each other in 95 % of the cases.
    icc_1_1 : Estimate
        Share of the variance that lies between items: 1 where runs never differ.
    expected_sd : Estimate or None
        As `within_item_sd`, of the expected levels; None where the scorer gives none.
    """

    criterion: str
    n_items: int
    n_runs: int
    flip_rate: Estimate
    pairwise_agreement: Estimate
    within_item_sd: Estimate
    repeatability_coefficient: Estimate
    icc_1_1: Estimate
    expected_sd: Estimate | None

    @property
    def sentence(self) -> str:
        """What the figures say."""
        if not self.n_items:
            return f"{self.criterion}: nothing was scored twice."
        if self.flip_rate.value == 0:
            return (
                f"{self.criterion}: the same answer in every one of {self.n_runs} runs on all "
                f"{self.n_items} items; a flip rate above {self.flip_rate.high:.1%} is unlikely."
            )
        return (
            f"{self.criterion}: the answer was not the same in all {self.n_runs} runs on "
            f"{self.flip_rate.value:.1%} of {self.n_items} items; 95 % of repeated scores lie "
            f"within {show(self.repeatability_coefficient)} of each other."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatabilityReport:
    """One entry per criterion, and the total where there is a scorecard.

    Attributes
    ----------
    scored_once : int
        Items with an answer in one run only, which are left out.
    """

    runs: tuple[str, ...]
    criteria: tuple[Repeatability, ...]
    scored_once: int
    clustered_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; undefined figures are None."""
        return to_plain(self)  # type: ignore[no-any-return]

    def summary(self) -> list[str]:
        """Return one sentence per criterion."""
        said = [found.sentence for found in self.criteria]
        if self.scored_once:
            said.append(f"{self.scored_once} items were scored in one run only and are left out.")
        return said

    def _repr_html_(self) -> str:
        head = (
            "criterion",
            "n",
            "flip rate [95 %]",
            "runs agree",
            "SD within item",
            "repeatability coefficient",
            "ICC(1,1)",
        )
        rows = [
            (
                found.criterion,
                found.n_items,
                show(found.flip_rate, digits=3),
                show(found.pairwise_agreement, digits=3),
                show(found.within_item_sd),
                show(found.repeatability_coefficient),
                show(found.icc_1_1),
            )
            for found in self.criteria
        ]
        caption = f"Repeatability over {len(self.runs)} runs"
        return html_table(head, rows, caption=caption, n_rows=len(rows))


def repeatability(
    runs: Mapping[str, Iterable[Rating]],
    *,
    card: Scorecard | None = None,
    agents: Mapping[str, str] | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
) -> RepeatabilityReport:
    """Measure how far several runs of one scorer on the same conversations differ.

    Parameters
    ----------
    runs : mapping of run to ratings
        One rating per item and criterion in each run. Not every run needs every item.
    card : Scorecard, optional
        Adds the QA total, and checks the levels.
    agents : mapping of conversation id to agent, optional
        Resamples agents instead of conversations.

    Raises
    ------
    DataError
        With fewer than two runs, or two ratings of one item in a run.
    ScorecardError, ScaleError
        If a rating does not fit `card`.

    References
    ----------
    Bland and Altman (1999), Statistical Methods in Medical Research 8(2), 135-160.
    Shrout and Fleiss (1979), Psychological Bulletin 86(2), 420-428.
    """
    labels = tuple(sorted(runs))
    if len(labels) < 2:
        raise DataError(
            f"Repeatability needs two runs or more, not {len(labels)}. Score the same "
            "conversations again and give each run a label."
        )
    by_run: list[dict[str, dict[ItemKey, Rating]]] = []
    totals: list[dict[ItemKey, float]] = []
    for label in labels:
        ratings = list(runs[label])
        found, replaced = index_automated(ratings)
        if replaced:
            raise DataError(
                f"Run '{label}': {replaced} items were rated twice, for example "
                f"{_first_repeated(ratings)}. Give each run its own label."
            )
        by_run.append(found)
        totals.append(_totals(ratings, found, card))
    names = agents or {}
    settings: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    measured, once = [], 0
    for criterion in _in_order(by_run, card):
        laid_out = _Runs.of_ratings([found.get(criterion, {}) for found in by_run])
        several, alone = laid_out.repeated()
        once += alone
        measured.append(_measure(criterion, several, names, settings))
    if card is not None:
        several, _ = _Runs.of_totals(totals).repeated()
        measured.append(_measure(TOTAL, several, names, settings))
    return RepeatabilityReport(
        runs=labels,
        criteria=tuple(measured),
        scored_once=once,
        clustered_by="agent" if names else "conversation",
    )


def _first_repeated(ratings: Sequence[Rating]) -> str:
    seen: set[tuple[str, str, int | None]] = set()
    for rating in ratings:
        key = (rating.criterion, rating.conversation_id, rating.turn)
        if key in seen:
            return where(rating)
        seen.add(key)
    return "none"


def _in_order(by_run: Sequence[Mapping[str, Any]], card: Scorecard | None) -> list[str]:
    order = {c.id: i for i, c in enumerate(card.criteria)} if card else {}
    found = {criterion for one in by_run for criterion in one}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def _totals(
    ratings: Sequence[Rating],
    found: Mapping[str, dict[ItemKey, Rating]],
    card: Scorecard | None,
) -> dict[ItemKey, float]:
    if card is None:
        return {}
    scales, _ = scales_of(found, dict(found), {}, card, {})
    by_rater = totals_of(ratings, found.keys(), card=card, scales=scales, one_rater="scorer")
    return {(key, None): next(iter(said.values())) for key, said in by_rater.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Answers to one criterion, all arrays of shape (n_runs, n_items).

    ``answers`` are codes, -1 where a run has none; ``numbers`` and ``expected`` are nan where a run
    gave no number.
    """

    keys: tuple[ItemKey, ...]
    answers: IntArray
    numbers: FloatArray
    expected: FloatArray

    @classmethod
    def of_ratings(cls, by_run: Sequence[Mapping[ItemKey, Rating]]) -> _Runs:
        keys = tuple(sorted(set().union(*by_run), key=sortable))
        column = {key: i for i, key in enumerate(keys)}
        numbers = np.full((len(by_run), len(keys)), np.nan)
        expected = np.full_like(numbers, np.nan)
        status = np.full(numbers.shape, -1, dtype=np.int64)
        for row, found in enumerate(by_run):
            for key, rating in found.items():
                i = column[key]
                if rating.level is None:
                    status[row, i] = _STATUSES.index(rating.status)
                else:
                    numbers[row, i] = rating.level
                    if rating.expected is not None:
                        expected[row, i] = rating.expected
        return cls(keys, _codes(numbers, status), numbers, expected)

    @classmethod
    def of_totals(cls, by_run: Sequence[Mapping[ItemKey, float]]) -> _Runs:
        keys = tuple(sorted(set().union(*by_run), key=sortable))
        numbers = np.asarray(
            [[found.get(key, math.nan) for key in keys] for found in by_run], dtype=float
        ).reshape(len(by_run), len(keys))
        nothing = np.full(numbers.shape, -1, dtype=np.int64)
        return cls(keys, _codes(numbers, nothing), numbers, np.full_like(numbers, np.nan))

    def repeated(self) -> tuple[_Runs, int]:
        """Return the items with answers in two runs or more, and the number of the others."""
        keep = (self.answers >= 0).sum(axis=0) >= 2
        keys = tuple(key for key, kept in zip(self.keys, keep, strict=True) if kept)
        several = _Runs(keys, self.answers[:, keep], self.numbers[:, keep], self.expected[:, keep])
        return several, len(self.keys) - len(keys)


def _codes(numbers: FloatArray, status: IntArray) -> IntArray:
    given = ~np.isnan(numbers)
    codes = status.copy()
    codes[given] = len(_STATUSES) + np.unique(numbers[given], return_inverse=True)[1].ravel()
    return codes


def _measure(
    criterion: str, runs: _Runs, agents: Mapping[str, str], settings: Mapping[str, Any]
) -> Repeatability:
    sums = np.vstack(
        [_agreement_sums(runs.answers), _spread_sums(runs.numbers), _spread_sums(runs.expected)]
    )
    named = [
        f"agent {agents[conversation]}" if conversation in agents else f"alone {conversation}"
        for conversation, _ in runs.keys
    ]
    codes, n_clusters = cluster_codes(named)
    size = sums.shape[0]
    found = bootstrap_tables(
        {
            "flip": lambda s: ratio(s[:, 1], s[:, 0]),
            "agree": lambda s: ratio(s[:, 2], s[:, 0]),
            "sd": lambda s: np.sqrt(ratio(s[:, 3], s[:, 4])),
            "icc": lambda s: _icc(s[:, 3:9]),
            "expected": lambda s: np.sqrt(ratio(s[:, 9], s[:, 10])),
        },
        np.repeat(np.arange(size), len(runs.keys)),
        shape=(size,),
        clusters=np.tile(resampling_units(codes, n_clusters, seed=settings["seed"]), size),
        weights=sums.ravel(),
        n=len(runs.keys),
        **settings,
    )
    figures = {name: replace(one, n_clusters=n_clusters) for name, one in found.items()}
    flips, sd = figures["flip"], figures["sd"]
    if flips.value == 0 and n_clusters > 1:
        # No resample has a flip either; the exact bound says what zero of n leaves possible.
        bound = 1 - 0.05 ** (1 / n_clusters)
        flips = replace(flips, high=bound)
        figures["agree"] = replace(figures["agree"], low=1 - bound)
    return Repeatability(
        criterion=criterion,
        n_items=len(runs.keys),
        n_runs=int((runs.answers >= 0).any(axis=1).sum()),
        flip_rate=flips,
        pairwise_agreement=figures["agree"],
        within_item_sd=sd,
        repeatability_coefficient=replace(
            sd,
            value=REPEATABILITY * sd.value,
            low=REPEATABILITY * sd.low,
            high=REPEATABILITY * sd.high,
        ),
        icc_1_1=figures["icc"],
        expected_sd=figures["expected"] if math.isfinite(figures["expected"].value) else None,
    )


def _agreement_sums(answers: IntArray) -> FloatArray:
    """Per item: 1, whether any two runs differ, and the share of pairs of runs that agree."""
    n_runs = (answers >= 0).sum(axis=0).astype(float)
    agreeing = np.zeros(answers.shape[1])
    for code in np.unique(answers[answers >= 0]):
        same = (answers == code).sum(axis=0)
        agreeing += same * (same - 1)
    share = ratio(agreeing, n_runs * (n_runs - 1))
    return np.vstack([np.ones_like(share), share < 1, share])


def _spread_sums(numbers: FloatArray) -> FloatArray:
    """Per item what pools into one-way analysis of variance; 0 with fewer than two numbers.

    Rows: sum of squares within, its degrees of freedom, count, count x mean, count x mean squared,
    count squared. Items have 1 subtracted from their count in the degrees of freedom.
    """
    given = ~np.isnan(numbers)
    count = given.sum(axis=0).astype(float)
    # Centred on the grand mean, so that sums of squares keep their digits.
    middle = float(numbers[given].mean()) if given.any() else 0.0
    centred = np.where(given, numbers - middle, 0.0)
    mean = centred.sum(axis=0) / np.maximum(count, 1)
    within = (np.where(given, centred - mean, 0.0) ** 2).sum(axis=0)
    rows = np.vstack([within, count - 1, count, count * mean, count * mean**2, count**2])
    rows[:, count < 2] = 0.0
    return np.asarray(rows)


def _icc(sums: FloatArray) -> FloatArray:
    """ICC(1,1) of pooled `_spread_sums`, for items with different numbers of runs."""
    within, freedom, count, total, squares, counts_squared = sums.T
    n_items = count - freedom
    between = ratio(squares - ratio(total**2, count), n_items - 1)
    noise = ratio(within, freedom)
    per_item = ratio(count - ratio(counts_squared, count), n_items - 1)
    return ratio(between - noise, between + (per_item - 1) * noise)
