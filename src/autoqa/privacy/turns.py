"""Where personal values stand in the turns of a conversation.

A question tells what its answer is, and a number found once is known wherever it is said again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autoqa.privacy.announced import Announced, asked_for, unanswered
from autoqa.privacy.detect import (
    MAY_BE_SAID,
    PASSES,
    Clues,
    find_once,
    mask,
    may_hold,
    mentions_password,
    to_original,
)
from autoqa.privacy.digits import number_words
from autoqa.privacy.kinds import Finding, Kind, placeholders
from autoqa.privacy.near_cards import mentions_card
from autoqa.privacy.parts import numbers_in_parts
from autoqa.privacy.phones import national_part
from autoqa.records import Turn

Known = dict[str, tuple[Kind, str]]
"""Digits and passwords to what they are, wherever in a conversation they stand."""

_QUESTION_WITHIN = 160  # characters, from the end of a turn
_BRIEF = re.compile(r"[^\u3400-\u9fff]{0,12}|[^\w]*[\u3400-\u9fff]{0,4}[^\w]*")  # "mm-hm", "go on"
_ASKS = re.compile(
    r"[?？]|(?<![a-z])(?:what|which|could|can|may|have|give|tell|need|read|spell|cu[aá]l|qué|"
    r"me da|deme|d[ií]game|facil\w{1,6}|quale?|mi d[aà]|mi dica|serve|necesito)(?![a-z])"
    r"|请|多少|什么|哪|呢|吗|(?<![a-z])(?:is|es|è|number|n[uú]mero|no)[\s:：]{0,3}$|"
    r"(?:是|编号|单号)[\s:：]{0,3}$",
    re.IGNORECASE,
)
_LOOK_BACK = 3  # turns in which the question to an answer is looked for
_CARD_NEAR = 8  # turns after which a card is no longer spoken of
_MORE_THAN_LETTERS = re.compile(r"[^a-zA-Z\s]")  # not an ordinary word
_SHORTEST_PASSWORD = 5
_FEWEST_KNOWN = {
    Kind.CARD: 13,
    Kind.SSN: 9,
    Kind.ID: 7,
    Kind.ACCOUNT: 7,
    Kind.PHONE: 7,
    Kind.CODE: 4,
}
"""Digits from which a number is the same one elsewhere, not another that happens to agree."""


def find_in_turns(turns: Sequence[Turn], language: str = "") -> tuple[list[list[Finding]], Known]:
    """Return the findings of each turn, left to right without overlap, and the numbers found.

    Masked turns have no findings of their own. Takes time linear in the text.

    Parameters
    ----------
    turns : sequence of Turn
    language : str
        BCP 47; tells where phone numbers without a country code are dialled.
    """
    looking = _Looking(turns, language)
    # Parts first: one alone may look like a number of another kind.
    looking.take(looking.in_parts(at_first=True))
    for _ in range(PASSES):
        if looking.at_each_turn():
            continue
        if not looking.take(looking.in_parts()):
            break
    return [[one for one in own if one.value] for own in looking.found], looking.known


def remember(known: Known, text: str, findings: Sequence[Finding]) -> None:
    """Keep passwords and the numbers among the findings of a text, as said and in full."""
    for finding in findings:
        value = finding.value
        password = finding.kind is Kind.PASSWORD and len(value) >= _SHORTEST_PASSWORD
        if password and _MORE_THAN_LETTERS.search(value):
            known.setdefault(value, (finding.kind, value))
        fewest = _FEWEST_KNOWN.get(finding.kind)
        if fewest is None:
            continue
        said = "".join(str(int(c)) for c in text[finding.start : finding.end] if c.isdecimal())
        forms = {said, finding.value}
        if finding.kind is Kind.PHONE:
            forms.add(national_part(finding.value))
        for form in forms:
            if len(form) >= fewest and form.isdecimal():
                known.setdefault(form, (finding.kind, finding.value))


class _Looking:
    """What is known of one conversation between one look at it and the next."""

    def __init__(self, turns: Sequence[Turn], language: str) -> None:
        self.turns = turns
        self.language = language
        self.found = [placeholders(turn.text) for turn in turns]
        self.masked = [mask(t.text, there) for t, there in zip(turns, self.found, strict=True)]
        self.known: Known = {}
        asked = [mentions_password(text) for text in self.masked]
        self.worth = [
            i
            for i, text in enumerate(self.masked)
            if asked[i] or any(asked[max(0, i - _LOOK_BACK) : i]) or may_hold(text)
        ]
        self._cards: dict[int, bool] = {}
        self._sights: dict[int, tuple[str, Clues]] = {}
        self._n_known: dict[int, int] = {}

    def add(self, index: int, new: list[Finding]) -> None:
        """Take in findings of a masked turn."""
        text = self.turns[index].text
        moved = list(to_original(new, self.found[index]))
        self.found[index] = sorted([*self.found[index], *moved])
        self.masked[index] = mask(text, self.found[index])
        self._cards.pop(index, None)
        remember(self.known, text, moved)

    def take(self, found: Mapping[int, list[Finding]]) -> bool:
        """Take in what was found in some masked turns; return whether there was anything."""
        for index, new in found.items():
            self.add(index, new)
        return bool(found)

    def in_parts(self, *, at_first: bool = False) -> Mapping[int, list[Finding]]:
        """Return what turns share; with few that hold digits there is nothing to share."""
        if len(self.worth) < 2:
            return {}
        return numbers_in_parts(
            self.turns, self.masked, self.worth, self.language, at_first=at_first
        )

    def at_each_turn(self) -> bool:
        """Look at every turn that changed; return whether anything was found."""
        any_found = False
        for index in self.worth:
            text, clues = self.masked[index], self._clues(index)
            if self._sights.get(index) == (text, clues) and not self._may_repeat(index):
                continue
            self._sights[index] = (text, clues)
            self._n_known[index] = len(self.known)
            if new := find_once(text, clues):
                self.add(index, new)
                any_found = True
        return any_found

    def _may_repeat(self, index: int) -> bool:
        """Whether a turn may say again what was found since it was last looked at."""
        new = list(self.known)[self._n_known[index] :]
        if not new:
            return False
        text = self.masked[index]
        digits = "".join(filter(str.isdecimal, text))
        return number_words(text) > 1 or any(
            key in text or key in digits or (len(digits) > MAY_BE_SAID and digits in key)
            for key in new
        )

    def _asked(self, index: int) -> Clues:
        """What was said just before a turn: the question that it answers, over any "mm-hm"."""
        said: list[str] = []
        answers = False
        for earlier in range(index - 1, max(index - 1 - _LOOK_BACK, -1), -1):
            text = self.masked[earlier][-_QUESTION_WITHIN:]
            left = unanswered(text)
            said.insert(0, left)
            answers |= self.turns[earlier].speaker is not self.turns[index].speaker
            if left != text or not _BRIEF.fullmatch(text) or asked_for(left) is not None:
                break
        before = " ".join(said)
        if asked_for(before) is Announced.OTHER and not _ASKS.search(before):
            before = ""  # "your order number is ..." says nothing of what comes after
        return Clues(before, self.language, answers=answers)

    def _clues(self, index: int) -> Clues:
        asked = self._asked(index)
        near = any(map(self._mentions_card, range(max(0, index - _CARD_NEAR), index)))
        return Clues(asked.before, self.language, near, asked.answers, self.known)

    def _mentions_card(self, index: int) -> bool:
        if index not in self._cards:
            self._cards[index] = mentions_card(self.masked[index])
        return self._cards[index]
