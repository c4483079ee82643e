"""Ratings to evaluations in the shape of other systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from autoqa.errors import DataError, near_miss
from autoqa.readers.evaluations.connect_export import connect_writer
from autoqa.readers.evaluations.genesys_export import genesys_writer
from autoqa.readers.evaluations.google_export import google_writer
from autoqa.readers.evaluations.outgoing import Outgoing, Writer
from autoqa.readers.evaluations.zendesk_export import zendesk_writer
from autoqa.records import CSAT, RaterKind, Rating, Status
from autoqa.scorecard.schema import Scorecard
from autoqa.scorecard.totals import evaluate

LOSSES: Mapping[str, str] = MappingProxyType(
    {
        "abstained": "ratings that a rater abstained from are left unanswered",
        "failed": "ratings that failed are left unanswered",
        "not_rated": "criteria without a rating are left unanswered",
        "turn_ratings": "ratings of single turns have no place there",
        "csat": "predictions of satisfaction have no place there",
        "probabilities": "ratings are exported without their probabilities",
        "evidence": "ratings are exported without the places in the conversation they rest on",
        "notes_cut": "notes are cut to the length that they may have there",
        "reasons": "ratings are exported without their reasons, which have no place there",
        "people": "evaluations do not name the person who made them, who has no place there",
        "levels_merged": "ratings are at a level that earns what another level earns, which is all "
        "that is said there",
        "total_differs": "evaluations have another total by the rules there, which treat critical "
        "criteria, or best levels that do not earn the whole weight, otherwise",
    }
)
"""Every loss, and what it means; counts come before the sentence."""


_WRITERS: Mapping[str, Callable[[Scorecard], Writer]] = {
    "connect": connect_writer,
    "google": google_writer,
    "genesys": genesys_writer,
    "zendesk": zendesk_writer,
}


def export_evaluations(
    ratings: Iterable[Rating],
    card: Scorecard,
    vendor: str,
    *,
    agents: Mapping[str, str] | None = None,
    submitted: datetime | None = None,
    losses: Counter[str] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield evaluations in another system's shape, one per conversation and rater.

    What was not rated stays unanswered: it is never a No, nor N/A. Scores and totals are those
    that the other system's rules make of the answers.

    Parameters
    ----------
    ratings : iterable of Rating
        By people, models or both, of the scorecard's criteria; held in memory.
    card : Scorecard
    vendor : str
        ``connect``, ``google``, ``genesys`` or ``zendesk``.
    agents : mapping of str to str, optional
        Conversation id to the agent's id.
    submitted : datetime, optional
        When the evaluations were made; default, now.
    losses : Counter of str, optional
        Counts what could not be said; see `LOSSES`.

    Yields
    ------
    (id, JSON object)

    Raises
    ------
    DataError
        If the system is not known.
    ScorecardError
        If a form of the system cannot hold the scorecard.
    RecordError, ScorecardError, ScaleError
        See `autoqa.scorecard.totals.evaluate`.
    """
    lost: Counter[str] = Counter() if losses is None else losses
    write = _writer(vendor, card)
    when = (submitted or datetime.now(UTC)).astimezone(UTC)
    for group in _grouped(ratings, lost):
        evaluation = evaluate(group, card)
        agent = (agents or {}).get(evaluation.conversation_id)
        outgoing = Outgoing(card, evaluation, agent, when)
        _count(outgoing, lost)
        yield outgoing.id, write(outgoing, lost)


def _writer(vendor: str, card: Scorecard) -> Writer:
    if vendor not in _WRITERS:
        raise DataError(
            f"no evaluations of '{vendor}'.{near_miss(vendor, _WRITERS)} "
            f"Known systems: {', '.join(_WRITERS)}."
        )
    return _WRITERS[vendor](card)


def _grouped(ratings: Iterable[Rating], losses: Counter[str]) -> Iterable[list[Rating]]:
    groups: dict[tuple[str, str, RaterKind], list[Rating]] = {}
    for rating in ratings:
        if rating.criterion == CSAT:
            losses["csat"] += 1
        else:
            key = (rating.conversation_id, rating.rater, rating.kind)
            groups.setdefault(key, []).append(rating)
    return groups.values()


def _count(outgoing: Outgoing, losses: Counter[str]) -> None:
    """Count what no system has a place for."""
    whole = outgoing.ratings
    losses["turn_ratings"] += len(outgoing.evaluation.ratings) - len(whole)
    losses["not_rated"] += len(outgoing.card.criteria) - len(whole)
    for rating in whole.values():
        losses["abstained"] += rating.status is Status.ABSTAINED
        losses["failed"] += rating.status is Status.FAILED
        losses["probabilities"] += bool(rating.probabilities)
        losses["evidence"] += bool(rating.evidence)
