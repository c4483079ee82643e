"""Expiry dates and security codes that stand near a payment card."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoqa.privacy.announced import Announced, announced_as
from autoqa.privacy.digits import spoken_runs
from autoqa.privacy.kinds import Finding, Kind

_CARD_MENTIONED = re.compile(
    r"\[(?:card|cvv|expiry)\]|(?<![a-z])(?:cards?|visa)(?![a-z])|mastercard|amex|tarjeta|"
    r"carta di|della carta|la carta|mia carta|卡号|银行卡|信用卡|借记卡"
)
_CARD_STEMS = ("card", "visa", "amex", "tarjeta", "carta", "卡", "[cvv]", "[expiry]")
_YEAR = r"(?:20)?[2-4]\d(?!\d)"
_NUMERIC = rf"(?:0?[1-9]|1[0-2])\s?[/\-.]\s?{_YEAR}(?!/)"
_SPACED = rf"(?:0[1-9]|1[0-2])\s?{_YEAR}"  # 12 27, 1227
_CHINESE = (
    r"(?:20)?[2-4]\d年\s?(?:0?[1-9]|1[0-2])月|(?:0?[1-9]|1[0-2])月\s?(?:20)?[2-4]\d年?|"
    r"[零〇一二两三四五六七八九]{2,4}年[一二三四五六七八九十]{1,2}月"
)
_MONTH = (
    r"(?<![a-z])(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|"
    r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
    r"gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|novembre|dicembre)"
    r"(?:\s(?:of|de|del|the))?[\s,]{1,2}"
)
_DATE = re.compile(
    rf"(?<![A-Za-z0-9_/.\-])(?:{_NUMERIC}|{_SPACED}|{_CHINESE}|{_MONTH}{_YEAR})", re.IGNORECASE
)
_MONTH_BEFORE = re.compile(rf"{_MONTH}$", re.IGNORECASE)
_LONGEST_MONTH = 20  # characters, with "of the"
_GAP = r"[\s,.;:\-\u2013，；]{1,4}"
_DATE_AFTER = re.compile(rf"\[(?:CARD|CVV)\]{_GAP}(?P<value>{_NUMERIC}|{_CHINESE})")
_CODE_AFTER = re.compile(
    rf"(?:\[EXPIRY\]{_GAP}(?=\d{{3,4}}(?!\d|[.,/:\-]\d|\s?[A-Za-z%€$£]))|"
    # Directly after the number, a figure might as well be an amount.
    rf"\[CARD\]{_GAP}(?=\d{{3,4}}[\s.!?]*$))(?P<value>\d{{3,4}})"
)
_MONTH_AND_YEAR = re.compile(r"(?:0?[1-9]|1[0-2])(?:20)?[2-4]\d")
_YEAR_ALONE = re.compile(r"(?:20)?[2-4]\d")


def mentions_card(text: str) -> bool:
    """Whether a text speaks of a payment card, or holds the placeholder of one."""
    low = text.lower()
    return any(stem in low for stem in _CARD_STEMS) and _CARD_MENTIONED.search(low) is not None


def near_cards(text: str, before: str, *, card_near: bool) -> Iterator[Finding]:
    """Yield expiry dates and security codes in a text whose cards are masked already.

    What follows a card at once needs no word; elsewhere an expiry date is announced, and a card was
    mentioned. Security codes that are announced are found among other numbers.

    Parameters
    ----------
    text : str
    before : str
        The question that it answers.
    card_near : bool
        Whether a card was mentioned shortly before the text.
    """
    if "[" in text:
        for pattern, kind in ((_DATE_AFTER, Kind.EXPIRY), (_CODE_AFTER, Kind.CVV)):
            for match in pattern.finditer(text):
                yield _finding(text, *match.span("value"), kind)
    if not card_near and not mentions_card(text):
        return
    for match in _DATE.finditer(text):
        if announced_as(text, match.start(), before) is Announced.EXPIRY:
            yield _finding(text, match.start(), match.end(), Kind.EXPIRY)
    for run in spoken_runs(text):
        start = run.start
        month = _MONTH_BEFORE.search(text, max(0, start - _LONGEST_MONTH), start)
        pattern = _YEAR_ALONE if month else _MONTH_AND_YEAR
        start = month.start() if month else start
        expiry = announced_as(text, start, before) is Announced.EXPIRY
        if expiry and pattern.fullmatch(run.digits):
            yield _finding(text, start, run.end, Kind.EXPIRY)


def _finding(text: str, start: int, end: int, kind: Kind) -> Finding:
    return Finding(start, end, kind, text[start:end].lower())
