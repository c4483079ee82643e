"""Redaction: personal values become placeholders before anything is stored or logged.

Found are e-mail addresses, phone numbers, payment cards with their expiry dates and security codes,
IBANs and bank accounts, national identity numbers, passwords and one-time codes: written, read
aloud, and as speech recognition spells them, in English, Spanish, Italian and Chinese. Names and
postal addresses take a model, see `Redaction.names`. Order, case and reservation numbers stay.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoqa.privacy.detect import Clues, find_personal
from autoqa.privacy.kinds import Finding, Kind, highest_numbers
from autoqa.privacy.settings import MASK, Redaction
from autoqa.privacy.turns import Known, find_in_turns
from autoqa.records import (
    Action,
    Evidence,
    Json,
    LabelledTranscript,
    Rating,
    Survey,
    Transcript,
)

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def redact_text(text: str, redaction: Redaction = MASK, *, language: str = "") -> str:
    """Return a single text with personal values replaced.

    Placeholders carry no number (``[CARD]``): a number says which of a conversation's cards it is,
    and that a text by itself cannot know. With a key they carry their tag. Redacting twice changes
    nothing more. Takes time linear in the text.
    """
    if redaction.mode == "keep":
        return text
    return _Texts(redaction, language, numbered=False).redacted(text)


def redact_survey(survey: Survey, redaction: Redaction = MASK) -> Survey:
    """Return a survey with its comment redacted as a single text."""
    if survey.comment is None:
        return survey
    return replace(survey, comment=redact_text(survey.comment, redaction))


def redact(
    transcript: Transcript, redaction: Redaction = MASK, *, counts: Counter[str] | None = None
) -> Transcript:
    """Return the transcript with turns, actions, topic and attributes redacted.

    The same value gets the same placeholder everywhere in the conversation: ``[CARD_1]``, numbered
    by first appearance, turns first. A customer id that holds an address or number becomes its
    placeholder and a short hash, so that the customer's conversations stay together. That hash
    hides the value from readers, not from someone who can try out all phone numbers; a key hides
    it from them, too. `conversation_id` and `agent` are the centre's own keys and stay. Texts that
    a source published as token ids hold no numbers of anybody's and stay, too.

    Parameters
    ----------
    transcript : Transcript
    redaction : Redaction
    counts : Counter of str, optional
        Counts by kind what was replaced.

    Raises
    ------
    PrivacyError
        If names are to be found, and the extra or the model is not there.
    """
    labelled = LabelledTranscript(transcript=transcript)
    return redact_labelled(labelled, redaction, counts=counts).transcript


def redact_labelled(
    labelled: LabelledTranscript,
    redaction: Redaction = MASK,
    *,
    counts: Counter[str] | None = None,
) -> LabelledTranscript:
    """Return a conversation with its labels redacted, by the same placeholders as its turns.

    Evidence is moved to where its words stand in the redacted text. A span that begins or ends
    inside a placeholder is dropped, since no span of the redacted text has the same words.
    """
    if redaction.mode == "keep":
        return labelled
    texts = _Texts(redaction, labelled.transcript.language)
    texts.leave_numbers_of(_strings(labelled))
    transcript, changes = _transcript(labelled.transcript, texts)
    found = replace(
        labelled,
        transcript=transcript,
        ratings=tuple(_rating(rating, changes, texts) for rating in labelled.ratings),
        surveys=tuple(
            survey
            if survey.comment is None
            else replace(survey, comment=texts.redacted(survey.comment))
            for survey in labelled.surveys
        ),
        outcome=texts.mapping(labelled.outcome),
    )
    if counts is not None:
        counts.update(texts.counts)
    return found


def redact_details(labelled: LabelledTranscript, redaction: Redaction = MASK) -> LabelledTranscript:
    """Return a conversation with all but its turns redacted.

    For who shows topics and labels of many conversations, and the words of very few, redacted when
    they are shown.
    """
    turns = labelled.transcript.turns
    bare = replace(labelled, transcript=replace(labelled.transcript, turns=()))
    found = redact_labelled(bare, redaction)
    return replace(found, transcript=replace(found.transcript, turns=turns))


@dataclass(frozen=True, slots=True)
class _Change:
    """Characters [start, end) of a text, and what stands there afterwards."""

    start: int
    end: int
    text: str


class _Texts:
    """Redacts the texts of one conversation; the same value becomes the same placeholder."""

    def __init__(self, redaction: Redaction, language: str, *, numbered: bool = True) -> None:
        self.redaction = redaction
        self.language = language
        self.counts: Counter[str] = Counter()
        self.known: Known = {}
        self.names: set[str] = set()
        self._numbered = numbered and redaction.mode == "mask"
        self._numbers: dict[tuple[Kind, str], int] = {}
        self._highest: Counter[Kind] = Counter()

    def leave_numbers_of(self, texts: Iterable[str]) -> None:
        """Give no number that a placeholder in these texts already has."""
        for text in texts:
            self._highest |= highest_numbers(text)

    def redacted(self, text: str, before: str = "") -> str:
        """Return a text redacted; `before` announces it."""
        return self.changed(text, self.findings(text, before))[0]

    def findings(self, text: str, before: str = "") -> list[Finding]:
        """Return what is to be replaced in a text by itself."""
        found = find_personal(text, Clues(before, self.language, known=self.known))
        return self.with_names([text], [found])[0]

    def with_names(
        self, texts: Sequence[str], found: Sequence[list[Finding]]
    ) -> Sequence[list[Finding]]:
        """Add names and postal addresses, where there is a model for the language."""
        if not self.redaction.names:
            return found
        from autoqa.privacy.names import add_names

        return add_names(texts, found, self.language, self.redaction.names, self.names)

    def changed(self, text: str, findings: Sequence[Finding]) -> tuple[str, list[_Change]]:
        """Return a text with its findings replaced, and what was replaced where."""
        if not findings:
            return text, []
        changes = [_Change(f.start, f.end, self._placeholder(f)) for f in findings]
        parts = []
        end = 0
        for change in changes:
            parts += [text[end : change.start], change.text]
            end = change.end
        return "".join((*parts, text[end:])), changes

    def mapping(self, values: Mapping[str, Json]) -> dict[str, Any]:
        """Return a JSON object redacted, keys too."""
        masked: dict[str, Any] = {}
        for key, value in values.items():
            name = self.redacted(key)
            # Two addresses as keys must not become one entry.
            while name in masked:
                name += "_"
            masked[name] = self.value(value, key)
        return masked

    def value(self, value: Json, before: str) -> Any:
        """Return a JSON value redacted; its key announces what it is."""
        if isinstance(value, str):
            return self.redacted(value, before)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            said = _as_number(value)
            findings = self.findings(said, before)
            return self.changed(said, findings)[0] if findings else value
        if isinstance(value, Mapping):
            return self.mapping(value)
        if isinstance(value, Sequence):
            return [self.value(inner, before) for inner in value]
        return value

    def _placeholder(self, finding: Finding) -> str:
        kind, value = finding.kind, finding.value
        self.counts[kind.value] += 1
        if self.redaction.mode == "hash":
            return f"[{kind}_{self.redaction.tag(kind, value)}]"
        if not self._numbered:
            return finding.mask
        number = self._numbers.get((kind, value))
        if number is None:
            self._highest[kind] += 1
            number = self._numbers[kind, value] = self._highest[kind]
        return f"[{kind}_{number}]"


def _as_number(value: float) -> str:
    """Return the digits of a number that may be a card's or a phone's, otherwise nothing.

    Card and phone numbers are also stored as numbers, codes and times in milliseconds as well.
    """
    if isinstance(value, float):
        if not value.is_integer():
            return ""
        value = int(value)
    return str(value) if 10**2 <= value < 10**19 else ""


def _transcript(
    transcript: Transcript, texts: _Texts
) -> tuple[Transcript, Mapping[int, Sequence[_Change]]]:
    """Return a transcript redacted, and what was replaced in its turns."""
    changes: dict[int, Sequence[_Change]] = {}
    turns = transcript.turns
    if transcript.attributes.get("text_encoding") != "token_ids":
        found, known = find_in_turns(turns, transcript.language)
        texts.known.update(known)
        redacted = []
        for index, own in enumerate(texts.with_names([turn.text for turn in turns], found)):
            turn = turns[index]
            # What was done before a turn comes first, so that numbers follow the conversation.
            actions = _actions(turn.actions, texts)
            text, changes[index] = texts.changed(turn.text, own)
            same = text is turn.text and not actions
            redacted.append(turn if same else replace(turn, text=text, actions=actions))
        turns = tuple(redacted)
    after = replace(
        transcript,
        turns=turns,
        closing_actions=_actions(transcript.closing_actions, texts),
        topic=None if transcript.topic is None else texts.redacted(transcript.topic),
        attributes=texts.mapping(transcript.attributes),
        customer=_customer(transcript, texts.redaction),
    )
    return after, changes


def _customer(transcript: Transcript, redaction: Redaction) -> str | None:
    """Return a customer id that is the same in all of the customer's conversations."""
    customer = transcript.customer
    if customer is None:
        return None
    masked = redact_text(customer, redaction)
    if masked == customer or redaction.mode == "hash":
        return masked
    digest = hashlib.sha256(customer.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    # Letters, since digits after "tel" would be found as a number once more.
    return f"{masked}-{digest.translate(_LETTERS)}"


def _rating(rating: Rating, changes: Mapping[int, Sequence[_Change]], texts: _Texts) -> Rating:
    evidence = tuple(
        moved
        for span in rating.evidence
        if (moved := _moved(span, changes.get(span.turn, ()))) is not None
    )
    reason = texts.redacted(rating.reason)
    if evidence == rating.evidence and reason == rating.reason:
        return rating
    return replace(rating, evidence=evidence, reason=reason)


def _moved(span: Evidence, changes: Sequence[_Change]) -> Evidence | None:
    """Return a span of the original text as a span of the redacted text, if there is one."""
    start, end = span.start, span.end
    for change in changes:
        shorter = change.end - change.start - len(change.text)
        if change.end <= span.start:
            start -= shorter
            end -= shorter
        elif span.start <= change.start and change.end <= span.end:
            end -= shorter
        elif change.start < span.end:
            return None
    return replace(span, start=start, end=end)


def _actions(actions: tuple[Action, ...], texts: _Texts) -> tuple[Action, ...]:
    return tuple(
        replace(
            action,
            name=texts.redacted(action.name),
            arguments=texts.mapping(action.arguments),
            result=None if action.result is None else texts.redacted(action.result),
        )
        for action in actions
    )


def _strings(labelled: LabelledTranscript) -> Iterator[str]:
    """Yield every text of a conversation that redaction looks at."""
    transcript = labelled.transcript
    for turn in transcript.turns:
        yield turn.text
    for action in (*transcript.closing_actions, *(a for t in transcript.turns for a in t.actions)):
        yield from (action.name, action.result or "", *_texts_of(action.arguments))
    yield transcript.topic or ""
    yield from (*_texts_of(transcript.attributes), *_texts_of(labelled.outcome))
    yield from (rating.reason for rating in labelled.ratings)
    yield from (survey.comment or "" for survey in labelled.surveys)


def _texts_of(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _texts_of(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts_of(inner)
