"""Finding the phrases of a turn without trying every phrase.

Every phrase is filed under the rarest pair of neighbouring words that it cannot do without, or
its rarest word. A turn's words are looked up there; only the few phrases that they suggest, and
whose other words are present too, are handed to spaCy's Matcher, on the tokens around the find.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoqa.features.tokens import norms
from autoqa.scorers.phrase_syntax import CLOCK, GAP_TOKENS, Element, Variant, matcher_pattern

if TYPE_CHECKING:
    from spacy.matcher import Matcher
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

# Stand for every number and every time of day among word ids, which are 64-bit hashes.
_NUMBER, _CLOCK = 1, 2
_MAX_PAIRS = 64
_MAX_REMEMBERED_WORDS = 200_000
_EVERYWHERE = 1000  # weight of what almost every turn has


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What a language's phrases need to know about its words."""

    vocab: Vocab
    not_names: tuple[str, ...]
    digits: tuple[str, ...]
    frequency: Mapping[str, int]  # in the phrase book; the rarest word files best


@dataclass(slots=True, eq=False)
class _Filed:
    key: str
    variant: Variant
    required: tuple[frozenset[int], ...]
    reach: int  # tokens that a match spans at most
    numbers: int = 0  # tokens that must be numbers
    matcher: Matcher | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Tokens [start, end) that a phrase of `key` matched."""

    key: str
    start: int
    end: int
    variant: Variant


class PhraseIndex:
    """The variants of some phrases, filed by the words they need."""

    def __init__(self, variants: Iterable[tuple[str, Variant]], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._words: dict[int, list[_Filed]] = {}
        self._pairs: dict[tuple[int, int], list[_Filed]] = {}
        self._prefixes: dict[str, int] = {}
        self._symbols: dict[int, tuple[int, ...]] = {}
        for key, variant in variants:
            self._file(key, variant)

    def search(self, doc: Doc) -> list[Match]:
        """Return every match in one turn; matches of different phrases may overlap."""
        words = norms(doc)
        found: list[Match] = []
        for filed, places in self._suggested(words, doc).items():
            matcher = self._matcher(filed)
            for low, high in _windows(places, filed.reach, len(words)):
                for _, start, end in matcher(doc[low:high] if high - low < len(words) else doc):
                    match = Match(filed.key, low + start, low + end, filed.variant)
                    if _at_edges(doc, match):
                        found.append(match)
        return found

    def _suggested(self, words: Sequence[int], doc: Doc) -> dict[_Filed, list[int]]:
        """Return the phrases that may match, with the places that suggest them, in order."""
        present = set(words)
        remembered = self._symbols
        symbols = {}
        for word in tuple(present):
            found = remembered.get(word)
            if found is None:
                found = self._symbols_of(word, doc)
            if found:
                symbols[word] = found
                present.update(found)
        numbers = 0
        if _NUMBER in present:
            numbers = sum(_NUMBER in symbols.get(word, ()) for word in words)
        opening = _opening(doc)
        suggested: dict[_Filed, list[int]] = {}

        def suggest(candidates: Iterable[_Filed], place: int) -> None:
            for filed in candidates:
                if filed.variant.at_start and place >= opening + filed.reach:
                    continue
                if filed in suggested:
                    suggested[filed].append(place)
                elif filed.numbers <= numbers and not any(
                    needed.isdisjoint(present) for needed in filed.required
                ):
                    suggested[filed] = [place]

        by_word, by_pair = self._words, self._pairs
        previous = 0
        for place, word in enumerate(words):
            if word in by_word:
                suggest(by_word[word], place)
            if (previous, word) in by_pair:
                suggest(by_pair[previous, word], place)
            for symbol in symbols.get(word, ()):
                suggest(by_word.get(symbol, ()), place)
            previous = word
        return suggested

    def _symbols_of(self, word: int, doc: Doc) -> tuple[int, ...]:
        """Remember and return the ids of the prefixes and classes that a word belongs to."""
        text = doc.vocab.strings[word]
        found = tuple(i for prefix, i in self._prefixes.items() if text.startswith(prefix))
        if text in self.lexicon.digits or doc.vocab[text].like_num:
            found += (_NUMBER,)
        if text[:1].isdigit() and CLOCK.match(text):
            found += (_CLOCK,)
        if len(self._symbols) > _MAX_REMEMBERED_WORDS:
            self._symbols.clear()
        self._symbols[word] = found
        return found

    def _file(self, key: str, variant: Variant) -> None:
        elements = variant.elements
        needed: list[tuple[int, frozenset[int]]] = []
        pairs: list[tuple[int, frozenset[int], frozenset[int]]] = []
        before: tuple[int, frozenset[int]] | None = None
        for element in elements:
            ids = self._ids(element)
            if ids is None or element.optional:
                before = None
                continue
            weight = sum(self.lexicon.frequency.get(word, 0) for word in element.words)
            if not element.literal or any(map(_is_mark, element.words)):
                weight = _EVERYWHERE
            needed.append((weight, ids))
            if not element.literal or element.prefixes:
                before = None
                continue
            if before is not None and len(before[1]) * len(ids) <= _MAX_PAIRS:
                pairs.append((min(weight, before[0]), before[1], ids))
            before = (weight, ids)
        reach = sum(GAP_TOKENS if e.kind == "gap" else 1 for e in elements)
        required = tuple({ids for _, ids in needed})
        numbers = sum(_is_number(e) and not e.optional for e in elements)
        filed = _Filed(key, variant, required, reach, numbers)
        if pairs:
            _, left, right = min(pairs, key=lambda pair: pair[0])
            for a in left:
                for b in right:
                    self._pairs.setdefault((a, b), []).append(filed)
        else:
            for word in min(needed, key=lambda item: item[0])[1]:
                self._words.setdefault(word, []).append(filed)

    def _ids(self, element: Element) -> frozenset[int] | None:
        """Return the ids of which a token of the element has one; None when any token may do."""
        from spacy.strings import get_string_id

        if _is_number(element):
            return frozenset((_NUMBER,))
        if element.kind == "clock":
            return frozenset((_CLOCK,))
        if not element.literal:
            return None
        ids = {get_string_id(word) for word in element.words}
        for prefix in element.prefixes:
            ids.add(self._prefixes.setdefault(prefix, get_string_id(prefix + "*")))
        return frozenset(ids)

    def _matcher(self, filed: _Filed) -> Matcher:
        if filed.matcher is None:
            from spacy.matcher import Matcher

            pattern = matcher_pattern(
                filed.variant.elements,
                not_names=self.lexicon.not_names,
                digits=self.lexicon.digits,
            )
            matcher = Matcher(self.lexicon.vocab, validate=False)
            matcher.add("phrase", [pattern], greedy="LONGEST")
            filed.matcher = matcher
        return filed.matcher


def _is_number(element: Element) -> bool:
    return element.kind in ("number", "digit", "digits")


def _is_mark(word: str) -> bool:
    return not any(character.isalnum() for character in word)


def _windows(places: list[int], reach: int, length: int) -> list[tuple[int, int]]:
    """Return the token ranges, apart from each other, in which a match around a place must lie."""
    windows: list[tuple[int, int]] = []
    for place in places:
        low, high = max(0, place - reach), min(length, place + reach)
        if windows and low <= windows[-1][1]:
            windows[-1] = (windows[-1][0], high)
        else:
            windows.append((low, high))
    return windows


def _aside(doc: Doc, place: int) -> bool:
    return bool(doc[place].is_punct or doc[place].is_space)


def _opening(doc: Doc) -> int:
    """Return the place of the first word, punctuation aside."""
    place = 0
    while place < len(doc) and _aside(doc, place):
        place += 1
    return place


def _at_edges(doc: Doc, match: Match) -> bool:
    if match.variant.at_start and not all(_aside(doc, i) for i in range(match.start)):
        return False
    return not (
        match.variant.at_end and not all(_aside(doc, i) for i in range(match.end, len(doc)))
    )
