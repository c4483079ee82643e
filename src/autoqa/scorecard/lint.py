"""What makes a scorecard bad, found before anybody scores with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from autoqa.errors import ScorecardError, near_miss
from autoqa.records import CSAT, Channel, Speaker
from autoqa.scorecard.findings import Finding, Severity
from autoqa.scorecard.load import examine, find_scorecard
from autoqa.scorecard.rule_checks import event_findings, rule_findings
from autoqa.scorecard.schema import Condition, Criterion, Scorecard, ScorerSpec
from autoqa.scorecard.wording import inferred_feeling, two_things

_LONGEST = 1000  # turns; a condition that needs more never meets a conversation


def lint(
    card: Scorecard,
    *,
    known_events: Collection[str] | None = None,
    known_scorers: Collection[str] | None = None,
) -> list[Finding]:
    """Return what is wrong or weak in a scorecard, in the order of the form.

    Parameters
    ----------
    card : Scorecard
    known_events : collection of str, optional
        Events of the phrase books. Without them, event names are not checked.
    known_scorers : collection of str, optional
        Names of registered scorers. Without them, scorer names are not checked.

    Returns
    -------
    list of Finding
        Errors make answers wrong or impossible, warnings make them worth less. Wording is checked
        by heuristics for English, Spanish, Italian and Chinese (see `autoqa.scorecard.wording`).
    """
    findings = list(_card_findings(card))
    for section in card.sections:
        if not section.criteria:
            findings.append(
                _error(
                    "empty_section",
                    f"sections.{section.id}",
                    "has no criteria; add one or drop the section",
                )
            )
        for criterion in section.criteria:
            findings += _text_findings(criterion, _primary(card.language))
            findings += _scale_findings(criterion)
            findings += _condition_findings(criterion, known_events)
            if criterion.scorer is not None:
                findings += _scorer_findings(
                    criterion.scorer, criterion, known_events, known_scorers
                )
    return findings


def lint_file(
    name_or_path: str | Path,
    *,
    known_events: Collection[str] | None = None,
    known_scorers: Collection[str] | None = None,
) -> list[Finding]:
    """Lint a library scorecard or a file; what makes it unloadable is reported as errors.

    Raises
    ------
    ScorecardError
        If there is no such scorecard or file.
    """
    path = find_scorecard(name_or_path)
    try:
        card, problems = examine(path)
    except ScorecardError as error:
        return [_unreadable(line, path) for line in str(error).splitlines()]
    if card is None:
        return [_error(p.code, p.where or path.name, p.message) for p in problems]
    return lint(card, known_events=known_events, known_scorers=known_scorers)


def _unreadable(line: str, path: Path) -> Finding:
    where, _, message = line.partition(": ")
    code = "duplicate_key" if message.startswith("duplicate key") else "unreadable"
    return _error(code, where or path.name, message)


def _card_findings(card: Scorecard) -> Iterator[Finding]:
    criteria = card.criteria
    if not criteria:
        yield _error("no_criteria", card.id, "has no criteria; add a section with at least one")
        return
    total = math.fsum(criterion.weight for criterion in criteria)
    if not total:
        yield _error(
            "weights_sum_to_zero",
            card.id,
            "weights sum to 0, so no total can be given; add weight:",
        )
    elif abs(total - 100) > 1e-6:
        yield _warning(
            "weights_not_100",
            card.id,
            f"weights sum to {total:g}; with 100, a weight reads as points of the total",
        )
    if not any(criterion.critical for criterion in criteria):
        yield _warning(
            "no_critical_criterion",
            card.id,
            "no criterion is critical; mark what must never go wrong with critical: true",
        )
    if all(len(criterion.levels) == 2 for criterion in criteria):
        yield _warning(
            "all_binary",
            card.id,
            "every scale is pass or fail, which hides how well things went; "
            "give some criteria a middle level",
        )
    asked = Counter(criterion.question.strip().casefold() for criterion in criteria)
    for criterion in criteria:
        if asked[criterion.question.strip().casefold()] > 1:
            yield _warning(
                "repeated_question",
                f"{criterion.id}.question",
                "another criterion asks the same; drop one or tell them apart",
            )


def _text_findings(criterion: Criterion, language: str) -> Iterator[Finding]:
    where = f"{criterion.id}.question"
    if not criterion.question.strip():
        yield _error("no_question", where, "is empty; ask about wording that can be pointed at")
    joined = two_things(criterion.question, language)
    if joined:
        yield _warning(
            "asks_two_things",
            where,
            f"asks two things ('{joined}'), so one answer cannot fit both; make two criteria",
        )
    texts = [(where, criterion.question)]
    for number, level in criterion.levels.items():
        at = f"{criterion.id}.levels.{number}"
        texts.append((at, f"{level.label}. {level.description}"))
        if not level.description.strip():
            yield _warning(
                "level_without_description",
                at,
                f"'{level.label}' has no description; say what is seen at this level",
            )
    for at, text in texts:
        feeling = inferred_feeling(text, language)
        if feeling:
            yield _warning(
                "infers_feelings",
                at,
                f"'{feeling}' asks for feelings, which a transcript does not show; "
                "name the words that count",
            )
    if not criterion.guidance.strip():
        yield _warning(
            "no_guidance",
            f"{criterion.id}.guidance",
            "is missing; say what to look for, where, and when N/A is right",
        )


def _scale_findings(criterion: Criterion) -> Iterator[Finding]:
    where = f"{criterion.id}.levels"
    labels = Counter(level.label.strip().casefold() for level in criterion.levels.values())
    for number, level in criterion.levels.items():
        if not level.label.strip():
            yield _error("no_label", f"{where}.{number}", "has no label; name the level")
        elif labels[level.label.strip().casefold()] > 1:
            yield _warning(
                "repeated_label",
                f"{where}.{number}",
                f"label '{level.label}' is used twice on this scale; tell the levels apart",
            )
    earned = [criterion.points(level) for level in criterion.scale]
    if criterion.critical and earned[0] > 0:
        yield _error(
            "critical_cannot_fail",
            where,
            "is critical, but its lowest level earns points, so it never fails; set points: 0",
        )
    if earned[0] == earned[-1]:
        yield _warning(
            "flat_scale", where, "every level earns the same points; the answer changes nothing"
        )
    if criterion.id == CSAT:
        yield _error(
            "reserved_id",
            f"{criterion.id}.id",
            f"'{CSAT}' names predicted satisfaction; choose another id",
        )


def _condition_findings(
    criterion: Criterion, known_events: Collection[str] | None
) -> Iterator[Finding]:
    condition = criterion.applies_when
    if condition is None:
        return
    where = f"{criterion.id}.applies_when"
    if condition == Condition():
        yield _warning("idle_condition", where, "says nothing; drop it")
    if not criterion.not_applicable:
        yield _error(
            "contradictory_condition",
            where,
            "makes the criterion N/A at times, which not_applicable: false forbids; drop one",
        )
    for channel in condition.channel:
        if channel not in list(Channel):
            hint = near_miss(channel, Channel) or f" Known: {', '.join(Channel)}."
            yield _unreachable(
                f"{where}.channel", f"no conversation has channel '{channel}'.{hint}"
            )
    for name in ("queue", "topic", "action"):
        if any(not value.strip() for value in getattr(condition, name)):
            yield _unreachable(f"{where}.{name}", "an empty value never matches; drop it")
    if condition.min_turns is not None and condition.min_turns > _LONGEST:
        yield _unreachable(
            f"{where}.min_turns",
            f"hardly a conversation has {condition.min_turns:,} turns; lower it",
        )
    if condition.speaker is Speaker.SYSTEM:
        yield _unreachable(f"{where}.speaker", "system lines are not searched; name a person")
    if condition.mentions is not None:
        yield from event_findings(condition.mentions, f"{where}.mentions", known_events)
    elif condition.speaker is not None:
        yield _warning(
            "idle_condition",
            f"{where}.speaker",
            "has no effect without mentions; add it or drop this",
        )


def _scorer_findings(
    spec: ScorerSpec,
    criterion: Criterion,
    known_events: Collection[str] | None,
    known_scorers: Collection[str] | None,
) -> Iterator[Finding]:
    if known_scorers is not None and spec.use not in known_scorers:
        hint = near_miss(spec.use, known_scorers) or f" Known: {', '.join(sorted(known_scorers))}."
        yield _error(
            "unknown_scorer", f"{criterion.id}.scorer.use", f"no scorer named '{spec.use}'.{hint}"
        )
    if spec.use == "rules":
        yield from rule_findings(spec, criterion, known_events)
    if spec.fallback is not None:
        yield from _scorer_findings(spec.fallback, criterion, known_events, known_scorers)


def _unreachable(where: str, message: str) -> Finding:
    return _error("unreachable_condition", where, message)


def _error(code: str, where: str, message: str) -> Finding:
    return Finding(code=code, where=where, message=message, severity=Severity.ERROR)


def _warning(code: str, where: str, message: str) -> Finding:
    return Finding(code=code, where=where, message=message)


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
