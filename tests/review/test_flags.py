"""Flags: what makes a conversation worth a look, in which order, and without its words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.evaluation.wording import english
from autoqa.records import CSAT, Evaluation, RaterKind, Rating, Status
from autoqa.review.flags import MESSAGES, dissatisfied, flag, in_words, message_values
from autoqa.scorecard import Scorecard

CARD = Scorecard.model_validate(
    {
        "id": "card",
        "version": 1,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {
                        "id": name,
                        "question": f"Was {name} there?",
                        "levels": {0: "no", 1: "yes"},
                        "weight": 1,
                        "critical": name == "identity",
                    }
                    for name in ("identity", "greeting")
                ],
            }
        ],
    }
)


def evaluation(total=75.0, *, critical=(), coverage=1.0, ratings=()):
    return Evaluation(
        conversation_id="c",
        rater="autoqa",
        kind=RaterKind.MODEL,
        scorecard="card",
        scorecard_version=1,
        total=total,
        critical_failed=critical,
        coverage=coverage,
        ratings=ratings,
    )


def csat(*probabilities):
    return Rating(
        conversation_id="c",
        criterion=CSAT,
        rater="linear",
        kind=RaterKind.MODEL,
        status=Status.RATED,
        level=0,
        probabilities=probabilities,
    )


def reasons(*args):
    return [f.reason for f in flag(*args)]


def test_an_ordinary_conversation_needs_no_look():
    assert flag(evaluation(), CARD) == []
    assert flag(evaluation(), CARD, csat(0.1, 0.2, 0.7)) == []


def test_a_critical_failure_comes_first_and_names_its_question():
    failed = evaluation(0.0, critical=("identity",), coverage=0.5)
    first, second = flag(failed, CARD, csat(0.2, 0.4, 0.4))
    assert (first.reason, first.criterion, first.priority) == ("critical_failed", "identity", 0.95)
    assert first.message == "Critical criterion failed: Was identity there?"
    # A total of 0 says no more than the critical failure does.
    assert second.reason == "not_sure"


@pytest.mark.parametrize(
    ("total", "flagged"), [(59.99, True), (60.0, False), (0.0, True), (None, False)]
)
def test_totals_below_60_are_flagged(total, flagged):
    assert ("low_total" in reasons(evaluation(total), CARD)) is flagged


def test_the_lower_the_total_the_more_urgent():
    half, none = flag(evaluation(30.0), CARD)[0], flag(evaluation(0.0), CARD)[0]
    assert half.priority == pytest.approx(0.4 + 0.4 * 0.5)
    assert none.priority == pytest.approx(0.8)
    assert half.message == "The scorecard gives 30 of 100"


def test_a_probably_dissatisfied_customer_is_flagged():
    found = flag(evaluation(), CARD, csat(0.4, 0.3, 0.1, 0.1, 0.1))
    assert [f.reason for f in found] == ["predicted_dissatisfied"]
    assert found[0].priority == pytest.approx(0.5 + 0.3 * 0.7)
    assert found[0].message == "The customer is probably dissatisfied (70%)"


def test_a_good_total_with_a_dissatisfied_customer_questions_the_scorecard():
    unhappy = csat(0.6, 0.3, 0.1)
    assert reasons(evaluation(85.0), CARD, unhappy) == [
        "qa_csat_disagree",
        "predicted_dissatisfied",
    ]
    assert reasons(evaluation(84.9), CARD, unhappy) == ["predicted_dissatisfied"]
    assert reasons(evaluation(None, coverage=1.0), CARD, unhappy) == ["predicted_dissatisfied"]


@pytest.mark.parametrize(
    ("probabilities", "share"),
    [
        ((0.25, 0.25, 0.25, 0.125, 0.125), 0.5),  # 1 and 2 of 1-5
        ((0.5, 0.25, 0.25), 0.5),  # 0 of 0-2
        ((0.75, 0.25), 0.75),
        ((0.5, 0.25, 0.125, 0.125), 0.75),  # half of an even scale
    ],
)
def test_dissatisfied_is_the_lower_part_of_the_scale(probabilities, share):
    assert dissatisfied(csat(*probabilities)) == pytest.approx(share)


def test_without_a_prediction_nothing_is_said_about_satisfaction():
    abstained = Rating(
        conversation_id="c",
        criterion=CSAT,
        rater="linear",
        kind=RaterKind.MODEL,
        status=Status.ABSTAINED,
        reason="no turns",
    )
    assert dissatisfied(None) is None
    assert dissatisfied(abstained) is None
    assert reasons(evaluation(90.0), CARD, abstained) == []


def test_a_total_that_rests_on_little_says_so():
    (found,) = flag(evaluation(90.0, coverage=0.5), CARD)
    assert (found.reason, found.message) == (
        "not_sure",
        "Only 50% of the scorecard could be scored",
    )
    assert found.priority == pytest.approx(0.3 + 0.3 * 0.5)
    assert flag(evaluation(90.0, coverage=0.7), CARD) == []


def test_a_scorer_that_broke_is_flagged_with_its_reason():
    failed = Rating(
        conversation_id="c",
        criterion="greeting",
        rater="autoqa",
        kind=RaterKind.MODEL,
        status=Status.FAILED,
        reason="RulesScorer broke: KeyError",
    )
    (found,) = flag(evaluation(ratings=(failed,)), CARD)
    assert (found.reason, found.criterion) == ("scorer_failed", "greeting")
    assert found.message == "'greeting' could not be scored: RulesScorer broke: KeyError"


@given(
    st.none() | st.floats(0, 100),
    st.floats(0, 1),
    st.sampled_from([(), ("identity",)]),
    st.lists(st.floats(0.01, 1), min_size=2, max_size=11),
)
def test_flags_are_ordered_by_priority_and_each_reason_comes_once(
    total, coverage, critical, weights
):
    prediction = csat(*(w / sum(weights) for w in weights))
    found = flag(evaluation(total, critical=critical, coverage=coverage), CARD, prediction)
    priorities = [f.priority for f in found]
    assert priorities == sorted(priorities, reverse=True)
    assert len({(f.reason, f.criterion) for f in found}) == len(found)


def test_messages_give_back_the_values_that_were_filled_in():
    flags = flag(evaluation(critical=("identity",)), CARD, csat(0.5, 0.4, 0.1, 0, 0))
    found = {one.reason: message_values(one.reason, one.message) for one in flags}
    assert found["critical_failed"] == {"question": "Was identity there?"}
    assert found["predicted_dissatisfied"] == {"share": "90%"}


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_any_message_is_its_template_with_its_values(reason, data):
    names = re.findall(r"{(\w+)}", MESSAGES[reason])
    values = {name: data.draw(st.text(max_size=20), label=name) for name in names}
    message = MESSAGES[reason].format(**values)
    assert MESSAGES[reason].format(**message_values(reason, message)) == message


def test_other_words_and_other_reasons_are_shown_as_they_are():
    assert message_values("low_total", "Total of 3 stars") == {}
    assert message_values("own_reason", "anything") == {}
    assert in_words("low_total", "Total of 3 stars", {}, english) == "Total of 3 stars"
    assert in_words("own_reason", "100 {percent}", {}, english) == "100 {percent}"


def test_messages_are_said_in_the_readers_language():
    def spanish(text, /, **values):
        return {"The scorecard gives {total} of 100": "Da {total} de 100"}[text].format(**values)

    message = "The scorecard gives 42 of 100"
    values = message_values("low_total", message)
    assert in_words("low_total", message, values, spanish) == "Da 42 de 100"
    assert in_words("low_total", message, values, english) == message
