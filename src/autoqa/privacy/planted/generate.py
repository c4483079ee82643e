"""Conversations from templates, with the places of the values planted in them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal, get_args

from autoqa.privacy.kinds import Kind
from autoqa.privacy.planted.values import OTHER, PERSONAL, card_parts
from autoqa.records import Channel, Speaker, Transcript, Turn

Family = Literal["first", "second"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""The detector may be improved on ``first``; ``second`` is only measured."""

LANGUAGES = ("en", "es", "it", "zh")

_KIND_OF = {name: Kind(name.upper()) for name in PERSONAL if name != "grouped_phone"} | {
    "grouped_phone": Kind.PHONE
}
_BY_MODEL = ("name", "address")
_SLOT = re.compile(r"\{(\w+)\}")
_SPEAKERS = {"A": Speaker.AGENT, "C": Speaker.CUSTOMER}
_PUNCTUATION = re.compile(r"[.,:;?!¿¡，。？！；：、]")
_ASIDES = {
    "en": "mm-hm|ok|go on|okay and then|yes|got that",
    "es": "ajá|vale|sí|siga|de acuerdo|muy bien",
    "it": "sì|ok|mm|prego|vada avanti|certo",
    "zh": "嗯|好的|您继续|对|嗯嗯|好",
}
_SCENARIOS = 2  # of personal values, with two others around them


@dataclass(frozen=True, slots=True)
class Planted:
    """One value: its kind, and where it stands, ``(turn, start, end)`` for each of its parts."""

    kind: Kind
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class PlantedConversation:
    """A conversation and what was planted in it."""

    transcript: Transcript
    planted: tuple[Planted, ...]


@dataclass
class _Draft:
    language: str
    aloud: bool
    rng: random.Random
    turns: list[Turn] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)

    def add(self, speaker: Speaker, template: str) -> None:
        """Add a turn with its slots filled."""
        parts: list[str] = []
        length = end = 0
        for slot in _SLOT.finditer(template):
            before = self._wording(template[end : slot.start()])
            name = slot[1]
            maker = PERSONAL.get(name) or OTHER[name]
            value = maker(self.rng, self.language, self.aloud)
            start = length + len(before)
            if name in PERSONAL:
                place = (len(self.turns), start, start + len(value))
                self.planted.append(Planted(_KIND_OF[name], (place,)))
            parts += [before, value]
            length, end = start + len(value), slot.end()
        parts.append(self._wording(template[end:]))
        self.turns.append(Turn(speaker=speaker, text="".join(parts)))

    def add_parts(self) -> None:
        """Add a card that the customer tells by parts while the agent says "ok"."""
        places = []
        asides = _ASIDES[self.language].split("|")
        for number, part in enumerate(card_parts(self.rng, self.language, self.aloud)):
            if number and self.rng.random() < 0.8:
                self.turns.append(Turn(speaker=Speaker.AGENT, text=self.rng.choice(asides)))
            places.append((len(self.turns), 0, len(part)))
            self.turns.append(Turn(speaker=Speaker.CUSTOMER, text=part))
        self.planted.append(Planted(Kind.CARD, tuple(places)))

    def _wording(self, text: str) -> str:
        """Speech recognition writes neither capitals nor punctuation."""
        return _PUNCTUATION.sub("", text).lower() if self.aloud else text


def plant(
    language: str, family: Family, *, entities: int, seed: int, names: bool = False
) -> Iterator[PlantedConversation]:
    """Yield conversations until they hold a number of personal values, half of them read aloud.

    Parameters
    ----------
    language : {"en", "es", "it", "zh"}
    family : {"first", "second"}
        Which templates.
    entities : int
        Values to plant, at least.
    seed : int
        Same seed, same conversations.
    names : bool
        Whether to plant names and postal addresses instead, which take a model to find.
    """
    rng = random.Random(f"{language} {family} {seed}")  # noqa: S311 - invented values, no secrets
    scenarios = _templates(language)[family]
    kinds = [kind for kind in scenarios if kind != "distractor" and (kind in _BY_MODEL) is names]
    planted = number = 0
    while planted < entities:
        draft = _Draft(language, bool(number % 2), rng)
        for _ in range(_SCENARIOS):
            # Every kind as often, whatever the number of its templates.
            _play(draft, rng.choice(scenarios["distractor"]))
            _play(draft, rng.choice(scenarios[kinds[(planted + len(draft.planted)) % len(kinds)]]))
        _play(draft, rng.choice(scenarios["distractor"]))
        planted += len(draft.planted)
        transcript = Transcript(
            conversation_id=f"planted-{language}-{family}-{number}",
            turns=tuple(draft.turns),
            language=language,
            channel=Channel.VOICE if draft.aloud else Channel.CHAT,
        )
        yield PlantedConversation(transcript, tuple(draft.planted))
        number += 1


def _play(draft: _Draft, scenario: str) -> None:
    for line in scenario.split(" | "):
        who, _, template = line.partition(": ")
        if template == "{parts}":
            draft.add_parts()
        else:
            draft.add(_SPEAKERS[who], template)


@cache
def _templates(language: str) -> dict[str, dict[str, list[str]]]:
    import yaml

    text = resources.files("autoqa.privacy.planted").joinpath(f"{language}.yaml")
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(text.read_text("utf-8"))
    return found
