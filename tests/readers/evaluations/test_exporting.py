"""Ratings out: arithmetic by each system's rules, what is lost, and the way back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError, RecordError
from autoqa.readers import Quarantine
from autoqa.readers.evaluations import LOSSES, SYSTEMS, export_evaluations, import_evaluations
from autoqa.records import CSAT, Evidence
from autoqa.scorecard import Scorecard, evaluate

WHEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def export(card):
    def run(system, *ratings, card=card, agents=None):
        losses = Counter()
        written = export_evaluations(
            ratings, card, system, agents=agents, submitted=WHEN, losses=losses
        )
        return [evaluation for _, evaluation in written], dict(+losses)

    return run


@pytest.fixture
def ratings(rating):
    """Greeting 20 of 20, empathy 15 of 30, identity not applicable: 35 of 50 points, 70 %."""

    def by(**more):
        return [
            rating("greeting", 1, **more),
            rating("empathy", 1, **more),
            rating("identity", **more),
        ]

    return by


def model(name="autoqa"):
    return {"rater": name, "kind": "model"}


def test_connect_weighs_answered_questions(export, ratings, card):
    (evaluation,), _ = export("connect", *ratings())
    weights = {"q1": 20, "q2": 30, "q3": 50}
    scores = {q["questionRefId"]: q["score"] for q in evaluation["questions"]}
    assert scores["q3"] == {"notApplicable": True}
    answered = {ref: s["percentage"] for ref, s in scores.items() if "percentage" in s}
    by_their_rule = sum(weights[ref] * p for ref, p in answered.items()) / (20 + 30)
    assert by_their_rule == evaluation["metadata"]["score"]["percentage"] == 70.0
    assert [s["score"] for s in evaluation["sections"]] == [{"percentage": 70.0}, {}]


def test_google_divides_score_by_potential(export, ratings):
    (result,), _ = export("google", *ratings(**model()))
    values = [answer["answerValue"] for answer in result["qaAnswers"]]
    assert [value.get("score") for value in values] == [20.0, 15.0, None]
    assert [value.get("potentialScore") for value in values] == [20.0, 30.0, None]
    assert (result["score"], result["potentialScore"]) == (35.0, 50.0)
    assert result["normalizedScore"] == 0.7


def test_genesys_weighs_points_by_their_group(export, ratings):
    (evaluation,), _ = export("genesys", *ratings())
    answers = evaluation["answers"]
    soft, compliance = answers["questionGroupScores"]
    options = evaluation["evaluationForm"]["questionGroups"][0]["questions"][1]["answerOptions"]
    points = {option["id"]: option["value"] for option in options}
    assert points["o21"] / points["o22"] == 0.5
    assert soft["totalScoreUnweighted"] / soft["maxTotalScoreUnweighted"] == 0.7
    assert (compliance["totalScore"], compliance["maxTotalScore"]) == (0, 0)
    assert answers["totalScore"] == pytest.approx(70.0)


def test_zendesk_takes_the_mean_by_weight(export, ratings):
    (written,), _ = export("zendesk", *ratings())
    (conversation,) = written["conversations"]
    (review,) = conversation["reviews"]
    assert [r["score"] for r in review["ratings"]] == [100.0, 50.0, None]
    assert review["score"] == (100 * 20 + 50 * 30) / (20 + 30) == 70.0


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_failed_critical_criterion_fails_there_or_is_a_loss(export, rating, system):
    failed = [rating("greeting", 1), rating("empathy", 2), rating("identity", 0)]
    (evaluation,), losses = export(system, *failed)
    total = {
        "connect": lambda e: e["metadata"]["score"]["percentage"],
        "google": lambda e: 100 * e["normalizedScore"],
        "genesys": lambda e: e["answers"]["totalScore"],
        "zendesk": lambda e: e["conversations"][0]["reviews"][0]["score"],
    }[system](evaluation)
    if system == "google":  # 20 + 30 of 100 points: nothing fails a result there
        assert (total, losses["total_differs"]) == (50.0, 1)
    else:
        assert (total, losses.get("total_differs")) == (0.0, None)


def test_connect_marks_what_failed(export, rating):
    (evaluation,), _ = export("connect", rating("identity", 0))
    assert evaluation["metadata"]["score"] == {"percentage": 0.0, "automaticFail": True}
    assert evaluation["questions"][2]["score"] == {"percentage": 0.0, "automaticFail": True}
    assert evaluation["sections"][1]["score"] == {"percentage": 0.0, "automaticFail": True}


@pytest.mark.parametrize("system", SYSTEMS)
def test_abstained_and_failed_ratings_are_unanswered_never_a_no(export, rating, system):
    unsure = rating("greeting", status="abstained", reason="0.4 is too close", **model())
    broken = rating("empathy", status="failed", reason="no model", **model())
    (evaluation,), losses = export(system, unsure, broken, rating("identity", 1, **model()))
    assert (losses["abstained"], losses["failed"]) == (1, 1)
    chosen = json.dumps(evaluation)
    if system == "connect":
        for question in evaluation["questions"][:2]:
            assert not any(value["selected"] for value in question["answer"]["values"])
            assert question["answer"]["metadata"] == {"notApplicable": False}
            assert question["score"] == {"notApplicable": False}
    elif system == "google":
        assert "answerValue" not in evaluation["qaAnswers"][0]
        assert "naValue" not in chosen
    elif system == "genesys":
        first, second = evaluation["answers"]["questionGroupScores"][0]["questionScores"]
        assert first["aiAnswer"]["failureType"] == "LowConfidenceError"
        assert second["aiAnswer"]["failureType"] == "ServiceError"
        assert not {"answerId", "markedNA", "score"} & {*first, *second}
    else:
        assert [row["ratingCategoryId"] for row in evaluation["rows"]] == ["q3"]


def test_what_a_model_rated_is_marked_as_automated(export, ratings):
    by_model = ratings(**model())
    (connect,), _ = export("connect", *by_model)
    assert connect["metadata"]["evaluationSource"] == "AUTOMATED"
    assert connect["metadata"]["autoEvaluated"] is True
    assert connect["questions"][0]["answer"]["automation"]["status"] == "SYSTEM_ANSWER"
    (google,), _ = export("google", *by_model)
    sources = [a["answerSources"][0]["sourceType"] for a in google["qaAnswers"]]
    assert sources == ["SYSTEM_GENERATED"] * 3
    assert google["scoreSources"][0]["sourceType"] == "SYSTEM_GENERATED_ONLY"
    (genesys,), _ = export("genesys", *by_model)
    assert "evaluator" not in genesys
    (zendesk,), _ = export("zendesk", *by_model)
    assert "rows" in zendesk


def test_people_and_models_have_an_evaluation_each(export, ratings):
    for system in SYSTEMS:
        evaluations, _ = export(system, *ratings(), *ratings(**model()), *ratings(rater="ben"))
        assert len(evaluations) == 3


def test_what_has_no_place_there_is_counted(export, rating):
    evidence = (Evidence(turn=0, start=0, end=4),)
    given = [
        rating("greeting", 1, evidence=evidence, probabilities=(0.1, 0.9), reason="x", **model()),
        rating("greeting", 1, turn=3, **model()),
        rating(CSAT, 4, **model()),
    ]
    _, losses = export("google", *given)
    assert losses == {
        "not_rated": 2,
        "turn_ratings": 1,
        "csat": 1,
        "probabilities": 1,
        "evidence": 1,
        "reasons": 1,
    }
    assert set(losses) <= set(LOSSES)


def test_long_notes_are_cut_and_counted(export, rating):
    (evaluation,), losses = export("connect", rating("greeting", 1, reason="a" * 4000))
    assert len(evaluation["questions"][0]["answer"]["notes"]) == 3072
    assert losses["notes_cut"] == 1


def test_the_same_evaluation_always_has_the_same_id(card, ratings):
    ids = [[i for i, _ in export_evaluations(ratings(), card, "google")] for _ in range(2)]
    assert ids[0] == ids[1]
    assert ids[0] != [i for i, _ in export_evaluations(ratings(rater="ben"), card, "google")]


def test_agents_and_times_are_said(export, ratings):
    (evaluation,), _ = export("connect", *ratings(), agents={"c1": "maya"})
    assert evaluation["metadata"]["agentId"] == "maya"
    assert evaluation["metadata"]["evaluationSubmitTimestamp"] == "2026-03-02T10:00:00.000Z"


def test_a_system_that_is_not_known_and_two_ratings_of_one_thing_are_errors(card, rating):
    with pytest.raises(DataError, match="Did you mean 'connect'"):
        list(export_evaluations([], card, "conect"))
    twice = [rating("greeting", 1), rating("greeting", 0)]
    with pytest.raises(RecordError, match="two ratings by ana"):
        list(export_evaluations(twice, card, "google"))


@st.composite
def cards(draw):
    """Scorecards of two sections, with and without ids and points of other systems."""
    numbers = iter(range(100))

    def criterion():
        n = next(numbers)
        size = draw(st.integers(2, 4))
        start = draw(st.integers(-1, 2))
        with_refs = draw(st.booleans())
        steps = draw(st.lists(st.integers(1, 25), min_size=size, max_size=size))
        lowest = draw(st.sampled_from([0, steps[0]]))
        worth = [lowest + sum(steps[1 : i + 1]) for i in range(size)]
        most = draw(st.sampled_from([worth[-1], 100]))
        stated = draw(st.booleans())
        levels = {
            start + i: {
                "label": draw(st.sampled_from([f"Answer {i}", "Same", f" {i} "])),
                "ref": f"o{n}-{i}" if with_refs else "",
                "points": worth[i] / most if stated else None,
            }
            for i in range(size)
        }
        return {
            "id": f"c{n}",
            "ref": f"q{n}" if with_refs else "",
            "question": f"Question {n}?",
            "levels": levels,
            "weight": draw(st.sampled_from([0, 1, 2.5, 7, 20])),
            "critical": draw(st.sampled_from([False, True, "section"])),
        }

    sections = [
        {"id": f"s{s}", "title": f"Section {s}", "criteria": [criterion() for _ in range(2)]}
        for s in range(2)
    ]
    return Scorecard.model_validate({"id": "drawn", "version": 1, "sections": sections})


@pytest.mark.parametrize("system", SYSTEMS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(card=cards(), data=st.data())
def test_what_is_written_is_read_back_and_totals_are_ours_unless_counted(
    tmp_path, rating, system, card, data
):
    given = []
    for person, names in ((True, {}), (False, model("bot"))):
        for criterion in card.criteria:
            answer = data.draw(st.sampled_from([*criterion.scale, "na", "unsure", "left out"]))
            if isinstance(answer, int) or answer == "na":
                level = answer if isinstance(answer, int) else None
                given.append(rating(criterion.id, level, **names))
            elif answer == "unsure" and not person:
                given.append(rating(criterion.id, status="abstained", reason="unsure", **names))
    losses = Counter()
    written = [e for _, e in export_evaluations(given, card, system, losses=losses)]
    file = tmp_path / "written.json"
    file.write_text(json.dumps(written))
    quarantine = Quarantine()
    found = import_evaluations([file], card, quarantine=quarantine, system="bot", person="ana")
    assert quarantine.records_quarantined == 0
    answered = {r for r in given if r.status in ("rated", "not_applicable")}
    assert {r for r in found.ratings if r.status in ("rated", "not_applicable")} == answered
    totals = {}
    for kind in ("human", "model"):
        own = [r for r in given if r.kind == kind]
        totals[kind] = evaluate(own, card).total if own else None
    if system == "connect":
        said = {
            "model" if e["metadata"]["autoEvaluated"] else "human": e["metadata"]["score"]
            for e in written
        }
        assert {kind: s.get("percentage") for kind, s in said.items()} == {
            kind: totals[kind] for kind in said
        }
        assert losses["total_differs"] == 0
    elif not any(c.critical or c.points(c.scale[-1]) < 1 for c in card.criteria):
        assert losses["total_differs"] == 0


def test_ratings_of_what_earns_the_same_cannot_be_told_apart_in_zendesk(export, card, rating):
    same = card.model_dump()
    levels = same["sections"][0]["criteria"][1]["levels"]
    levels[1]["points"] = levels[2]["points"] = 1.0
    _, losses = export("zendesk", rating("empathy", 1), card=Scorecard.model_validate(same))
    assert losses["levels_merged"] == 1
