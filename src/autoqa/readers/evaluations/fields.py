"""Checked fields of other systems' JSON: unknown ones are ignored, wrong types are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from autoqa.readers import values
from autoqa.readers.values import problem

_Model = TypeVar("_Model", bound=BaseModel)


def _key(value: Any) -> Any:
    return "" if value == "" else values.identifier(value)


def _time(value: Any) -> datetime | None:
    """A time in ISO 8601 text, or in seconds since 1970; UTC where it does not say."""
    seconds = values.number(value)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
        found = values.moment(value)
        if found is None:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        return None


Key = Annotated[str, BeforeValidator(_key)]
"""An id, from text or a whole number."""

Time = Annotated[datetime | None, BeforeValidator(_time)]
"""When something was done; what cannot be understood as a time is as good as absent."""


def checked(model: type[_Model], given: Any) -> _Model:
    """Return the part of an evaluation that JSON makes.

    Raises
    ------
    ReadError
        With reason ``wrong_type`` or ``missing_field``, quoting nothing.
    """
    if not isinstance(given, Mapping):
        raise problem("wrong_type", "the evaluation is not a JSON object")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # Deeper parts of the path may be keys that the file chose.
        field = first["loc"][0] if first["loc"] else "the evaluation"
        if first["type"] == "missing" and len(first["loc"]) == 1:
            raise problem("missing_field", f"there is no {field}") from None
        raise problem("wrong_type", f"a value in {field} has the wrong type") from None


def required(value: str, name: str) -> str:
    """Return an id that has to be there, or raise ReadError with reason ``missing_field``."""
    if not value:
        raise problem("missing_field", f"there is no {name}")
    return value


def last_part(name: str) -> str:
    """Return the last part of a path, resource name or ARN."""
    return name.rstrip("/").rpartition("/")[2]


def percent(value: float | None) -> float | None:
    """Return a percentage as a share."""
    return None if value is None else value / 100


def some(*texts: str) -> tuple[str, ...]:
    """Return the texts that are not empty."""
    return tuple(text for text in texts if text)
