"""Whether a criterion applies to a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from autoqa.errors import ScorecardError, near_miss
from autoqa.features.batch import Batch
from autoqa.scorecard.schema import Condition, Criterion
from autoqa.scorers.expressions import SPEAKERS, Say, SayOptions
from autoqa.scorers.matching import Conversation
from autoqa.scorers.mentions import mention_table
from autoqa.scorers.phrasebook import phrase_book
from autoqa.scorers.rules import book_paths, events_of, why_unknown


class Applies(NamedTuple):
    """Whether a criterion applies; None where that cannot be told. `reason` says why not True."""

    holds: bool | None
    reason: str = ""


_YES = Applies(True)
_NO = Applies(False, "applies_when of the criterion does not hold")


def check_condition(criterion: Criterion, *, phrases: Sequence[str | Path] = ()) -> None:
    """Refuse a condition on a mention that no phrase book has an event for.

    Raises
    ------
    ScorecardError
        Naming the criterion, the event and the nearest one.
    ScorerError
        If a phrase book cannot be used.
    """
    condition = criterion.applies_when
    if condition is None or condition.mentions is None:
        return
    known = events_of(_books(criterion, phrases))
    if condition.mentions not in known:
        raise ScorecardError(
            f"criterion '{criterion.id}', applies_when.mentions: no phrase book has an event "
            f"'{condition.mentions}'.{near_miss(condition.mentions, known)} "
            f"Known: {', '.join(sorted(known))}."
        )


def applicability(
    criterion: Criterion, batch: Batch, *, phrases: Sequence[str | Path] = ()
) -> list[Applies]:
    """Return, per transcript, whether the criterion's ``applies_when`` holds.

    Every key that the condition gives must hold. ``mentions`` is looked up in the phrase books,
    those of the criterion's own scorer included, said by ``speaker`` or by anyone, negated
    mentions aside. Where a language has no phrase book, or one without the event, it cannot be
    told; see `check_condition` for events that no book has.

    Parameters
    ----------
    criterion : Criterion
    batch : Batch
    phrases : sequence of path, optional
        The user's own phrase books.

    Raises
    ------
    ScorerError
        If a phrase book cannot be used.
    """
    condition = criterion.applies_when
    if condition is None:
        return [_YES] * len(batch)
    books = _books(criterion, phrases)
    return [
        _mentioned(condition, batch, index, books) if condition.admits(transcript) else _NO
        for index, transcript in enumerate(batch.transcripts)
    ]


def _mentioned(condition: Condition, batch: Batch, index: int, books: tuple[str, ...]) -> Applies:
    event = condition.mentions
    transcript = batch.transcripts[index]
    if event is None:
        return _YES
    if not transcript.turns:
        return _NO
    language = transcript.primary_language
    unknown = why_unknown((event,), language, books)
    if unknown:
        return Applies(None, f"cannot tell whether it applies: {unknown}")
    speaker = "any" if condition.speaker is None else str(condition.speaker)
    asked = {event: SPEAKERS[speaker]}
    mentions = mention_table(batch).of(batch, index, phrase_book(language, books), asked)
    say = Say(SayOptions.model_validate({"say": event, "speaker": speaker}))
    return _YES if Conversation(transcript, mentions).search(say) is not None else _NO


def _books(criterion: Criterion, phrases: Sequence[str | Path]) -> tuple[str, ...]:
    own = criterion.scorer.settings.get("phrases", ()) if criterion.scorer else ()
    where = f"criterion '{criterion.id}'"
    return (*book_paths(list(phrases), where), *book_paths(own, where))
