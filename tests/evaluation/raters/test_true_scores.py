import math

import numpy as np
import pytest

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.raters.confusion_models import OrdinalConfusion
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.raters.true_scores import estimate_true_levels, rater_accuracy
from autoqa.records import RaterKind, Rating, Status

# Dawid and Skene (1979), table 1: 45 patients; observer 1 three times, observers 2 to 5 once.
ANAESTHETISTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 "
    "2223343 1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 "
    "2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 "
    "2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 "
    "2222222"
)


def anaesthetists():
    observer = ("1", "1", "1", "2", "3", "4", "5")
    rows = [
        (f"{i:02d}", observer[j], int(said))
        for i, patient in enumerate(ANAESTHETISTS.split())
        for j, said in enumerate(patient)
    ]
    return RatingTable.from_arrays(*zip(*rows, strict=True))


def simulated(n_items, confusion, prior, per_item, seed):
    rng = np.random.default_rng(seed)
    n_raters, n_levels = confusion.shape[:2]
    truth = rng.choice(n_levels, n_items, p=prior)
    item = np.repeat(np.arange(n_items), per_item)
    rater = np.concatenate([rng.choice(n_raters, per_item, replace=False) for _ in range(n_items)])
    below = confusion.cumsum(axis=2)[rater, truth[item]]
    value = (rng.random(len(item))[:, None] > below).sum(axis=1).clip(max=n_levels - 1)
    names = [f"i{i:05d}" for i in item]
    return RatingTable.from_arrays(names, [f"r{j}" for j in rater], value), truth


def ordinal_confusion(severity, noise, n_levels):
    model = OrdinalConfusion(len(severity), n_levels)
    model.severity, model.noise = np.asarray(severity), np.asarray(noise)
    return model.confusion()


def test_the_anaesthetists_are_those_of_the_paper():
    found = estimate_true_levels(anaesthetists(), levels=(1, 2, 3, 4), smoothing=0)
    assert found.converged
    # table 2 of the paper, to its two decimals
    np.testing.assert_allclose(found.prior, [0.40, 0.42, 0.11, 0.07], atol=0.006)
    np.testing.assert_allclose(
        found.confusion[0][:2], [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0]], atol=0.006
    )
    assert found.best[0] == 1
    assert found.best[10] == 4


def test_one_round_by_hand():
    # two raters, two items: x said 1 and 1, y said 0 and 1; start: x (0, 1), y (1/2, 1/2)
    # prior: level 0 (0 + .5) / 2 = .25. a says 1 of x, 0 of y: true 0: .5 on y only, so always 0;
    # true 1: weight 1 on saying 1, .5 on saying 0: 2/3. b says 1 always.
    # x: level 0 needs a's 1 of a true 0, impossible. y: .25 * 1 * 1 against .75 * 1/3 * 1: even.
    table = RatingTable.from_arrays(list("xxyy"), list("abab"), [1, 1, 0, 1])
    found = estimate_true_levels(table, levels=(0, 1), smoothing=0, max_iterations=1)
    np.testing.assert_allclose(found.confusion[0], [[1, 0], [1 / 3, 2 / 3]])
    np.testing.assert_allclose(found.confusion[1], [[0, 1], [0, 1]])
    np.testing.assert_allclose(found.prior, [0.25, 0.75])
    np.testing.assert_allclose(found.posterior, [[0, 1], [0.5, 0.5]], atol=1e-12)
    assert found.objective[0] == pytest.approx(math.log(0.75 * 2 / 3) + math.log(0.5))
    assert not found.converged


@pytest.mark.parametrize("method", ["dawid_skene", "ordinal"])
def test_the_objective_never_falls(method):
    for table in (
        anaesthetists(),
        simulated(
            100, ordinal_confusion([0.5, 0, -0.6, 0.1], [0.5, 1.2, 0.7, 0.4], 4), [0.25] * 4, 2, 1
        )[0],
    ):
        levels = range(1, 5) if table.value.max() == 4 else range(4)
        found = estimate_true_levels(table, levels=levels, method=method)
        assert found.converged
        assert (np.diff(found.objective) >= -1e-8).all()
        np.testing.assert_allclose(found.posterior.sum(axis=1), 1)


def test_planted_confusion_is_recovered_with_missing_ratings():
    """10 runs: mean error of every rater's accuracy below 0.02, of single cells below 0.05."""
    good = np.array([[0.85, 0.10, 0.05], [0.10, 0.80, 0.10], [0.05, 0.10, 0.85]])
    poor = np.full((3, 3), 0.2) + 0.4 * np.eye(3)
    lenient = np.array([[0.5, 0.4, 0.1], [0.05, 0.5, 0.45], [0.0, 0.05, 0.95]])
    planted = np.stack([good, good, poor, lenient, good])
    prior = np.array([0.3, 0.4, 0.3])
    errors, right, majority = [], [], []
    for seed in range(10):
        table, truth = simulated(800, planted, prior, 4, seed)
        found = estimate_true_levels(table, levels=(0, 1, 2))
        errors.append(found.confusion - planted)
        right.append((found.best == truth).mean())
        votes = np.stack([(table.matrix() == k).sum(axis=0) for k in range(3)])
        majority.append((votes.argmax(axis=0) == truth).mean())
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05
    accuracy = np.einsum("t,srtt->sr", prior, np.array(errors))
    assert np.abs(accuracy.mean(axis=0)).max() < 0.02
    assert np.mean(right) > np.mean(majority)


def test_planted_severity_and_noise_are_recovered():
    severity, noise = np.array([0.6, 0.0, -0.5, 0.0, -0.1]), np.array([0.5, 0.4, 0.6, 1.2, 0.5])
    planted = ordinal_confusion(severity, noise, 5)
    found = [
        estimate_true_levels(
            simulated(500, planted, [0.1, 0.2, 0.4, 0.2, 0.1], 4, seed)[0],
            levels=range(5),
            method="ordinal",
        )
        for seed in range(8)
    ]
    np.testing.assert_allclose(np.mean([f.severity for f in found], axis=0), severity, atol=0.08)
    np.testing.assert_allclose(np.mean([f.noise for f in found], axis=0), noise, atol=0.08)


def test_with_few_ratings_per_rater_the_ordinal_method_knows_more():
    rng = np.random.default_rng(7)
    planted = ordinal_confusion(rng.normal(0, 0.5, 40), np.full(40, 0.6), 5)
    table, truth = simulated(200, planted, [0.1, 0.2, 0.4, 0.2, 0.1], 3, 8)
    error = {
        method: np.abs(
            estimate_true_levels(table, levels=range(5), method=method).expected - truth
        ).mean()
        for method in ("dawid_skene", "ordinal")
    }
    assert error["ordinal"] < error["dawid_skene"]


def test_posteriors_are_calibrated():
    planted = ordinal_confusion([0.3, 0, -0.3, 0.1], [0.7, 0.8, 0.6, 0.9], 4)
    table, truth = simulated(3000, planted, [0.2, 0.3, 0.3, 0.2], 3, 9)
    found = estimate_true_levels(table, levels=range(4), method="ordinal")
    sure = found.posterior.max(axis=1)
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        band = (sure >= low) & (sure < high)
        assert (found.best == truth)[band].mean() == pytest.approx(sure[band].mean(), abs=0.05)


def test_the_mirrored_severity_mirrors_the_confusion():
    there = ordinal_confusion([0.4], [0.7], 5)[0]
    back = ordinal_confusion([-0.4], [0.7], 5)[0]
    np.testing.assert_allclose(there, back[::-1, ::-1], atol=1e-12)
    assert (there @ np.arange(5) < np.arange(5) + 0.3).all()  # a severe rater gives less
    np.testing.assert_allclose(there.sum(axis=1), 1)


def test_a_models_accuracy_is_estimated_without_a_gold_standard():
    planted = np.stack(
        [np.full((3, 3), (1 - a) / 2) + (1.5 * a - 0.5) * np.eye(3) for a in (0.8, 0.75, 0.85, 0.6)]
    )
    covered, n = 0, 20
    for seed in range(n):
        table, _ = simulated(300, planted, [1 / 3] * 3, 4, 50 + seed)
        found = estimate_true_levels(table, levels=(0, 1, 2))
        model = rater_accuracy(found, n_resamples=60, seed=seed)["r3"]
        covered += model.low <= 0.6 <= model.high
    assert covered >= 17  # of 20 at 95 %
    assert model.n == 300


def test_ratings_of_people_and_a_model_enter_alike():
    def rated(item, rater, level, kind):
        return Rating(
            conversation_id=item,
            criterion="tone",
            rater=rater,
            kind=kind,
            status=Status.RATED,
            level=level,
        )

    ratings = [
        rated(f"c{i}", name, i % 2, kind)
        for i in range(20)
        for name, kind in (
            ("ann", RaterKind.HUMAN),
            ("bo", RaterKind.HUMAN),
            ("m", RaterKind.MODEL),
        )
    ]
    found = estimate_true_levels(ratings, levels=(0, 1))
    assert found.table.raters == ("ann", "bo", "m")
    frame = found.to_frame()
    assert frame["level"].tolist() == [int(c[1:]) % 2 for c in frame["conversation_id"]]
    assert (frame["n_ratings"] == 3).all()
    assert found.accuracy.min() > 0.95


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(DataError, match="No ratings"):
        estimate_true_levels([], levels=(0, 1))
    table = RatingTable.from_arrays(["a", "a"], ["x", "y"], [0, 3])
    with pytest.raises(ScaleError, match="Rating 3"):
        estimate_true_levels(table, levels=(0, 1))
    with pytest.raises(DataError, match="'em' is not a method"):
        estimate_true_levels(table, levels=(0, 3), method="em")
    with pytest.raises(DataError, match="smoothing is -1"):
        estimate_true_levels(table, levels=(0, 3), smoothing=-1)
