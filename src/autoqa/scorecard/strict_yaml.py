"""Reading YAML written by people: one meaning per key, and words stay words."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from autoqa.errors import ScorecardError

_MAX_BYTES = 1_000_000  # a scorecard is a few pages; anything larger is another kind of file
_MAX_VALUES = 100_000  # with every reference (*name) written out


class _Loader(yaml.SafeLoader):
    """SafeLoader that notes repeated keys, and reads ``no``, ``yes``, ``on`` and dates as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[str, int, int]] = []  # key, line, line of the first

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        first: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                continue
            key = self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if key in first:
                self.repeated.append((str(key), line, first[key]))
            first.setdefault(key, line)
        return super().construct_mapping(node, deep=deep)


# YAML 1.1 reads `0: no` as false and `2026-01-31` as a date; labels and titles are words.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_yaml(path: Path) -> Any:
    """Return what a YAML file says.

    Raises
    ------
    ScorecardError
        If the file cannot be read, is not YAML, or has one key twice; names file and line.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ScorecardError(
                f"{path.name}: {size:,} bytes is too large for a scorecard; is it another file?"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScorecardError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ScorecardError(
            f"{path.name}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from error
    return parse_yaml(text, name=path.name)


def parse_yaml(text: str, *, name: str) -> Any:
    """Return what YAML text says; `name` stands for the file in messages. See `read_yaml`."""
    try:
        loader = _Loader(text)
        said = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ScorecardError(
            f"{where}: not valid YAML ({error.problem}); check indentation, colons and quotes"
        ) from error
    except yaml.YAMLError as error:
        raise ScorecardError(f"{name}: not valid YAML ({error}); check its characters") from error
    except RecursionError:
        raise ScorecardError(f"{name}: nested too deeply to be a scorecard") from None
    except ValueError as error:
        raise ScorecardError(
            f"{name}: a value cannot be read ({error}); put it in quotes"
        ) from error
    if loader.repeated:
        raise ScorecardError(
            "\n".join(
                f"{name}:{line}: duplicate key '{key}' (first on line {first}); remove one of them"
                for key, line, first in loader.repeated
            )
        )
    _refuse_endless(said, name)
    return said


def _refuse_endless(said: Any, name: str) -> None:
    """References may repeat a rule, but a file must not unfold into more than memory holds."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(value: Any) -> int:
        if not isinstance(value, dict | list):
            return 1
        key = id(value)
        if key in open_:
            raise ScorecardError(f"{name}: a reference (*name) contains itself; write it out")
        if key not in sizes:
            open_.add(key)
            parts = value.values() if isinstance(value, dict) else value
            sizes[key] = 1 + sum(map(size, parts))
            open_.discard(key)
        return sizes[key]

    if size(said) > _MAX_VALUES:
        raise ScorecardError(f"{name}: references (*name) unfold into too many values; use fewer")
