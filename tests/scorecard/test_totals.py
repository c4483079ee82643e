"""Totals: weights, N/A, critical criteria, coverage."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.errors import RecordError, ScaleError, ScorecardError
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard import Scorecard, evaluate
from autoqa.scorecard.totals import CardTotals


def scorecard(*, sections=None, top=1, critical=None, units=None, **weights):
    """A card of one section (or the given ones) whose criteria have levels 0..top."""

    def criterion(name):
        return {
            "id": name,
            "question": f"Was there a {name}?",
            "levels": {level: f"level {level}" for level in range(top + 1)},
            "weight": weights[name],
            "critical": (critical or {}).get(name, False),
            "unit": (units or {}).get(name, "conversation"),
        }

    sections = sections or {"all": list(weights)}
    return Scorecard.model_validate(
        {
            "id": "test-card",
            "version": 1,
            "sections": [
                {"id": section, "criteria": [criterion(name) for name in names]}
                for section, names in sections.items()
            ],
        }
    )


def rating(criterion, status, *, level=None, turn=None, conversation="c1", rater="ann"):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.HUMAN,
        status=status,
        level=level,
        turn=turn,
        reason="unsure" if status in (Status.ABSTAINED, Status.FAILED) else "",
    )


def rated(criterion, level, **more):
    return rating(criterion, Status.RATED, level=level, **more)


def not_applicable(criterion):
    return rating(criterion, Status.NOT_APPLICABLE)


def test_a_not_applicable_criterion_leaves_the_total_out_of_100():
    card = scorecard(greeting=20, empathy=30, recap=50)
    ratings = [rated("greeting", 1), rated("empathy", 0), not_applicable("recap")]
    evaluation = evaluate(ratings, card)
    assert evaluation.total == 40.0  # 20 of the 50 points that applied
    assert evaluation.coverage == 1.0


@pytest.mark.parametrize("status", [Status.ABSTAINED, Status.FAILED])
def test_an_abstained_or_failed_rating_is_no_zero_but_lowers_the_coverage(status):
    card = scorecard(greeting=20, empathy=30, recap=50)
    ratings = [rated("greeting", 1), rated("empathy", 0), rating("recap", status)]
    evaluation = evaluate(ratings, card)
    assert evaluation.total == 40.0  # 20 of the 50 points that were rated
    assert evaluation.coverage == 0.5  # 50 of 100


def test_a_criterion_without_a_rating_counts_as_not_rated():
    evaluation = evaluate([rated("greeting", 1)], scorecard(greeting=25, recap=75))
    assert (evaluation.total, evaluation.coverage) == (100.0, 0.25)


def test_middle_levels_earn_evenly_spaced_points():
    card = scorecard(top=3, greeting=30, recap=10)
    evaluation = evaluate([rated("greeting", 1), rated("recap", 3)], card)
    assert evaluation.total == 50.0  # (30 * 1/3 + 10 * 3/3) of 40


def test_a_total_is_rounded_to_two_decimals():
    card = scorecard(top=3, greeting=1)
    assert evaluate([rated("greeting", 2)], card).total == 66.67


def test_a_failed_critical_criterion_makes_the_total_zero_and_is_named():
    card = scorecard(critical={"identity": True}, identity=10, recap=90)
    evaluation = evaluate([rated("identity", 0), rated("recap", 1)], card)
    assert evaluation.total == 0.0
    assert evaluation.critical_failed == ("identity",)
    assert evaluation.section_totals == {"all": 90.0}  # still says where points were earned


def test_a_middle_level_of_a_critical_criterion_does_not_fail():
    card = scorecard(top=2, critical={"identity": True}, identity=100)
    evaluation = evaluate([rated("identity", 1)], card)
    assert (evaluation.total, evaluation.critical_failed) == (50.0, ())


def test_a_critical_criterion_without_weight_still_fails_the_evaluation():
    card = scorecard(critical={"identity": True}, identity=0, recap=100)
    assert evaluate([rated("identity", 0), rated("recap", 1)], card).total == 0.0
    assert evaluate([rated("identity", 1), rated("recap", 1)], card).total == 100.0


def test_a_criterion_critical_for_its_section_zeroes_that_section_only():
    card = scorecard(
        sections={"tone": ["greeting"], "compliance": ["identity", "recap"]},
        critical={"identity": "section"},
        greeting=40,
        identity=20,
        recap=40,
    )
    ratings = [rated("greeting", 1), rated("identity", 0), rated("recap", 1)]
    evaluation = evaluate(ratings, card)
    assert evaluation.total == 40.0  # 40 of tone, 0 of the 60 of compliance
    assert evaluation.section_totals == {"tone": 100.0, "compliance": 0.0}
    assert evaluation.critical_failed == ("identity",)


def test_a_critical_criterion_that_does_not_apply_fails_nothing():
    card = scorecard(critical={"identity": True}, identity=10, recap=90)
    evaluation = evaluate([not_applicable("identity"), rated("recap", 1)], card)
    assert (evaluation.total, evaluation.critical_failed) == (100.0, ())


def test_the_total_is_none_when_nothing_could_be_scored():
    card = scorecard(sections={"tone": ["greeting"], "end": ["recap"]}, greeting=1, recap=1)
    evaluation = evaluate([rating("greeting", Status.FAILED), not_applicable("recap")], card)
    assert evaluation.total is None
    assert evaluation.section_totals == {"tone": None, "end": None}
    assert evaluation.coverage == 0.0


def test_coverage_is_full_when_nothing_applied():
    evaluation = evaluate([not_applicable("greeting")], scorecard(greeting=10))
    assert (evaluation.total, evaluation.coverage) == (None, 1.0)


def test_ratings_of_turns_are_kept_but_not_counted():
    card = scorecard(greeting=50, recap=50)
    ratings = [rated("greeting", 1, turn=4), rated("greeting", 0, turn=2), rated("recap", 1)]
    evaluation = evaluate(ratings, card)
    assert (evaluation.total, evaluation.coverage) == (100.0, 0.5)
    assert [(r.criterion, r.turn) for r in evaluation.ratings] == [
        ("greeting", 2),
        ("greeting", 4),
        ("recap", None),
    ]


def test_a_criterion_rated_per_turn_does_not_lower_the_coverage():
    card = scorecard(units={"reflection": "turn"}, reflection=50, recap=50)
    evaluation = evaluate([rated("reflection", 1, turn=0), rated("recap", 1)], card)
    assert (evaluation.total, evaluation.coverage) == (100.0, 1.0)


def test_a_rating_of_an_unknown_criterion_is_refused_with_the_near_name():
    with pytest.raises(ScorecardError, match=r"'greting'\. Did you mean 'greeting'\?"):
        evaluate([rated("greting", 1)], scorecard(greeting=10))


def test_a_level_off_the_scale_is_refused():
    with pytest.raises(ScaleError, match=r"c1/greeting: level 2 is not on the scale 0, 1"):
        evaluate([rated("greeting", 2)], scorecard(greeting=10))


def test_two_ratings_of_one_criterion_are_refused():
    with pytest.raises(RecordError, match=r"c1/greeting: two ratings by ann"):
        evaluate([rated("greeting", 1), rated("greeting", 0)], scorecard(greeting=10))


@pytest.mark.parametrize("other", [{"conversation": "c2"}, {"rater": "bob"}])
def test_ratings_of_two_conversations_or_raters_are_refused(other):
    card = scorecard(greeting=10, recap=10)
    with pytest.raises(RecordError, match="group them by conversation and rater"):
        evaluate([rated("greeting", 1), rated("recap", 1, **other)], card)


def test_no_ratings_at_all_are_refused():
    with pytest.raises(RecordError, match="no ratings"):
        evaluate([], scorecard(greeting=10))


NAMES = ("a", "b", "c", "d", "e", "f")
answers = st.one_of(
    st.integers(0, 3),
    st.sampled_from([Status.NOT_APPLICABLE, Status.ABSTAINED, Status.FAILED, None]),
)


@st.composite
def rated_cards(draw):
    weights = {name: draw(st.floats(0, 1e6, allow_subnormal=False)) for name in NAMES}
    critical = {name: draw(st.sampled_from([False, False, True, "section"])) for name in NAMES}
    card = scorecard(
        sections={"first": NAMES[:3], "second": NAMES[3:]}, top=3, critical=critical, **weights
    )
    given_answers = {name: draw(answers) for name in NAMES}
    ratings = [
        rated(name, answer) if isinstance(answer, int) else rating(name, answer)
        for name, answer in given_answers.items()
        if answer is not None
    ]
    return card, ratings or [not_applicable("a")]


@given(rated_cards())
def test_totals_and_coverage_stay_in_range(case):
    card, ratings = case
    evaluation = evaluate(ratings, card)
    assert 0 <= evaluation.coverage <= 1
    for total in (evaluation.total, *evaluation.section_totals.values()):
        assert total is None or 0 <= total <= 100


@given(rated_cards())
def test_totals_of_many_forms_are_those_of_each_evaluation(case):
    card, ratings = case
    levels = {r.criterion: r.level for r in ratings if r.level is not None}
    assert CardTotals(card).total(levels) == evaluate(ratings, card).total


@given(rated_cards(), st.randoms(use_true_random=False))
def test_the_order_of_ratings_does_not_matter(case, rng: random.Random):
    card, ratings = case
    shuffled = list(ratings)
    rng.shuffle(shuffled)
    assert evaluate(shuffled, card) == evaluate(ratings, card)


@given(rated_cards())
def test_not_applicable_equals_a_card_without_the_criterion(case):
    """The other criteria keep their relative points whatever is N/A."""
    card, ratings = case
    dropped = {r.criterion for r in ratings if r.status is Status.NOT_APPLICABLE}
    kept = [r for r in ratings if r.criterion not in dropped]
    if not kept:
        return
    smaller = Scorecard.model_validate(
        {
            "id": card.id,
            "version": card.version,
            "sections": [
                {
                    "id": s.id,
                    "criteria": [c.model_dump() for c in s.criteria if c.id not in dropped],
                }
                for s in card.sections
            ],
        }
    )
    whole, without = evaluate(ratings, card), evaluate(kept, smaller)
    assert whole.total == without.total
    assert whole.section_totals == without.section_totals
    assert whole.coverage == without.coverage
    assert whole.critical_failed == without.critical_failed
