"""Kinds of personal values, and the placeholders that stand for them.

``[CARD]`` says what was there, ``[CARD_1]`` also which of a conversation's cards, ``[CARD_9f...]``
(twelve hexadecimal digits, from a key) which card in any conversation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a value is; where two findings overlap, the earlier kind wins."""

    EMAIL = "EMAIL"
    IBAN = "IBAN"
    ID = "ID"  # national identity or tax number: NIF, NIE, codice fiscale, resident identity card
    CARD = "CARD"
    SSN = "SSN"  # United States social security number
    ACCOUNT = "ACCOUNT"  # bank account, sort code, routing number
    PASSWORD = "PASSWORD"  # noqa: S105 - a kind
    CODE = "CODE"  # one-time code, PIN
    PHONE = "PHONE"
    CVV = "CVV"
    EXPIRY = "EXPIRY"
    ADDRESS = "ADDRESS"
    NAME = "NAME"


PRIORITY = {kind: rank for rank, kind in enumerate(Kind)}
TAG_DIGITS = 12
"""Hexadecimal digits of a keyed tag: a million values share one with odds below 1 in 500."""

_MOST = 9  # digits of a number that counts values
PLACEHOLDER = re.compile(
    rf"\[(?P<kind>{'|'.join(Kind)})(?:_(?P<tag>[0-9]{{1,{_MOST}}}|[0-9a-f]{{{TAG_DIGITS}}}))?\]"
)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Characters [start, end) of a text, what they are, and the value in its plainest form.

    The value of a card said in parts is the whole number, in each of its parts. It is empty where
    a placeholder already stands in the text.
    """

    start: int
    end: int
    kind: Kind
    value: str

    @property
    def mask(self) -> str:
        """The placeholder without a tag."""
        return f"[{self.kind}]"

    def __repr__(self) -> str:
        return f"Finding({self.start}, {self.end}, {self.kind})"  # never the value


def placeholders(text: str) -> list[Finding]:
    """Return where placeholders stand already."""
    if "[" not in text:
        return []
    return [
        Finding(match.start(), match.end(), Kind(match["kind"]), "")
        for match in PLACEHOLDER.finditer(text)
    ]


def highest_numbers(text: str) -> Counter[Kind]:
    """Return the highest number in use of each kind, as in ``[CARD_2]``."""
    found: Counter[Kind] = Counter()
    if "[" in text:
        for match in PLACEHOLDER.finditer(text):
            tag = match["tag"] or ""
            # A number nearly as long as can be is not ours to go on from.
            if tag.isdecimal() and len(tag) < _MOST:
                found |= Counter({Kind(match["kind"]): int(tag)})
    return found


def without_tags(text: str) -> str:
    """Return the text with ``[CARD]`` for ``[CARD_1]``: what no model may depend on."""
    return PLACEHOLDER.sub(r"[\g<kind>]", text) if "[" in text else text


def tag_spans(text: str) -> list[tuple[int, int]]:
    """Return where the tags of placeholders stand, ``_1`` of ``[CARD_1]``, in order."""
    if "[" not in text:
        return []
    found = (match.span("tag") for match in PLACEHOLDER.finditer(text) if match["tag"])
    return [(start - 1, end) for start, end in found]
