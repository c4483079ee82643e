"""Genesys Cloud: evaluators, the AI and the form's own conditions."""

from __future__ import annotations

import pytest

YES, NO = {"answerId": "o11"}, {"answerId": "o10"}


def test_the_evaluator_and_the_ai_rate_apart(load, genesys, rating):
    ai = {"answerId": "o10", "explanation": "No greeting was heard."}
    found, _ = load(genesys(q1=YES | {"comments": "Warm.", "aiAnswer": ai}))
    assert list(found.ratings) == [
        rating("greeting", 0, rater="genesys-ai", kind="model", reason="No greeting was heard."),
        rating("greeting", 1, reason="Warm."),
    ]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        ("LowConfidenceError", "abstained"),
        ("LowHistoricalAccuracyError", "abstained"),
        ("ParsingError", "failed"),
        ("ServiceError", "failed"),
    ],
)
def test_an_ai_answer_with_a_failure_is_no_answer(load, genesys, failure, status):
    ai = {"answerId": "o10", "failureType": failure, "explanation": "unclear"}
    found, _ = load(genesys(q1=YES | {"aiAnswer": ai}))
    model = next(r for r in found.ratings if r.kind == "model")
    assert (model.status, model.level, model.reason) == (status, None, f"{failure}: unclear")


def test_the_ai_may_find_a_question_not_applicable(load, genesys, said):
    found, _ = load(genesys(q1=YES | {"aiAnswer": {"markedNotApplicable": True}}))
    assert said(found)["greeting", "genesys-ai"] == ("model", "not_applicable", None)


def test_an_ai_that_never_ran_failed_on_every_question(load, genesys, said):
    found, _ = load(genesys(q1=YES, q3=NO, aiScoring={"failureType": "QuotaReached"}))
    assert said(found)["greeting", "genesys-ai"] == ("model", "failed", None)
    assert said(found)["identity", "genesys-ai"] == ("model", "failed", None)
    assert "QuotaReached" in found.ratings[0].reason


def test_an_evaluators_na_and_the_forms_own_are_told_apart(load, genesys):
    found, _ = load(
        genesys(q1={"markedNA": True, "comments": "A chat."}, q3={"systemMarkedNA": True})
    )
    assert {r.criterion: (r.status.value, r.reason) for r in found.ratings} == {
        "greeting": ("not_applicable", "A chat."),
        "identity": ("not_applicable", "a condition of the form hid the question"),
    }


def test_a_group_that_is_na_takes_its_questions_with_it(load, genesys, said):
    found, _ = load(genesys(q1=YES, group={"markedNA": True}))
    assert said(found) == {("greeting", "ana"): ("human", "not_applicable", None)}


def test_without_an_evaluator_answers_are_no_persons(load, genesys, said):
    evaluation = genesys(q1=YES | {"aiAnswer": YES}, q3={"answerId": "o31"})
    del evaluation["evaluator"]
    found, _ = load(evaluation)
    assert said(found) == {("greeting", "genesys-ai"): ("model", "rated", 1)}
    assert found.unattributed == 1


def test_answers_found_by_topics_are_another_models(load, genesys, said):
    found, _ = load(genesys(q1=YES | {"assistedAnswerId": "o10"}))
    assert said(found)["greeting", "genesys-assist"] == ("model", "rated", 0)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("PENDING", "not_submitted"), ("INPROGRESS", "not_submitted"), ("RETRACTED", "retracted")],
)
def test_what_is_not_finished_is_left_out_and_said(load, genesys, status, reason):
    found, quarantine = load(genesys(q1=YES, status=status))
    assert found.ratings == ()
    assert quarantine.counts == {reason: 1}


def test_reviews_and_calibrations_are_kept_and_counted(load, genesys):
    found, _ = load(genesys(q1=YES, status="INREVIEW", calibration={"id": "k1"}))
    assert (len(found.ratings), found.disputed, found.calibrations) == (1, 1, 1)


def test_the_form_inside_says_what_ids_mean(load, genesys, plain_card, said):
    options = [{"id": "x", "text": "Certainly", "value": 4}, {"id": "y", "text": "No", "value": 0}]
    question = {"id": "qa", "text": "Did the agent say hello?", "answerOptions": options}
    form = {"questionGroups": [{"questions": [question]}]}
    found, _ = load(
        genesys("e1", "c1", qa={"answerId": "x"}, evaluationForm=form),  # 4 of 4 points
        genesys("e2", "c2", qa={"answerId": "y"}, evaluationForm=form),  # by its text
        card=plain_card,
    )
    assert {r.conversation_id: r.level for r in found.ratings} == {"c1": 1, "c2": 0}


def test_options_of_a_multiple_select_question_are_questions_of_their_own(load, genesys, said):
    found, _ = load(
        genesys(qm={"multipleSelectQuestionOptionScores": [{"questionId": "q1", **NO}]})
    )
    assert said(found) == {("greeting", "ana"): ("human", "rated", 0)}


def test_revisions_of_an_evaluation_share_a_context_and_the_last_counts(load, genesys, said):
    found, quarantine = load(
        genesys("e2", q1=NO, evaluationContextId="k", submittedDate="2026-03-03T10:00:00Z"),
        genesys("e1", q1=YES, evaluationContextId="k", submittedDate="2026-03-02T10:00:00Z"),
    )
    assert said(found) == {("greeting", "ana"): ("human", "rated", 0)}
    assert quarantine.counts == {"superseded": 1}


def test_a_listing_holds_many(load, genesys):
    found, _ = load({"entities": [genesys("e1", "c1", q1=YES), genesys("e2", "c2", q1=NO)]})
    assert {r.conversation_id: r.level for r in found.ratings} == {"c1": 1, "c2": 0}
