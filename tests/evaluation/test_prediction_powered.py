import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.errors import DataError
from autoqa.evaluation.prediction_powered import NOTES, prediction_powered_means


def centres(n_centres, n_scored, n_reviewed, correlation, seed=0, kind="normal"):
    """Many centres at once, one group each: human scores nan where not reviewed, and the truth."""
    rng = np.random.default_rng(seed)
    shape = (n_centres, n_scored)
    automated = rng.normal(size=shape)
    human = correlation * automated + math.sqrt(1 - correlation**2) * rng.normal(size=shape)
    if kind == "totals":  # in whole points, a fifth of them at 100
        human = np.clip(np.round(91 + 10 * human), 0, 100)
    drawn = rng.random(shape).argsort(axis=1) < n_reviewed
    groups = np.repeat(np.arange(n_centres), n_scored)
    seen = np.where(drawn, human, np.nan)
    return seen.ravel(), automated.ravel(), groups, human.mean(axis=1)


def covered(found, truth):
    truth = np.broadcast_to(truth, len(found))
    return np.mean([m.estimate.low <= truth[int(m.group)] <= m.estimate.high for m in found])


def test_the_estimate_moves_the_reviewed_mean_by_the_gap_in_automated_scores():
    # Reviewed: f = 0, 2, 4 and y = 1, 2, 6, so the slope is (2*2 + 0*1 + 2*3) / (4 + 0 + 4) = 10/8.
    # Mean of y is 3; f is 2 among the reviewed and 3 among all six: 3 + 1.25 * (3 - 2) = 4.25.
    human = [1, 2, 6, math.nan, math.nan, math.nan]
    (found,) = prediction_powered_means(human, [0, 2, 4, 4, 4, 4], probabilities="equal")
    assert found.tuning == pytest.approx(1.25)
    assert found.estimate.value == pytest.approx(4.25)
    assert found.human_only.value == pytest.approx(3.0)
    assert (found.estimate.n, found.n_scored, found.group) == (3, 6, "all")
    assert found.automated_mean == 3.0


def test_it_is_the_ppi_plus_plus_estimate():
    # Angelopoulos et al. write it with the unreviewed mean and lambda shrunk by 1 + n/N.
    human, automated, _, _ = centres(1, 300, 40, 0.6)
    (found,) = prediction_powered_means(human, automated, probabilities="equal")
    seen = np.isfinite(human)
    y, f, rest = human[seen], automated[seen], automated[~seen]
    slope = np.cov(y, f)[0, 1] / f.var(ddof=1)
    weight = slope / (1 + len(y) / len(rest))
    assert found.estimate.value == pytest.approx(
        y.mean() + weight * (rest.mean() - f.mean()), abs=1e-10
    )


def test_without_tuning_it_is_the_textbook_mean_of_a_finite_population():
    human, automated, _, _ = centres(1, 100, 20, 0.6)
    (found,) = prediction_powered_means(human, automated, probabilities="equal", tuning=0.0)
    y = human[np.isfinite(human)]
    half = 2.093024054408263 * math.sqrt((1 - 20 / 100) * y.var(ddof=1) / 20)  # t of 19
    assert found.estimate.value == pytest.approx(y.mean(), abs=1e-10)
    assert found.estimate.high - found.estimate.value == pytest.approx(half, abs=1e-9)
    assert found.estimate == found.human_only
    assert found.equivalent_reviews == pytest.approx(20)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n_reviewed", [8, 30])
@pytest.mark.parametrize("target", ["conversations", "process"])
def test_intervals_cover_what_they_claim(correlation, n_reviewed, target):
    human, automated, groups, means = centres(1000, 100, n_reviewed, correlation)
    found = prediction_powered_means(
        human, automated, probabilities="equal", groups=groups, target=target
    )
    truth = means if target == "conversations" else 0.0
    assert 0.93 <= covered(found, truth) <= 0.97
    assert abs(np.mean(np.array([m.estimate.value for m in found]) - truth)) < 0.03


@pytest.mark.parametrize("correlation", [0.3, 0.9])
def test_intervals_cover_for_totals_that_pile_up_at_100(correlation):
    human, automated, groups, means = centres(1000, 100, 20, correlation, kind="totals")
    found = prediction_powered_means(human, automated, probabilities="equal", groups=groups)
    assert 0.93 <= covered(found, means) <= 0.97


def test_good_scores_save_reviews_and_useless_ones_cost_hardly_any():
    # A correlation of 0.9 leaves 1 - 0.81 = 0.19 of the variance: 40 reviews are worth
    # 1 / (0.19 (1/40 - 1/400) + 1/400) = 148 of 400 conversations.
    for correlation, worth in ((0.9, 148), (0.0, 39)):
        human, automated, groups, _ = centres(200, 400, 40, correlation)
        found = prediction_powered_means(human, automated, probabilities="equal", groups=groups)
        assert np.median([m.equivalent_reviews for m in found]) == pytest.approx(worth, rel=0.06)
    assert found[0].saved_reviews == found[0].equivalent_reviews - 40


def test_biased_scores_do_not_bias_the_estimate():
    human, automated, groups, means = centres(800, 100, 20, 0.8)
    found = prediction_powered_means(
        human, 3 * automated - 50, probabilities="equal", groups=groups
    )
    assert abs(np.mean([m.estimate.value for m in found] - means)) < 0.02
    assert 0.93 <= covered(found, means) <= 0.97


@pytest.mark.parametrize("tuning", ["own", 0.0])
def test_flagged_reviews_count_by_their_probability(tuning):
    # The 15 worst of 200 are all reviewed, and 20 of the others at random.
    rng = np.random.default_rng(3)
    automated = rng.normal(size=(700, 200))
    human = 0.7 * automated + 0.7 * rng.normal(size=automated.shape)
    rank = automated.argsort(axis=1).argsort(axis=1)
    turn = np.where(rank < 15, -1, rng.random(rank.shape)).argsort(axis=1).argsort(axis=1)
    chance = np.where(rank < 15, 1.0, 20 / 185)
    seen = np.where(turn < 35, human, np.nan).ravel()
    groups = np.repeat(np.arange(700), 200)
    found = prediction_powered_means(
        seen, automated.ravel(), probabilities=chance.ravel(), groups=groups, tuning=tuning
    )
    error = np.array([m.estimate.value for m in found]) - human.mean(axis=1)
    assert abs(error.mean()) < 0.02
    assert 0.93 <= covered(found, human.mean(axis=1)) <= 0.97
    claimed = prediction_powered_means(
        seen, automated.ravel(), probabilities="equal", groups=groups
    )
    assert np.mean([m.human_only.value for m in claimed] - human.mean(axis=1)) < -0.3
    assert np.mean(["reviews_look_selected" in m.notes for m in claimed]) > 0.5
    assert np.mean(["reviews_look_selected" in m.notes for m in found]) < 0.02


def test_agents_drawn_at_random_make_intervals_wider():
    # Two thirds of the residual variance lies between 25 agents with 12 conversations each.
    rng = np.random.default_rng(5)
    shape = (600, 25, 12)
    own = rng.normal(size=(600, 25, 1))
    automated = rng.normal(size=shape)
    human = (own + 0.7 * automated + 0.7 * rng.normal(size=shape)).reshape(600, 300)
    drawn = rng.random((600, 300)).argsort(axis=1) < 60
    seen, groups = np.where(drawn, human, np.nan).ravel(), np.repeat(np.arange(600), 300)
    agents = np.tile(np.repeat(np.arange(25), 12), 600)
    told = {"probabilities": "equal", "groups": groups, "target": "process"}
    by_agent = prediction_powered_means(seen, automated.ravel(), clusters=agents, **told)
    assert 0.93 <= covered(by_agent, 0.0) <= 0.97
    assert by_agent[0].estimate.n_clusters <= 25
    assert covered(prediction_powered_means(seen, automated.ravel(), **told), 0.0) < 0.85


def test_pooled_tuning_serves_agents_with_few_reviews():
    human, automated, groups, means = centres(1000, 40, 4, 0.8)
    told = {"probabilities": "equal", "groups": groups}
    pooled = prediction_powered_means(human, automated, tuning="pooled", **told)
    own = prediction_powered_means(human, automated, **told)
    assert 0.93 <= covered(pooled, means) <= 0.97

    def missed(found):
        return np.sqrt(np.mean((np.array([m.estimate.value for m in found]) - means) ** 2))

    assert missed(pooled) < 0.8 * missed(own)
    assert len({m.tuning for m in pooled}) == 1


def test_what_the_reviews_cannot_say_is_marked():
    nothing = math.nan
    (alike,) = prediction_powered_means(
        [5, 5, 5, nothing, nothing], [1, 2, 3, 4, 5], probabilities="equal"
    )
    assert set(alike.notes) == {"few_reviews", "no_spread"} <= set(NOTES)
    assert not alike.estimate.known
    (two,) = prediction_powered_means([1, 2, nothing], [1, 2, 3], probabilities="equal")
    assert (two.tuning, two.estimate.value) == (0.0, 1.5)
    assert not two.estimate.known
    (none,) = prediction_powered_means([nothing] * 3, [1, 2, 3], probabilities="equal")
    assert math.isnan(none.estimate.value)
    assert none.to_dict()["estimate"]["value"] is None
    (every,) = prediction_powered_means([1, 2, 6], [1, 2, 3], probabilities="equal")
    assert (every.estimate.low, every.estimate.high) == (3, 3)
    (odd,) = prediction_powered_means(
        [1, 2, 4, 3] + [nothing] * 96, np.arange(100) % 7, probabilities=np.full(100, 0.5)
    )
    assert "probabilities_do_not_add_up" in odd.notes


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"probabilities": [0.5, 0.0, 0.5]}, "conversation 1: probability 0.0"),
        ({"probabilities": [0.5, 0.5]}, "2 probabilities for 3"),
        ({"probabilities": "random"}, "'equal'"),
        ({"automated": [1, math.nan, 2]}, "1 automated scores are missing"),
        ({"automated": [1, 2]}, "3 human scores"),
        ({"groups": ["a", "b"]}, "2 groups for 3"),
        ({"clusters": ["a", "b"]}, "2 clusters for 3"),
        ({"tuning": "best"}, "use 'own'"),
        ({"target": "all"}, "use 'conversations'"),
    ],
)
def test_what_cannot_be_used_is_refused(changed, said):
    given = {"human": [1, math.nan, 2], "automated": [1, 2, 3], "probabilities": "equal"}
    with pytest.raises(DataError, match=said):
        prediction_powered_means(**(given | changed))


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-100, 100), stretch=st.floats(0.1, 50), seed=st.integers(0, 99))
def test_the_scale_of_automated_scores_does_not_matter(shift, stretch, seed):
    human, automated, _, _ = centres(1, 50, 12, 0.6, seed=seed)
    (one,) = prediction_powered_means(human, automated, probabilities="equal")
    (other,) = prediction_powered_means(human, shift + stretch * automated, probabilities="equal")
    assert other.estimate.value == pytest.approx(one.estimate.value, abs=1e-8)
    assert other.estimate.low == pytest.approx(one.estimate.low, abs=1e-8)
