"""Zendesk QA: reviews by people, and rows of AutoQA."""

from __future__ import annotations

import pytest


def category(name, score, **more):
    return {"categoryName": name, "score": score, "weight": 10, "critical": False, **more}


def test_categories_are_criteria_by_wording_and_causes_are_reasons(load, zendesk, rating):
    review = zendesk(
        category("did the agent say  hello?", 100),
        category("Identity", 0, cause="No name asked", causes=["No name asked", "No PIN"]),
    )
    found, _ = load({"conversations": [review]})
    ana = {"rater": "ana@team.example"}
    assert list(found.ratings) == [
        rating("greeting", 1, **ana),
        rating("identity", 0, reason="No name asked; No PIN", **ana),
    ]


@pytest.mark.parametrize(("score", "level"), [(0, 0), (50, 1), (100, 2)])
def test_a_score_is_a_percentage_of_the_scale(load, zendesk, said, score, level):
    found, _ = load(zendesk(category("empathy", score)))
    assert said(found) == {("empathy", "ana@team.example"): ("human", "rated", level)}


def test_thirds_may_be_rounded(load, zendesk, card):
    four = card.model_dump()
    criterion = four["sections"][0]["criteria"][1]
    criterion["levels"] = {n: {"label": str(n)} for n in range(4)}
    four = type(card).model_validate(four)
    for score, level in ((33.3, 1), (66.6, 2), (67, 2)):
        found, _ = load(zendesk(category("empathy", score)), card=four)
        assert [r.level for r in found.ratings] == [level]


def test_a_raw_scale_is_not_mistaken_for_percentages(load, zendesk):
    found, _ = load(zendesk(category("greeting", 5), category("empathy", 3)))
    assert found.ratings == ()
    assert found.off_scale == {"greeting": 1, "empathy": 1}


def test_a_category_without_a_score_does_not_apply(load, zendesk, said):
    found, _ = load(zendesk(category("greeting", None)))
    assert said(found) == {("greeting", "ana@team.example"): ("human", "not_applicable", None)}


def test_reviewers_are_named_by_address_or_name(load, zendesk):
    found, _ = load(
        zendesk(category("greeting", 0), review_id=1, reviewer="Ana"),
        zendesk(category("greeting", 0), review_id=2, reviewer={"name": "Ben"}),
        zendesk(category("greeting", 0), review_id=3, reviewer={}),
    )
    assert [r.rater for r in found.ratings] == ["Ana", "Ben", "unknown"]


def test_one_bad_review_does_not_cost_the_others(load, zendesk):
    conversation = zendesk(category("greeting", 100))
    conversation["reviews"] += [{"id": 2, "ratings": "none"}, "nonsense"]
    found, quarantine = load(conversation)
    assert len(found.ratings) == 1
    assert quarantine.counts == {"wrong_type": 2}


def row(**changes):
    return {
        "autoqaRatingId": "r1",
        "externalTicketId": 4711,
        "ratingCategoryName": "Greeting",
        "score": 100,
        "evaluated": True,
        **changes,
    }


def test_autoqa_rows_are_a_models_ratings(load):
    found, _ = load({"rows": [row(rootCauses=["Greeted by name"])], "nextCursor": ""})
    (model,) = found.ratings
    assert (model.conversation_id, model.rater, model.kind) == ("4711", "zendesk-autoqa", "model")
    assert (model.level, model.reason) == (1, "Greeted by name")


def test_autoqa_that_did_not_evaluate_abstained(load, said):
    found, _ = load(row(score=None, evaluated=False))
    assert said(found) == {("greeting", "zendesk-autoqa"): ("model", "abstained", None)}
