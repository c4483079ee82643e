import json
import math

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from autoqa.errors import DataError
from autoqa.evaluation.calibration import (
    IsotonicMap,
    apply_temperature,
    brier,
    confidence_and_correct,
    expected_calibration_error,
    fit_isotonic,
    fit_temperature,
    log_loss,
    reliability_table,
)


def three_classes(n=600, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([1, 1, 1], n)
    y = np.array([rng.choice(3, p=row) for row in p])
    return p, y


def test_calibration_error_is_the_gap_between_claim_and_truth():
    # ten answers at 0.9 of which six are right, ten at 0.6 of which six are right
    p = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    y = [0] * 6 + [1] * 4 + [0] * 6 + [1] * 4
    assert expected_calibration_error(p, y) == pytest.approx(0.5 * 0.3 + 0.5 * 0.0)


def test_bins_of_the_positive_class_show_how_often_it_came_true():
    table = reliability_table([0.1, 0.15, 0.95], [0, 1, 1], n_bins=5)
    assert [b.n for b in table] == [2, 0, 0, 0, 1]
    assert (table[0].confidence, table[0].correct) == (pytest.approx(0.125), 0.5)
    assert table[1].to_dict()["confidence"] is None
    assert json.dumps([b.to_dict() for b in table])


def test_every_item_is_in_one_bin():
    p, y = three_classes(100)
    for bins in ("width", "count"):
        assert sum(b.n for b in reliability_table(p, y, bins=bins)) == 100
    edges = [b.n for b in reliability_table([0.0, 0.1, 0.1, 1.0], [0, 0, 1, 1], n_bins=10)]
    assert sum(edges) == 4
    assert [b.n for b in reliability_table([0.5, 0.5], [0, 1], bins="count")] == [2]


def test_brier_and_log_loss_are_scikit_learns():
    p, y = three_classes()
    assert log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p))
    assert brier(p[:, 1], y == 1) == pytest.approx(brier_score_loss(y == 1, p[:, 1]))
    # one item, (0.7, 0.2, 0.1) and the second class: 0.49 + 0.64 + 0.01
    assert brier([[0.7, 0.2, 0.1]], [1]) == pytest.approx(1.14)


def test_no_items_is_undefined():
    nothing = np.empty((0, 3))
    for figure in (brier, log_loss, expected_calibration_error):
        assert math.isnan(figure(nothing, np.empty(0, int)))
    assert fit_temperature(nothing, np.empty(0, int)) == 1.0


def test_outcomes_must_fit_the_classes():
    with pytest.raises(DataError, match="positions 0-1"):
        brier([[0.5, 0.5]], [2])
    with pytest.raises(DataError, match="do not fit"):
        brier([[0.5, 0.5]], [0, 1])


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.5])
def test_temperature_scaling_finds_the_planted_temperature(planted):
    p, y = three_classes(4000)
    overconfident = apply_temperature(p, 1 / planted)
    fitted = fit_temperature(np.log(overconfident), y)
    assert fitted == pytest.approx(planted, rel=0.1)
    repaired = apply_temperature(overconfident, fitted)
    assert log_loss(repaired, y) <= log_loss(overconfident, y)


def test_temperature_keeps_the_chosen_class_and_the_sum():
    p, _ = three_classes(50)
    softened = apply_temperature(p, 3.0)
    np.testing.assert_allclose(softened.sum(axis=1), 1.0)
    np.testing.assert_array_equal(softened.argmax(axis=1), p.argmax(axis=1))
    np.testing.assert_allclose(apply_temperature(p, 1.0), p, atol=1e-9)
    with pytest.raises(DataError, match="above 0"):
        apply_temperature(p, 0.0)


def test_a_perfect_model_gets_a_low_but_finite_temperature():
    certain = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    assert 0.05 <= fit_temperature(certain, [0, 1]) <= 20


def test_isotonic_map_is_scikit_learns_and_survives_json():
    rng = np.random.default_rng(2)
    score = rng.normal(size=300)
    y = rng.random(300) < 1 / (1 + np.exp(-2 * score))
    fitted = fit_isotonic(score, y)
    again = IsotonicMap.from_dict(json.loads(json.dumps(fitted.to_dict())))
    reference = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, y)
    grid = np.linspace(-5, 5, 50)
    np.testing.assert_allclose(again(grid), reference.predict(grid))
    with pytest.raises(DataError):
        fit_isotonic([], [])


def test_confidence_goes_with_its_own_answer():
    confidence, correct = confidence_and_correct([[0.2, 0.8], [0.6, 0.4]], [1, 1])
    assert confidence.tolist() == [0.8, 0.6]
    assert correct.tolist() == [1.0, 0.0]
