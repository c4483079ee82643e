"""Amazon Connect evaluation forms: what a scorecard keeps of them, and what it reports."""

from __future__ import annotations

import pytest

from autoqa.records import Speaker
from autoqa.scorecard import Condition, Scorecard
from autoqa.scorecard.vendors import LossKind, export_form, form_ids, import_form


def option(ref, text, score=None, **more):
    return {"RefId": ref, "Text": text, **({} if score is None else {"Score": score}), **more}


YES_NO = [option("y", "Yes", 10), option("n", "No", 0)]


def question(ref, title, options=YES_NO, *, weight=None, kind="SINGLESELECT", **more):
    asked = {"RefId": ref, "Title": title, "QuestionType": kind, **more}
    if kind == "SINGLESELECT":
        asked["QuestionTypeProperties"] = {"SingleSelect": {"Options": options}}
    return {"Question": asked | ({} if weight is None else {"Weight": weight})}


def section(ref, title, *items, **more):
    return {"Section": {"RefId": ref, "Title": title, "Items": list(items), **more}}


def form(*items, mode="QUESTION_ONLY", **more):
    scoring = {"Mode": mode, "Status": "ENABLED"}
    return {"Title": "Service calls", "Items": list(items), "ScoringStrategy": scoring, **more}


def kinds(found):
    return [loss.kind for loss in found.losses]


def only_loss(found):
    (loss,) = found.losses
    return loss


def test_a_form_becomes_a_scorecard_with_its_ids():
    given = form(
        section(
            "tone",
            "Tone",
            question(
                "8a7f3e12-7d0c-4a55-9b1e-0c2f4b6d8e90",
                "Did the agent greet the caller?",
                [option("o1", "Warmly", 10), option("o2", "Barely", 5), option("o3", "No", 0)],
                weight=60,
                Instructions="Look at the first turn.",
                NotApplicableEnabled=True,
            ),
            question("recap", "Did the agent sum up?", weight=40),
        ),
        Description="For all calls.",
        EvaluationFormVersion=4,
        LanguageConfiguration={"FormLanguage": "en-GB"},
    )
    found = import_form(given)
    card = found.card
    assert found.losses == ()
    assert (card.id, card.version, card.language) == ("service-calls", 4, "en-GB")
    assert card.description == "For all calls."
    greet, recap = card.criteria
    # An id that people can read is kept; one that a machine drew gives way to the title.
    assert (greet.id, recap.id) == ("did_the_agent_greet_the_caller", "recap")
    assert greet.ref == "8a7f3e12-7d0c-4a55-9b1e-0c2f4b6d8e90"
    assert (greet.weight, recap.weight) == (60, 40)
    assert (greet.not_applicable, recap.not_applicable) == (True, False)
    assert greet.guidance == "Look at the first turn."
    assert [(n, level.label, level.ref) for n, level in greet.levels.items()] == [
        (0, "No", "o3"),
        (1, "Barely", "o2"),
        (2, "Warmly", "o1"),
    ]
    assert card.sections[0].ref == "tone"


def test_a_response_of_the_service_is_read_as_the_form_inside_it():
    inner = form(section("s", "S", question("q", "Asked?", weight=100)))
    again = import_form({"ResponseMetadata": {}, "EvaluationForm": inner, "Unknown": [1]})
    assert again.card == import_form(inner).card


def test_totals_follow_question_weights_and_share_out_those_of_n_a(total):
    three = [option("a", "Full", 10), option("b", "Half", 5), option("c", "None", 0)]
    given = form(
        section(
            "s",
            "All",
            *(
                question(ref, ref, three, weight=weight, NotApplicableEnabled=True)
                for ref, weight in (("w", 40), ("x", 20), ("y", 20), ("z", 20))
            ),
        )
    )
    card = import_form(given).card
    # 40 + 20/2 + 20/2 + 0
    assert total(card, w=2, x=1, y=1, z=0) == 60.0
    # Without z its 20 goes to the others in proportion: 50 + 25/2 + 25/2.
    assert total(card, w=2, x=1, y=1, z=None) == 75.0


def test_the_best_answer_earns_the_whole_weight_whatever_its_score():
    given = form(
        section(
            "s",
            "All",
            question("a", "A?", [option("1", "Yes", 4), option("2", "Partly", 1), YES_NO[1]]),
        )
    )
    found = import_form(given)
    assert [level.points for level in found.card.criteria[0].levels.values()] == [0, 0.25, 1]


def test_section_weights_are_shared_evenly_by_scored_questions():
    given = form(
        section(
            "s",
            "Service",
            question("a", "A?"),
            question("b", "B?"),
            question("seen", "Seen?", [option("1", "Yes"), option("2", "No")]),
            Weight=30,
        ),
        section(
            "t",
            "Talk",
            question("c", "C?"),
            section("u", "Inside", question("d", "D?"), question("e", "E?"), Weight=20),
            Weight=70,
        ),
        mode="SECTION_ONLY",
    )
    card = import_form(given).card
    weights = {criterion.id: criterion.weight for criterion in card.criteria}
    assert weights == {"a": 15, "b": 15, "seen": 0, "c": 50, "d": 10, "e": 10}


def test_points_count_as_weights_where_a_form_is_scored_by_points(total):
    def points(ref, text, value):
        return option(ref, text, PointsConfiguration={"PointValue": value})

    given = form(
        section(
            "s",
            "All",
            question("a", "A?", [points("1", "Yes", 30), points("2", "No", 0)]),
            question("b", "B?", [points("1", "Yes", 10), points("2", "Partly", 4)]),
        ),
        mode="POINTS_BASED",
    )
    card = import_form(given).card
    assert [criterion.weight for criterion in card.criteria] == [75, 25]
    assert total(card, a=1, b=0) == 85.0  # 30 + 4 of 40 points


def test_an_answer_that_fails_the_form_takes_the_total_to_zero(total):
    given = form(
        section(
            "s",
            "All",
            question(
                "id",
                "Was the customer identified?",
                [option("y", "Yes", 10), option("n", "No", 0, AutomaticFail=True)],
                weight=50,
            ),
            question("b", "B?", weight=50),
        )
    )
    found = import_form(given)
    assert found.losses == ()
    assert found.card.criterion("id").critical is True
    assert total(found.card, id=0, b=1) == 0.0
    assert total(found.card, id=1, b=0) == 50.0


def test_only_the_answers_that_fail_fail_here(total):
    answers = [
        option("y", "Yes", 10),
        option("l", "Late", 0),
        option("n", "Never", 3, AutomaticFail=True),
    ]
    given = form(
        section("s", "All", question("id", "Identified?", answers, weight=50)),
        section("t", "Rest", question("b", "B?", weight=50)),
    )
    found = import_form(given)
    assert [level.label for level in found.card.criterion("id").levels.values()] == [
        "Never",
        "Late",
        "Yes",
    ]
    assert total(found.card, id=1, b=1) == 50.0  # late: no points, but no fail
    assert total(found.card, id=0, b=1) == 0.0
    assert sorted(kinds(found)) == [LossKind.CRITICAL, LossKind.POINTS]
    # Written again, the form is as it was but for the points of the answer that fails.
    again = export_form(found.card, "connect").form["Items"][0]["Section"]["Items"][0]["Question"]
    assert again["QuestionTypeProperties"]["SingleSelect"]["Options"] == [
        {"RefId": "y", "Text": "Yes", "Score": 10},
        {"RefId": "l", "Text": "Late", "Score": 0},
        {"RefId": "n", "Text": "Never", "Score": 0, "AutomaticFail": True},
    ]


def failing_section(target):
    return [
        option("y", "Yes", 10),
        option(
            "n", "No", 0, AutomaticFail=True, AutomaticFailConfiguration={"TargetSection": target}
        ),
    ]


def test_an_answer_that_fails_its_section_leaves_the_other_sections_their_points(total):
    given = form(
        section(
            "s",
            "Rules",
            question("id", "Identified?", failing_section("s"), weight=20),
            question("b", "B?", weight=30),
        ),
        section("t", "Rest", question("c", "C?", weight=50)),
    )
    found = import_form(given)
    assert found.losses == ()
    assert found.card.criterion("id").critical == "section"
    assert total(found.card, id=0, b=1, c=1) == 50.0  # the section's 50 points are lost


@pytest.mark.parametrize(
    ("target", "critical"), [("outer", "section"), ("inner", "section"), ("other", False)]
)
def test_a_fail_of_another_section_is_reported(target, critical):
    given = form(
        section(
            "outer",
            "Outer",
            section(
                "inner",
                "Inner",
                question("id", "Identified?", failing_section(target), weight=60),
            ),
        ),
        section("other", "Other", question("b", "B?", weight=40)),
    )
    found = import_form(given)
    assert found.card.criterion("id").critical == critical
    assert (LossKind.CRITICAL in kinds(found)) is (target != "inner")


def test_where_one_answer_fails_the_form_and_another_a_section_the_form_counts(total):
    answers = [
        *failing_section("s"),
        option("x", "Rude", 0, AutomaticFail=True),
    ]
    given = form(
        section("s", "Rules", question("id", "Identified?", answers, weight=40)),
        section("t", "Rest", question("c", "C?", weight=60)),
    )
    found = import_form(given)
    assert found.card.criterion("id").critical is True
    levels = {level.label: n for n, level in found.card.criterion("id").levels.items()}
    assert total(found.card, id=levels["Rude"], c=1) == 0.0
    assert total(found.card, id=levels["No"], c=1) == 60.0
    assert kinds(found) == [LossKind.CRITICAL, LossKind.CRITICAL]


def test_an_item_of_an_unknown_kind_is_reported():
    found = import_form(form(section("s", "All", question("a", "A?", weight=100), {"Chart": {}})))
    assert only_loss(found).kind is LossKind.LEFT_OUT
    assert only_loss(found).place == "Items.0.Section.Items.1"


def test_sections_inside_sections_stand_beside_them():
    given = form(
        section(
            "s",
            "Talk",
            question("a", "A?", weight=50),
            section("u", "Opening", question("b", "B?", weight=50)),
        )
    )
    found = import_form(given)
    assert [(s.ref, s.title) for s in found.card.sections] == [
        ("s", "Talk"),
        ("u", "Talk / Opening"),
    ]
    assert only_loss(found).kind is LossKind.SECTIONS
    assert only_loss(found).place == "Items.0.Section.Items.1.Section"


@pytest.mark.parametrize("kind", ["TEXT", "DATETIME", "MULTISELECT", "NUMERIC", "PICTURE"])
def test_a_question_that_is_no_choice_is_left_out_and_named(kind):
    given = form(
        section("s", "All", question("a", "A?", weight=80)),
        section("t", "Notes", question("n", "Anything else?", kind=kind, weight=20)),
    )
    found = import_form(given)
    assert [criterion.id for criterion in found.card.criteria] == ["a"]
    assert found.card.criteria[0].weight == 100
    loss = only_loss(found)
    assert loss.kind is LossKind.LEFT_OUT
    assert str(loss).startswith("Items.1.Section.Items.0.Question 'Anything else?': asks for a")
    assert "weight of 20" in loss.what


def test_ranges_of_a_number_become_levels():
    ranges = [
        {"MinValue": 0, "MaxValue": 0, "Score": 10},
        {"MinValue": 1, "MaxValue": 4, "Score": 5},
        {"MinValue": 5, "MaxValue": 10, "Score": 0, "AutomaticFail": True},
    ]
    numeric = {"MinValue": 0, "MaxValue": 10, "Options": ranges}
    given = form(
        section(
            "s",
            "All",
            question(
                "i",
                "How often did the agent interrupt?",
                kind="NUMERIC",
                weight=100,
                QuestionTypeProperties={"Numeric": numeric},
            ),
        )
    )
    found = import_form(given)
    levels = found.card.criteria[0].levels
    assert [level.label for level in levels.values()] == ["5 to 10", "1 to 4", "0 to 0"]
    assert [level.ref for level in levels.values()] == ["5..10", "1..4", "0..0"]
    assert found.card.criteria[0].critical is True
    assert kinds(found) == [LossKind.RATED]
    again = export_form(found.card, "connect").form["Items"][0]["Section"]["Items"][0]["Question"]
    assert again["QuestionTypeProperties"]["Numeric"] == numeric


def on_channel(*channels, **more):
    expression = {
        "Source": {"Type": "CONTACT", "ContactField": "CHANNEL"},
        "Values": [{"Type": "STRING_VALUE", "StringValue": name} for name in channels],
        "Comparator": "IN",
    }
    return {"Condition": {"Operands": [{"Expression": expression}]}, "Action": "ENABLE", **more}


def test_a_condition_on_the_channel_is_kept():
    given = form(
        section("s", "All", question("a", "A?", weight=100, Enablement=on_channel("VOICE", "CHAT")))
    )
    found = import_form(given)
    assert found.losses == ()
    criterion = found.card.criteria[0]
    assert criterion.applies_when == Condition(channel=("voice", "chat"))
    assert criterion.not_applicable
    again = export_form(found.card, "connect")
    assert LossKind.CONDITIONS not in kinds(again)
    assert import_form(again.form).card.criteria[0].applies_when == criterion.applies_when


def on_answer(ref, answer):
    expression = {
        "Source": {"Type": "QUESTION_REF_ID", "RefId": ref},
        "Values": [{"Type": "OPTION_REF_ID", "RefId": answer}],
        "Comparator": "IN",
    }
    return {"Condition": {"Operands": [{"Expression": expression}]}, "Action": "ENABLE"}


@pytest.mark.parametrize(
    "enablement",
    [
        on_answer("a", "y"),
        on_channel("TASK"),
        on_channel("VOICE", DefaultAction="ENABLE"),
        on_channel("VOICE") | {"Action": "DISABLE"},
        {"Condition": {"Operands": [{"Condition": on_answer("a", "y")["Condition"]}]}},
    ],
)
def test_any_other_condition_is_reported_and_allows_n_a(enablement):
    given = form(section("s", "All", question("b", "B?", weight=100, Enablement=enablement)))
    found = import_form(given)
    assert found.card.criteria[0].applies_when is None
    assert found.card.criteria[0].not_applicable
    assert only_loss(found).kind is LossKind.CONDITIONS


def test_a_condition_is_reported_in_words():
    asked = question("b", "B?", weight=100, Enablement=on_answer("reason", "moved"))
    found = import_form(form(section("s", "All", asked)))
    assert "ENABLE where question reason IN moved" in only_loss(found).what


def test_a_condition_of_a_section_holds_for_its_questions():
    given = form(
        section("s", "All", question("a", "A?", weight=100), Enablement=on_channel("EMAIL"))
    )
    assert import_form(given).card.criteria[0].applies_when == Condition(channel=("email",))


def test_what_answers_a_question_there_is_reported():
    asked = question("a", "A?", weight=100)
    asked["Question"]["QuestionTypeProperties"]["SingleSelect"]["Automation"] = {
        "AnswerSource": {"SourceType": "GEN_AI"}
    }
    found = import_form(form(section("s", "All", asked)))
    assert only_loss(found).kind is LossKind.AUTOMATION
    assert "GEN_AI" in only_loss(found).what


def test_settings_without_a_place_here_are_reported():
    thresholds = [{"PerformanceCategory": "NEEDS_IMPROVEMENT", "MaxScorePercentage": 50}]
    asked = question(
        "a",
        "A?",
        weight=100,
        MetricConfiguration={"MetricType": "BUSINESS_OUTCOME", "MetricName": "CSAT"},
        ScoringConfiguration={"ScoreThresholds": thresholds},
    )
    given = form(
        section("s", "All", asked, ScoreThresholds=thresholds),
        AutoEvaluationConfiguration={"Enabled": True},
        ReviewConfiguration={"ReviewNotificationRecipients": [{"Type": "USER_ID", "Value": {}}]},
    )
    given["ScoringStrategy"]["ScoreThresholds"] = thresholds
    found = import_form(given)
    assert kinds(found) == [LossKind.SETTINGS] * 6
    assert sum("thresholds" in loss.what for loss in found.losses) == 3


def test_questions_excluded_from_scoring_have_no_weight():
    excluded = {"ScoringConfiguration": {"IsExcludedFromScoring": True}}
    given = form(
        section("s", "All", question("a", "A?", weight=50), question("b", "B?", **excluded)),
        section("t", "Rest", question("c", "C?", weight=50), IsExcludedFromScoring=True),
    )
    weights = {c.id: c.weight for c in import_form(given).card.criteria}
    assert weights == {"a": 100, "b": 0, "c": 0}


def test_a_form_without_scores_counts_all_questions_alike_and_says_so():
    plain = [option("1", "Yes"), option("2", "No")]
    given = form(section("s", "All", question("a", "A?", plain), question("b", "B?", plain)))
    given["ScoringStrategy"]["Status"] = "DISABLED"
    found = import_form(given)
    assert [criterion.weight for criterion in found.card.criteria] == [50, 50]
    assert only_loss(found).kind is LossKind.WEIGHTS


def test_a_bonus_has_no_weight():
    bonus = {"ScoringConfiguration": {"PointsConfiguration": {"IsBonus": True}}}
    given = form(section("s", "All", question("a", "A?", weight=100), question("b", "B?", **bonus)))
    found = import_form(given)
    assert found.card.criterion("b").weight == 0
    assert kinds(found) == [LossKind.POINTS]


@pytest.mark.parametrize(
    ("target", "speaker"),
    [("AGENT", Speaker.AGENT), ("AUTOMATED", Speaker.BOT), ("CUSTOMER", Speaker.CUSTOMER)],
)
def test_the_target_of_a_form_says_whose_words_are_judged(target, speaker):
    given = form(
        section("s", "All", question("a", "A?", weight=100)),
        TargetConfiguration={"ContactInteractionType": target},
    )
    card = import_form(given).card
    assert card.criteria[0].speaker is speaker
    again = export_form(card, "connect").form
    assert again["TargetConfiguration"] == {"ContactInteractionType": target}


def card_of(*criteria, **more):
    return Scorecard.model_validate(
        {
            "id": "calls",
            "version": 1,
            "language": "en-US",
            "title": "Calls",
            "sections": [{"id": "all", "title": "All", "criteria": list(criteria)}],
            **more,
        }
    )


def criterion(name, **more):
    return {"id": name, "question": f"{name}?", "levels": {0: "no", 1: "yes"}, "weight": 50, **more}


def test_weights_of_a_written_form_sum_to_100():
    card = card_of(criterion("a", weight=1), criterion("b", weight=2), criterion("c", weight=0))
    items = export_form(card, "connect").form["Items"][0]["Section"]["Items"]
    assert [item["Question"]["Weight"] for item in items] == pytest.approx([100 / 3, 200 / 3, 0])
    assert items[2]["Question"]["ScoringConfiguration"] == {"IsExcludedFromScoring": True}


def test_scores_keep_shares_where_whole_numbers_up_to_ten_can():
    levels = {n: {"label": str(n), "points": share} for n, share in enumerate((0, 1 / 3, 1))}
    found = export_form(card_of(criterion("a", levels=levels)), "connect")
    options = found.form["Items"][0]["Section"]["Items"][0]["Question"]["QuestionTypeProperties"]
    assert [o["Score"] for o in options["SingleSelect"]["Options"]] == [9, 3, 0]
    assert found.losses == ()


def test_scores_that_do_not_fit_are_rounded_and_reported():
    levels = {n: {"label": str(n), "points": share} for n, share in enumerate((0, 0.37, 1))}
    found = export_form(card_of(criterion("a", levels=levels)), "connect")
    options = found.form["Items"][0]["Section"]["Items"][0]["Question"]["QuestionTypeProperties"]
    assert [o["Score"] for o in options["SingleSelect"]["Options"]] == [10, 4, 0]
    assert only_loss(found).kind is LossKind.POINTS


def test_what_a_form_cannot_say_of_a_scorecard_is_reported():
    card = card_of(
        criterion("a", scorer={"use": "rules", "say": "greeting"}),
        criterion("b", applies_when={"mentions": "refund"}),
        criterion("c", unit="turn"),
        criterion("d", speaker="customer"),
        criterion("e", levels={1: "no", 2: {"label": "yes", "description": "It is said."}}),
        version=3,
        language="eo",
    )
    found = export_form(card, "connect")
    assert {(loss.place, loss.kind) for loss in found.losses} == {
        ("calls", LossKind.IDS),
        ("calls", LossKind.LANGUAGES),
        ("a", LossKind.AUTOMATION),
        ("b", LossKind.CONDITIONS),
        ("c", LossKind.RATED),
        ("d", LossKind.RATED),
        ("e", LossKind.TEXTS),
        ("e", LossKind.IDS),
    }


def test_texts_are_cut_to_what_a_form_takes():
    card = card_of(
        criterion("a", question="Q" * 400, guidance="G" * 2000), title="T" * 200, id="t" * 10
    )
    found = export_form(card, "connect")
    asked = found.form["Items"][0]["Section"]["Items"][0]["Question"]
    assert (len(found.form["Title"]), len(asked["Title"])) == (100, 350)
    assert len(asked["Instructions"]) == 1024
    assert kinds(found).count(LossKind.TEXTS) == 3


def test_ids_that_the_service_refuses_are_made_from_ours():
    card = card_of(
        criterion("a", ref="projects/p/qaQuestions/1"), criterion("b" * 60), criterion("all")
    )
    ids = form_ids(card, "connect")
    assert ids.questions["a"] == "a"
    assert len(ids.questions["b" * 60]) == 40
    assert ids.questions["all"] == "all"
    assert ids.sections["all"] == "all-2"  # sections and questions share one set of ids
    assert ids.options["a", 1] == "a.1"
