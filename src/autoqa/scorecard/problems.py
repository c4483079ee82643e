"""What is wrong with a scorecard file, in the words of the file."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from autoqa.errors import near_miss

_Model = TypeVar("_Model", bound=BaseModel)
Path = tuple[int | str, ...]

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "keys with values",
    "model": "keys with values",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that makes a file unusable: where it is, and what to do."""

    code: str
    where: str  # path of keys, for example sections.0.criteria.3.weight; empty for the whole file
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def check_against(model: type[_Model], data: Any) -> tuple[_Model | None, list[Problem]]:
    """Return the model that `data` makes, or None and every problem found."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        problems: dict[str, Problem] = {}
        for detail in error.errors(include_url=False):
            for problem in _problems_of(detail, model, data):
                # A value that fits no alternative of a union is reported once.
                problems.setdefault(problem.where or problem.message, problem)
        return None, list(problems.values())


def _problems_of(detail: ErrorDetails, model: type[BaseModel], data: Any) -> list[Problem]:
    kind, path = detail["type"], _path_in(data, detail["loc"])
    where = ".".join(str(step) for step in path)
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        hint = near_miss(str(path[-1]), known) or f" Known keys: {', '.join(known)}."
        if " " in str(path[-1]):
            hint = " Put the text before it in quotes: a comma ends a value inside { }."
        return [Problem("unknown_key", where, f"unknown key.{hint}")]
    if kind == "missing":
        return [Problem("missing_key", where, f"missing; add '{path[-1]}: ...'")]
    if kind == "value_error":
        return [_own_problem(where, line) for line in str(detail["ctx"]["error"]).splitlines()]
    found = _describe(detail["input"])
    context = detail.get("ctx", {})
    if "critical" in path:
        return [Problem("bad_value", where, f"found {found}; write true, false or section")]
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"])
        hint = near_miss(
            str(detail["input"]), expected.replace("'", "").split(" or ")[0].split(", ")
        )
        return [Problem("bad_value", where, f"found {found}; expected {expected}.{hint}")]
    for limit, words in (("ge", "at least"), ("le", "at most")):
        if limit in context:
            bound = f"{context[limit]:g}"
            return [Problem("bad_value", where, f"found {found}; it must be {words} {bound}")]
    wanted = _WANTED.get(kind.split("_")[0])
    if wanted is None:
        return [Problem("bad_value", where, f"found {found}; {detail['msg']}")]
    advice = "; put it in quotes" if wanted == "text" and not _is_nested(detail["input"]) else ""
    return [Problem("wrong_type", where, f"found {found} where {wanted} belongs{advice}")]


def _own_problem(where: str, line: str) -> Problem:
    """A rule that the schema states itself; its message may start with its own path."""
    path, colon, rest = line.partition(".id: duplicate id ")
    if colon:
        return Problem("duplicate_id", f"{path}.id", f"duplicate id {rest}")
    return Problem("bad_value", where, line)


def _path_in(data: Any, loc: Sequence[int | str]) -> Path:
    """The part of pydantic's location that a reader finds in the file.

    Pydantic adds steps of its own: the alternative of a union, ``[key]`` for a key itself.
    """
    path: list[int | str] = []
    node = data
    for step in loc:
        if isinstance(node, dict):
            match = next((key for key in node if str(key) == str(step)), None)
            path.append(step)
            node = None if match is None else node[match]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            path.append(step)
            node = node[step]
        else:
            break
    return tuple(path)


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Keys that the file may have at a path."""
    here: Any = model
    for step in path:
        found = _model_in(here)
        if found is not None and str(step) in found.model_fields:
            here = found.model_fields[str(step)].annotation
    found = _model_in(here)
    return list(found.model_fields) if found else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as ``tuple[Criterion, ...]`` or ``Condition | None``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for part in typing.get_args(annotation):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
