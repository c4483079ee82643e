"""Amazon Connect: exported files and what the API gives."""

from __future__ import annotations

from autoqa.scorecard import Scorecard


def choice(chosen, *, refs=("o10", "o11"), labels=("No", "Yes"), **more):
    values = [
        {"valueText": label, "valueRefId": ref, "selected": label in chosen}
        for ref, label in zip(refs, labels, strict=True)
    ]
    return {"values": values, **more}


def suggestion(value, status="SYSTEM_ANSWER"):
    return {"automation": {"status": status, "systemSuggestedValue": value}}


def test_an_answer_is_the_evaluators_rating_with_the_note_as_its_reason(load, connect, rating):
    found, _ = load(connect(q1=choice("Yes", notes="Warm."), q3=choice("No", refs=("o30", "o31"))))
    assert list(found.ratings) == [
        rating("greeting", 1, reason="Warm."),
        rating("identity", 0),
    ]


def test_not_applicable_is_no_level_whatever_is_selected(load, connect, said):
    answer = choice("No", metadata={"notApplicable": True})
    found, _ = load(connect(q1=answer))
    assert said(found) == {("greeting", "ana"): ("human", "not_applicable", None)}


def test_a_question_without_an_answer_gives_no_rating(load, connect):
    found, quarantine = load(connect(q1=choice(""), q3={"value": ""}))
    assert found.ratings == ()
    assert quarantine.records_kept == 1


def test_a_suggestion_that_was_taken_over_is_both_a_models_and_a_persons(load, connect, said):
    found, _ = load(connect(q1=choice("Yes") | suggestion("Yes")))
    assert said(found) == {
        ("greeting", "connect-suggested"): ("model", "rated", 1),
        ("greeting", "ana"): ("human", "rated", 1),
    }


def test_a_suggestion_that_was_overridden_stays_the_models(load, connect, said):
    found, _ = load(connect(q1=choice("Yes") | suggestion("No", "OVERRIDDEN_ANSWER")))
    assert said(found) == {
        ("greeting", "connect-suggested"): ("model", "rated", 0),
        ("greeting", "ana"): ("human", "rated", 1),
    }


def test_what_the_system_submitted_is_no_persons_rating(load, connect, said):
    automated = {"evaluationSource": "AUTOMATED"}
    found, _ = load(connect(meta=automated, q1=choice("Yes")))
    assert said(found) == {("greeting", "connect-suggested"): ("model", "rated", 1)}


def test_of_what_the_system_submitted_only_changed_answers_are_a_persons(load, connect, said):
    evaluation = connect(
        meta={"autoEvaluated": True, "resubmitted": True},
        q1=choice("Yes") | suggestion("Yes"),
        q3=choice("Yes") | suggestion("No", "OVERRIDDEN_ANSWER"),
    )
    found, _ = load(evaluation)
    assert said(found) == {
        ("greeting", "connect-suggested"): ("model", "rated", 1),
        ("identity", "connect-suggested"): ("model", "rated", 0),
        ("identity", "ana"): ("human", "rated", 1),
    }


def test_an_unavailable_suggestion_failed_and_is_not_a_no(load, connect, said):
    found, _ = load(connect(q1=choice("Yes", automation={"status": "UNAVAILABLE"})))
    assert said(found)["greeting", "connect-suggested"] == ("model", "failed", None)


def test_a_generative_suggestion_is_the_answer_that_its_sentence_begins_with(load, connect):
    sentence = "Yes. The agent said good morning."
    found, _ = load(connect(q1=choice("No", assistedSuggestion={"value": sentence})))
    (model,) = (r for r in found.ratings if r.kind == "model")
    assert (model.level, model.reason) == (1, sentence)


def test_a_sentence_that_only_looks_like_an_answer_is_none(load, connect, said):
    sentence = "Nobody greeted anybody."
    found, _ = load(connect(q1=choice("No", assistedSuggestion={"value": sentence})))
    assert list(said(found)) == [("greeting", "ana")]


def test_free_text_and_dates_are_no_questions_of_a_scorecard(load, connect):
    text = {"questionType": "TEXT", "value": "All was well."}
    found, quarantine = load(connect(q1=choice("Yes"), q9=text))
    assert found.unknown_questions == {}
    assert not quarantine.notes


def test_several_selected_values_are_a_level_only_by_what_they_earn(load, connect, said):
    def several(percentage):
        labels, refs = ("Named it", "Apologised", "Neither"), ("a", "b", "c")
        answer = choice(labels[:2], refs=refs, labels=labels)
        return answer | {"questionType": "MULTISELECT", "score": {"percentage": percentage}}

    found, _ = load(connect(q2=several(50)))
    assert said(found) == {("empathy", "ana"): ("human", "rated", 1)}
    found, quarantine = load(connect(q2=several(70)))
    assert (found.ratings, found.off_scale) == ((), {"empathy": 1})
    assert quarantine.notes == {"off_scale": 1}


def test_a_percentage_tells_the_level_where_the_text_is_not_ours(load, connect, said):
    answer = choice("Perfect", refs=("x", "y"), labels=("Poor", "Perfect"))
    found, _ = load(connect(q2=answer | {"score": {"percentage": 100}}))
    assert said(found) == {("empathy", "ana"): ("human", "rated", 2)}


def api(answers, **fields):
    return {
        "EvaluationId": "e1",
        "EvaluationArn": "arn:aws:connect:eu-west-1:1:instance/i/contact-evaluation/e1",
        "Metadata": {
            "ContactId": "c1",
            "EvaluatorArn": "arn:aws:connect:eu-west-1:1:instance/i/agent/ana",
        },
        "Answers": answers,
        "Notes": {},
        "Status": "SUBMITTED",
        "CreatedTime": 1772445600.0,
        "LastModifiedTime": "2026-03-02T10:00:00+01:00",
        **fields,
    }


def test_the_api_names_options_by_id_and_keeps_notes_apart(load, rating):
    answers = {
        "q1": {"Value": {"StringValue": "o11"}},
        "q2": {"Value": {"NotApplicable": True}},
    }
    found, _ = load(api(answers, Notes={"q1": {"Value": "Warm."}}))
    assert list(found.ratings) == [rating("greeting", 1, reason="Warm."), rating("empathy")]


def test_an_answer_and_its_form_come_wrapped_as_the_api_returns_them(load, plain_card, said):
    question = {
        "RefId": "abc",
        "Title": "Did the agent say hello? ",
        "QuestionType": "SINGLESELECT",
        "QuestionTypeProperties": {"SingleSelect": {"Options": [{"RefId": "z", "Text": "yes"}]}},
    }
    inner = {"Section": {"Title": "Inner", "RefId": "s9", "Items": [{"Question": question}]}}
    form = {"Title": "F", "Items": [{"Section": {"Title": "Outer", "Items": [inner]}}]}
    wrapped = {
        "Evaluation": api({"abc": {"Value": {"StringValue": "z"}}}),
        "EvaluationForm": form,
    }
    found, _ = load(wrapped, card=plain_card)
    assert said(found) == {("greeting", "ana"): ("human", "rated", 1)}


def test_the_api_keeps_the_suggestion_with_its_justification(load):
    suggested = {
        "Status": "SUCCEEDED",
        "AnalysisType": "GEN_AI",
        "Value": {"StringValue": "o10"},
        "AnalysisDetails": {"GenAI": {"Justification": "No greeting was heard."}},
    }
    answer = {
        "Value": {"StringValue": "o11"},
        "SystemSuggestedValue": {"StringValue": "o10"},
        "SuggestedAnswers": [suggested],
    }
    found, _ = load(api({"q1": answer}))
    model, human = found.ratings
    assert (model.rater, model.level, model.reason) == (
        "connect-suggested",
        0,
        "No greeting was heard.",
    )
    assert (human.rater, human.level) == ("ana", 1)


def test_a_failed_suggestion_of_the_api_is_a_failed_rating(load, said):
    answer = {"Value": {"StringValue": "o11"}, "SuggestedAnswers": [{"Status": "FAILED"}]}
    found, _ = load(api({"q1": answer}))
    assert said(found)["greeting", "connect-suggested"] == ("model", "failed", None)


def test_an_automated_evaluation_of_the_api_has_a_person_only_where_one_changed_it(load, said):
    evaluation = api(
        {
            "q1": {
                "Value": {"StringValue": "o11"},
                "SystemSuggestedValue": {"StringValue": "o11"},
            },
            "q3": {
                "Value": {"StringValue": "o31"},
                "SystemSuggestedValue": {"StringValue": "o30"},
            },
        }
    )
    evaluation["Metadata"]["AutoEvaluation"] = {"AutoEvaluationEnabled": True}
    found, _ = load(evaluation)
    assert said(found) == {
        ("greeting", "connect-suggested"): ("model", "rated", 1),
        ("identity", "connect-suggested"): ("model", "rated", 0),
        ("identity", "ana"): ("human", "rated", 1),
    }


def test_a_draft_is_left_out_and_a_dispute_is_counted(load):
    answers = {"q1": {"Value": {"StringValue": "o11"}}}
    found, quarantine = load(api(answers, Status="DRAFT"))
    assert found.ratings == ()
    assert quarantine.counts == {"not_submitted": 1}
    found, _ = load(api(answers, Status="UNDER_REVIEW", EvaluationType="CALIBRATION"))
    assert (len(found.ratings), found.disputed, found.calibrations) == (1, 1, 1)


def test_a_number_is_the_level_whose_range_it_is_in(load, card, said):
    numeric = card.model_dump()
    for number, label in {0: "0 to 3", 1: "4 to 7", 2: "8 to 10"}.items():
        numeric["sections"][0]["criteria"][1]["levels"][number]["label"] = label
    # 2 is the number of the highest level, too, which it is not.
    answer = {"q2": {"Value": {"NumericValue": 2}}}
    found, _ = load(api(answer), card=Scorecard.model_validate(numeric))
    assert said(found) == {("empathy", "ana"): ("human", "rated", 0)}
