r"""The small language that phrase books are written in, and its compilation for spaCy's Matcher.

=================  ===========================================================================
``word``           that word, whatever its case and accents; contractions are spelled out
``apolog*``        a word that begins so
``(a|b c)``        one of these
``[a]``            perhaps this
``...``            up to three tokens, not across the end of a sentence
``<name>``         a word that may be a name
``<proper>``       the same, written with a capital: not for speech recognition's lower case
``<number>``       a number in digits or words
``<clock>``        a time of day in digits, ``14:00``
``<digit>``        one digit, written or spoken
``<digits>``       a run of digits; ``<digits:4>`` exactly four, ``<digits:12+>`` twelve or more
``<any>``          any one token
``<mask:card>``    a redaction mark such as ``[CARD_1]`` or ``<card>``
``{4}``            the element before it four times
``^``, ``$``       at the start / at the end of the turn, punctuation aside
``\$``             that character itself
=================  ===========================================================================

There is no unbounded repetition, so the work per token is bounded by the phrase. In Chinese every
character is a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoqa.errors import ScorerError

GAP_TOKENS = 3
MAX_VARIANTS = 600
MAX_GAPS = 2
MAX_REPEAT = 40
SENTENCE_END = (".", "?", "!", ";", "。", "…")

_SCANNER = re.compile(
    r"(?P<gap>\.\.\.)|<(?P<cls>[a-z]+)(?::(?P<arg>[\w+]+))?>|\{(?P<times>\d+)\}"
    r"|(?P<mark>[()|\[\]^$])|(?P<word>(?:\\.|(?!\.\.\.)[^\s()|\[\]{}^$<>\\])+)"
)
CLOCK = re.compile(r"^\d{1,2}[:.h]\d{2}h?$")
_CLASSES = ("name", "proper", "number", "clock", "digit", "digits", "any", "mask")

Split = Callable[[str], list[str]]
"""Splits a word of a phrase into the norms of its tokens."""


@dataclass(frozen=True, slots=True)
class Element:
    """One position of a phrase: a token that is one of `words`, begins with one of `prefixes`,
    or belongs to a class."""

    words: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    kind: str = ""  # a token class, "gap", or "" for words
    argument: str = ""
    optional: bool = False

    @property
    def literal(self) -> bool:
        """Whether it names words, not a class of tokens."""
        return not self.kind


Elements = tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One linear reading of a phrase, alternatives of several words spelled out."""

    elements: Elements
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class _Symbol:
    kind: str
    text: str
    argument: str = ""


def parse_phrase(source: str, split: Split) -> list[Variant]:
    """Return the linear variants of a phrase.

    Raises
    ------
    ScorerError
        If the phrase is malformed, matches anything, or spells out to over `MAX_VARIANTS` variants.
    """
    return _Parser(source, split).variants()


class _Parser:
    def __init__(self, source: str, split: Split) -> None:
        self.source = source
        self.split = split
        self.symbols = self._scan()
        self.position = 0

    def _error(self, what: str) -> ScorerError:
        shown = self.source if len(self.source) <= 80 else f"{self.source[:77]}..."
        return ScorerError(f"phrase '{shown}': {what}")

    def _scan(self) -> list[_Symbol]:
        symbols = []
        position = 0
        while position < len(self.source):
            if self.source[position].isspace():
                position += 1
                continue
            match = _SCANNER.match(self.source, position)
            if match is None:
                raise self._error(
                    f"'{self.source[position]}' at column {position + 1} is not closed"
                )
            kind = str(match.lastgroup)
            if kind == "arg":
                kind = "cls"
            symbols.append(_Symbol(kind, str(match[kind]), match["arg"] or ""))
            position = match.end()
        return symbols

    def _peek(self) -> str:
        if self.position >= len(self.symbols):
            return ""
        symbol = self.symbols[self.position]
        return symbol.text if symbol.kind == "mark" else symbol.kind

    def variants(self) -> list[Variant]:
        at_start = self._peek() == "^"
        self.position += at_start
        sequences = self._sequence()
        at_end = self._peek() == "$"
        self.position += at_end
        if self.position != len(self.symbols):
            raise self._error(f"'{self.symbols[self.position].text}' does not belong here")
        for sequence in sequences:
            if all(e.optional or e.kind in ("gap", "any") for e in sequence):
                raise self._error("it would match anything; give it at least one word")
            if sum(e.kind == "gap" for e in sequence) > MAX_GAPS:
                raise self._error(f"more than {MAX_GAPS} gaps ('...')")
            if "gap" in (sequence[0].kind, sequence[-1].kind):
                raise self._error("a gap ('...') stands between words, not at an end")
        return [Variant(s, at_start, at_end) for s in dict.fromkeys(sequences)]

    def _sequence(self) -> list[Elements]:
        found: list[Elements] = [()]
        last: list[Elements] | None = None
        while (kind := self._peek()) not in ("", ")", "]", "|", "$"):
            if kind == "times":
                if last is None or len(last) != 1:
                    raise self._error("'{n}' repeats one word, class or group before it")
                times = int(self.symbols[self.position].text)
                if not 2 <= times <= MAX_REPEAT:
                    raise self._error(f"'{{n}}' takes 2 to {MAX_REPEAT}")
                self.position += 1
                last = [last[0] * (times - 1)]
            else:
                last = self._item(kind)
            found = [a + b for a in found for b in last]
            if len(found) > MAX_VARIANTS:
                raise self._error(f"it spells out to over {MAX_VARIANTS} variants; split it")
        return found

    def _item(self, kind: str) -> list[Elements]:
        symbol = self.symbols[self.position]
        self.position += 1
        if kind == "(":
            return self._alternatives(")")
        if kind == "[":
            inside = self._alternatives("]")
            if all(len(s) == 1 for s in inside):
                return [(replace(s[0], optional=True),) for s in inside]
            return [*inside, ()]
        if kind == "gap":
            return [(Element(kind="gap"),)]
        if kind == "cls":
            return [self._class(symbol)]
        if kind == "word":
            return [self._word(symbol.text)]
        raise self._error(f"'{symbol.text}' does not belong here")

    def _alternatives(self, closing: str) -> list[Elements]:
        sequences = self._sequence()
        while self._peek() == "|":
            self.position += 1
            sequences += self._sequence()
        if self._peek() != closing:
            raise self._error(f"a '{closing}' is missing")
        self.position += 1
        if () in sequences:
            raise self._error("an alternative is empty; write [a] for perhaps a")
        single = [s[0] for s in sequences if len(s) == 1 and s[0].literal and not s[0].optional]
        if len(single) < 2:
            return sequences
        merged = Element(
            frozenset().union(*(e.words for e in single)),
            frozenset().union(*(e.prefixes for e in single)),
        )
        rest = [s for s in sequences if not (len(s) == 1 and s[0] in single)]
        return [(merged,), *rest]

    def _word(self, word: str) -> Elements:
        word = re.sub(r"\\(.)", r"\1", word)
        prefix = word.endswith("*")
        stem = word.removesuffix("*")
        if "*" in stem or (prefix and len(stem) < 2):
            raise self._error(f"'{word}': '*' stands only at the end, after two letters or more")
        pieces = self.split(stem)
        if not pieces:
            raise self._error(f"'{word}' has no token")
        elements = [Element(frozenset((piece,))) for piece in pieces]
        if prefix:
            elements[-1] = Element(prefixes=frozenset((pieces[-1],)))
        return tuple(elements)

    def _class(self, symbol: _Symbol) -> Elements:
        if symbol.text not in _CLASSES:
            known = ", ".join(f"<{name}>" for name in _CLASSES)
            raise self._error(f"no class <{symbol.text}>; there are {known}")
        if symbol.text == "mask":
            if not symbol.argument:
                raise self._error("<mask> needs what it masks, for example <mask:card>")
            inside = [*self._word(symbol.argument)]
            if len(inside) == 1:
                inside = [Element(prefixes=inside[0].words)]
            return (
                Element(frozenset("[<{")),
                *inside,
                Element(kind="gap"),
                Element(frozenset("]>}")),
            )
        if symbol.argument and (
            symbol.text != "digits" or not re.fullmatch(r"\d{1,2}\+?", symbol.argument)
        ):
            raise self._error(f"<{symbol.text}> does not take ':{symbol.argument}'")
        return (Element(kind=symbol.text, argument=symbol.argument),)


def matcher_pattern(
    elements: Elements, *, not_names: Sequence[str], digits: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the token pattern of one variant for ``spacy.matcher.Matcher``."""
    pattern: list[dict[str, Any]] = []
    for element in elements:
        token = _token(element, not_names, digits)
        if element.kind == "gap":
            pattern += [{**token, "OP": "?"}] * GAP_TOKENS
        else:
            pattern.append({**token, "OP": "?"} if element.optional else token)
    return pattern


def _token(element: Element, not_names: Sequence[str], digits: Sequence[str]) -> dict[str, Any]:
    match element.kind:
        case "gap":
            return {"NORM": {"NOT_IN": list(SENTENCE_END)}}
        case "any":
            return {}
        case "name":
            return {"IS_ALPHA": True, "NORM": {"NOT_IN": list(not_names)}}
        case "proper":
            return {"IS_ALPHA": True, "IS_TITLE": True, "NORM": {"NOT_IN": list(not_names)}}
        case "clock":
            return {"NORM": {"REGEX": CLOCK.pattern}}
        case "number":
            return {"LIKE_NUM": True}
        case "digit":
            return {"NORM": {"IN": [*"0123456789", *digits]}}
        case "digits":
            if not element.argument:
                return {"IS_DIGIT": True}
            exact = not element.argument.endswith("+")
            length = int(element.argument.rstrip("+"))
            return {"IS_DIGIT": True, "LENGTH": {"==" if exact else ">=": length}}
    if not element.prefixes:
        words = sorted(element.words)
        return {"NORM": words[0]} if len(words) == 1 else {"NORM": {"IN": words}}
    stems = [*map(re.escape, sorted(element.prefixes))]
    whole = [re.escape(w) + "$" for w in sorted(element.words)]
    return {"NORM": {"REGEX": f"^(?:{'|'.join([*stems, *whole])})"}}
