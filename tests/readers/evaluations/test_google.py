"""Google: scorecard results with their sources, and feedback labels."""

from __future__ import annotations

import pytest

YES = {"key": "o11", "strValue": "Yes"}
NO = {"key": "o10", "strValue": "No"}
BY_SYSTEM, BY_PERSON = "SYSTEM_GENERATED", "MANUAL_EDIT"


def test_each_source_of_an_answer_keeps_its_own_rating(load, google, said):
    found, _ = load(google(q1=[(BY_SYSTEM, NO), (BY_PERSON, YES)]))
    assert said(found) == {
        ("greeting", "google-system"): ("model", "rated", 0),
        ("greeting", "google-reviewer"): ("human", "rated", 1),
    }


def test_questions_are_known_in_another_revision_of_the_form(load, google):
    found, _ = load(google(q1=[(BY_SYSTEM, YES)]))
    assert [r.conversation_id for r in found.ratings] == ["c1"]
    assert found.unknown_questions == {}


def test_na_is_not_applicable_and_raters_can_be_named(load, google, said):
    found, _ = load(google(q1=[(BY_PERSON, {"naValue": True})]), person="ana", system="cx")
    assert said(found) == {("greeting", "ana"): ("human", "not_applicable", None)}


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ({"boolValue": True}, 1),
        ({"boolValue": False}, 0),
        ({"numValue": 1}, 1),
        ({"strValue": " yes "}, 1),
        ({"normalizedScore": 0.0}, 0),
        ({"score": 7, "potentialScore": 7}, 1),
    ],
)
def test_an_answer_is_known_by_value_or_by_score(load, google, said, value, level):
    found, _ = load(google(q1=[(BY_SYSTEM, value)]))
    assert said(found) == {("greeting", "google-system"): ("model", "rated", level)}


def test_a_number_that_earns_something_else_is_not_the_level_with_that_number(load, google):
    value = {"numValue": 1, "normalizedScore": 0.25}
    found, _ = load(google(q2=[(BY_SYSTEM, value)]))
    assert (found.ratings, found.off_scale) == ((), {"empathy": 1})


def test_without_sources_answers_are_the_systems(load, google, said):
    result = google(q1=[(BY_SYSTEM, YES)])
    del result["qaAnswers"][0]["answerSources"]
    found, _ = load(result)
    assert said(found) == {("greeting", "google-system"): ("model", "rated", 1)}


def test_among_manual_edits_an_answer_without_sources_is_nobodys(load, google):
    result = google(q1=[(BY_SYSTEM, YES)], q3=[(BY_PERSON, {"boolValue": True})])
    del result["qaAnswers"][0]["answerSources"]
    result["scoreSources"] = [{"sourceType": "INCLUDES_MANUAL_EDITS"}]
    found, _ = load(result)
    assert [r.criterion for r in found.ratings] == ["identity"]
    assert found.unattributed == 1


def test_of_several_manual_edits_the_main_answer_counts(load, google, said):
    result = google(q1=[(BY_PERSON, YES), (BY_PERSON, NO)])
    result["qaAnswers"][0]["answerValue"] = YES
    found, _ = load(result)
    assert said(found) == {("greeting", "google-reviewer"): ("human", "rated", 1)}


def test_results_are_found_inside_conversations(load, google):
    result = google(q1=[(BY_SYSTEM, YES)])
    analysis = {"analysisResult": {"callAnalysisMetadata": {"qaScorecardResults": [result]}}}
    found, _ = load({"conversations": [{"name": "c", "latestAnalysis": analysis}]})
    assert len(found.ratings) == 1


def label(number, value, when):
    return {
        "name": f"projects/p/locations/l/conversations/c1/feedbackLabels/{number}",
        "labeledResource": "projects/p/locations/l/qaScorecards/s/revisions/1/qaQuestions/q1",
        "qaAnswerLabel": value,
        "updateTime": when,
    }


def test_a_feedback_label_is_a_persons_and_the_last_one_counts(load, said):
    labels = [
        label(1, YES, "2026-03-03T10:00:00Z"),
        label(2, NO, "2026-03-02T10:00:00Z"),
    ]
    found, _ = load({"feedbackLabels": labels})
    assert said(found) == {("greeting", "google-reviewer"): ("human", "rated", 1)}
    assert found.repeated == 1


def test_a_label_that_names_no_conversation_is_left_out(load):
    found, quarantine = load({**label(1, YES, None), "name": "feedbackLabels/1"})
    assert found.ratings == ()
    assert quarantine.counts == {"missing_field": 1}
