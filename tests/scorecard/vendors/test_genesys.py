"""Genesys Cloud evaluation forms: what a scorecard keeps of them, and what it reports."""

from __future__ import annotations

import pytest

from autoqa.scorecard import Scorecard
from autoqa.scorecard.vendors import LossKind, export_form, import_form


def answers(*pairs):
    return [{"id": f"a{i}", "text": text, "value": value} for i, (text, value) in enumerate(pairs)]


YES_NO = (("Yes", 1), ("No", 0))


def question(key, text, *pairs, **more):
    kind = "multipleChoiceQuestion"
    return {
        "id": key,
        "text": text,
        "type": kind,
        "answerOptions": answers(*(pairs or YES_NO)),
        **more,
    }


def group(key, name, *questions, weight=1, **more):
    return {"id": key, "name": name, "weight": weight, "questions": list(questions), **more}


def form(*groups, **more):
    return {"name": "Phone quality", "questionGroups": list(groups), **more}


def kinds(found):
    return [loss.kind for loss in found.losses]


def test_a_form_becomes_a_scorecard_with_its_ids():
    found = import_form(
        form(
            group(
                "0d5f1c3e-41aa-4a6e-b4a5-4f7b7f1d2c11",
                "Opening",
                question(
                    "77e2b3d4-0c1e-4f55-8a9b-1d2e3f4a5b6c",
                    "Did the agent greet?",
                    helpText="Look at the first turn.",
                    naEnabled=True,
                ),
            ),
            dialect="en-US",
            publishedVersions={"entities": []},
        )
    )
    card = found.card
    assert found.losses == ()
    assert (card.id, card.language) == ("phone-quality", "en-US")
    assert (card.sections[0].id, card.sections[0].ref[:8]) == ("opening", "0d5f1c3e")
    criterion = card.criteria[0]
    assert (criterion.id, criterion.ref[:8]) == ("did_the_agent_greet", "77e2b3d4")
    assert (criterion.guidance, criterion.not_applicable) == ("Look at the first turn.", True)
    assert [(n, level.label, level.ref) for n, level in criterion.levels.items()] == [
        (0, "No", "a1"),
        (1, "Yes", "a0"),
    ]


def test_totals_follow_points_times_group_weights(total):
    card = import_form(
        form(
            group("g1", "One", question("a", "A?"), question("b", "B?", naEnabled=True), weight=40),
            group("g2", "Two", question("c", "C?"), weight=20),
        )
    ).card
    # (1 * 40 + 1 * 20) / (2 * 40 + 1 * 20)
    assert total(card, a=1, b=0, c=1) == 60.0
    # N/A leaves both sums: (0 * 40 + 1 * 20) / (1 * 40 + 1 * 20)
    assert total(card, a=0, b=None, c=1) == 33.33


def test_answers_are_worth_their_share_of_the_best(total):
    card = import_form(
        form(
            group("g", "One", question("a", "A?", ("Full", 10), ("Half", 4), ("None", 0))),
            group("h", "Two", question("b", "B?", ("Full", 10), ("None", 0)), weight=1.5),
        )
    ).card
    assert [criterion.weight for criterion in card.criteria] == [40, 60]
    assert total(card, a=1, b=1) == 76.0  # (4 + 15) / (10 + 15)


def test_any_answer_but_the_best_to_a_fatal_question_fails_the_evaluation(total):
    found = import_form(
        form(
            group(
                "g",
                "One",
                question("a", "A?", ("Yes", 2), ("Late", 1), ("No", 0), isKill=True),
                question("b", "B?"),
            )
        )
    )
    assert found.card.criterion("a").critical is True
    assert [total(found.card, a=level, b=1) for level in (0, 1, 2)] == [0.0, 0.0, 100.0]
    assert kinds(found) == [LossKind.POINTS]  # late earned a point, and fails here all the same


def test_a_critical_question_fails_nothing_there_so_it_fails_nothing_here():
    found = import_form(form(group("g", "One", question("a", "A?", isCritical=True))))
    assert found.card.criteria[0].critical is False
    assert kinds(found) == [LossKind.CRITICAL]


@pytest.mark.parametrize(
    "kind",
    ["freeTextQuestion", "npsQuestion", "readOnlyTextBlockQuestion", "multipleSelectQuestion"],
)
def test_a_question_that_is_no_single_choice_is_left_out_and_named(kind):
    found = import_form(
        form(group("g", "One", question("a", "A?"), question("b", "Notes?", type=kind)))
    )
    assert [criterion.id for criterion in found.card.criteria] == ["a"]
    (loss,) = found.losses
    assert (loss.kind, loss.place) == (LossKind.LEFT_OUT, "questionGroups.0.questions.1")
    assert kind in loss.what


@pytest.mark.parametrize(
    ("predicate", "said"),
    [
        ("/form/questionGroup/0/question/0/answer/1", "'Was there a problem?' is 'No'"),
        ("../question/1/answer/0", "'Was it solved?' is 'Yes'"),
        ("/form/questionGroup/7/question/0/answer/1", "/form/questionGroup/7"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_a_visibility_condition_is_reported_in_words_and_allows_n_a(predicate, said):
    condition = {"combiningOperation": "AND", "predicates": [predicate]}
    found = import_form(
        form(
            group(
                "g",
                "One",
                question("a", "Was there a problem?"),
                question("b", "Was it solved?", visibilityCondition=condition),
            )
        )
    )
    assert [c.not_applicable for c in found.card.criteria] == [False, True]
    (loss,) = found.losses
    assert loss.kind is LossKind.CONDITIONS
    assert said in loss.what


def test_a_group_that_may_be_n_a_lets_its_questions_be():
    found = import_form(form(group("g", "One", question("a", "A?"), naEnabled=True)))
    assert found.card.criteria[0].not_applicable
    assert kinds(found) == [LossKind.NOT_APPLICABLE]


def test_automation_and_settings_are_reported():
    asked = question("a", "A?", commentsRequired=True, defaultAnswer={"id": "a0"})
    asked["answerOptions"][0]["assistanceConditions"] = [{"operator": "EXISTS", "topicIds": ["t"]}]
    found = import_form(
        form(
            group("g", "One", asked, defaultAnswersToNA=True),
            aiScoring={"enabled": True},
            evaluationSettings={"revisionsEnabled": True},
        )
    )
    assert sorted(kinds(found)) == [LossKind.AUTOMATION] * 2 + [LossKind.SETTINGS] * 4


def card_of(*sections):
    return Scorecard.model_validate(
        {
            "id": "calls",
            "version": 1,
            "language": "de",
            "title": "Calls",
            "sections": [
                {"id": name, "title": name.title(), "criteria": criteria}
                for name, criteria in sections
            ],
        }
    )


def criterion(name, weight, top=1, **more):
    levels = {level: f"level {level}" for level in range(top + 1)}
    return {"id": name, "question": f"{name}?", "levels": levels, "weight": weight, **more}


def test_weights_become_whole_points_and_weights_of_groups():
    card = card_of(
        ("one", [criterion("a", 20, top=2), criterion("b", 15)]),
        ("two", [criterion("c", 65)]),
    )
    found = export_form(card, "genesys")
    assert found.losses == ()
    one, two = found.form["questionGroups"]
    values = [[o["value"] for o in q["answerOptions"]] for q in one["questions"]]
    assert values == [[4, 2, 0], [3, 0]]  # 20 : 10 : 15
    assert [o["value"] for o in two["questions"][0]["answerOptions"]] == [1, 0]
    # One point of the first group weighs 5, of the second 65.
    assert (one["weight"], two["weight"]) == (1, 13)
    assert (found.form["dialect"], found.form["published"]) == ("de", False)


def test_proportions_without_whole_numbers_are_rounded_and_reported():
    card = card_of(("one", [criterion("a", 50 * 2**0.5), criterion("b", 100 - 50 * 2**0.5)]))
    found = export_form(card, "genesys")
    assert kinds(found) == [LossKind.POINTS]
    back = import_form(found.form).card
    assert back.criterion("a").weight == pytest.approx(50 * 2**0.5, abs=0.05)


def test_a_critical_criterion_becomes_a_fatal_question():
    card = card_of(
        (
            "one",
            [
                criterion("a", 40, critical=True),
                criterion("b", 30, critical="section"),
                criterion("c", 30, top=2, critical=True),
            ],
        )
    )
    found = export_form(card, "genesys")
    asked = found.form["questionGroups"][0]["questions"]
    assert [(q["isKill"], q["isCritical"]) for q in asked] == [
        (True, True),
        (False, True),
        (True, True),
    ]
    assert [(loss.place, loss.kind) for loss in found.losses] == [
        ("b", LossKind.CRITICAL),
        ("c", LossKind.CRITICAL),
    ]


def test_a_section_without_weight_keeps_what_its_levels_earn():
    card = card_of(("one", [criterion("a", 100)]), ("two", [criterion("b", 0, top=2)]))
    found = export_form(card, "genesys")
    two = found.form["questionGroups"][1]
    assert two["weight"] == 0
    assert [o["value"] for o in two["questions"][0]["answerOptions"]] == [2, 1, 0]
    back = import_form(found.form).card.criterion("b")
    assert (back.weight, [back.points(level) for level in back.scale]) == (0, [0, 0.5, 1])
