"""One row per conversation: what was rated, what the customer said, and what else was known.

Nothing is dropped in silence: an answer that is not a level has a state of its own, and becomes
an indicator next to the criterion's credit.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.alignment import csat_shares
from autoqa.evaluation.tables import FloatArray
from autoqa.records import CSAT, Evaluation, Rating, Status, Survey, Transcript
from autoqa.scorecard.schema import Scorecard

if TYPE_CHECKING:
    import pandas as pd

BoolArray: TypeAlias = npt.NDArray[np.bool_]
Covariate: TypeAlias = float | int | bool | str | None

FEW = 10
"""A value, a category or a state with fewer conversations than this gets no column of its own."""


class State(StrEnum):
    """What is known of one criterion in one conversation."""

    RATED = "rated"
    NOT_APPLICABLE = "not_applicable"
    MISSING = "missing"  # abstained, failed, or not rated at all


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Columns:
    """Named columns of numbers, shape (n_conversations, n_columns)."""

    names: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DriverTable:
    """Every rated conversation, surveyed or not.

    Attributes
    ----------
    conversations : tuple of str
    criteria : tuple of str
        In the scorecard's order.
    credit : float array of shape (n_conversations, n_criteria)
        Share of the criterion's points, 0-1, mean over raters; nan where it was not rated.
    states : array of shape (n_conversations, n_criteria) of State
    csat : float array of shape (n_conversations,)
        Share of the survey's scale; nan without a survey.
    agents : tuple of str or None
    covariates : mapping of name to one value per conversation, None where unknown
    caveats : tuple of str
        What was left out or guessed.
    """

    conversations: tuple[str, ...]
    criteria: tuple[str, ...]
    credit: FloatArray
    states: npt.NDArray[np.str_]
    csat: FloatArray
    agents: tuple[str | None, ...]
    covariates: Mapping[str, tuple[Covariate, ...]]
    caveats: tuple[str, ...]

    @property
    def rated(self) -> BoolArray:
        """Where a criterion was rated, shape (n_conversations, n_criteria)."""
        return np.isfinite(self.credit)

    @property
    def surveyed(self) -> BoolArray:
        """Which conversations have a survey, shape (n_conversations,)."""
        return np.isfinite(self.csat)

    @property
    def n_agents(self) -> int:
        """Agents with a name."""
        return len({agent for agent in self.agents if agent is not None})

    @property
    def agents_repeat(self) -> bool:
        """Whether some agent has several conversations, so that agents are what to resample."""
        return self.n_agents < sum(agent is not None for agent in self.agents)

    @property
    def clusters(self) -> npt.NDArray[np.str_]:
        """What is independent: the agent where known, else the conversation; (n_conversations,)."""
        return np.array(
            [
                f"alone {name}" if agent is None else f"agent {agent}"
                for name, agent in zip(self.conversations, self.agents, strict=True)
            ],
            dtype=np.str_,
        )

    def where(self, keep: BoolArray) -> DriverTable:
        """Return the conversations for which `keep` is true."""
        rows = np.flatnonzero(keep).tolist()
        return DriverTable(
            conversations=tuple(self.conversations[i] for i in rows),
            criteria=self.criteria,
            credit=self.credit[rows],
            states=self.states[rows],
            csat=self.csat[rows],
            agents=tuple(self.agents[i] for i in rows),
            covariates={k: tuple(v[i] for i in rows) for k, v in self.covariates.items()},
            caveats=self.caveats,
        )

    def filled_credit(self) -> FloatArray:
        """Return credit with the criterion's mean where it was not rated (0 where never)."""
        n = self.rated.sum(axis=0)
        means = np.nansum(self.credit, axis=0) / np.maximum(n, 1)
        return np.where(self.rated, self.credit, means)

    def indicators(self) -> Columns:
        """Return one column of 0 and 1 per criterion and state other than rated, where not rare."""
        columns = {
            f"{name} {state.value.replace('_', ' ')}": (self.states[:, j] == state).astype(float)
            for j, name in enumerate(self.criteria)
            for state in (State.NOT_APPLICABLE, State.MISSING)
        }
        return _telling(columns, len(self.conversations))

    def controls(self) -> Columns:
        """Return covariates as numbers: standardised, or 0 and 1 per category but the commonest.

        Categories with fewer than `FEW` conversations are pooled, and an unknown value is the mean
        with an indicator beside it.
        """
        columns: dict[str, FloatArray] = {}
        for name, values in self.covariates.items():
            columns |= _encoded(name, values)
        return _telling(columns, len(self.conversations))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per conversation: credit and state of each criterion, CSAT, the rest."""
        import pandas as pd

        columns: dict[str, Any] = {"agent": self.agents, "csat": self.csat, **self.covariates}
        for j, name in enumerate(self.criteria):
            columns |= {f"credit_{name}": self.credit[:, j], f"state_{name}": self.states[:, j]}
        return pd.DataFrame(columns, index=pd.Index(self.conversations, name="conversation_id"))


def driver_table(
    ratings: Iterable[Rating | Evaluation],
    surveys: Iterable[Survey],
    *,
    card: Scorecard | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    agents: Mapping[str, str] | None = None,
    covariates: Mapping[str, Mapping[str, Covariate]] | None = None,
) -> DriverTable:
    """Lay ratings and surveys side by side.

    Parameters
    ----------
    ratings : iterable of Rating or Evaluation
        One side's: people's, or a model's. The last of several by one rater counts; several raters
        are averaged; ratings of turns count, as their mean, where the rater did not rate the whole.
    surveys : iterable of Survey
        The mean where a conversation was surveyed more than once.
    card : Scorecard, optional
        Gives criteria and what each level earns.
    scales : mapping of criterion to (lowest, highest) level, optional
        Without a scorecard; the lowest and highest level found where absent.
    agents : mapping of conversation to agent, optional
    covariates : mapping of conversation to a mapping of name to value, optional
        Handle time (better its logarithm), wait, transfers, topic, resolution: numbers, yes or no,
        or texts. A covariate that a criterion itself brings about, such as resolution, takes that
        part of the criterion's effect away.

    Raises
    ------
    DataError
        If there are no ratings of criteria, or ratings by people and by models are mixed.
    ScaleError
        If a level is not on its criterion's scale.
    """
    by_criterion, left_out = _by_criterion(ratings, card)
    order = {c.id: i for i, c in enumerate(card.criteria)} if card else {}
    criteria = tuple(sorted(by_criterion, key=lambda name: (order.get(name, len(order)), name)))
    conversations = tuple(
        sorted({r.conversation_id for given in by_criterion.values() for r in given})
    )
    credit = np.full((len(conversations), len(criteria)), np.nan)
    states = np.full(credit.shape, State.MISSING.value, dtype="<U14")
    row = {name: i for i, name in enumerate(conversations)}
    for j, name in enumerate(criteria):
        # One criterion at a time: all items at once would take a gigabyte for a million ratings.
        items = _by_item(by_criterion[name])
        earned = _credits(name, items, card, scales)
        for conversation, said in items.items():
            i = row[conversation]
            credit[i, j], states[i, j] = _settle(said, earned)
    csat = csat_shares(surveys)
    known = covariates or {}
    names = list(dict.fromkeys(name for values in known.values() for name in values))
    unrated = len(csat.keys() - row.keys())
    caveats = []
    if left_out:
        caveats.append(f"Ratings of {', '.join(left_out)} are left out: not on the scorecard.")
    if unrated:
        caveats.append(f"{unrated} surveyed conversations have no rating and are left out.")
    return DriverTable(
        conversations=conversations,
        criteria=criteria,
        credit=credit,
        states=states,
        csat=np.array([csat.get(name, np.nan) for name in conversations]),
        agents=tuple((agents or {}).get(name) for name in conversations),
        covariates={
            name: tuple(_plain(known.get(c, {}).get(name)) for c in conversations) for name in names
        },
        caveats=tuple(caveats),
    )


def conversation_covariates(
    transcripts: Iterable[Transcript], *, attributes: Sequence[str] = ()
) -> dict[str, dict[str, Covariate]]:
    """Return what a transcript says of its circumstances, as covariates of `driver_table`.

    Topic, channel, the logarithm of the handle time in seconds where the turns carry times, and
    the named entries of `Transcript.attributes`.
    """
    found: dict[str, dict[str, Covariate]] = {}
    for one in transcripts:
        ends = [turn.end_s for turn in one.turns if turn.end_s is not None]
        starts = [turn.start_s for turn in one.turns if turn.start_s is not None]
        handled = max(ends) - min(starts) if ends and starts else None
        entry: dict[str, Covariate] = {
            "topic": one.topic,
            "channel": one.channel.value,
            "log_handle_time": math.log1p(max(0.0, handled)) if handled is not None else None,
        }
        for name in attributes:
            value = one.attributes.get(name)
            entry[name] = value if isinstance(value, bool | int | float | str) else None
        found[one.conversation_id] = entry
    return found


_Said: TypeAlias = dict[tuple[str, int | None], Rating]
"""Rater and turn -> rating of one criterion of one conversation."""


def _by_criterion(
    ratings: Iterable[Rating | Evaluation], card: Scorecard | None
) -> tuple[dict[str, list[Rating]], list[str]]:
    """Sort ratings by criterion, and name the criteria that are left out."""
    on_card = {c.id for c in card.criteria} if card else None
    found: dict[str, list[Rating]] = defaultdict(list)
    left_out, kinds = set(), set()
    for given in ratings:
        for rating in given.ratings if isinstance(given, Evaluation) else (given,):
            if rating.criterion == CSAT:
                continue
            if on_card is not None and rating.criterion not in on_card:
                left_out.add(rating.criterion)
                continue
            kinds.add(rating.kind)
            found[rating.criterion].append(rating)
    if not found:
        raise DataError(
            "There are no ratings of criteria to explain CSAT with"
            + (f"; found only {', '.join(sorted(left_out))}." if left_out else ".")
        )
    if len(kinds) > 1:
        raise DataError(
            "Ratings by people and by models are mixed. Make one table of each side, and compare."
        )
    return found, sorted(left_out)


def _by_item(ratings: Iterable[Rating]) -> dict[str, _Said]:
    """Group one criterion's ratings by conversation; a later rating replaces an earlier one."""
    found: dict[str, _Said] = defaultdict(dict)
    for rating in ratings:
        found[rating.conversation_id][rating.rater, rating.turn] = rating
    return found


def _credits(
    name: str,
    items: Mapping[str, _Said],
    card: Scorecard | None,
    scales: Mapping[str, tuple[float, float]] | None,
) -> dict[int, float]:
    """Return the share of the points that each level in use earns."""
    used = {
        rating.level: conversation
        for conversation, said in items.items()
        for rating in said.values()
        if rating.level is not None
    }
    if card is not None:
        criterion = card.criterion(name)
        earned = {level: criterion.points(level) for level in used if level in criterion.levels}
        scale = ", ".join(map(str, criterion.scale))
    else:
        low, high = (scales or {}).get(name, (min(used, default=0), max(used, default=1)))
        spread = high - low
        earned = {
            level: (level - low) / spread if spread else 1.0
            for level in used
            if low <= level <= high
        }
        scale = f"{low:g} to {high:g}"
    for level, conversation in used.items():
        if level not in earned:
            raise ScaleError(f"{conversation}/{name}: level {level} is not on the scale {scale}.")
    return earned


def _settle(said: _Said, earned: Mapping[int, float]) -> tuple[float, State]:
    """Average the raters; applicable where anybody found it so."""
    by_rater: dict[str, list[Rating]] = defaultdict(list)
    for (rater, _), rating in said.items():
        by_rater[rater].append(rating)
    means, not_applicable = [], False
    for given in by_rater.values():
        whole = [rating for rating in given if rating.turn is None] or given
        rated = [earned[rating.level] for rating in whole if rating.level is not None]
        if rated:
            means.append(math.fsum(rated) / len(rated))
        elif any(rating.status is Status.NOT_APPLICABLE for rating in whole):
            not_applicable = True
    if means:
        return math.fsum(means) / len(means), State.RATED
    return math.nan, State.NOT_APPLICABLE if not_applicable else State.MISSING


def _plain(value: Covariate) -> Covariate:
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    return value


def _encoded(name: str, values: Sequence[Covariate]) -> dict[str, FloatArray]:
    known = np.array([value is not None for value in values])
    columns: dict[str, FloatArray] = {f"{name} unknown": (~known).astype(float)}
    if any(isinstance(value, str) for value in values):
        counts = Counter(str(value) for value in values if value is not None)
        common = [label for label, n in counts.most_common() if n >= FEW]
        place = [
            str(value) if str(value) in common else "other" if value is not None else None
            for value in values
        ]
        for label in [*common[1:], "other"]:
            columns[f"{name}: {label}"] = np.array([float(one == label) for one in place])
        return columns
    numbers = np.array([math.nan if v is None else float(v) for v in values])
    spread = float(numbers[known].std()) if known.any() else 0.0
    if spread > 0:
        scaled = (numbers - numbers[known].mean()) / spread
        columns[name] = np.where(known, scaled, 0.0)
    return columns


def _telling(columns: Mapping[str, FloatArray], n: int) -> Columns:
    """Keep columns that vary over enough conversations, and only the first of equal ones."""
    kept: dict[str, FloatArray] = {}
    seen: set[bytes] = set()
    for name, column in columns.items():
        _, counts = np.unique(column, return_counts=True)
        content = column.tobytes()
        if counts.size > 1 and n - counts.max() >= FEW and content not in seen:
            kept[name] = column
            seen.add(content)
    values = np.column_stack(list(kept.values())) if kept else np.zeros((n, 0))
    return Columns(names=tuple(kept), values=values)
