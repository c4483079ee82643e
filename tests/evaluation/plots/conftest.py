"""One example of every part that can be drawn, small and quick to make."""

from datetime import date, timedelta

import numpy as np
import pytest

from autoqa.evaluation.calibration import reliability_table
from autoqa.evaluation.comparison import compare
from autoqa.evaluation.drivers.realignment import Advice, Realignment, WeightChange
from autoqa.evaluation.drivers.report import CriterionDriver, CsatDrivers
from autoqa.evaluation.drivers.verdicts import Asymmetry, DriverVerdict
from autoqa.evaluation.drivers.weight_simulation import WeightSimulation
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.prediction_powered import prediction_powered_means
from autoqa.evaluation.quadrants import place_agents
from autoqa.evaluation.raters import Replacement, ReplacementVerdict, SessionRule
from autoqa.evaluation.raters.replacement import LeftOutRater
from autoqa.evaluation.raters.report import RaterProfile, RaterReport
from autoqa.evaluation.review_policies import compare_policies
from autoqa.evaluation.selection import review_yield
from autoqa.evaluation.selective import risk_coverage
from autoqa.evaluation.stability import agreement_over_time, control_chart, group_gaps
from autoqa.evaluation.study.satisfaction import SatisfactionPath, SatisfactionStep
from autoqa.evaluation.surveys import survey_truth
from autoqa.records import RaterKind, Rating, Status, Survey

NAN = float("nan")


def estimate(value, half=0.1, n=100):
    return Estimate(value, value - half, value + half, n, n)


UNKNOWN = Estimate(NAN, NAN, NAN, 5, 5)


def rating(conversation, criterion, level, rater):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.MODEL if rater == "model" else RaterKind.HUMAN,
        status=Status.RATED,
        level=level,
    )


def make_comparison(n_criteria=3, n=120):
    """Criterion 0 has one person only, so no ceiling; surveys and agents are random."""
    rng = np.random.default_rng(1)
    machine, people = [], []
    for k in range(n_criteria):
        truth = rng.integers(0, 3, n)
        for rater in ("model", "ann") if k == 0 else ("model", "ann", "bo"):
            wrong = rng.random(n) < 0.1 + 0.2 * (k % 4) * (rater == "model")
            levels = np.where(wrong, rng.integers(0, 3, n), truth)
            held = machine if rater == "model" else people
            held += [rating(f"c{i}", f"criterion_{k}", int(v), rater) for i, v in enumerate(levels)]
    surveys = [
        Survey(conversation_id=f"c{i}", score=int(rng.integers(1, 6)), scale=(1, 5))
        for i in range(n)
    ]
    agents = {f"c{i}": f"agent {i % 10}" for i in range(n)}
    return compare(machine, people, surveys=surveys, agents=agents, n_resamples=30)


def make_quadrants(n_agents=30, each=30):
    rng = np.random.default_rng(2)
    agent = np.repeat(np.arange(n_agents), each)
    skill, liked = rng.normal(80, 6, n_agents), rng.normal(0.7, 0.1, n_agents)
    return place_agents(
        [f"agent {a}" for a in agent] + ["newcomer"],
        np.append(rng.normal(skill[agent], 10), 70.0),
        np.append(np.clip(rng.normal(liked[agent], 0.25), 0, 1), 0.5),
        min_n=5,
    )


def driver(name, value, verdict, asymmetry=Asymmetry.NOT_SHOWN, *, known=True):
    effect = estimate(value, 0.04) if known else UNKNOWN
    return CriterionDriver(
        criterion=name,
        n_rated=400,
        n_not_applicable=20,
        n_missing=0,
        association=effect,
        effect=effect,
        satisfied=effect,
        explained=Estimate(abs(value) / 3, 0.0, abs(value) / 2, 420, 40) if known else UNKNOWN,
        prevents=estimate(value * 0.9, 0.05) if known else UNKNOWN,
        lifts=estimate(value * 0.6, 0.05) if known else UNKNOWN,
        tilt=effect,
        p=0.01,
        q=0.02,
        verdict=verdict,
        asymmetry=asymmetry,
    )


def make_drivers(criteria=None):
    return CsatDrivers(
        criteria=tuple(
            criteria
            or (
                driver("solves_the_problem", 0.31, DriverVerdict.DRIVER, Asymmetry.PREVENTS),
                driver(
                    "acknowledges_how_the_problem_affects_the_customer",
                    0.17,
                    DriverVerdict.DRIVER,
                    Asymmetry.LIFTS,
                ),
                driver("greeting", 0.002, DriverVerdict.DEAD),
                driver("recap $5$", 0.03, DriverVerdict.NOT_ENOUGH),
                driver("script", -0.14, DriverVerdict.REVERSED),
                driver("closing", NAN, DriverVerdict.NOT_ENOUGH, known=False),
            )
        ),
        n=420,
        n_clusters=40,
        clustered_by="agent",
        explained=estimate(0.2, 0.05),
        controls=(),
        agent_spread=0.4,
        band=0.05,
        caveats=(),
        n_resamples=100,
        seed=7,
    )


def change(name, old, new, floor=0.0):
    return WeightChange(
        criterion=name, old=old, new=new, floor=floor, why="", alone=0.1, beyond=0.1, n=300
    )


def make_realignment(changes=None):
    changes = changes or (
        change("solves_the_problem", 20, 41),
        change("greeting", 30, 12),
        change("identity", 25, 25, floor=25),
        change("empathy", 25, 22),
    )
    return Realignment(
        scorecard="support",
        advice=Advice.CHANGE,
        suggested={c.criterion: c.new for c in changes},
        changes=tuple(changes),
        before=estimate(0.31),
        after=estimate(0.38),
        gain=estimate(0.07, 0.03),
        strength=1.0,
        simulation=WeightSimulation.__new__(WeightSimulation),
        clustered_by="agent",
        min_gain=0.02,
        caveats=(),
        n_resamples=100,
        seed=7,
    )


def make_yield(n=600):
    rng = np.random.default_rng(3)
    priority = rng.random(n)
    return review_yield(priority, rng.random(n) < 0.3 * priority**3, n_resamples=60)


def make_policies():
    rng = np.random.default_rng(4)
    chance = rng.random(400) ** 3
    return compare_policies(
        chance, rng.random(400) < chance, budget=40, values=100 * (1 - chance), n_draws=40
    )


def make_bins(seed=5, n=300, slope=1.0):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return tuple(reliability_table(p, rng.random(n) < p**slope))


def make_curves(n_arms=2):
    rng = np.random.default_rng(6)
    sure = rng.random(200)
    return {
        f"arm {k}": risk_coverage(sure, rng.random(200) > sure ** (0.2 + k / 3), n_resamples=20)
        for k in range(n_arms)
    }


def profile(name, severity, findings=(), *, n=60):
    return RaterProfile(
        rater=name,
        n_ratings=n,
        n_shared=n,
        mean=1.0,
        severity=severity if isinstance(severity, Estimate) else estimate(severity),
        spread=estimate(1.0),
        agreement=estimate(0.7),
        drift=None,
        not_applicable=0.0,
        excess_not_applicable=None,
        findings=tuple(findings),
    )


def make_raters(profiles=None):
    return RaterReport(
        criterion="empathy",
        n_ratings=300,
        n_items=120,
        mean=1.0,
        item_sd=0.6,
        rater_sd=0.2,
        residual_sd=0.4,
        rule=SessionRule(),
        raters=tuple(
            profiles
            or (
                profile("ann", 0.41, ["severe", "uses the ends of the scale"]),
                profile("bo", 0.05),
                profile("cy", -0.02),
                profile("di", -0.44, ["lenient"]),
                profile("ed", UNKNOWN, n=3),
            )
        ),
    )


def replaced(winning_rate, difference, verdict, n_people=4):
    people = tuple(
        LeftOutRater(
            rater=f"p{i}",
            n_items=40,
            n_conversations=40,
            model_at_least=0.8,
            rater_at_least=0.8,
            p_value=0.01,
            rejected=True,
            test="t",
        )
        for i in range(n_people)
    )
    return Replacement(
        model="model",
        alignment="absolute",
        epsilon=0.15,
        winning_rate=winning_rate,
        advantage=difference,
        difference=difference,
        raters=people,
        too_few={},
        verdict=verdict,
        reason="",
    )


def make_replacement():
    return {
        "empathy": replaced(0.75, estimate(0.02, 0.05), ReplacementVerdict.REPLACE),
        "recap": replaced(0.25, estimate(-0.06, 0.05), ReplacementVerdict.ASSIST),
        "pace": replaced(0.0, estimate(-0.3, 0.05), ReplacementVerdict.NOT_YET),
        "rare": replaced(NAN, UNKNOWN, ReplacementVerdict.NOT_ENOUGH_DATA, n_people=1),
    }


def make_team_means(n_teams=6):
    rng = np.random.default_rng(8)
    team = np.repeat(np.arange(n_teams), 80)
    truth = rng.normal(70 + 2 * team, 12)
    human = np.where(rng.random(truth.size) < 0.15, truth, np.nan)
    human[team == 0] = np.nan
    human[:2] = 60.0, 70.0  # too few for an interval
    return prediction_powered_means(
        human,
        truth + rng.normal(3, 5, truth.size),
        probabilities="equal",
        groups=[f"team {t}" for t in team],
    )


def make_survey_truth():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(800, 2))
    said = np.clip(np.round(2.5 + x[:, 0] + rng.normal(size=800)), 0, 4) / 4
    said[rng.random(800) > 1 / (1 + np.exp(1.5 + x[:, 0]))] = np.nan
    return survey_truth(said, x)


def make_path(surveyed=2.0):
    words = ("where is it", "nobody answers, I wait for hours", "ah good", "thank you so much")
    values = (3.2, 1.9, 2.6, 3.9)
    steps = tuple(
        SatisfactionStep(
            turn=2 * i,
            expected=value,
            speaker="customer",
            text=text,
            quote=(0, 15) if i == 1 else None,
        )
        for i, (text, value) in enumerate(zip(words, values, strict=True))
    )
    return SatisfactionPath(
        conversation_id="call-17", scale=(1.0, 5.0), steps=steps, surveyed=surveyed
    )


def make_gaps():
    rng = np.random.default_rng(10)
    keys = [f"c{i}" for i in range(300)]
    groups = {key: ("en", "es", "it")[i % 3] for i, key in enumerate(keys)}
    groups["c0"] = "rare"
    human = {key: float(rng.normal(75, 8)) for key in keys}
    scores = {k: v + rng.normal(0, 5) - 9 * (groups[k] == "es") for k, v in human.items()}
    return group_gaps(scores, groups, human=human, attribute="language", n_resamples=60)


def make_history(n_windows=4):
    rng = np.random.default_rng(11)
    machine, human, dates = [], [], {}
    for window in range(n_windows):
        for i in range(40 if window != 1 else 8):
            key, truth = f"w{window}-{i}", int(rng.integers(3))
            dates[key] = date(2025, 1, 6) + timedelta(days=28 * window)
            machine.append(rating(key, "tone", truth, "model"))
            for who in ("ann", "bo"):
                said = truth if rng.random() > 0.2 else int(rng.integers(3))
                human.append(rating(key, "tone", said, who))
    return agreement_over_time(machine, human, dates, n_resamples=30).histories[0]


def make_chart():
    rng = np.random.default_rng(12)
    values, dates = {}, {}
    for week in range(20):
        for i in range(20):
            key = f"w{week}-{i}"
            values[key] = float(rng.normal(70 if week < 17 else 50, 5))
            dates[key] = date(2025, 1, 6) + timedelta(days=7 * week)
    versions = dict.fromkeys(values, "support version 3")
    return control_chart(values, dates, versions=versions, name="QA total")


@pytest.fixture(scope="session")
def parts():
    """Every part by the name of the function that draws it."""
    return {
        "agreement": make_comparison(),
        "agreement_history": make_history(),
        "control_chart": make_chart(),
        "dominance": make_drivers(),
        "drivers": make_drivers(),
        "gaps": make_gaps(),
        "policies": make_policies(),
        "quadrants": make_quadrants(),
        "rater_severity": make_raters(),
        "reliability": {"empathy": make_bins(), "recap": make_bins(13, 40), "none": ()},
        "replacement": make_replacement(),
        "review_yield": make_yield(),
        "risk_coverage": make_curves(),
        "satisfaction": make_path(),
        "survey_truth": make_survey_truth(),
        "team_means": make_team_means(),
        "weights": make_realignment(),
    }
