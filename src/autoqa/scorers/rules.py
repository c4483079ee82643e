"""The rules scorer: rates what was said, by whom, where and in which order, with phrase books."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autoqa.errors import ScorerError, near_miss
from autoqa.features.batch import Batch
from autoqa.records import Evidence, RaterKind, Rating, Speaker, Status, Transcript
from autoqa.scorecard.schema import Criterion
from autoqa.scorers.base import register_scorer
from autoqa.scorers.expressions import Expression, asked_of, parse_expression
from autoqa.scorers.matching import Conversation, Found
from autoqa.scorers.mentions import Mention, MentionTable, mention_table
from autoqa.scorers.phrasebook import (
    LANGUAGES,
    has_phrase_book,
    load_book_file,
    phrase_book,
)

RATER = "rules"

MAX_EVIDENCE = 20
"""Spans that one rating carries at most."""

# Part of every version: raise it when the same rules and phrases would rate differently.
_CODE_VERSION = 2


@dataclass(frozen=True)
class Rule:
    """What one criterion asks for: levels from the highest down, each with its expression."""

    criterion: Criterion
    steps: tuple[tuple[int, Expression], ...]
    books: tuple[str, ...]  # the user's own phrase books

    @cached_property
    def asked(self) -> dict[str, frozenset[Speaker]]:
        """Every event that must be looked up, with whose turns it counts in."""
        asked: dict[str, frozenset[Speaker]] = {}
        for _, step in self.steps:
            for event, speakers in asked_of(step, str(self.criterion.speaker)):
                asked[event] = asked.get(event, frozenset()) | speakers
        return asked

    @cached_property
    def events(self) -> frozenset[str]:
        """Every event that must be looked up."""
        return frozenset(self.asked)


def parse_rule(criterion: Criterion, *, phrases: Sequence[str] = ()) -> Rule:
    """Return the rule that a criterion's ``scorer`` settings state.

    Raises
    ------
    ScorerError
        If there is none, or it cannot be used; the message names the criterion.
    """
    where = f"criterion '{criterion.id}'"
    if criterion.unit != "conversation":
        raise ScorerError(f"{where}: rules rate conversations, its unit is '{criterion.unit}'")
    settings = criterion.scorer.settings if criterion.scorer else {}
    if not settings:
        raise ScorerError(
            f"{where}: no rule. Write one, for example scorer: {{use: rules, say: greeting}}"
        )
    books = (*phrases, *book_paths(settings.pop("phrases", ()), where))
    if "levels" not in settings:
        step = parse_expression(settings, where)
        return Rule(criterion, ((criterion.scale[-1], step),), books)
    levels = settings.pop("levels")
    if settings:
        other = ", ".join(map(str, settings))
        raise ScorerError(f"{where}: 'levels' stands alone, found {other} beside it")
    if not isinstance(levels, Mapping) or not levels:
        raise ScorerError(f"{where}: levels maps levels of the scale to expressions")
    steps = {}
    for key, value in levels.items():
        level = int(key) if str(key).lstrip("-").isdigit() else None
        if level not in criterion.scale:
            scale = ", ".join(map(str, criterion.scale))
            raise ScorerError(f"{where}: level {key!r} is not one of its scale ({scale})")
        steps[level] = parse_expression(value, f"{where}.levels.{key}")
    return Rule(criterion, tuple(sorted(steps.items(), reverse=True)), books)


def book_paths(value: object, where: str) -> tuple[str, ...]:
    """Return the files that a ``phrases`` setting names, or raise ScorerError naming `where`."""
    if isinstance(value, str | Path):
        return (str(value),)
    if isinstance(value, list | tuple) and all(isinstance(v, str | Path) for v in value):
        return tuple(map(str, value))
    raise ScorerError(f"{where}: phrases is a file or a list of files")


@register_scorer(RATER)
class RulesScorer:
    """Rates criteria by rules over phrase books.

    The highest level whose expression holds is given, otherwise the lowest of the scale. Evidence
    are the spans that an expression matched, with their share of the level's distance from the
    lowest; where something was said that should never be, they carry what it cost, below zero.
    Conversations without turns, or in a language without a phrase book, are abstained on.

    Parameters
    ----------
    criteria : sequence of Criterion
        Each with the expressions in its ``scorer`` settings.
    phrases : str, path or sequence of them, optional
        The user's own phrase books, for every criterion. A criterion may name more in its settings.

    Raises
    ------
    ScorerError
        If an expression or a phrase book cannot be used, or no book has an event.
    """

    def __init__(
        self, criteria: Sequence[Criterion], *, phrases: str | Path | Sequence[str | Path] = ()
    ) -> None:
        self.criteria = tuple(criteria)
        shared = book_paths(phrases, "rules scorer")
        self.rules = tuple(parse_rule(criterion, phrases=shared) for criterion in self.criteria)
        for rule in self.rules:
            _check_events(rule)
        self._asked: dict[tuple[str, ...], dict[str, frozenset[Speaker]]] = {}
        for rule in self.rules:
            asked = self._asked.setdefault(rule.books, {})
            for event, speakers in rule.asked.items():
                asked[event] = asked.get(event, frozenset()) | speakers

    @cached_property
    def version(self) -> str:
        """Hash of the code's version, every rule, and every phrase book they may use."""
        said = [
            _CODE_VERSION,
            [
                [c.id, c.scale, c.speaker, c.scorer.settings if c.scorer else {}]
                for c in self.criteria
            ],
            [
                [phrase_book(language, books).version for language in _languages(books)]
                for books in sorted(self._asked)
            ],
        ]
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in that order."""
        table = mention_table(batch)
        ratings: list[Rating] = []
        for index in range(len(batch)):
            known: dict[tuple[tuple[str, ...], str], Conversation] = {}
            ratings += [self._rate(rule, batch, index, table, known) for rule in self.rules]
        return ratings

    def _rate(
        self,
        rule: Rule,
        batch: Batch,
        index: int,
        table: MentionTable,
        known: dict[tuple[tuple[str, ...], str], Conversation],
    ) -> Rating:
        transcript = batch.transcripts[index]
        if not transcript.turns:
            return _abstained(rule, transcript, "no turns")
        language = transcript.primary_language
        unknown = why_unknown(rule.events, language, rule.books)
        if unknown:
            return _abstained(rule, transcript, unknown)
        key = (rule.books, str(rule.criterion.speaker))
        if key not in known:
            mentions: Mapping[str, tuple[Mention, ...]] = {}
            if has_phrase_book(language, rule.books):
                book = phrase_book(language, rule.books)
                asked = {
                    event: speakers
                    for event, speakers in self._asked[rule.books].items()
                    if event in book.content.events
                }
                mentions = table.of(batch, index, book, asked)
            known[key] = Conversation(transcript, mentions, speaker=key[1])
        return _rated(rule, known[key])


def why_unknown(events: Collection[str], language: str, books: Sequence[str]) -> str:
    """Return why events cannot be looked up in a language; nothing where they can."""
    if not events:
        return ""
    if not has_phrase_book(language, books):
        return f"no phrase book for language '{language}'"
    missing = set(events).difference(phrase_book(language, books).events)
    names = ", ".join(f"'{event}'" for event in sorted(missing))
    return f"the phrase book for '{language}' has no {names}" if missing else ""


def events_of(books: tuple[str, ...]) -> set[str]:
    """Return every event that some phrase book has, built in or one of `books`.

    Raises
    ------
    ScorerError
        If one of `books` cannot be used.
    """
    known: set[str] = set()
    for language in _languages(books):
        book = phrase_book(language, books)
        if books:  # the built-in ones are checked by their tests
            book.check()
        known.update(book.events)
    return known


def _languages(books: tuple[str, ...]) -> list[str]:
    own = {load_book_file(path).language for path in books}
    return sorted(own.union(LANGUAGES))


def _check_events(rule: Rule) -> None:
    if not rule.events:
        return
    known = events_of(rule.books)
    for event in sorted(rule.events - known):
        raise ScorerError(
            f"criterion '{rule.criterion.id}': no phrase book has an event '{event}'."
            f"{near_miss(event, known)} Known: {', '.join(sorted(known))}."
        )


def _abstained(rule: Rule, transcript: Transcript, reason: str) -> Rating:
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=rule.criterion.id,
        rater=RATER,
        kind=RaterKind.MODEL,
        status=Status.ABSTAINED,
        reason=reason,
    )


def _rated(rule: Rule, conversation: Conversation) -> Rating:
    scale = rule.criterion.scale
    level, found, reason = scale[0], Found(), ""
    for step_level, step in rule.steps:
        held = conversation.search(step)
        if held is not None:
            level, found = step_level, held
            reason = conversation.why_absent(step)
            break
    else:
        reason = conversation.why_not(rule.steps[0][1])
    spans: tuple[Mention, ...] = found.mentions
    worth = level - scale[0]
    if not spans and level < scale[-1]:
        spans = conversation.violations(rule.steps[0][1])
        worth = level - scale[-1]
    return Rating(
        conversation_id=conversation.transcript.conversation_id,
        criterion=rule.criterion.id,
        rater=RATER,
        kind=RaterKind.MODEL,
        status=Status.RATED,
        level=level,
        expected=float(level),
        probabilities=tuple(float(step == level) for step in scale),
        evidence=_evidence(spans, float(worth)),
        reason=reason,
    )


def _evidence(mentions: tuple[Mention, ...], worth: float) -> tuple[Evidence, ...]:
    spans = list(dict.fromkeys((m.turn, m.start, m.end) for m in mentions))[:MAX_EVIDENCE]
    return tuple(
        Evidence(turn=turn, start=start, end=end, contribution=worth / len(spans))
        for turn, start, end in spans
    )
