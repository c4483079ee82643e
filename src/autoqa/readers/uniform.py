"""The uniform JSONL: one conversation per line, with what people said about it.

::

    {"conversation_id": str, "channel": "voice|chat|email", "language": "en", "source": str,
     "agent": str?, "team": str?, "queue": str?, "topic": str?, "customer": str?,
     "started_at": ISO 8601?,
     "turns": [{"speaker": "agent|customer|bot|system", "text": str, "start_s": float?,
                "end_s": float?, "actions": [{"name", "arguments", "result"}]?,
                "actions_after": [...]?}],
     "csat": {"score": number, "scale": [lo, hi], "given_by": str?, "comment": str?}?,
     "ratings": [{"rater": str, "criterion": str, "score": number, "scale": [lo, hi],
                  "turn": int?, "status": str?, "rationale": [str]?}]?,
     "labels": [...]?, "outcome": {...}?, "meta": {...}?, "split": str?}

`csat`, `ratings`, `labels` and `outcome`, and annotations on turns (`act`, `strategy` ...), are
answers: none of them reaches the Transcript, which is all that scorers see. `meta` and single
values under unknown names become its attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autoqa.errors import ReadError, RecordError
from autoqa.readers import values
from autoqa.readers.base import HEAD_BYTES, Format, Found, Source
from autoqa.readers.labels import ratings_of, surveys_of
from autoqa.readers.lines import lines
from autoqa.readers.quarantine import Place, Problem
from autoqa.readers.values import load_json, problem
from autoqa.records import Action, LabelledTranscript, Speaker, Transcript, Turn
from autoqa.store.columns import dump_json

_DETAILS = ("agent", "team", "queue", "topic", "customer", "source")
_ALIASES = {"agent": "agent_id", "customer": "customer_id"}
_KNOWN = frozenset(
    {"conversation_id", "channel", "language", "started_at", "turns", "closing_actions"}
    | {"csat", "ratings", "labels", "outcome", "meta", "split"}
    | {*_DETAILS, *_ALIASES.values()}
)


def labelled_from(
    record: Any, notes: list[Problem], speakers: Mapping[str, Speaker] | None = None
) -> LabelledTranscript:
    """Return the conversation in one parsed line; what was dropped is added to `notes`.

    `speakers` are labels of the user's own, in lower case.

    Raises
    ------
    ReadError
        With the reason why the conversation cannot be used, quoting nothing from it.
    """
    if not isinstance(record, dict):
        raise problem("wrong_type", "the line is not a JSON object")
    conversation_id = _conversation_id(record)
    turns, closing = _turns(record, notes, speakers)
    ratings, scales = ratings_of(conversation_id, record.get("ratings"), turns, notes)
    surveys, beyond = surveys_of(conversation_id, record.get("csat"), notes)
    try:
        transcript = Transcript(
            conversation_id=conversation_id,
            turns=turns,
            channel=values.channel(record.get("channel")),
            language=values.language(record.get("language")),
            started_at=_started_at(record, notes),
            closing_actions=closing,
            attributes=_attributes(record, notes),
            **{name: _detail(record, name, notes) for name in _DETAILS},
        )
    except RecordError:
        raise problem("wrong_type", "the conversation breaks a rule of transcripts") from None
    return LabelledTranscript(
        transcript=transcript,
        ratings=ratings,
        surveys=surveys,
        scales=scales,
        outcome=_outcome(record, beyond, notes),
        split=_split(record, notes),
    )


def _read(source: Source) -> Iterator[Found]:
    for line in lines(source):
        if line.problem is None and not line.content.strip():
            continue
        place = Place(source.name, line.number, line.offset)
        if line.problem is not None:
            yield Found(place, problem=line.problem)
        else:
            notes: list[Problem] = []
            try:
                labelled = labelled_from(load_json(line.content, notes), notes, source.speakers)
            except ReadError as error:
                yield Found(place, problem=Problem(error.reason, str(error)))
            else:
                yield Found(place, labelled, notes=tuple(notes))


def _recognises(source: Source) -> bool:
    if source.suffix in (".jsonl", ".ndjson"):
        return True
    text = source.head_text.lstrip()
    first, _, rest = text.partition("\n")
    # A closing brace on the first line tells it from a JSON document over many lines; a first
    # line longer than the head cannot show its own.
    closed = first.rstrip().endswith("}") or (not rest and len(source.head) == HEAD_BYTES)
    return first.startswith("{") and '"turns"' in first and closed


UNIFORM = Format("uniform", _recognises, _read)


def _conversation_id(record: Mapping[str, Any]) -> str:
    given = record.get("conversation_id")
    if given is None or given == "":
        raise problem("missing_field", "conversation_id is missing or empty")
    found = values.identifier(given)
    if found is None:
        raise problem("wrong_type", "conversation_id is not text")
    return found


def _turns(
    record: Mapping[str, Any], notes: list[Problem], speakers: Mapping[str, Speaker] | None
) -> tuple[tuple[Turn, ...], tuple[Action, ...]]:
    given = record.get("turns")
    if given is None:
        raise problem("missing_field", "turns is missing")
    if not isinstance(given, list):
        raise problem("wrong_type", "turns is not a list")
    if not given:
        raise problem("no_turns", "turns is empty")
    turns: list[Turn] = []
    pending: tuple[Action, ...] = ()
    for number, item in enumerate(given, start=1):  # problems are for people, who count from 1
        if not isinstance(item, dict):
            raise problem("wrong_type", f"turn {number} is not a JSON object")
        for name in ("speaker", "text"):
            if name not in item:
                raise problem("missing_field", f"turn {number} has no {name}")
        text = item["text"]
        if not isinstance(text, str):
            raise problem("wrong_type", f"turn {number}: text is not text")
        start, end = turn_times(item.get("start_s"), item.get("end_s"), number, notes)
        turns.append(
            Turn(
                speaker=values.speaker(item["speaker"], number, speakers),
                text=text,
                start_s=start,
                end_s=end,
                actions=pending + _actions(item.get("actions"), number),
            )
        )
        # Usually only the last turn has these: then they close the conversation.
        pending = _actions(item.get("actions_after"), number)
    return tuple(turns), pending + _actions(record.get("closing_actions"), len(turns))


def turn_times(
    start: Any, end: Any, number: int, notes: list[Problem]
) -> tuple[float | None, float | None]:
    """Return the times of turn `number`, from 1, or none where they make no sense, with a note."""
    found = []
    for value in (start, end):
        seconds = values.number(value)
        if seconds is None and value is not None:
            notes.append(Problem("bad_time", f"turn {number}: a time is not a number; dropped"))
        elif seconds is not None and seconds < 0:
            notes.append(Problem("bad_time", f"turn {number}: a time is below zero; dropped"))
            seconds = None
        found.append(seconds)
    if found[0] is not None and found[1] is not None and found[1] < found[0]:
        message = (
            f"turn {number} ends ({found[1]:.1f} s) before it starts ({found[0]:.1f} s); "
            "kept, times dropped"
        )
        notes.append(Problem("times_reversed", message))
        return None, None
    return found[0], found[1]


def _actions(given: Any, number: int) -> tuple[Action, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise problem("wrong_type", f"turn {number}: actions is not a list")
    found = []
    for item in given:
        if not isinstance(item, dict):
            raise problem("wrong_type", f"turn {number}: an action is not a JSON object")
        name, arguments, result = (item.get(key) for key in ("name", "arguments", "result"))
        if not isinstance(name, str) or not name:
            raise problem("missing_field", f"turn {number}: an action has no name")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            raise problem("wrong_type", f"turn {number}: action arguments are not a JSON object")
        if result is not None and not isinstance(result, str):
            result = dump_json(result)
        found.append(Action(name=name, arguments=arguments, result=result))
    return tuple(found)


def _detail(record: Mapping[str, Any], name: str, notes: list[Problem]) -> str | None:
    given = record.get(name)
    if given is None and name in _ALIASES:
        given = record.get(_ALIASES[name])
    if given is None or given == "":
        return None
    found = values.identifier(given)
    if found is None:
        notes.append(Problem("bad_metadata", f"{name} is not text; dropped"))
    return found


def _started_at(record: Mapping[str, Any], notes: list[Problem]) -> Any:
    given = record.get("started_at")
    found = values.moment(given)
    if found is None and given is not None:
        notes.append(Problem("bad_time", "started_at is not an ISO 8601 time; dropped"))
    return found


def _attributes(record: Mapping[str, Any], notes: list[Problem]) -> dict[str, Any]:
    meta = record.get("meta")
    if meta is None:
        meta = {}
    elif not isinstance(meta, dict):
        notes.append(Problem("bad_metadata", "meta is not a JSON object; dropped"))
        meta = {}
    unknown = {
        key: value
        for key, value in record.items()
        if key not in _KNOWN and value is not None and values.is_scalar(value)
    }
    return unknown | meta


def _outcome(
    record: Mapping[str, Any], beyond: Mapping[str, Any], notes: list[Problem]
) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    given = record.get("outcome")
    if isinstance(given, dict):
        outcome |= given
    elif given is not None:
        notes.append(Problem("bad_label", "outcome is not a JSON object; dropped"))
    if record.get("labels") is not None:
        outcome["labels"] = record["labels"]
    if beyond:
        outcome["csat"] = dict(beyond)
    return outcome


def _split(record: Mapping[str, Any], notes: list[Problem]) -> str | None:
    given = record.get("split")
    if given is None or isinstance(given, str):
        return given or None
    notes.append(Problem("bad_label", "split is not text; dropped"))
    return None
