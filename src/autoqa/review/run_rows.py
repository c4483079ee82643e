"""What a run says of conversations, as rows of the review database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update

from autoqa.errors import ReviewError
from autoqa.records import CSAT, Flag, RaterKind, Rating, Transcript
from autoqa.review.database import Write
from autoqa.review.database.schema import (
    coaching_links,
    comments,
    conversations,
    curves,
    evaluations,
    examples,
    flags,
    ratings,
)
from autoqa.review.disagreement import REASON as DISAGREEMENT
from autoqa.review.entering import enqueue, store_flags
from autoqa.review.flags import MESSAGES
from autoqa.review.leases import PICKED
from autoqa.review.run_folder import ScoredConversation, predicted_csat
from autoqa.scorecard import Scorecard
from autoqa.store import from_dict, to_dict

AUDIT, NEW_AGENT = "random_audit", "new_agent"

_OWN_REASONS = (AUDIT, NEW_AGENT, DISAGREEMENT, PICKED)  # those that no run gives
_LONGEST_ID = 500


class RunRows:
    """Puts conversations of one run into the database, beside what people did there."""

    def __init__(self, write: Write, run_id: int, card: Scorecard) -> None:
        self._write = write
        self._run_id = run_id
        self._card = card
        self._occasion = f"run:{run_id}"  # each run rates anew, beside those before
        self._now = datetime.now(UTC)

    def load(
        self, chunk: Sequence[ScoredConversation], drawn: Callable[[str], bool]
    ) -> dict[str, int]:
        """Store some conversations; return what changed, by the names in `Loaded`.

        `drawn` says which are drawn at random, by their id.
        """
        names = [one.name for one in chunk]
        known = self._known(names)
        loaded = set(
            self._write.execute(
                select(evaluations.c.conversation_id).where(
                    evaluations.c.conversation_id.in_(names),
                    evaluations.c.occasion == self._occasion,
                )
            ).scalars()
        )
        touched = self._touched(known)
        new = [one for one in chunk if one.name not in known]
        again = [
            one
            for one in chunk
            if one.name in known
            and one.name not in loaded
            and (one.name not in touched or _same_words(known[one.name], one.transcript))
        ]
        self._insert(conversations, [self._row(one) for one in new])
        self._renew(again)
        self._rate([*new, *again])
        self._curves([*new, *again])
        queued = self._flag([*new, *again], drawn)
        return {
            "added": len(new),
            "rescored": len(again),
            "kept": len(chunk) - len(new) - len(again) - len(loaded),
            "queued": queued,
        }

    def _known(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of conversations that are there."""
        found = self._write.execute(
            select(conversations.c.id, conversations.c.document).where(
                conversations.c.id.in_(names)
            )
        )
        return {row.id: row.document for row in found}

    def _touched(self, known: Iterable[str]) -> set[str]:
        """Conversations that people point into."""
        names = list(known)
        human = evaluations.c.kind == str(RaterKind.HUMAN)
        return {
            name
            for table, condition in (
                (evaluations, human),
                (comments, None),
                (examples, None),
                (coaching_links, None),
            )
            for name in self._write.execute(
                select(table.c.conversation_id).where(
                    table.c.conversation_id.in_(names), *([] if condition is None else [condition])
                )
            ).scalars()
        }

    def _row(self, one: ScoredConversation) -> dict[str, Any]:
        said = one.transcript
        if len(said.conversation_id) > _LONGEST_ID or "\0" in said.conversation_id:
            raise ReviewError(
                f"{said.conversation_id[:60]!a}...: ids of conversations may have {_LONGEST_ID} "
                "characters, and none of them NUL; give it another id and score again"
            )
        words = "\n".join(turn.text for turn in said.turns)
        return {
            "id": said.conversation_id,
            # The newest run decides which scorecard reviewers answer.
            "run_id": self._run_id,
            "language": said.language[:40],
            "channel": str(said.channel),
            **{
                name: None if value is None else value.replace("\0", " ")[:200]
                for name in ("agent", "team", "queue", "topic")
                for value in (getattr(said, name),)
            },
            "started_at": _with_zone(said.started_at),
            "n_turns": len(said.turns),
            "total": one.evaluation.total,
            "coverage": one.evaluation.coverage,
            "csat": predicted_csat(one),
            "words": words.replace("\0", " ").casefold(),
            "document": to_dict(said),
        }

    def _renew(self, chunk: Sequence[ScoredConversation]) -> None:
        rows = [{**self._row(one), "conversation": one.name} for one in chunk]
        if rows:
            changed = rows[0].keys() - {"id", "conversation"}
            values: dict[str, Any] = {key: bindparam(key) for key in sorted(changed)}
            this = conversations.c.id == bindparam("conversation")
            self._write.execute(update(conversations).where(this).values(**values), rows)

    def _rate(self, chunk: Sequence[ScoredConversation]) -> None:
        self._insert(evaluations, [self._evaluation(one) for one in chunk])
        names = [one.name for one in chunk]
        mine = evaluations.c.occasion == self._occasion
        numbers = {
            row.conversation_id: row.id
            for row in self._write.execute(
                select(evaluations.c.conversation_id, evaluations.c.id).where(
                    mine, evaluations.c.conversation_id.in_(names)
                )
            )
        }
        of_it = (
            select(evaluations.c.id)
            .where(mine, evaluations.c.conversation_id == conversations.c.id)
            .scalar_subquery()
        )
        self._write.execute(
            update(conversations).where(conversations.c.id.in_(names)).values(evaluation_id=of_it)
        )
        self._insert(
            ratings,
            [self._rating(numbers[one.name], rating) for one in chunk for rating in one.ratings],
        )

    def _evaluation(self, one: ScoredConversation) -> dict[str, Any]:
        said = one.evaluation
        if (said.scorecard, said.scorecard_version) != (self._card.id, self._card.version):
            raise ReviewError(
                f"'{said.conversation_id}' was evaluated on {said.scorecard} version "
                f"{said.scorecard_version}, not on {self._card.id} version {self._card.version}"
            )
        return {
            "conversation_id": said.conversation_id,
            "rater": said.rater[:200],
            "kind": str(said.kind),
            "scorecard": said.scorecard,
            "scorecard_version": said.scorecard_version,
            "purpose": "score",
            "state": "submitted",
            "blind": False,
            "total": said.total,
            "coverage": said.coverage,
            "critical_failed": list(said.critical_failed),
            "section_totals": dict(said.section_totals),
            "started_at": self._now,
            "submitted_at": self._now,
            "occasion": self._occasion,
        }

    def _rating(self, evaluation_id: int, rating: Rating) -> dict[str, Any]:
        points = None
        if rating.level is not None and rating.criterion != CSAT:
            points = self._card.criterion(rating.criterion).points(rating.level)
        return {
            "evaluation_id": evaluation_id,
            "criterion": rating.criterion,
            "version": 1,
            "status": str(rating.status),
            "level": rating.level,
            "expected": rating.expected,
            "points": points,
            "probabilities": list(rating.probabilities),
            "evidence": [asdict(span) for span in rating.evidence],
            "reason": rating.reason.replace("\0", " "),
            "accepted": False,
            "at": self._now,
        }

    def _curves(self, chunk: Sequence[ScoredConversation]) -> None:
        names = [one.name for one in chunk]
        self._write.execute(delete(curves).where(curves.c.conversation_id.in_(names)))
        found = []
        for one in chunk:
            points = [
                [rating.turn, rating.level if rating.expected is None else rating.expected]
                for rating in one.curve
                if rating.level is not None
            ]
            if points:
                scale = _scale_of(one.curve)
                found.append({"conversation_id": one.name, "points": points, "scale": scale})
        self._insert(curves, found)

    def _flag(self, chunk: Sequence[ScoredConversation], drawn: Callable[[str], bool]) -> int:
        names = [one.name for one in chunk]
        self._write.execute(
            delete(flags).where(
                flags.c.conversation_id.in_(names), flags.c.reason.not_in(_OWN_REASONS)
            )
        )
        raised = [flag for one in chunk for flag in one.flags]
        raised += [raised_for(name, AUDIT, 0.2) for name in names if drawn(name)]
        store_flags(self._write.connection, raised)
        return enqueue(self._write.connection, names)

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._write.execute(insert(table), rows)


def raised_for(conversation_id: str, reason: str, priority: float) -> Flag:
    """Return a flag whose message is the same wherever it is raised."""
    return Flag(
        conversation_id=conversation_id,
        reason=reason,
        message=MESSAGES[reason],
        priority=priority,
    )


def _same_words(stored: dict[str, Any], now: Transcript) -> bool:
    """Whether evidence and comments would still point at what they were made for."""
    before = from_dict(Transcript, stored)
    return [(t.speaker, t.text) for t in before.turns] == [(t.speaker, t.text) for t in now.turns]


def _scale_of(curve: Sequence[Rating]) -> list[int]:
    """Return lowest and highest level of consecutive ones, of which ratings tell how probable."""
    for one in curve:
        if one.probabilities and one.expected is not None:
            above = sum(place * share for place, share in enumerate(one.probabilities))
            low = round(one.expected - above)
            return [low, low + len(one.probabilities) - 1]
    known = [one.level for one in curve if one.level is not None]
    return [min(known), max(known)]


def _with_zone(when: datetime | None) -> datetime | None:
    """Return a moment with its zone; without one, UTC is meant."""
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when
