"""Turning untrusted values into ours, with messages that quote nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers.quarantine import Problem
from autoqa.records import Channel, Json, Speaker

_CHANNELS = {
    "call": Channel.VOICE,
    "calls": Channel.VOICE,
    "phone": Channel.VOICE,
    "telephone": Channel.VOICE,
    "e-mail": Channel.EMAIL,
    "mail": Channel.EMAIL,
    "webchat": Channel.CHAT,
    "messaging": Channel.CHAT,
} | {channel.value: channel for channel in Channel}

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2}(?:[.,]\d{1,6})?)")


def problem(reason: str, message: str) -> ReadError:
    """Return the error for one unusable record."""
    return ReadError(message, reason=reason)


def load_json(content: bytes, notes: list[Problem] | None = None) -> Any:
    """Parse one JSON value as the exporters of this world write it.

    NaN and infinity, which are not JSON, are read as null: data frames write them for "missing".
    Halves of surrogate pairs become U+FFFD, since nothing downstream can store them. Of keys that
    come twice in one object, the last one counts, as in every parser. Whoever passes `notes` gets
    a note of each.

    Raises
    ------
    ReadError
        With reason ``not_utf8``, ``bad_json`` or ``too_deep``.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise problem("not_utf8", f"byte {error.start} of the line is not UTF-8") from None
    said: dict[str, str] = {}  # in order, each once

    def constant(_: str) -> None:
        said["not_a_number"] = "NaN or infinity is read as nothing"

    def decimal(digits: str) -> float | None:
        found = float(digits)
        if math.isfinite(found):
            return found
        constant(digits)
        return None

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            said["duplicate_key"] = "a key comes twice in one JSON object; the last one counts"
        return found

    try:
        value = json.loads(
            text, parse_constant=constant, parse_float=decimal, object_pairs_hook=unique
        )
    except json.JSONDecodeError as error:
        raise problem("bad_json", f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise too_deep() from None
    except ValueError:
        raise problem("bad_json", "a whole number has thousands of digits") from None
    if _may_be_deep(content) and is_deep(value):
        raise too_deep()
    # Only an escape can smuggle half a surrogate pair past the decoder.
    if "\\u" in text:
        value = _sound(value)
    if notes is not None:
        notes.extend(Problem(reason, message) for reason, message in said.items())
    return value


MAX_DEPTH = 64
"""Levels of nesting that are read; what walks a value goes down a call per level."""

_NO_BRACKETS = bytes(code for code in range(256) if chr(code) not in "[]{}")


def too_deep() -> ReadError:
    """Return the error for a value that nothing downstream can walk."""
    return problem("too_deep", f"values are nested more than {MAX_DEPTH} deep")


def _may_be_deep(content: bytes) -> bool:
    """Whether the brackets allow for too many levels; takes a tenth of the time of a walk."""
    brackets = content.translate(None, _NO_BRACKETS)
    # Each round takes the innermost level away.
    for rounds in range(MAX_DEPTH):
        fewer = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(fewer) == len(brackets):  # brackets in texts are left
            return rounds + len(brackets) > MAX_DEPTH
        brackets = fewer
    return True


def is_deep(value: Any) -> bool:
    """Whether JSON is nested more than `MAX_DEPTH` deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return sound_text(value)
    if isinstance(value, dict):
        return {sound_text(key): _sound(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sound(inner) for inner in value]
    return value


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""NUL and other control characters without a meaning in text; tabs and line ends have one."""


def sound_text(text: str) -> str:
    """Return text that UTF-8 can store: halves of surrogate pairs become U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def number(value: Any) -> float | None:
    """Return a finite number, or None if `value` is not one; text is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def number_in_text(value: Any) -> float | None:
    """Return a finite number from a number or from text such as ``3.5``, otherwise None."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)


def seconds(value: Any) -> float | None:
    """Return seconds from a number, ``61.5`` or ``00:01:01.5`` in text, otherwise None."""
    if isinstance(value, str):
        clock = _CLOCK.fullmatch(value.strip())
        if clock is not None:
            hours, minutes, rest = clock.groups(default="0")
            return int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    return number_in_text(value)


def moment(value: Any) -> datetime | None:
    """Return the time in ISO 8601 text, otherwise None."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None


def identifier(value: Any) -> str | None:
    """Return an id from text or a whole number, otherwise None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        # Python refuses to print whole numbers of thousands of digits.
        return str(value) if value.bit_length() <= 256 else None
    if isinstance(value, str):
        return CONTROL.sub(" ", value).strip() or None
    return None


def channel(value: Any) -> Channel:
    """Return a channel; nothing given means chat."""
    if value is None or value == "":
        return Channel.CHAT
    found = _CHANNELS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise problem("bad_channel", f"the channel is none of {', '.join(Channel)}")
    return found


def speaker(value: Any, number: int, aliases: Mapping[str, Speaker] | None = None) -> Speaker:
    """Return the speaker of turn `number`, counted from 1 as problems name it."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if aliases is not None and word in aliases:
        return aliases[word]
    try:
        return Speaker(word)
    except ValueError:
        raise problem(
            "bad_speaker", f"turn {number}: the speaker is none of {', '.join(Speaker)}"
        ) from None


def language(value: Any) -> str:
    """Return a language tag; nothing given means English."""
    if value is None or value == "":
        return "en"
    if not isinstance(value, str) or not value.strip():
        raise problem("wrong_type", "language is not text")
    return value.strip()


def is_scalar(value: Json) -> bool:
    """Whether a JSON value is neither list nor map."""
    return value is None or isinstance(value, bool | int | float | str)
