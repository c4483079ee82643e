"""Checks of the expressions that a scorecard gives to the rules scorer.

They say what can be said without phrase books or transcripts: keys and values that the grammar
does not have, and expressions that can never hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from autoqa.errors import near_miss
from autoqa.records import Speaker
from autoqa.scorecard.findings import Finding, Severity
from autoqa.scorecard.schema import Criterion, ScorerSpec

_OPERATORS = ("say", "action", "never", "all", "any", "sequence")
_COUNTS = ("first_turns", "last_turns", "times")
_SECONDS = ("first_seconds", "last_seconds")
_OPTIONS = (
    "speaker", *_COUNTS, *_SECONDS, "negated", "conditional", "after", "before", "within_turns"
)  # fmt: skip
_SPEAKERS = (*Speaker, "any")


def rule_findings(
    spec: ScorerSpec, criterion: Criterion, known_events: Collection[str] | None
) -> Iterator[Finding]:
    """Yield what is wrong with the settings of a ``use: rules`` scorer.

    Parameters
    ----------
    spec : ScorerSpec
    criterion : Criterion
        The criterion that the rules answer.
    known_events : collection of str, optional
        Events of the phrase books; without them event names are not checked.
    """
    where = f"{criterion.id}.scorer"
    settings = spec.settings
    if "levels" not in settings:
        yield from _expression(settings, where, known_events)
        if len(criterion.levels) > 2:
            between = ", ".join(str(level) for level in criterion.scale[1:-1])
            yield _warning(
                "unreachable_level",
                where,
                f"one rule never gives level {between}; write one rule per level under levels",
            )
        return
    for key in settings:
        if key != "levels":
            yield _error(
                "invalid_rule",
                f"{where}.{key}",
                "stands beside levels; move it into a level's rule",
            )
    rules = settings["levels"]
    if not isinstance(rules, Mapping):
        yield _error("invalid_rule", f"{where}.levels", "holds no rules; write LEVEL: RULE")
        return
    yield from _levels(rules, criterion, f"{where}.levels", known_events)


def _levels(
    rules: Mapping[Any, Any],
    criterion: Criterion,
    where: str,
    known_events: Collection[str] | None,
) -> Iterator[Finding]:
    scale = criterion.scale
    for level, rule in rules.items():
        if level not in scale:
            have = ", ".join(map(str, scale))
            yield _error("invalid_rule", f"{where}.{level}", f"is not on the scale {have}")
        yield from _expression(rule, f"{where}.{level}", known_events)
    for level in scale[1:]:
        if level not in rules:
            yield _warning(
                "unreachable_level",
                where,
                f"no rule gives level {level}; add one or drop the level",
            )
        elif any(rules.get(higher) == rules[level] for higher in scale if higher > level):
            yield _warning(
                "unreachable_level",
                f"{where}.{level}",
                "has the same rule as a higher level, which always wins; make it weaker",
            )


def _expression(rule: Any, where: str, known_events: Collection[str] | None) -> Iterator[Finding]:
    if not isinstance(rule, Mapping):
        yield _error(
            "invalid_rule", where, f"found {rule!r}; write a rule such as {{say: greeting}}"
        )
        return
    operators = [key for key in rule if key in _OPERATORS]
    if len(operators) != 1:
        found = " and ".join(operators) or "none"
        unknown = "".join(near_miss(str(key), _OPERATORS) for key in rule if key not in _OPTIONS)
        yield _error(
            "invalid_rule",
            where,
            f"a rule has one of {', '.join(_OPERATORS)}; found {found}.{unknown}",
        )
        return
    operator = operators[0]
    value = rule[operator]
    at = f"{where}.{operator}"
    if operator == "never":
        yield from _expression(value, at, known_events)
    elif operator in ("all", "any", "sequence"):
        yield from _list(operator, value, at, known_events)
    elif not isinstance(value, str) or not value:
        yield _error("invalid_rule", at, f"found {value!r}; write a name")
    elif operator == "say":
        yield from event_findings(value, at, known_events)
    yield from _options(rule, operator, where, known_events)


def _list(
    operator: str, value: Any, where: str, known_events: Collection[str] | None
) -> Iterator[Finding]:
    if not isinstance(value, list | tuple) or not value:
        yield _error("invalid_rule", where, "holds no rules; write a list: [RULE, RULE]")
        return
    for i, rule in enumerate(value):
        yield from _expression(rule, f"{where}.{i}", known_events)
    if operator == "any":
        return
    denied = [r["never"] for r in value if isinstance(r, Mapping) and "never" in r]
    if any(rule in denied for rule in value):
        yield _error(
            "unreachable_condition",
            where,
            "asks for something that it also forbids, so it never holds; drop one of the two",
        )


def _options(
    rule: Mapping[Any, Any], operator: str, where: str, known_events: Collection[str] | None
) -> Iterator[Finding]:
    for key, value in rule.items():
        at = f"{where}.{key}"
        if key == operator:
            continue
        if key not in _OPTIONS:
            yield _error("invalid_rule", at, f"unknown key.{near_miss(str(key), _OPTIONS)}")
        elif key == "speaker" and value not in _SPEAKERS:
            known = ", ".join(_SPEAKERS)
            yield _error("invalid_rule", at, f"found {value!r}; nobody is called that. Use {known}")
        elif key in ("negated", "conditional") and value not in (True, False, "any"):
            yield _error("invalid_rule", at, f"found {value!r}; write true, false or any")
        elif key in _COUNTS and not _is_number(value, whole=True, least=1):
            yield _error(
                "unreachable_condition", at, f"found {value!r}; write a whole number from 1"
            )
        elif key == "within_turns" and not _is_number(value, whole=True, least=0):
            yield _error(
                "unreachable_condition", at, f"found {value!r}; write a whole number from 0"
            )
        elif key in _SECONDS and not (_is_number(value, whole=False, least=0) and value > 0):
            yield _error(
                "unreachable_condition", at, f"found {value!r}; write a number of seconds above 0"
            )
        elif key in ("after", "before"):
            yield from _expression(value, at, known_events)
    if "within_turns" in rule and not ("after" in rule or "before" in rule):
        yield _error(
            "invalid_rule",
            f"{where}.within_turns",
            "is a distance to nothing; add after: or before:",
        )
    if "after" in rule and rule["after"] == rule.get("before"):
        yield _error(
            "unreachable_condition",
            where,
            "must stand both before and after the same thing, so it never holds; drop one",
        )


def event_findings(
    event: str, where: str, known_events: Collection[str] | None
) -> Iterator[Finding]:
    """Yield a finding when no phrase book has the event."""
    if known_events is not None and event not in known_events:
        hint = near_miss(event, known_events) or f" Known: {', '.join(sorted(known_events))}."
        yield _error("unknown_event", where, f"no phrase book has an event '{event}'.{hint}")


def _is_number(value: Any, *, whole: bool, least: float) -> bool:
    kinds = (int,) if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and value >= least


def _error(code: str, where: str, message: str) -> Finding:
    return Finding(code=code, where=where, message=message, severity=Severity.ERROR)


def _warning(code: str, where: str, message: str) -> Finding:
    return Finding(code=code, where=where, message=message)
