"""Scorers: from a batch of transcripts to ratings with evidence.

Names are imported when they are first used: rules need no learned model, and the other way round.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoqa.scorers.base import Scorer, register_scorer
    from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
    from autoqa.scorers.linear import LinearScorer
    from autoqa.scorers.panel import Panel
    from autoqa.scorers.routed import RoutedModel
    from autoqa.scorers.rules import RulesScorer
    from autoqa.scorers.text_model import TextModel
    from autoqa.scorers.zero_shot import ZeroShotScorer

_HOMES = {
    "base": "Scorer register_scorer",
    "folder": "HeadCard ModelFolder write_models",
    "linear": "LinearScorer",
    "panel": "Panel",
    "routed": "RoutedModel",
    "rules": "RulesScorer",
    "text_model": "TextModel",
    "zero_shot": "ZeroShotScorer",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "HeadCard",
    "LinearScorer",
    "ModelFolder",
    "Panel",
    "RoutedModel",
    "RulesScorer",
    "Scorer",
    "TextModel",
    "ZeroShotScorer",
    "register_scorer",
    "write_models",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from autoqa.errors import near_miss

        hint = near_miss(name, _HOME)
        raise AttributeError(f"module 'autoqa.scorers' has no attribute '{name}'.{hint}")
    value = getattr(importlib.import_module(f"autoqa.scorers.{_HOME[name]}"), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
