from __future__ import annotations

from dataclasses import replace

import pytest

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.raters import ReplacementVerdict
from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import english
from autoqa.reports.answers import five_answers
from autoqa.reports.answers.customers import link
from autoqa.reports.content import Tone
from autoqa.reports.numbers import listed, number_cell, share, shown


def changed(study, **fields):
    held = {name: getattr(study, name) for name in study.__dataclass_fields__}
    return Study(**(held | fields))


def answers(study):
    return five_answers(study, english)


def text(answer):
    return " ".join(one.text for one in answer.sentences)


def test_the_five_questions_are_asked_in_order(full_study):
    assert [one.question.split()[0] for one in answers(full_study)] == [
        "May",
        "Does",
        "What",
        "Do",
        "Which",
    ]


def test_every_answer_carries_n_and_an_interval(full_study):
    for one in answers(full_study):
        assert "[" in text(one), one.question
        assert "n=" in text(one) or " of " in text(one), one.question


@pytest.mark.parametrize(
    ("verdicts", "said", "tone"),
    [
        (("may replace", "may replace"), "Yes, where it was tested", Tone.GOOD),
        (("may replace", "not yet"), "On 1 of 2 criteria tested", Tone.PARTLY),
        (("may assist", "not enough data"), "To assist, not to replace", Tone.PARTLY),
        (("not yet", "not yet"), "Not yet", Tone.BAD),
    ],
)
def test_standing_in_follows_the_test_by_criterion(full_study, verdicts, said, tone):
    one = next(iter(full_study.replacement.values()))
    found = {
        f"criterion {i}": replace(one, verdict=ReplacementVerdict(verdict))
        for i, verdict in enumerate(verdicts)
    }
    first = answers(changed(full_study, replacement=found))[0]
    assert (first.verdict, first.tone) == (said, tone)
    assert first.section == "stand-in"


def test_without_the_test_agreement_is_told_and_what_to_bring(agreement_only):
    first = answers(agreement_only)[0]
    assert first.section == "agreement"
    assert "three or more people, known by name" in text(first)
    assert any(one.english for one in first.sentences)


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "said"),
    [
        (0.6, 0.5, 0.7, 200, "Yes, closely linked"),
        (0.4, 0.3, 0.5, 200, "On the whole, with many exceptions"),
        (0.2, 0.1, 0.3, 200, "Hardly: a weak link"),
        (0.05, -0.1, 0.2, 200, "No link can be shown"),
        (0.2, -0.1, 0.5, 200, "Cannot be said yet"),
        (-0.3, -0.4, -0.2, 200, "No, the other way round"),
        (0.6, 0.5, 0.7, 29, "Cannot be said yet"),
        (float("nan"), float("nan"), float("nan"), 200, "Cannot be said yet"),
    ],
)
def test_a_link_is_called_by_its_size_and_interval(value, low, high, n, said):
    assert link(Estimate(value, low, high, n, n), english)[0] == said


def test_resolution_moves_satisfaction_in_the_planted_centre(full_study):
    third = answers(full_study)[2]
    assert third.verdict == "Above all: resolution"
    assert "Where “resolution” is met" in text(third)


def test_the_severe_reviewer_is_named(full_study):
    fourth = answers(full_study)[3]
    assert fourth.tone is Tone.PARTLY
    assert fourth.verdict == "Mostly: 1 of 4 need a session"
    assert "ann on “empathy”" in text(fourth)
    assert "levels lower" in text(fourth)


def test_a_milder_reviewer_is_said_to_be_higher_with_the_interval_turned(full_study):
    report = full_study.raters["empathy"]
    ann = report.raters[0]
    mild = replace(ann, severity=Estimate(-1.0, -1.5, -0.5, 90, 90), findings=("lenient",))
    only = replace(report, raters=(mild,))
    fourth = answers(changed(full_study, raters={"empathy": only}))[3]
    assert "1.00\u00a0[0.50,\u00a01.50] levels higher" in text(fourth)
    assert fourth.verdict == "No: 1 of 1 need a session"


def test_listening_tells_the_yield_of_a_tenth_of_the_conversations(full_study):
    fifth = answers(full_study)[4]
    tenth = round(0.1 * full_study.review_yield.n)
    assert text(fifth).startswith(f"The {tenth} lowest of {full_study.review_yield.n} scores")
    assert fifth.tone is Tone.GOOD


def test_what_cannot_be_answered_says_what_to_bring(agreement_only):
    for one in answers(agreement_only)[1:]:
        assert one.verdict == "Cannot be said yet"
        assert one.tone is Tone.UNKNOWN
        assert "To answer this" in text(one)
    assert agreement_only.missing[Part.DRIVERS] in text(answers(agreement_only)[2])


def test_numbers_are_written_alike():
    nan = float("nan")
    assert shown(Estimate(0.614, 0.55, 0.67, 9, 9)) == "0.61\u00a0[0.55,\u00a00.67]"
    assert shown(Estimate(0.614, nan, nan, 9, 9)) == "0.61"
    assert shown(Estimate(nan, nan, nan, 0, 0)) == shown(None) == "–"
    assert shown(Estimate(0.5, 0.25, 1, 9, 9), percent=True) == "50\u00a0%\u00a0[25,\u00a0100]"
    assert shown(Estimate(0.2, -0.1, 0.5, 9, 9), sign=True) == "+0.20\u00a0[−0.10,\u00a00.50]"
    assert shown(Estimate(-0.001, -0.1, 0.1, 9, 9), sign=True).startswith("0.00")
    assert share(0.123) == "12\u00a0%"
    assert number_cell(nan).sort is None


def test_long_lists_are_cut_and_say_so():
    assert listed(["a", "b"], english) == "a, b"
    assert listed(list("abcdefgh"), english) == "a, b, c, d, e, f and 2 more"
    assert listed([], english) == "–"
