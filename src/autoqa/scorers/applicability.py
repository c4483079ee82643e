"""Whether a criterion applies to a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autoqa.errors import ScorerError
from autoqa.features.batch import Batch
from autoqa.scorecard.schema import Condition, Criterion
from autoqa.scorers.expressions import SPEAKERS, Say, SayOptions
from autoqa.scorers.matching import Conversation
from autoqa.scorers.mentions import mention_table
from autoqa.scorers.phrasebook import has_phrase_book, phrase_book


def applicability(
    criterion: Criterion, batch: Batch, *, phrases: Sequence[str | Path] = ()
) -> list[bool]:
    """Return, per transcript, whether the criterion's ``applies_when`` holds.

    Every key that the condition gives must hold. ``mentions`` is looked up in the phrase books,
    said by ``speaker`` or by anyone, negated mentions aside. Where a language has no phrase book
    with the event, the criterion applies: nothing shows that it does not.

    Parameters
    ----------
    criterion : Criterion
    batch : Batch
    phrases : sequence of path, optional
        The user's own phrase books.

    Raises
    ------
    ScorerError
        If no phrase book of the batch's languages has the event.
    """
    condition = criterion.applies_when
    if condition is None:
        return [True] * len(batch)
    return [
        condition.admits(transcript) and _mentioned(criterion, condition, batch, index, phrases)
        for index, transcript in enumerate(batch.transcripts)
    ]


def _mentioned(
    criterion: Criterion,
    condition: Condition,
    batch: Batch,
    index: int,
    phrases: Sequence[str | Path],
) -> bool:
    event = condition.mentions
    transcript = batch.transcripts[index]
    if event is None or not transcript.turns:
        return event is None
    language = transcript.primary_language
    if not has_phrase_book(language, phrases):
        return True
    speaker = "any" if condition.speaker is None else str(condition.speaker)
    asked = {event: SPEAKERS[speaker]}
    try:
        mentions = mention_table(batch).of(batch, index, phrase_book(language, phrases), asked)
    except ScorerError as error:
        raise ScorerError(f"criterion '{criterion.id}', applies_when.mentions: {error}") from None
    say = Say(SayOptions.model_validate({"say": event, "speaker": speaker}))
    return Conversation(transcript, mentions).search(say) is not None
