"""Wording files: templates with alternatives and slots, expanded at random."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any

import yaml

from autoqa.simulate.settings import PHRASES

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_GAP = re.compile(r" (?=[ .,?!])")


class Template:
    """Text with ``[one|of|these]`` alternatives and ``{slots}``."""

    __slots__ = ("parts",)

    def __init__(self, text: str) -> None:
        pieces = _ALTERNATIVES.split(text)  # literal, alternatives, literal, ...
        self.parts: tuple[tuple[str, ...], ...] = tuple(
            tuple(piece.split("|")) if i % 2 else (piece,) for i, piece in enumerate(pieces)
        )

    def expand(self, rng: Random, slots: Mapping[str, str]) -> str:
        """Choose each alternative and fill in the slots."""
        chosen = [
            part[0] if len(part) == 1 else part[int(rng.random() * len(part))]
            for part in self.parts
        ]
        text = "".join(chosen).format_map(slots).strip()
        # An alternative may be empty; what stood around it closes up.
        return _GAP.sub("", text) if " " in text else text


class Wording:
    """All wording of one language, read from its YAML file.

    Places are dotted paths into the file, such as ``agent.greeting.2``; the diagnostic questions
    of a topic are ``topics.outage.probes.0.ask`` and ``topics.outage.probes.0.reply``. ``marks``
    are patterns of wording that would by itself raise a criterion's level.
    """

    def __init__(self, language: str, content: Mapping[str, Any]) -> None:
        self.language = language
        self.content = content
        self.joiner: str = content["joiner"]
        self.fillers: list[str] = content["fillers"]
        self.digits: list[str] = content["digits"]
        self.marks: dict[str, re.Pattern[str]] = {
            name: re.compile(pattern, re.IGNORECASE) for name, pattern in content["marks"].items()
        }
        self._templates: dict[str, tuple[Template, ...]] = {}
        self._collect("", content)

    def _collect(self, place: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                self._collect(f"{place}.{key}" if place else str(key), value)
        elif isinstance(node, list) and isinstance(node[0], list):
            for number, (ask, reply) in enumerate(node):
                self._templates[f"{place}.{number}.ask"] = (Template(ask),)
                self._templates[f"{place}.{number}.reply"] = (Template(reply),)
        elif isinstance(node, list):
            self._templates[place] = tuple(Template(str(text)) for text in node)
        else:
            self._templates[place] = (Template(str(node)),)

    def places(self) -> frozenset[str]:
        """Return every place that has wording."""
        return frozenset(self._templates)

    def say(self, place: str, rng: Random, slots: Mapping[str, str]) -> str:
        """Return one wording of `place`."""
        options = self._templates[place]
        return options[int(rng.random() * len(options))].expand(rng, slots)

    def probes(self, topic: str) -> int:
        """Return how many diagnostic questions a topic has."""
        return len(self.content["topics"][topic]["probes"])


@lru_cache
def load_wording(language: str) -> Wording:
    """Read the wording of one language, once."""
    text = (PHRASES / f"{language}.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times faster
    return Wording(language, yaml.load(text, Loader=loader))  # noqa: S506 - both are safe loaders
