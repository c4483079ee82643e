"""Whether a criterion applies to a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autoqa.errors import ScorerError
from autoqa.features.batch import Batch
from autoqa.records import Speaker, Transcript
from autoqa.scorecard.schema import Condition, Criterion
from autoqa.scorers.expressions import Say, SayOptions
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
        _described(condition, transcript)
        and _mentioned(criterion, condition, batch, index, phrases)
        for index, transcript in enumerate(batch.transcripts)
    ]


def _described(condition: Condition, transcript: Transcript) -> bool:
    """Whether everything but the mention holds."""
    named = (
        (condition.channel, transcript.channel),
        (condition.queue, transcript.queue),
        (condition.topic, transcript.topic),
    )
    for wanted, found in named:
        if wanted and str(found or "").casefold() not in {name.casefold() for name in wanted}:
            return False
    said = [turn for turn in transcript.turns if turn.speaker is not Speaker.SYSTEM]
    if condition.min_turns is not None and len(said) < condition.min_turns:
        return False
    if condition.speaker is None or condition.mentions is not None:
        return True
    return any(turn.speaker is condition.speaker for turn in transcript.turns)


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
    try:
        mentions = mention_table(batch).of(batch, index, phrase_book(language, phrases), [event])
    except ScorerError as error:
        raise ScorerError(f"criterion '{criterion.id}', applies_when.mentions: {error}") from None
    speaker = "any" if condition.speaker is None else str(condition.speaker)
    say = Say(SayOptions.model_validate({"say": event, "speaker": speaker}))
    return Conversation(transcript, mentions).search(say) is not None
