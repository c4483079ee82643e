"""A study holds every part, each with the figures of the direct call, or says why not."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.calibration import reliability_table
from autoqa.evaluation.claims import claim_data, run_claims
from autoqa.evaluation.comparison import compare
from autoqa.evaluation.drivers import csat_drivers, realign
from autoqa.evaluation.prediction_powered import prediction_powered_means
from autoqa.evaluation.raters import rater_report, replacement_test
from autoqa.evaluation.review_policies import compare_policies
from autoqa.evaluation.selection import review_yield
from autoqa.evaluation.selective import risk_coverage
from autoqa.evaluation.stability import agreement_over_time, group_gaps
from autoqa.evaluation.study import Part, conduct_study, customers
from autoqa.evaluation.study.customers import features
from autoqa.evaluation.study.data import StudyData
from autoqa.evaluation.study.predicted_csat import matched_csat
from autoqa.evaluation.surveys import survey_truth
from autoqa.records import CSAT, RaterKind, Rating, Status, Survey
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard

B = {"n_resamples": 20, "seed": 7}


def rated(conversation, criterion, level, rater, **more):
    kind = RaterKind.MODEL if rater == "model" else RaterKind.HUMAN
    return Rating(
        conversation_id=conversation, criterion=criterion, rater=rater, kind=kind,
        status=Status.RATED, level=level, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(centre, study) -> StudyData:
    return StudyData(
        comparison=study.comparison,
        automated=centre.automated,
        human=centre.human,
        surveys=centre.surveys,
        conversations={one.transcript.conversation_id: one for one in centre.conversations},
        card=centre.card,
        **B,
    )


def as_json(value):
    return json.dumps(value.to_dict(), allow_nan=False)


def test_nothing_is_missing_where_everything_was_brought(study, centre):
    assert study.missing == {}
    for part in Part:
        assert getattr(study, part.value), part
    assert study.n_scored == 360
    assert study.n_reviewed == len({r.conversation_id for r in centre.human})
    assert study.n_surveyed == len(centre.surveys)
    assert study.means_by == "team"


def test_the_comparison_and_the_people_are_those_of_the_direct_calls(study, centre, data):
    direct = compare(
        [*centre.automated, *centre.curves], centre.human, card=centre.card,
        surveys=centre.surveys, agents=data.agents, **B,
    )  # fmt: skip
    assert as_json(study.comparison) == as_json(direct)
    test = replacement_test(
        [r for r in centre.human if r.criterion == "answer"], centre.automated,
        criterion="answer", **B,
    )  # fmt: skip
    assert study.replacement["answer"] == test
    report = rater_report(
        centre.human, criterion="answer", levels=(0, 1, 2),
        when=lambda rating: data.dates[rating.conversation_id], **B,
    )  # fmt: skip
    assert study.raters["answer"].to_frame().equals(report.to_frame())
    assert any("drift is over the time" in said for said in study.caveats[Part.RATERS])


def test_what_is_said_of_customers_is_that_of_the_direct_calls(study, centre, data):
    sides = {"automated": centre.automated, "human": centre.human}
    claims = run_claims(
        {
            name: claim_data(held, centre.surveys, centre.conversations, card=centre.card)
            for name, held in sides.items()
        },
        **B,
    )
    assert as_json(study.claims) == as_json(claims)
    side, table = data.csat_table
    assert study.drivers_of == side == "automated"  # fewer than 10 per criterion are by people
    assert {"topic", "channel", "log_handle_time", "transferred"} <= set(table.covariates)
    assert as_json(study.drivers) == as_json(csat_drivers(table, **B))
    assert as_json(study.realignment) == as_json(realign(table, centre.card, **B))
    keys = sorted(data.automated_totals)
    csat = [data.csat.get(key, math.nan) for key in keys]
    known = features(data, keys)
    assert {"automated total", "predicted CSAT", "log handle time", "team"} <= set(known.columns)
    truth = survey_truth(csat, known, clusters=data.clusters(keys))
    assert study.survey_truth.figures == truth.figures
    assert study.matched_csat == matched_csat(data).fields["matched_csat"]


def test_reviews_and_models_are_those_of_the_direct_calls(study, data):
    keys, teams = sorted(data.automated_totals), data.known("team")
    human = [data.human_totals.get(key, math.nan) for key in keys]
    means = prediction_powered_means(
        human,
        [data.automated_totals[key] for key in keys],
        probabilities="equal",
        groups=[teams[key] for key in keys],
    )
    assert study.team_means == means
    reviewed = sorted(data.human_totals)
    totals = np.array([data.human_totals[key] for key in reviewed])
    cut = np.sort(totals)[math.ceil(0.2 * len(totals)) - 1]
    curve = review_yield([-data.automated_totals[key] for key in reviewed], totals <= cut, **B)
    assert study.review_yield.found.tolist() == curve.found.tolist()
    assert f"total by people {cut:.1f} or less" in study.bad_is
    assert study.review_policies == ()
    assert any("have no label" in said for said in study.caveats[Part.REVIEW_YIELD])
    pairs = [
        (machine.probabilities[machine.level], person.level == machine.level, key)
        for key, people in data.by_people["answer"].items()
        if (machine := data.by_machine["answer"].get(key)) and machine.level is not None
        for person in people.values()
        if person.level is not None
    ]
    sure, agrees, items = (np.array(column) for column in zip(*pairs, strict=True))
    assert study.calibration["answer"] == reliability_table(sure, agrees.astype(int))
    assert study.calibration[CSAT]
    names = list(dict.fromkeys(key for _, _, key in pairs))
    disagree = [1 - np.mean([a for _, a, key in pairs if key == name]) for name in names]
    curve = risk_coverage(
        [data.by_machine["answer"][key].probabilities[data.by_machine["answer"][key].level]
         for key in names],
        disagree, data.clusters(key[0] for key in names), **B,
    )  # fmt: skip
    assert study.risk_coverage["answer"].aurc == curve.aurc
    assert len(items) > len(names)  # several people rated some


def test_groups_and_time_are_those_of_the_direct_calls(study, centre, data):
    assert [one.attribute for one in study.fairness] == ["team", "language", "channel"]
    direct = group_gaps(
        data.automated_totals, data.known("language"), human=data.human_totals,
        agents=data.agents, attribute="language", **B,
    )  # fmt: skip
    assert study.fairness[1].to_dict() == direct.to_dict()
    history = agreement_over_time(
        [r for r in centre.automated if r.criterion == "answer"],
        [r for r in centre.human if r.criterion == "answer"],
        data.dates, card=centre.card, agents=data.agents, **B,
    ).histories[0]  # fmt: skip
    found = study.over_time["answer"]
    assert (found.windows, found.p_trend) == (history.windows, history.p_trend)


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (
            {"surveys": ()},
            {
                Part.DRIVERS: "no survey answers. Bring what customers answered",
                Part.REALIGNMENT: "no survey answers",
                Part.SURVEY_TRUTH: "no survey answers",
                Part.MATCHED_CSAT: "0 conversations have both",
            },
        ),
        (
            {"human": ()},
            {
                Part.REPLACEMENT: "no human ratings. Bring reviews that name who rated",
                Part.RATERS: "no human ratings",
                Part.TEAM_MEANS: "No conversation has a total of both sides",
                Part.OVER_TIME: "no human ratings to agree with",
            },
        ),
        (
            {"conversations": (), "card": None, "curves": ()},
            {
                Part.REALIGNMENT: "Name the scorecard",
                Part.FAIRNESS: "No groups to compare",
                Part.OVER_TIME: "Bring conversations with `started_at`",
                Part.SATISFACTION: "Score with `autoqa score --curve`",
            },
        ),
        ({"conversations": ()}, {Part.SATISFACTION: "Bring the conversations that were scored"}),
    ],
)
def test_a_part_that_lacks_data_says_what_to_bring(left_out, said, centre):
    found = centre.study(**left_out, n_resamples=5)
    assert found.missing.keys() == said.keys() | (
        {Part.FAIRNESS, Part.OVER_TIME} if left_out == {"conversations": ()} else set()
    )
    for part, words in said.items():
        assert words in found.missing[part]
        assert not getattr(found, part.value)
    assert found.means_by == ("" if "human" in left_out else found.means_by)
    json.dumps(found.to_dict(), allow_nan=False)


def test_without_people_bad_are_the_conversations_of_dissatisfied_customers(centre):
    found = centre.study(human=(), n_resamples=5)
    assert "customer dissatisfied" in found.bad_is
    assert "lowest predicted CSAT first" in found.bad_is
    assert set(found.calibration) == {CSAT}
    assert found.drivers_of == "automated"


def small(n=40, people=("ann", "bo"), criterion="tone", probabilities=(), reviewed=None):
    """A model and people who rate one criterion, 0 or 1, and differ now and then."""
    machine = [
        rated(f"c{i:02}", criterion, i % 2, "model", probabilities=probabilities) for i in range(n)
    ]
    human = [
        rated(f"c{i:02}", criterion, (i + (i % (5 + j) == 0)) % 2, name)
        for j, name in enumerate(people)
        for i in range(n if reviewed is None else reviewed)
    ]
    return machine, human


@pytest.mark.parametrize(
    ("given", "part", "said"),
    [
        ({"people": ("first", "second")}, Part.RATERS, "by position only (first, second)"),
        ({"people": ("pos1", "pos2", "pos3")}, Part.REPLACEMENT, "by position only"),
        ({"people": ("ann",)}, Part.RATERS, "all human ratings are by one person (ann)"),
        ({}, Part.REPLACEMENT, "2 people rated 30 items or more"),
        ({}, Part.TEAM_MEANS, "People reviewed all 40 scored conversations"),
        ({}, Part.CALIBRATION, "No probabilities over the levels of: tone"),
        ({"n": 20, "probabilities": (0.5, 0.5)}, Part.RISK_COVERAGE, "rated too: tone (20)"),
        ({"n": 20}, Part.REVIEW_YIELD, "20 scored conversations have a total by people"),
        ({}, Part.CLAIMS, "No claim has the data for a test"),
        ({"people": ("ann", "bo"), "reviewed": 0}, Part.RATERS, "no human ratings"),
    ],
)
def test_people_and_numbers_that_do_not_suffice_are_named(given, part, said):
    machine, human = small(**given)
    surveys = [Survey(conversation_id="c00", score=2, scale=(1, 5))] if not human else []
    found = conduct_study(machine, human, surveys=surveys, n_resamples=10)
    assert said.lower() in found.missing[part].lower()


def test_rules_by_which_reviews_are_chosen_are_compared_where_every_conversation_is_labelled():
    rng = np.random.default_rng(3)
    quality = rng.normal(size=60)
    machine, human = [], []
    for i, value in enumerate(quality):
        for k in range(4):
            level = int(np.clip(round(2 + value + 0.4 * rng.normal()), 0, 4))
            machine.append(rated(f"c{i:02}", f"k{k}", level, "model"))
            level = int(np.clip(round(2 + value + 0.4 * rng.normal()), 0, 4))
            human.append(rated(f"c{i:02}", f"k{k}", level, "ann"))
    scales = {f"k{k}": (0, 4) for k in range(4)}
    found = conduct_study(machine, human, scales=scales, n_resamples=10)
    by_policy = {one.policy: one for one in found.review_policies}
    assert by_policy["flagged"].enrichment > by_policy["random"].enrichment
    data = StudyData(comparison=found.comparison, automated=machine, human=human)
    keys = sorted(data.human_totals)
    order = np.argsort(np.argsort([-data.automated_totals[key] for key in keys]))
    assert len(set(data.automated_totals.values())) < 60  # ties share their mean rank
    totals = np.array([data.human_totals[key] for key in keys])
    direct = compare_policies(
        (order + 0.5) / 60, totals <= np.sort(totals)[11], budget=6, values=totals
    )
    assert by_policy["random"] == direct[0]


def test_means_are_by_agent_without_teams_and_of_the_centre_without_either(centre):
    nameless = [
        replace(one, transcript=replace(one.transcript, team=None)) for one in centre.conversations
    ]
    found = centre.study(conversations=nameless, surveys=(), curves=(), n_resamples=5)
    assert found.means_by == "agent"
    assert len({one.tuning for one in found.team_means}) == 1  # learned from all agents together
    machine, human = small(reviewed=20)
    alone = conduct_study(machine, human, n_resamples=10)
    assert (alone.means_by, [one.group for one in alone.team_means]) == ("centre", ["all"])


def test_a_programming_error_is_no_missing_part(centre, monkeypatch):
    def broken(*_, **__):
        raise TypeError("not a number")

    monkeypatch.setattr(customers, "run_claims", broken)
    with pytest.raises(TypeError, match="not a number"):
        conduct_study(*small(), n_resamples=10)


def test_nothing_to_compare_is_an_error_and_not_an_empty_study():
    with pytest.raises(DataError, match="no automated ratings"):
        conduct_study([], small()[1])


def test_every_step_is_told():
    steps = []
    conduct_study(*small(), n_resamples=10, progress=steps.append)
    assert len(steps) == len(set(steps)) == 1 + len(Part)


def test_the_study_is_json_and_its_sentences_are_plain(study, centre):
    stored = json.loads(as_json(study))
    assert stored["survey_truth"].keys() == {"figures", "overlap", "response_auc"}
    assert stored["over_time"]["answer"]["windows"][0]["start"] == "2026-01-05"
    assert stored["review_yield"]["n"] == study.review_yield.n
    assert stored["summary"] == study.summary()
    text = "\n".join(study.summary())
    assert "nan" not in text
    for words in (
        "Practitioners' claims: ",
        "Mean totals of ",
        "times as many as random listening",
        "By automated ratings. ",
        "Other scorecard weights: ",
        "weighted to all 360",
        "matched to the answers (n=",
    ):
        assert words in text
    assert repr(study).startswith("<Study of 360 scored, ")
    assert len(repr(study)) < 400
    assert "Not answered (What moves CSAT): There are no survey answers" in "\n".join(
        centre.study(surveys=(), curves=(), n_resamples=5).summary()
    )


def test_hostile_names_stay_text_in_html(study):
    evil = "<script>alert(1)</script>"
    machine, human = small(criterion=evil, people=(evil, "bo"), probabilities=(0.5, 0.5))
    page = conduct_study(machine, human, n_resamples=10)._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    path = study.satisfaction[0]
    step = replace(path.steps[0], text=f"{evil} hello")
    shown = replace(study, satisfaction=(replace(path, conversation_id=evil, steps=(step,)),))
    assert "<script" not in shown._repr_html_()
    assert "hello" in shown._repr_html_()


def test_one_reviewer_against_the_other_on_the_sample_is_a_study():
    from autoqa.readers import read

    conversations = list(read([sample_path()]))
    ratings = [rating for one in conversations for rating in one.ratings]
    ana = [replace(r, kind=RaterKind.MODEL) for r in ratings if r.rater == "qa_ana"]
    ben = [r for r in ratings if r.rater == "qa_ben"]
    found = conduct_study(
        ana, ben,
        surveys=[survey for one in conversations for survey in one.surveys],
        conversations=conversations, card=load_scorecard("support-core"), n_resamples=20,
    )  # fmt: skip
    assert "by one person (qa_ben)" in found.missing[Part.RATERS]
    assert found.fairness
    assert found.review_yield.n == 64
    assert {one.policy for one in found.review_policies} >= {"random", "flagged"}
    json.dumps(found.to_dict(), allow_nan=False)
