"""Phrase books: what people say, per language and event, in readable YAML.

A book maps events (``greeting``, ``apology`` ...) to phrases written in the language of
`autoqa.scorers.phrase_syntax`. They are compiled for spaCy's Matcher when an event is first asked
for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autoqa.errors import ScorerError, near_miss
from autoqa.features.tokens import norms, pipeline, tokenise
from autoqa.scorers.phrase_index import Lexicon, Match, PhraseIndex
from autoqa.scorers.phrase_syntax import SENTENCE_END, Variant, parse_phrase

if TYPE_CHECKING:
    from spacy.tokens import Doc

LANGUAGES = ("en", "es", "it", "zh")
"""Languages with a phrase book of their own."""

_CLAUSE_END = frozenset((*SENTENCE_END, ",", ":", "、", "-", "–", "—"))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventEntry(_Strict):
    """One event of a book.

    ``negatable: false`` marks formulas, such as thanks, that a "not" nearby does not take back.
    """

    about: str = ""
    phrases: tuple[str, ...] = Field(min_length=1)
    unless: tuple[str, ...] = ()  # a match that overlaps one of these does not count
    negatable: bool = True
    replace: bool = False  # in a user's book: instead of the built-in phrases, not besides them


class Negation(_Strict):
    """How a language takes back what follows."""

    markers: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()  # formulas that contain a marker but negate nothing
    breaks: tuple[str, ...] = ()  # words that start a new clause
    window: int = Field(default=4, ge=1, le=10)  # tokens between marker and phrase


class BookFile(_Strict):
    """What a phrase book file may say."""

    language: str
    not_names: tuple[str, ...] = ()  # words that <name> must not be
    digits: tuple[str, ...] = ()  # spoken digits
    negation: Negation = Negation()
    conditional: tuple[str, ...] = ()
    conditional_window: int = Field(default=12, ge=1, le=30)
    events: dict[str, EventEntry]


@dataclass(frozen=True, slots=True)
class Span:
    """Where an event was found in one doc: tokens and characters, both [start, end)."""

    event: str
    start: int
    end: int
    start_char: int
    end_char: int
    negated: bool = False
    conditional: bool = False


_NEGATION, _HARMLESS, _BREAK, _CONDITIONAL = "!negation", "!harmless", "!break", "!conditional"
_MARKERS = frozenset((_NEGATION, _HARMLESS, _BREAK, _CONDITIONAL))
_UNLESS = "!unless "


class PhraseBook:
    """The phrases of one language.

    Attributes
    ----------
    language : str
        Primary language.
    version : str
        Hash of everything the book says.
    """

    def __init__(self, content: BookFile) -> None:
        self.content = content
        self.language = content.language
        said = json.dumps(content.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        self.version = hashlib.sha256(said.encode()).hexdigest()[:12]
        self._parsed: dict[str, tuple[Variant, ...]] = {}
        self._indices: dict[frozenset[str], PhraseIndex] = {}
        self._pieces: dict[str, list[str]] = {}

    @property
    def events(self) -> tuple[str, ...]:
        """The events that the book has phrases for."""
        return tuple(self.content.events)

    def require(self, event: str) -> EventEntry:
        """Return an event's entry, or raise ScorerError with the nearest name."""
        try:
            return self.content.events[event]
        except KeyError:
            raise ScorerError(
                f"no event '{event}' in the phrase book for '{self.language}'."
                f"{near_miss(event, self.events)} It has {', '.join(sorted(self.events))}."
            ) from None

    def check(self) -> None:
        """Parse every phrase, or raise ScorerError naming the event and the phrase."""
        for key in (*self.events, *(_UNLESS + event for event in self.events), *sorted(_MARKERS)):
            self._variants(key)

    def find(self, doc: Doc, events: Iterable[str]) -> list[Span]:
        """Return where the events are found in one turn, in order; one event's spans are disjoint.

        Parameters
        ----------
        doc : spacy.tokens.Doc
            A turn, tokenised with the pipeline of the book's language.
        events : iterable of str
            Events of this book.

        Raises
        ------
        ScorerError
            If the book has no such event, or one of its phrases is malformed.
        """
        wanted = frozenset(events)
        keys = wanted | {_UNLESS + event for event in wanted}
        found = self._matches(doc, keys)
        if not found:
            return []
        markers: _Markers | None = None
        kept: list[Span] = []
        for event in wanted:
            excluded = found.get(_UNLESS + event, ())
            negatable = self.content.events[event].negatable
            for match in _disjoint(found.get(event, [])):
                if any(match.start < e.end and e.start < match.end for e in excluded):
                    continue
                markers = markers or _Markers(self, doc)
                last = doc[match.end - 1]
                kept.append(
                    Span(
                        event,
                        match.start,
                        match.end,
                        doc[match.start].idx,
                        last.idx + len(last),
                        negatable and markers.negate(match),
                        markers.condition(match.start),
                    )
                )
        return sorted(kept, key=lambda span: (span.start, span.end, span.event))

    def _matches(self, doc: Doc, keys: frozenset[str]) -> dict[str, list[Match]]:
        index = self._indices.get(keys)
        if index is None:
            variants = [(key, v) for key in sorted(keys) for v in self._variants(key)]
            index = self._indices[keys] = PhraseIndex(variants, self._lexicon)
        found: dict[str, list[Match]] = {}
        for match in index.search(doc):
            found.setdefault(match.key, []).append(match)
        return found

    @cached_property
    def _lexicon(self) -> Lexicon:
        """The words of the language, and how often each occurs in the book."""
        counts: Counter[str] = Counter()
        for entry in self.content.events.values():
            for phrase in entry.phrases:
                counts.update(token.norm_ for token in tokenise(phrase, self.language))
        return Lexicon(
            pipeline(self.language).vocab,
            self._all_pieces(self.content.not_names),
            self._all_pieces(self.content.digits),
            counts,
        )

    def _all_pieces(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({piece for word in words for piece in self._split(word)}))

    def _split(self, word: str) -> list[str]:
        pieces = self._pieces.get(word)
        if pieces is None:
            doc = tokenise(word, self.language)
            pieces = self._pieces[word] = [t.norm_ for t in doc if not t.is_space]
        return pieces

    def _sources(self, key: str) -> Sequence[str]:
        negation = self.content.negation
        markers = {
            _NEGATION: negation.markers,
            _HARMLESS: negation.harmless,
            _BREAK: negation.breaks,
            _CONDITIONAL: self.content.conditional,
        }
        if key in markers:
            return markers[key]
        if key.startswith(_UNLESS):
            return self.require(key.removeprefix(_UNLESS)).unless
        return self.require(key).phrases

    def _variants(self, key: str) -> tuple[Variant, ...]:
        if key not in self._parsed:
            variants: list[Variant] = []
            for source in self._sources(key):
                try:
                    variants += parse_phrase(source, self._split)
                except ScorerError as error:
                    place = key.removeprefix(_UNLESS)
                    raise ScorerError(f"phrase book '{self.language}', {place}: {error}") from None
            self._parsed[key] = tuple(dict.fromkeys(variants))
        return self._parsed[key]


class _Markers:
    """Negators and conditionals of one doc, found once when first needed."""

    def __init__(self, book: PhraseBook, doc: Doc) -> None:
        found = book._matches(doc, _MARKERS)
        self.strings = doc.vocab.strings
        self.words = norms(doc)
        harmless = found.get(_HARMLESS, ())
        self.negators = [
            (match.start, match.end)
            for match in found.get(_NEGATION, ())
            if not any(match.start < h.end and h.start < match.end for h in harmless)
            and not self._asks_either_way(match.start, match.end)
        ]
        self.conditionals = [match.start for match in found.get(_CONDITIONAL, ())]
        clause_ends, sentence_ends = _end_ids()
        self.breaks = {match.start for match in found.get(_BREAK, ())}
        self.breaks.update(i for i, word in enumerate(self.words) if word in clause_ends)
        self.sentence_ends = [i for i, word in enumerate(self.words) if word in sentence_ends]
        self.window = book.content.negation.window
        self.conditional_window = book.content.conditional_window

    def _asks_either_way(self, start: int, end: int) -> bool:
        """Whether a word stands on both sides, as in Chinese 能不能."""
        return start > 0 and end < len(self.words) and self.words[start - 1] == self.words[end]

    def negate(self, match: Match) -> bool:
        for begin, stop in self.negators:
            if match.start <= begin and stop <= match.end:
                word = self.strings[self.words[begin]]
                own = (word in e.words for e in match.variant.elements)
                if not any(own):
                    return True
            elif (
                stop <= match.start
                and match.start - stop <= self.window
                and not any(i in self.breaks for i in range(stop, match.start))
            ):
                return True
        return False

    def condition(self, start: int) -> bool:
        return any(
            0 <= start - begin <= self.conditional_window
            and not any(begin < end < start for end in self.sentence_ends)
            for begin in self.conditionals
        )


@lru_cache(maxsize=1)
def _end_ids() -> tuple[frozenset[int], frozenset[int]]:
    """Return the word ids that end a clause, and those that end a sentence."""
    from spacy.strings import get_string_id

    return (
        frozenset(get_string_id(mark) for mark in _CLAUSE_END),
        frozenset(get_string_id(mark) for mark in SENTENCE_END),
    )


def _disjoint(found: list[Match]) -> list[Match]:
    """Keep the longest of overlapping matches, the earlier one of equally long ones."""
    if len(found) < 2:
        return found
    kept: list[Match] = []
    taken: set[int] = set()
    for match in sorted(found, key=lambda m: (m.start - m.end, m.start)):
        tokens = range(match.start, match.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(match)
    return kept


_FileState: TypeAlias = tuple[str, int, int]  # path, when changed, size: what a cache may rely on


def _file_state(path: str | Path) -> _FileState:
    try:
        state = Path(path).stat()
    except OSError as error:
        raise ScorerError(f"{path}: the phrase book cannot be read ({error.strerror})") from None
    return str(path), state.st_mtime_ns, state.st_size


def load_book_file(path: str | Path) -> BookFile:
    """Read one phrase book file.

    Raises
    ------
    ScorerError
        If it is missing, not YAML, or says something that a book may not say.
    """
    return _load(_file_state(path))


@lru_cache(maxsize=64)
def _load(state: _FileState) -> BookFile:
    path = state[0]
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScorerError(f"{path}: the phrase book cannot be read ({error})") from None
    return _parse(text, path)


def _parse(text: str, name: str) -> BookFile:
    try:
        content = yaml.load(text, Loader=_loader())  # noqa: S506 - strings, lists and maps only
    except yaml.YAMLError as error:
        raise ScorerError(f"{name}: not valid YAML: {error}") from None
    try:
        return BookFile.model_validate(content)
    except ValidationError as error:
        errors = error.errors()
        unknown = [e for e in errors if e["type"] == "extra_forbidden"]
        first = (unknown or errors)[0]
        place = ".".join(map(str, first["loc"]))
        hint = ""
        if first["type"] == "extra_forbidden":
            known = {*BookFile.model_fields, *EventEntry.model_fields, *Negation.model_fields}
            hint = near_miss(str(first["loc"][-1]), known)
        raise ScorerError(f"{name}: {place}: {first['msg']}.{hint}") from None


def _loader() -> Any:
    # The base loader keeps "no", "on" and "yes" the words that they are in a phrase book.
    return getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@lru_cache(maxsize=len(LANGUAGES))
def _built_in(language: str) -> BookFile:
    file = resources.files("autoqa.scorers") / "phrases" / f"{language}.yaml"
    return _parse(file.read_text(encoding="utf-8"), f"phrases/{language}.yaml")


def merge_books(base: BookFile, own: BookFile) -> BookFile:
    """Return `base` with what a user's own book adds or replaces."""
    events = dict(base.events)
    for name, entry in own.events.items():
        old = events.get(name)
        if old is None or entry.replace:
            events[name] = entry
        else:
            events[name] = old.model_copy(
                update={
                    "phrases": tuple(dict.fromkeys((*old.phrases, *entry.phrases))),
                    "unless": tuple(dict.fromkeys((*old.unless, *entry.unless))),
                }
            )
    said = {key: getattr(own, key) for key in own.model_fields_set}
    return base.model_copy(update={**said, "language": base.language, "events": events})


def phrase_book(language: str, own: Sequence[str | Path] = ()) -> PhraseBook:
    """Return the phrase book of a language, built in and extended by the user's own files.

    Parameters
    ----------
    language : str
        Primary language, for example ``es``.
    own : sequence of path
        The user's own books; those of other languages are passed over.

    Raises
    ------
    ScorerError
        If there is none for the language, or a file cannot be used.
    """
    return _book(language, tuple(_file_state(path) for path in own))


@lru_cache(maxsize=64)
def _book(language: str, own: tuple[_FileState, ...]) -> PhraseBook:
    content = _built_in(language) if language in LANGUAGES else None
    for state in own:
        extra = _load(state)
        if extra.language == language:
            content = extra if content is None else merge_books(content, extra)
    if content is None:
        raise ScorerError(
            f"no phrase book for language '{language}' (built in: {', '.join(LANGUAGES)}); "
            "point to your own with 'phrases: book.yaml'"
        )
    return PhraseBook(content)


def has_phrase_book(language: str, own: Sequence[str | Path] = ()) -> bool:
    """Whether `phrase_book` has something for a language."""
    return language in LANGUAGES or any(load_book_file(path).language == language for path in own)
