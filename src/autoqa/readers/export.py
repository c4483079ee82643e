"""Conversations to uniform JSONL: what `uniform` reads back as it was."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, cast

from autoqa.records import Action, LabelledTranscript, RaterKind, Rating, Status, Survey
from autoqa.store import atomic_file, to_dict
from autoqa.store.columns import dump_json

_DETAILS = ("agent", "team", "queue", "topic", "customer", "source")


def to_uniform(labelled: LabelledTranscript) -> dict[str, Any]:
    """Return a conversation and its labels as one record of the uniform schema.

    Raises
    ------
    StoreError
        Where JSON would change a value; see `autoqa.store`.
    """
    transcript = labelled.transcript
    plain = to_dict(transcript)
    record = {name: plain[name] for name in ("conversation_id", "channel", "language")}
    for name in (*_DETAILS, "started_at"):
        if plain[name] is not None:
            record[name] = plain[name]
    turns = [
        {name: value for name, value in turn.items() if value is not None and value != []}
        for turn in plain["turns"]
    ]
    if transcript.closing_actions:
        turns[-1]["actions_after"] = [_action(a) for a in transcript.closing_actions]
    record["turns"] = turns
    if plain["attributes"]:
        record["meta"] = plain["attributes"]
    if labelled.surveys:
        answers = [_survey(survey) for survey in labelled.surveys]
        record["csat"] = answers[0] if len(answers) == 1 else answers
    if labelled.ratings:
        record["ratings"] = [_rating(rating, labelled) for rating in labelled.ratings]
    if labelled.outcome:
        record["outcome"] = dict(labelled.outcome)
    if labelled.split is not None:
        record["split"] = labelled.split
    return record


def write_uniform(path: str | Path, conversations: Iterable[LabelledTranscript]) -> int:
    """Write uniform JSONL (gzip if the name ends in ``.gz``), atomically; return the count."""
    count = 0
    with atomic_file(path) as stream:
        if Path(path).suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as packed:
                count = _write(cast("IO[bytes]", packed), conversations)
        else:
            count = _write(stream, conversations)
    return count


def _write(stream: IO[bytes], conversations: Iterable[LabelledTranscript]) -> int:
    count = 0
    for labelled in conversations:
        stream.write(dump_json(to_uniform(labelled)).encode() + b"\n")
        count += 1
    return count


def _action(action: Action) -> dict[str, Any]:
    return {"name": action.name, "arguments": dict(action.arguments), "result": action.result}


def _rating(rating: Rating, labelled: LabelledTranscript) -> dict[str, Any]:
    plain = {
        name: value
        for name, value in to_dict(rating).items()
        if name not in ("conversation_id", "level", "expected") and value not in (None, [], "")
    }
    if rating.status is Status.RATED:
        del plain["status"]
        plain["score"] = rating.level
        if rating.kind is RaterKind.HUMAN and rating.expected is not None:
            plain["score"] = rating.expected
    if rating.kind is RaterKind.HUMAN:
        del plain["kind"]
    elif rating.expected is not None:
        plain["expected"] = rating.expected
    if rating.criterion in labelled.scales:
        plain["scale"] = list(labelled.scales[rating.criterion])
    return plain


def _survey(survey: Survey) -> dict[str, Any]:
    plain = {name: value for name, value in to_dict(survey).items() if value is not None}
    del plain["conversation_id"]
    return plain
