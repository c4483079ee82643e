"""Redaction: personal numbers and addresses become masks before anything is stored or logged.

Masked are e-mail addresses, phone numbers, payment cards (also spaced, dashed or read aloud),
IBANs and US social security numbers. Names, streets and free-form secrets are not: for those the
`pii` extra adds a model. Order, case and reservation numbers are left as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoqa.privacy.detect import Finding, find_personal, mask
from autoqa.records import (
    Action,
    Evidence,
    Json,
    LabelledTranscript,
    Rating,
    Survey,
    Transcript,
)


def redact_text(text: str) -> str:
    """Return the text with personal numbers and addresses masked.

    Masks are ``[EMAIL]``, ``[PHONE]``, ``[CARD]``, ``[IBAN]`` and ``[SSN]``. Redacting twice
    changes nothing more. Takes time linear in the text.
    """
    findings = find_personal(text)
    return mask(text, findings) if findings else text


def redact(transcript: Transcript) -> Transcript:
    """Return the transcript with turns, actions and attributes redacted.

    A customer id that holds an address or number becomes its mask and a short hash, so that the
    customer's conversations stay together. The hash hides the value from readers, not from someone
    who can try out all phone numbers. `conversation_id` and `agent` are the centre's own keys and
    stay. Texts that a source published as token ids hold no numbers of anybody's and stay, too.
    """
    customer = transcript.customer
    if customer is not None:
        masked = redact_text(customer)
        if masked != customer:
            customer = f"{masked}-{hashlib.sha256(customer.encode()).hexdigest()[:8]}"
    turns = transcript.turns
    if transcript.attributes.get("text_encoding") != "token_ids":
        turns = tuple(
            replace(turn, text=redact_text(turn.text), actions=_actions(turn.actions))
            for turn in turns
        )
    return replace(
        transcript,
        turns=turns,
        customer=customer,
        topic=None if transcript.topic is None else redact_text(transcript.topic),
        closing_actions=_actions(transcript.closing_actions),
        attributes=_map(transcript.attributes),
    )


def redact_survey(survey: Survey) -> Survey:
    """Return the survey with its comment redacted."""
    if survey.comment is None:
        return survey
    return replace(survey, comment=redact_text(survey.comment))


def redact_labelled(labelled: LabelledTranscript) -> LabelledTranscript:
    """Return a conversation with its labels redacted.

    Evidence is moved to where its words stand in the redacted text. A span that begins or ends
    inside a mask is dropped, since no span of the redacted text has the same words.
    """
    before = labelled.transcript
    after = redact(before)
    changed = {
        index: find_personal(before.turns[index].text)
        for rating in labelled.ratings
        for index in {evidence.turn for evidence in rating.evidence}
        if index < len(before.turns) and before.turns[index].text != after.turns[index].text
    }
    return replace(
        labelled,
        transcript=after,
        ratings=tuple(_rating(rating, changed) for rating in labelled.ratings),
        surveys=tuple(redact_survey(survey) for survey in labelled.surveys),
        outcome=_map(labelled.outcome),
    )


def _rating(rating: Rating, changed: Mapping[int, Sequence[Finding]]) -> Rating:
    evidence = tuple(
        moved
        for span in rating.evidence
        if (moved := _moved(span, changed.get(span.turn, ()))) is not None
    )
    reason = redact_text(rating.reason)
    if evidence == rating.evidence and reason == rating.reason:
        return rating
    return replace(rating, evidence=evidence, reason=reason)


def _moved(span: Evidence, findings: Sequence[Finding]) -> Evidence | None:
    """Return a span of the original text as a span of the masked text, if there is one."""
    start, end = span.start, span.end
    for finding in findings:
        shorter = finding.end - finding.start - len(finding.mask)
        if finding.end <= span.start:
            start -= shorter
            end -= shorter
        elif span.start <= finding.start and finding.end <= span.end:
            end -= shorter
        elif finding.start < span.end:
            return None
    return replace(span, start=start, end=end)


def _actions(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    return tuple(
        replace(
            action,
            arguments=_map(action.arguments),
            result=None if action.result is None else redact_text(action.result),
        )
        for action in actions
    )


def _map(values: Mapping[str, Json]) -> dict[str, Any]:
    masked: dict[str, Any] = {}
    for key, value in values.items():
        name = redact_text(key)
        # Two addresses as keys must not become one entry.
        while name in masked:
            name += "_"
        masked[name] = _value(value, key)
    return masked


def _value(value: Json, before: str) -> Any:
    """Redact a JSON value; its key announces what it is."""
    if isinstance(value, str):
        findings = find_personal(value, before=before)
        return mask(value, findings) if findings else value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        # Card and phone numbers are also stored as numbers, times of day in milliseconds as well.
        said = str(value) if 10**6 <= value < 10**19 else ""
        findings = find_personal(said, before=before)
        return mask(said, findings) if findings else value
    if isinstance(value, Mapping):
        return _map(value)
    if isinstance(value, Sequence):
        return [_value(inner, before) for inner in value]
    return value
