"""What a page cuts, counts and draws, without a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.records import Evidence, Speaker, Transcript, Turn
from autoqa.review.access import InvalidError
from autoqa.review.web.criterion_cards import (
    CriterionCard,
    answer_in,
    evidence_in,
    numbers_of,
    quotes_of,
)
from autoqa.review.web.curve import HEIGHT, MOST_POINTS, WIDTH, Curve, ticks
from autoqa.review.web.links import conversation_link
from autoqa.review.web.shortcuts import SHORTCUTS, shortcuts_of
from autoqa.review.web.turns import clock, shown_turns
from autoqa.scorecard.schema import Criterion


def told(*texts):
    turns = tuple(Turn(speaker=Speaker.AGENT, text=text) for text in texts)
    return Transcript(conversation_id="c", turns=turns)


def span(turn, start, end, contribution=0.0):
    return Evidence(turn=turn, start=start, end=end, contribution=contribution)


def marked(turn, criterion):
    return [piece.text for piece in turn.pieces if criterion in piece.criteria]


def test_evidence_is_cut_by_characters_not_by_utf_16_units():
    (turn,) = shown_turns(told("👩‍👩‍👧 sorry to hear"), {"empathy": [span(0, 6, 11)]})
    assert marked(turn, "empathy") == ["sorry"]


def test_overlapping_evidence_is_marked_for_each_criterion():
    evidence = {"a": [span(0, 0, 7)], "b": [span(0, 4, 11)]}
    (turn,) = shown_turns(told("one two three"), evidence)
    assert [(piece.text, piece.criteria) for piece in turn.pieces] == [
        ("one ", ("a",)),
        ("two", ("a", "b")),
        (" thr", ("b",)),
        ("ee", ()),
    ]


def test_placeholders_of_redaction_are_known_also_within_evidence():
    (turn,) = shown_turns(told("Card [CARD_1] of [NAME]."), {"a": [span(0, 0, 13)]})
    assert [piece.text for piece in turn.pieces if piece.redacted] == ["[CARD_1]", "[NAME]"]
    assert marked(turn, "a") == ["Card ", "[CARD_1]"]


@given(st.data())
def test_pieces_together_are_the_text_and_marks_together_the_spans(data):
    text = data.draw(st.text(max_size=40))
    ends = st.integers(0, len(text) + 5)
    spans = [
        span(0, *sorted(pair)) for pair in data.draw(st.lists(st.tuples(ends, ends), max_size=5))
    ]
    (turn,) = shown_turns(told(text), {"a": spans})
    assert "".join(piece.text for piece in turn.pieces) == text
    covered = {i for one in spans for i in range(one.start, min(one.end, len(text)))}
    assert "".join(marked(turn, "a")) == "".join(text[i] for i in sorted(covered))


def test_a_turn_says_what_it_adds_to_each_answer():
    evidence = {"a": [span(0, 0, 1, 0.25), span(0, 2, 3, 0.5)], "b": [span(1, 0, 1, -0.1)]}
    first, second = shown_turns(told("x y", "z"), evidence)
    assert [(part.criterion, part.contribution) for part in first.parts] == [("a", 0.75)]
    assert [(part.criterion, part.contribution) for part in second.parts] == [("b", -0.1)]


def test_evidence_of_turns_that_are_not_there_is_left_out():
    assert shown_turns(told("x"), {"a": [span(7, 0, 1)]})[0].parts == ()
    assert quotes_of(told("x"), [span(7, 0, 1)]) == ()


def test_quotes_come_by_weight_and_are_whole_turns_where_no_words_are_named():
    found = quotes_of(told("one two", "three"), [span(0, 0, 3, 0.1), span(1, 0, 0, -0.4)])
    assert [(one.turn, one.text) for one in found] == [(1, "three"), (0, "one")]


def test_turns_are_typed_by_their_numbers():
    evidence = evidence_in(" 2, 1;2 ", told("one", "three"))
    assert [(one.turn, one.start, one.end) for one in evidence] == [(0, 0, 3), (1, 0, 5)]
    assert numbers_of(evidence) == "1, 2"


@pytest.mark.parametrize("typed", ["0", "3", "-1", "x", "²", "9" * 50])
def test_a_turn_that_is_not_there_is_refused(typed):
    with pytest.raises(InvalidError, match="enter numbers from 1 to 2"):
        evidence_in(typed, told("one", "three"))


def test_an_answer_is_a_level_or_one_of_two_words():
    assert answer_in("2") == ("rated", 2)
    assert answer_in("-1") == ("rated", -1)
    assert answer_in("not_applicable") == ("not_applicable", None)
    for wrong in ("", "failed", "²", "1.5", "--1"):
        with pytest.raises(InvalidError):
            answer_in(wrong)


@pytest.mark.parametrize(
    ("levels", "keys"),
    [
        ((0, 1, 2), ["0", "1", "2"]),
        ((-1, 0, 1), ["1", "2", "3"]),
        (range(11), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "", ""]),
    ],
)
def test_a_digit_is_the_level_or_else_its_place(levels, keys):
    criterion = Criterion(id="a", question="?", levels={n: str(n) for n in levels})
    choices = CriterionCard(criterion=criterion).choices
    assert [one.key for one in choices if one.label] == keys


def test_times_are_read_as_on_a_clock():
    assert [clock(s) for s in (None, 0, 59.9, 61, 3600, 14_399)] == [
        "", "0:00", "0:59", "1:01", "1:00:00", "3:59:59",
    ]  # fmt: skip


def test_the_curve_stays_in_its_drawing_whatever_the_points():
    curve = Curve(points=((0, 9.0), (1, -3.0)), scale=(1, 5), n_turns=2)
    xs, ys = zip(*(map(float, point.split(",")) for point in curve.line.split()), strict=True)
    assert 0 <= min(xs) <= max(xs) <= WIDTH
    assert 0 <= min(ys) <= max(ys) <= HEIGHT


def test_a_long_curve_is_thinned_and_keeps_its_extremes():
    points = tuple((n, 1.0 if n == 4321 else 3 + n % 2) for n in range(5000))
    curve = Curve(points=points, scale=(1, 5), n_turns=5000)
    assert len(curve.line.split()) <= MOST_POINTS
    assert f"{curve.x(4321):g},{curve.y(1.0):g}" in curve.line.split()


def test_moments_of_the_curve_name_each_turn_once_in_order():
    curve = Curve(points=((0, 4.0), (1, 2.0), (2, 1.5), (5, 3.0)), scale=(1, 5), n_turns=6)
    assert [(one.turn, one.name.split()[0]) for one in curve.moments] == [
        (0, "start"), (1, "steepest"), (2, "lowest"), (5, "end"),
    ]  # fmt: skip
    flat = Curve(points=((3, 4.0),), scale=(1, 5), n_turns=6)
    assert [one.turn for one in flat.moments] == [3]


def test_ticks_name_the_criteria_of_each_turn():
    evidence = {"a": [span(3, 0, 1), span(3, 2, 3)], "b": [span(3, 0, 1), span(1, 0, 1)]}
    assert ticks(evidence) == [(1, ["b"]), (3, ["a", "b"])]


def test_links_quote_whatever_an_id_holds():
    assert conversation_link("a/b?c=1&d #x") == "/conversation?id=a%2Fb%3Fc%3D1%26d+%23x"
    assert conversation_link("a", criterion="b", turn=0).endswith("criterion=b#turn-1")
    assert conversation_link("a", occasion="calibration:3") == (
        "/conversation?id=a&occasion=calibration%3A3"
    )


def test_keys_are_the_users_own_where_they_can_be():
    usual = {action: key for action, (key, _) in SHORTCUTS.items()}
    assert shortcuts_of({}) == usual
    assert shortcuts_of({"shortcuts": {"accept": "y"}}) == usual | {"accept": "y"}
    assert shortcuts_of({"shortcuts_off": True}) == {}
    for unusable in ("1", "", "ab", " ", "\t", None, 3):
        assert "accept" not in shortcuts_of({"shortcuts": {"accept": unusable}})


def test_of_two_actions_on_one_key_the_first_has_it():
    keys = shortcuts_of({"shortcuts": {"next": "a"}})
    assert keys["accept"] == "a"
    assert "next" not in keys
