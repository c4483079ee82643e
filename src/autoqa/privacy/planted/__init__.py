"""Invented conversations with personal values whose places are known: what redaction is tested on.

All values are made up: check digits are valid, owners do not exist.
"""

from __future__ import annotations

from autoqa.privacy.planted.generate import FAMILIES, LANGUAGES, PlantedConversation, plant
from autoqa.privacy.planted.measure import Tally, measure

__all__ = ["FAMILIES", "LANGUAGES", "PlantedConversation", "Tally", "measure", "plant"]
