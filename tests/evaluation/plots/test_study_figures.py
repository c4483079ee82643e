from dataclasses import replace

import pytest

from autoqa.errors import DataError
from autoqa.evaluation.study.study import Part, Study
from autoqa.evaluation.wording import english

METHODS = {
    "plot_agreement_history": Part.OVER_TIME,
    "plot_dominance": Part.DRIVERS,
    "plot_drivers": Part.DRIVERS,
    "plot_gaps": Part.FAIRNESS,
    "plot_policies": Part.REVIEW_YIELD,
    "plot_rater_severity": Part.RATERS,
    "plot_reliability": Part.CALIBRATION,
    "plot_replacement": Part.REPLACEMENT,
    "plot_review_yield": Part.REVIEW_YIELD,
    "plot_risk_coverage": Part.RISK_COVERAGE,
    "plot_satisfaction": Part.SATISFACTION,
    "plot_survey_truth": Part.SURVEY_TRUTH,
    "plot_team_means": Part.TEAM_MEANS,
    "plot_weights": Part.REALIGNMENT,
}


@pytest.fixture(scope="module")
def study(parts):
    steady = replace(parts["rater_severity"], criterion="pace", raters=())
    return Study(
        comparison=parts["agreement"],
        replacement=parts["replacement"],
        raters={"pace": steady, "empathy": parts["rater_severity"]},
        drivers=parts["drivers"],
        realignment=parts["weights"],
        survey_truth=parts["survey_truth"],
        team_means=parts["team_means"],
        review_yield=parts["review_yield"],
        review_policies=parts["policies"],
        calibration=parts["reliability"],
        risk_coverage=parts["risk_coverage"],
        fairness=(parts["gaps"],),
        over_time={"tone": parts["agreement_history"]},
        satisfaction=(parts["satisfaction"],),
    )


@pytest.mark.parametrize("name", [*METHODS, "plot_agreement", "plot_quadrants"])
def test_every_part_of_a_study_is_drawn(name, study):
    said = []
    figure = getattr(study, name)(
        say=lambda text, /, **values: said.append(text) or english(text, **values)
    )
    assert figure.axes
    assert said


@pytest.mark.parametrize(("name", "part"), METHODS.items())
def test_what_is_absent_is_refused_with_the_studys_reason(name, part, parts):
    bare = replace(parts["agreement"], csat=None)
    with pytest.raises(DataError, match="Bring surveys"):
        getattr(Study(comparison=bare, missing={part: "Bring surveys."}), name)()
    with pytest.raises(DataError, match=f"This study holds no {part}"):
        getattr(Study(comparison=bare), name)()


def test_policies_need_labels_of_every_conversation(study):
    with pytest.raises(DataError, match="every scored conversation is labelled"):
        replace(study, review_policies=()).plot_policies()


def test_quadrants_need_surveys_and_agents(parts):
    bare = replace(parts["agreement"], csat=None)
    with pytest.raises(DataError, match="give `surveys`, and the `agents`"):
        bare.plot_quadrants()


def test_the_criterion_whose_raters_need_sessions_is_drawn_unless_another_is_named(study):
    assert study.plot_rater_severity().axes[0].get_title(loc="left") == "empathy"
    assert "Nobody" in study.plot_rater_severity("pace").axes[0].texts[0].get_text()
    with pytest.raises(DataError, match="Did you mean 'pace'"):
        study.plot_rater_severity("pase")
    with pytest.raises(DataError, match="No attribute named 'channel'"):
        study.plot_gaps("channel")
