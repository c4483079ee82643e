import json
import math

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.drivers.models import csat_levels
from autoqa.evaluation.drivers.report import csat_drivers
from autoqa.evaluation.drivers.table import DriverTable
from autoqa.evaluation.drivers.verdicts import (
    Asymmetry,
    DriverVerdict,
    adjusted,
    asymmetry_of,
    p_value,
    verdict_on,
)
from autoqa.evaluation.intervals import Estimate


def table(credit, csat, *, agents=None, names=None, covariates=None):
    credit = np.asarray(credit, dtype=float)
    n, k = credit.shape
    states = np.where(np.isfinite(credit), "rated", "not_applicable")
    return DriverTable(
        conversations=tuple(f"c{i:05d}" for i in range(n)),
        criteria=tuple(names or (f"q{j}" for j in range(k))),
        credit=credit,
        states=states,
        csat=np.asarray(csat, dtype=float),
        agents=tuple(agents or [None] * n),
        covariates=covariates or {},
        caveats=(),
    )


def planted(n=800, seed=0, effects=(2.0, 0.0, -1.5), n_agents=40):
    """Half of the conversations meet each criterion; effects in log odds of a higher CSAT."""
    rng = np.random.default_rng(seed)
    credit = rng.integers(2, size=(n, len(effects))).astype(float)
    agent = rng.integers(n_agents, size=n)
    latent = credit @ effects + 0.5 * rng.normal(size=n_agents)[agent] + rng.logistic(size=n)
    csat = np.digitize(latent, [-2, -1, 0, 1.5]) / 4
    return table(credit, csat, agents=[f"agent {a}" for a in agent])


@pytest.fixture(scope="module")
def found():
    return csat_drivers(planted(seed=4), n_resamples=60)


def test_a_planted_driver_a_dead_and_a_reversed_criterion_are_called_so(found):
    assert [(c.criterion, c.verdict) for c in found.criteria] == [
        ("q0", DriverVerdict.DRIVER),
        ("q1", DriverVerdict.DEAD),
        ("q2", DriverVerdict.REVERSED),
    ]
    assert found["q0"].satisfied.low > 0
    assert found["q2"].association.high < 0


def test_the_shares_sum_to_what_the_criteria_explain(found):
    shares = sum(c.explained.value for c in found.criteria)
    assert shares == pytest.approx(found.explained.value, abs=1e-12)
    assert found["q1"].explained.value < 0.01


def test_agents_are_resampled_and_have_effects_of_their_own(found):
    assert (found.clustered_by, found.n, found.n_clusters) == ("agent", 800, 40)
    assert found.agent_spread == pytest.approx(0.5, abs=0.2)


def test_one_criterion_alone_moves_csat_by_the_difference_of_the_shares():
    # 200 met, 160 of them satisfied; 200 missed, 80 satisfied: 0.8 - 0.4.
    credit = np.repeat([1.0, 0.0], 200)[:, None]
    csat = np.concatenate([np.repeat([1.0, 0.0], [160, 40]), np.repeat([1.0, 0.0], [80, 120])])
    one = csat_drivers(table(credit, csat), n_resamples=40)["q0"]
    assert one.effect.value == pytest.approx(0.4, abs=0.005)  # the prior takes a little off
    assert one.satisfied.value == one.prevents.value == one.lifts.value
    assert one.effect.value == pytest.approx(one.lifts.value, abs=1e-6)
    assert one.tilt.value == pytest.approx(0, abs=1e-6)


def test_a_confounder_that_is_held_constant_no_longer_makes_a_driver():
    # Topic moves CSAT and makes the criterion easy; the criterion itself does nothing.
    rng = np.random.default_rng(3)
    topic = rng.integers(2, size=600)
    credit = (rng.random(600) < 0.2 + 0.6 * topic).astype(float)[:, None]
    csat = np.digitize(2 * topic + rng.logistic(size=600), [-1, 0, 1, 2]) / 4
    alone = csat_drivers(table(credit, csat), n_resamples=40)
    names = tuple("easy" if t else "hard" for t in topic)
    held = csat_drivers(table(credit, csat, covariates={"topic": names}), n_resamples=40)
    assert alone["q0"].verdict is DriverVerdict.DRIVER
    assert held["q0"].verdict is not DriverVerdict.DRIVER
    assert abs(held["q0"].effect.value) < alone["q0"].effect.value / 2
    assert any("No covariates" in line for line in alone.caveats)


def test_what_prevents_bad_and_what_lifts_good_are_told_apart():
    rng = np.random.default_rng(1)
    credit = rng.integers(2, size=(1200, 3)).astype(float)
    bad = rng.random(1200) < np.where(credit[:, 0] == 1, 0.1, 0.5)
    top = ~bad & (rng.random(1200) < np.where(credit[:, 1] == 1, 0.8, 0.2))
    csat = np.where(bad, 0.25, np.where(top, 1.0, 0.75))
    found = csat_drivers(table(credit, csat), n_resamples=60)
    assert found["q0"].asymmetry is Asymmetry.PREVENTS
    assert found["q1"].asymmetry is Asymmetry.LIFTS
    assert found["q2"].asymmetry is Asymmetry.NOT_SHOWN
    assert found["q0"].prevents.value == pytest.approx(0.4, abs=0.06)
    assert found["q1"].prevents.value == pytest.approx(0.0, abs=0.06)


def test_na_ratings_stay_in_the_sample():
    data = planted(400)
    credit = data.credit.copy()
    credit[:100, 0] = np.nan
    found = csat_drivers(table(credit, data.csat), n_resamples=30)
    assert found.n == 400
    assert (found["q0"].n_rated, found["q0"].n_not_applicable) == (300, 100)
    assert found["q1"].n_rated == 400
    assert (found["q0"].effect.n, found["q0"].tilt.n) == (300, 400)


def test_little_data_gets_no_verdict():
    few = csat_drivers(planted(25), n_resamples=20)
    assert {c.verdict for c in few.criteria} == {DriverVerdict.NOT_ENOUGH}
    assert few.caveats[0] == "25 surveyed conversations are too few for a regression."
    alike = csat_drivers(table(np.ones((60, 1)), np.tile([0, 1], 30)), n_resamples=20)
    assert alike["q0"].verdict is DriverVerdict.NOT_ENOUGH
    assert not alike["q0"].effect.known
    content = csat_drivers(table(np.tile([[0], [1]], (30, 1)), np.ones(60)), n_resamples=20)
    assert content["q0"].verdict is DriverVerdict.NOT_ENOUGH
    assert any("nothing to explain" in line for line in content.caveats)


def test_a_handful_of_agents_is_not_resampled():
    data = planted(200, n_agents=3)
    found = csat_drivers(data, n_resamples=20)
    assert found.clustered_by == "conversation"
    assert math.isnan(found.agent_spread)
    assert any(line.startswith("Only 3 agents") for line in found.caveats)


def test_unsurveyed_conversations_are_not_used_and_none_at_all_is_an_error():
    data = planted(300)
    csat = data.csat.copy()
    csat[:100] = np.nan
    assert csat_drivers(table(data.credit, csat), n_resamples=5).n == 200
    with pytest.raises(DataError, match="No rated conversation has a survey"):
        csat_drivers(table(data.credit, np.full(300, np.nan)))
    with pytest.raises(DataError, match="The band is 0"):
        csat_drivers(data, band=0)


def test_same_seed_same_figures():
    data = planted(200)
    assert csat_drivers(data, n_resamples=10).to_dict() == (
        csat_drivers(data, n_resamples=10).to_dict()
    )


def test_results_are_json_and_escaped_html():
    data = planted(200)
    named = table(data.credit, data.csat, names=["<b>a", "b", "c"])
    found = csat_drivers(named, n_resamples=10)
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["criteria"][0]["effect"]["n"] == 200
    shown = found._repr_html_()
    assert "&lt;b&gt;a" in shown
    assert "<b>" not in shown


def test_rare_levels_are_merged_but_never_across_the_middle():
    csat = np.repeat([0.0, 0.25, 0.5, 0.75, 1.0], [20, 3, 20, 4, 30])
    levels = csat_levels(csat)
    # 0.25 joins one of its neighbours (both 20), 0.75 the top, as satisfied stays satisfied.
    assert np.bincount(levels.codes).tolist() == [23, 20, 34]
    assert levels.merged
    assert levels.positive_from == 1
    assert levels.values[2] == pytest.approx((4 * 0.75 + 30) / 34)


def test_a_fine_scale_is_cut_into_tenths_with_the_best_answer_apart():
    levels = csat_levels(np.linspace(0, 1, 201))
    assert levels.values[levels.positive_from] <= 0.5 < levels.values[levels.positive_from + 1]
    assert len(levels.values) == 10  # the best and the worst answer are rare, so they are merged


def estimate(value, low, high, n_clusters=1000):
    return Estimate(value, low, high, 1000, n_clusters)


@pytest.mark.parametrize(
    ("effect", "q", "verdict"),
    [
        (estimate(0.20, 0.10, 0.30), 0.01, DriverVerdict.DRIVER),
        (estimate(-0.20, -0.30, -0.10), 0.01, DriverVerdict.REVERSED),
        (estimate(0.02, -0.01, 0.05), 0.20, DriverVerdict.DEAD),  # 0.02 + 1.64 x 0.0153 < 0.05
        (estimate(0.02, 0.01, 0.03), 0.01, DriverVerdict.DEAD),  # surely there, and too small
        (estimate(0.02, -0.10, 0.14), 0.70, DriverVerdict.NOT_ENOUGH),
        (estimate(0.20, 0.01, 0.39), 0.09, DriverVerdict.NOT_ENOUGH),  # lost to multiplicity
        (estimate(0.20, math.nan, math.nan), math.nan, DriverVerdict.NOT_ENOUGH),
    ],
)
def test_verdicts_follow_from_effect_and_band(effect, q, verdict):
    assert verdict_on(effect, q, 0.05) is verdict


def test_asymmetry_follows_from_the_tilt():
    assert asymmetry_of(estimate(1, 0.5, 1.5), 0.01) is Asymmetry.LIFTS
    assert asymmetry_of(estimate(-1, -1.5, -0.5), 0.01) is Asymmetry.PREVENTS
    assert asymmetry_of(estimate(1, -0.5, 2.5), 0.3) is Asymmetry.NOT_SHOWN
    assert asymmetry_of(estimate(1, math.nan, math.nan), math.nan) is Asymmetry.NOT_ENOUGH


def test_few_clusters_make_a_larger_p():
    # z = 2: p is 0.0455 of a normal and 0.0734 of Student's t with 9 degrees of freedom: 0.0766.
    wide = 2 * 1.959964 / 2
    many, few = (p_value(estimate(1, 1 - wide / 2, 1 + wide / 2, k)) for k in (10**6, 10))
    assert many == pytest.approx(0.0455, abs=1e-4)
    assert few == pytest.approx(0.0766, abs=1e-4)


def test_p_is_adjusted_over_the_criteria_that_have_one():
    # 0.01 x 3 / 1, 0.02 x 3 / 2, 0.04 x 3 / 3
    q = adjusted(np.array([0.01, np.nan, 0.04, 0.02]))
    np.testing.assert_allclose(q, [0.03, np.nan, 0.04, 0.03])
