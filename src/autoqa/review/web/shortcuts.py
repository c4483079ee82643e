"""Keys of the conversation page: what each does, and which of them a user has changed.

Digits choose levels and cannot be changed. A user's own keys are in ``settings["shortcuts"]``, a
mapping of action to key; ``settings["shortcuts_off"]`` switches all of them off.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoqa.records import Json
from autoqa.review.web.labels import later

SHORTCUTS: Mapping[str, tuple[str, str]] = {
    "accept": ("a", later("Accept the model's answer")),
    "not_applicable": ("n", later("Not applicable")),
    "next": ("j", later("Next criterion")),
    "previous": ("k", later("Previous criterion")),
    "evidence": ("e", later("Next turn of evidence")),
    "reason": ("r", later("Write a reason")),
    "comment": ("c", later("Comment on the turn")),
    "submit": ("s", later("Submit the evaluation")),
    "next_item": ("x", later("Next conversation")),
    "help": ("?", later("Show the keys")),
}
"""Actions with their usual key and what they do, in English to translate."""


def shortcuts_of(settings: Mapping[str, Json]) -> dict[str, str]:
    """Return the key of each action, as a user's settings have it; none where switched off.

    Keys that are not one printable character, or that another action has already, are left out.

    >>> shortcuts_of({"shortcuts": {"accept": "y"}})["accept"]
    'y'
    >>> shortcuts_of({"shortcuts_off": True})
    {}
    """
    if settings.get("shortcuts_off"):
        return {}
    own = settings.get("shortcuts")
    chosen = own if isinstance(own, Mapping) else {}
    keys: dict[str, str] = {}
    for action, (usual, _) in SHORTCUTS.items():
        key = chosen.get(action, usual)
        if _usable(key) and key not in keys.values():
            keys[action] = str(key)
    return keys


def _usable(key: Json) -> bool:
    if not isinstance(key, str) or len(key) != 1:
        return False
    return key.isprintable() and not key.isspace() and not key.isdecimal()
