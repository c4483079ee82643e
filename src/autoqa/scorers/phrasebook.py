"""Phrase books: what people say, per language and event, in readable YAML.

A book maps events (``greeting``, ``apology`` ...) to phrases written in the language of
`autoqa.scorers.phrase_syntax`. They are compiled for spaCy's Matcher when an event is first asked
for. Before a Matcher runs, the words of a turn are looked up in an index of the words that each
phrase needs, so a turn meets only the few phrases that it could contain.
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
from autoqa.scorers.phrase_syntax import SENTENCE_END, Variant, matcher_pattern, parse_phrase

if TYPE_CHECKING:
    from spacy.matcher import Matcher
    from spacy.tokens import Doc

LANGUAGES = ("en", "es", "it", "zh")
"""Languages with a phrase book of their own."""

_MAX_REMEMBERED_WORDS = 200_000
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


@dataclass(slots=True, eq=False)
class _Compiled:
    key: str
    variant: Variant
    anchor: frozenset[int]
    required: tuple[frozenset[int], ...]
    own_words: frozenset[str]
    matcher: Matcher | None = None


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
        self._compiled: dict[str, list[_Compiled]] = {}
        self._indices: dict[frozenset[str], dict[int, list[_Compiled]]] = {}
        self._prefixes: dict[str, int] = {}
        self._pieces: dict[str, list[str]] = {}
        self._symbols: dict[int, tuple[int, ...]] = {}

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
        kept: list[Span] = []
        markers: _Markers | None = None
        for event in wanted:
            excluded = [(start, end) for start, end, _ in found.get(_UNLESS + event, ())]
            negatable = self.content.events[event].negatable
            for start, end, compiled in _disjoint(found.get(event, [])):
                if any(start < stop and begin < end for begin, stop in excluded):
                    continue
                markers = markers or _Markers(self, doc)
                last = doc[end - 1]
                kept.append(
                    Span(
                        event,
                        start,
                        end,
                        doc[start].idx,
                        last.idx + len(last),
                        negatable and markers.negate(start, end, compiled.own_words),
                        markers.condition(start),
                    )
                )
        return sorted(kept, key=lambda span: (span.start, span.end, span.event))

    def _matches(
        self, doc: Doc, keys: frozenset[str]
    ) -> dict[str, list[tuple[int, int, _Compiled]]]:
        index = self._index(keys)
        present = set(norms(doc))
        for norm in tuple(present):
            present.update(self._symbols_of(norm, doc))
        found: dict[str, list[tuple[int, int, _Compiled]]] = {}
        seen: set[int] = set()
        for word in present:
            for compiled in index.get(word, ()):
                if id(compiled) in seen:
                    continue
                seen.add(id(compiled))
                if any(needed.isdisjoint(present) for needed in compiled.required):
                    continue
                for _, start, end in self._matcher(compiled)(doc):
                    if _at_edges(doc, start, end, compiled.variant):
                        found.setdefault(compiled.key, []).append((start, end, compiled))
        return found

    def _index(self, keys: frozenset[str]) -> dict[int, list[_Compiled]]:
        index = self._indices.get(keys)
        if index is None:
            index = {}
            for key in sorted(keys):
                for compiled in self._compile(key):
                    for word in compiled.anchor:
                        index.setdefault(word, []).append(compiled)
            self._symbols.clear()  # a prefix of these phrases may apply to words seen before
            self._indices[keys] = index
        return index

    def _symbols_of(self, norm: int, doc: Doc) -> tuple[int, ...]:
        """Return the ids of the prefixes and classes that a word belongs to."""
        found = self._symbols.get(norm)
        if found is None:
            word = doc.vocab.strings[norm]
            found = tuple(i for prefix, i in self._prefixes.items() if word.startswith(prefix))
            if word in self._spoken_digits or doc.vocab[word].like_num:
                found += (_NUMBER,)
            if len(self._symbols) > _MAX_REMEMBERED_WORDS:
                self._symbols.clear()
            self._symbols[norm] = found
        return found

    @cached_property
    def _spoken_digits(self) -> frozenset[str]:
        return frozenset(w for digit in self.content.digits for w in self._split(digit))

    @cached_property
    def _not_names(self) -> tuple[str, ...]:
        return tuple(sorted({w for name in self.content.not_names for w in self._split(name)}))

    @cached_property
    def _frequency(self) -> Counter[str]:
        """How often words occur in the book: the rarest word of a phrase is its best anchor."""
        counts: Counter[str] = Counter()
        for entry in self.content.events.values():
            for phrase in entry.phrases:
                counts.update(token.norm_ for token in tokenise(phrase, self.language))
        return counts

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

    def _compile(self, key: str) -> list[_Compiled]:
        if key not in self._compiled:
            compiled: dict[Variant, _Compiled] = {}
            for source in self._sources(key):
                try:
                    variants = parse_phrase(source, self._split)
                except ScorerError as error:
                    raise ScorerError(f"phrase book '{self.language}', {key}: {error}") from None
                for variant in variants:
                    if variant not in compiled:
                        compiled[variant] = self._prepare(key, variant)
            self._compiled[key] = list(compiled.values())
        return self._compiled[key]

    def _prepare(self, key: str, variant: Variant) -> _Compiled:
        from spacy.strings import get_string_id

        needed: list[tuple[int, frozenset[int]]] = []
        for element in variant.elements:
            if element.optional:
                continue
            if element.kind in ("number", "digit", "digits"):
                needed.append((1000, frozenset((_NUMBER,))))
            elif element.literal:
                ids = {get_string_id(word) for word in element.words}
                for prefix in element.prefixes:
                    ids.add(self._prefixes.setdefault(prefix, get_string_id(prefix + "*")))
                weight = sum(self._frequency[word] for word in element.words)
                needed.append((weight, frozenset(ids)))
        if not needed:
            raise ScorerError(
                f"phrase book '{self.language}', {key}: a phrase needs a word or a number"
            )
        anchor = min(needed, key=lambda item: item[0])[1]
        required = tuple({ids for _, ids in needed if ids != anchor})
        own = frozenset(w for e in variant.elements for w in e.words)
        return _Compiled(key, variant, anchor, required, own)

    def _matcher(self, compiled: _Compiled) -> Matcher:
        if compiled.matcher is None:
            from spacy.matcher import Matcher

            pattern = matcher_pattern(
                compiled.variant.elements,
                not_names=self._not_names,
                digits=sorted(self._spoken_digits),
            )
            matcher = Matcher(pipeline(self.language).vocab, validate=False)
            matcher.add("phrase", [pattern], greedy="LONGEST")
            compiled.matcher = matcher
        return compiled.matcher


_NUMBER = 1  # id of the class of numbers; the ids of words are 64-bit hashes


class _Markers:
    """Negators and conditionals of one doc, found once when first needed."""

    def __init__(self, book: PhraseBook, doc: Doc) -> None:
        found = book._matches(doc, _MARKERS)
        self.words = [token.norm_ for token in doc]
        harmless = [(start, end) for start, end, _ in found.get(_HARMLESS, ())]
        self.negators = [
            (start, end)
            for start, end, _ in found.get(_NEGATION, ())
            if not any(start < stop and begin < end for begin, stop in harmless)
            and not self._asks_either_way(start, end)
        ]
        self.conditionals = [start for start, _, _ in found.get(_CONDITIONAL, ())]
        self.breaks = {start for start, _, _ in found.get(_BREAK, ())}
        self.breaks.update(i for i, word in enumerate(self.words) if word in _CLAUSE_END)
        self.sentence_ends = [i for i, word in enumerate(self.words) if word in SENTENCE_END]
        self.window = book.content.negation.window
        self.conditional_window = book.content.conditional_window

    def _asks_either_way(self, start: int, end: int) -> bool:
        """Whether a word stands on both sides, as in Chinese 能不能."""
        return start > 0 and end < len(self.words) and self.words[start - 1] == self.words[end]

    def negate(self, start: int, end: int, own_words: frozenset[str]) -> bool:
        for begin, stop in self.negators:
            if start <= begin and stop <= end:
                if self.words[begin] not in own_words:
                    return True
            elif (
                stop <= start
                and start - stop <= self.window
                and not any(i in self.breaks for i in range(stop, start))
            ):
                return True
        return False

    def condition(self, start: int) -> bool:
        return any(
            0 <= start - begin <= self.conditional_window
            and not any(begin < end < start for end in self.sentence_ends)
            for begin in self.conditionals
        )


def _disjoint(found: list[tuple[int, int, _Compiled]]) -> list[tuple[int, int, _Compiled]]:
    """Keep the longest of overlapping matches, the earlier one of equally long ones."""
    if len(found) < 2:
        return found
    kept: list[tuple[int, int, _Compiled]] = []
    taken: set[int] = set()
    for match in sorted(found, key=lambda m: (m[0] - m[1], m[0])):
        tokens = range(match[0], match[1])
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(match)
    return kept


def _at_edges(doc: Doc, start: int, end: int, variant: Variant) -> bool:
    def aside(i: int) -> bool:
        return bool(doc[i].is_punct or doc[i].is_space)

    if variant.at_start and not all(aside(i) for i in range(start)):
        return False
    return not (variant.at_end and not all(aside(i) for i in range(end, len(doc))))


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
        first = error.errors()[0]
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
