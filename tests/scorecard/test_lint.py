"""What makes a scorecard bad, and how lint says so."""

from __future__ import annotations

import copy

import pytest
import yaml

from autoqa.errors import ScorecardError
from autoqa.scorecard import Scorecard, Severity, lint, lint_file


def criterion(name, **changes):
    return {
        "id": name,
        "question": f"Did the agent use a {name.replace('_', ' ')}?",
        "guidance": "Look at the agent's turns.",
        "levels": {
            0: {"label": "no", "description": "Nowhere."},
            1: {"label": "once", "description": "At one point."},
            2: {"label": "often", "description": "At several points."},
        },
        "weight": 50,
    } | changes


CLEAN = {
    "id": "card",
    "version": 1,
    "sections": [{"id": "all", "criteria": [criterion("a", critical=True), criterion("b")]}],
}
BINARY = {
    0: {"label": "no", "description": "Not seen."},
    1: {"label": "yes", "description": "Seen."},
}


def card(**changes):
    """The clean card with the second criterion changed."""
    data = copy.deepcopy(CLEAN)
    data["sections"][0]["criteria"][1] |= changes
    return Scorecard.model_validate(data)


def codes(findings):
    return [(finding.code, finding.where) for finding in findings]


def test_a_good_card_has_no_findings():
    assert lint(card()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"question": "Did the agent greet and thank the customer?"},
            ("asks_two_things", "b.question"),
        ),
        ({"question": "Did the agent really care?"}, ("infers_feelings", "b.question")),
        ({"question": " "}, ("no_question", "b.question")),
        ({"question": "Did the agent use a A?"}, ("repeated_question", "b.question")),
        ({"guidance": ""}, ("no_guidance", "b.guidance")),
        ({"weight": 40}, ("weights_not_100", "card")),
        ({"levels": BINARY | {1: "yes"}}, ("level_without_description", "b.levels.1")),
        ({"levels": BINARY | {1: BINARY[0]}}, ("repeated_label", "b.levels.0")),
        ({"levels": BINARY | {1: BINARY[1] | {"label": ""}}}, ("no_label", "b.levels.1")),
        (
            {"levels": BINARY | {1: BINARY[1] | {"description": "The agent sounds sincere."}}},
            ("infers_feelings", "b.levels.1"),
        ),
        (
            {"critical": True, "levels": {0: BINARY[0] | {"points": 0.2}, 1: BINARY[1]}},
            ("critical_cannot_fail", "b.levels"),
        ),
        ({"levels": {0: BINARY[0], 1: BINARY[1] | {"points": 0}}}, ("flat_scale", "b.levels")),
        ({"id": "csat"}, ("reserved_id", "csat.id")),
        (
            {"applies_when": {"channel": "phone"}},
            ("unreachable_condition", "b.applies_when.channel"),
        ),
        ({"applies_when": {"queue": ""}}, ("unreachable_condition", "b.applies_when.queue")),
        (
            {"applies_when": {"min_turns": 9000}},
            ("unreachable_condition", "b.applies_when.min_turns"),
        ),
        ({"applies_when": {"speaker": "agent"}}, ("idle_condition", "b.applies_when.speaker")),
        ({"applies_when": {}}, ("idle_condition", "b.applies_when")),
        (
            {"applies_when": {"mentions": "x", "speaker": "system"}},
            ("unreachable_condition", "b.applies_when.speaker"),
        ),
        (
            {"applies_when": {"channel": "voice"}, "not_applicable": False},
            ("contradictory_condition", "b.applies_when"),
        ),
    ],
)
def test_each_weakness_is_found_where_it_is(changes, expected):
    assert expected in codes(lint(card(**changes)))


def test_weights_that_sum_to_zero_are_an_error():
    data = copy.deepcopy(CLEAN)
    for one in data["sections"][0]["criteria"]:
        one["weight"] = 0
    (finding,) = lint(Scorecard.model_validate(data))
    assert (finding.code, finding.severity) == ("weights_sum_to_zero", Severity.ERROR)


def test_a_card_without_critical_criterion_or_middle_levels_is_weak():
    data = copy.deepcopy(CLEAN)
    for one in data["sections"][0]["criteria"]:
        one |= {"critical": False, "levels": BINARY}
    findings = lint(Scorecard.model_validate(data))
    assert [finding.code for finding in findings] == ["no_critical_criterion", "all_binary"]
    assert {finding.severity for finding in findings} == {Severity.WARNING}


def test_sections_and_cards_without_criteria_are_errors():
    data = copy.deepcopy(CLEAN)
    data["sections"].append({"id": "later", "criteria": []})
    assert codes(lint(Scorecard.model_validate(data))) == [("empty_section", "sections.later")]
    data["sections"] = []
    assert codes(lint(Scorecard.model_validate(data))) == [("no_criteria", "card")]


def rules(**settings):
    return card(scorer={"use": "rules", **settings})


@pytest.mark.parametrize(
    ("rule", "code", "where"),
    [
        ({"sya": "greeting"}, "invalid_rule", ""),
        ({"say": "greeting", "never": {"say": "rude"}}, "invalid_rule", ""),
        ({"say": "greeting", "first_turn": 2}, "invalid_rule", ".first_turn"),
        ({"say": "greeting", "speaker": "robot"}, "invalid_rule", ".speaker"),
        ({"say": "greeting", "negated": "maybe"}, "invalid_rule", ".negated"),
        ({"say": "greeting", "within_turns": 2}, "invalid_rule", ".within_turns"),
        ({"say": "greeting", "first_turns": 0}, "unreachable_condition", ".first_turns"),
        ({"say": "greeting", "times": True}, "unreachable_condition", ".times"),
        ({"say": "greeting", "last_seconds": -5}, "unreachable_condition", ".last_seconds"),
        ({"say": ""}, "invalid_rule", ".say"),
        ({"never": "greeting"}, "invalid_rule", ".never"),
        ({"all": []}, "invalid_rule", ".all"),
        ({"any": [{"say": "a"}, {"say": "b", "time": 2}]}, "invalid_rule", ".any.1.time"),
        ({"all": [{"say": "a"}, {"never": {"say": "a"}}]}, "unreachable_condition", ".all"),
        (
            {"sequence": [{"say": "a"}, {"never": {"say": "a"}}]},
            "unreachable_condition",
            ".sequence",
        ),
        (
            {"say": "a", "after": {"say": "b"}, "before": {"say": "b"}},
            "unreachable_condition",
            "",
        ),
        ({"say": "a", "after": {"sya": "b"}}, "invalid_rule", ".after"),
    ],
)
def test_rules_that_cannot_work_are_errors(rule, code, where):
    findings = lint(card(levels=BINARY, scorer={"use": "rules", **rule}))
    assert (code, f"b.scorer{where}") in codes(findings)
    assert all(finding.severity is Severity.ERROR for finding in findings)


@pytest.mark.parametrize(
    "rule",
    [
        {"say": "a", "speaker": "any", "times": 2, "negated": "any", "last_seconds": 30},
        {"action": "update_*"},
        {"sequence": [{"say": "a"}, {"any": [{"action": "x"}, {"action": "y"}]}]},
        {"say": "a", "before": {"never": {"say": "b"}}, "within_turns": 0},
    ],
)
def test_rules_of_the_grammar_pass(rule):
    assert lint(card(levels=BINARY, scorer={"use": "rules", **rule})) == []


def test_levels_that_no_rule_can_give_are_found():
    assert codes(lint(rules(say="a"))) == [("unreachable_level", "b.scorer")]
    assert codes(lint(rules(levels={2: {"say": "a"}}))) == [
        ("unreachable_level", "b.scorer.levels")
    ]
    same = {2: {"say": "a"}, 1: {"say": "a"}}
    assert codes(lint(rules(levels=same))) == [("unreachable_level", "b.scorer.levels.1")]
    off = {3: {"say": "a"}, 2: {"say": "b"}, 1: {"say": "c"}}
    assert codes(lint(rules(levels=off))) == [("invalid_rule", "b.scorer.levels.3")]
    beside = rules(levels={2: {"say": "a"}, 1: {"say": "b"}}, say="c")
    assert codes(lint(beside)) == [("invalid_rule", "b.scorer.say")]


def test_events_and_scorers_are_checked_when_they_are_known():
    spec = {"use": "linaer", "fallback": {"use": "rules", "say": "greting"}}
    bad = card(levels=BINARY, scorer=spec, applies_when={"mentions": "refnd"})
    assert lint(bad) == []
    findings = lint(bad, known_events={"greeting", "refund"}, known_scorers={"linear", "rules"})
    assert [finding.message for finding in findings] == [
        "no phrase book has an event 'refnd'. Did you mean 'refund'?",
        "no scorer named 'linaer'. Did you mean 'linear'?",
        "no phrase book has an event 'greting'. Did you mean 'greeting'?",
    ]


def test_what_makes_a_file_unloadable_is_a_finding(tmp_path):
    data = copy.deepcopy(CLEAN)
    data["sections"][0]["criteria"][1]["id"] = "a"
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(data))
    (finding,) = lint_file(path)
    assert (finding.code, finding.severity) == ("duplicate_id", Severity.ERROR)
    assert finding.where == "sections.0.criteria.1.id"

    data["sections"][0]["criteria"][1] = criterion("b", wieght=3)
    path.write_text(yaml.safe_dump(data))
    assert [str(found) for found in lint_file(path)] == [
        "error: sections.0.criteria.1.wieght: unknown key. Did you mean 'weight'? [unknown_key]"
    ]

    path.write_text("id: a\nid: b\n")
    assert codes(lint_file(path)) == [("duplicate_key", "card.yaml:2")]
    path.write_text("id: [")
    assert lint_file(path)[0].code == "unreadable"


def test_a_loadable_file_is_linted_as_a_card(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(CLEAN))
    assert lint_file(path) == []
    with pytest.raises(ScorecardError, match="no such file"):
        lint_file(tmp_path / "none.yaml")
