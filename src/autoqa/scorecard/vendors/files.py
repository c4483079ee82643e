"""Forms as files: JSON of a vendor in, strict types checked; a scorecard as YAML out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel, to_pascal

from autoqa.errors import ScorecardError
from autoqa.scorecard.problems import check_against
from autoqa.scorecard.schema import Scorecard

_MAX_BYTES = 10_000_000  # forms are a few pages; anything larger is another kind of file
_DEEPEST = 100  # steps of a path; the schema library gives up soon after
_WIDTH = 100
_LARGE = 1e15
_Model = TypeVar("_Model", bound=BaseModel)

Number = Annotated[float, Field(ge=-1e9, le=1e9)]
Weight = Annotated[float, Field(ge=0, le=1e9)]


class _Part(BaseModel):
    """Part of a form: wrong types are errors, unknown keys are ignored, null is absent."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: inner for key, inner in value.items() if inner is not None}


class PascalPart(_Part):
    """A part whose keys are written ``LikeThis``."""

    model_config = ConfigDict(alias_generator=to_pascal)


class CamelPart(_Part):
    """A part whose keys are written ``likeThis``, or ``like_this`` by some exporters."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


def read_json(path: Path) -> Any:
    """Return what a JSON file says.

    Raises
    ------
    ScorecardError
        If the file cannot be read, is too large for a form, or is not JSON.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ScorecardError(f"{path.name}: too large for a form; is it another file?")
        content = path.read_bytes()
    except OSError as error:
        raise ScorecardError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise ScorecardError(
            f"{path.name}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from error
    except json.JSONDecodeError as error:
        raise ScorecardError(
            f"{path.name}:{error.lineno}: not JSON ({error.msg}); export the form again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ScorecardError(
            f"{path.name}: not usable JSON ({type(error).__name__}); export the form again"
        ) from error


def _finite(digits: str) -> float:
    found = float(digits)
    return found if math.isfinite(found) else _refuse(digits)


def _refuse(_: str) -> float:
    raise ValueError


def checked(model: type[_Model], data: Any, *, name: str) -> _Model:
    """Return the model that JSON makes.

    Raises
    ------
    ScorecardError
        One line per problem: file, path of keys, what was found, what belongs there.
    """
    found, problems = check_against(model, data)
    if any(problem.where.count(".") > _DEEPEST for problem in problems):
        raise ScorecardError(f"{name}: nested too deeply to be a form; is it another file?")
    if found is None:
        raise ScorecardError("\n".join(f"{name}: {problem}" for problem in problems))
    return found


def plain(text: str) -> str:
    """Return text without blanks around it, and without halves of characters."""
    return text.encode("utf-8", "replace").decode().strip()


def as_yaml(card: Scorecard) -> str:
    """Return a scorecard as the YAML file that `autoqa.scorecard.load_scorecard` reads."""
    said = card.model_dump(mode="json", exclude_defaults=True)
    for section in said["sections"]:
        for criterion in section["criteria"]:
            criterion["levels"] = {
                int(number): level["label"] if list(level) == ["label"] else _OneLine(level)
                for number, level in criterion["levels"].items()
            }
    return yaml.dump(said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


class _OneLine(dict[str, Any]):
    """Keys written in braces, as people write levels."""


class _Dumper(yaml.SafeDumper):
    """SafeDumper that keeps the lines of texts, and writes 20 where a number is 20.0."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        # Lists stand under their key, further in.
        return super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.Node:
    whole = number.is_integer() and abs(number) < _LARGE
    return dumper.represent_int(int(number)) if whole else dumper.represent_float(number)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
_Dumper.add_representer(
    _OneLine,
    lambda dumper, said: dumper.represent_mapping("tag:yaml.org,2002:map", said, flow_style=True),
)
