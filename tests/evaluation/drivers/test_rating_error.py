import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.agreement import icc
from autoqa.evaluation.drivers.rating_error import (
    expected_credit,
    rating_reliability,
    reliabilities,
)
from autoqa.records import Rating


def rated(conversation, rater, level, criterion="tone"):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind="human",
        status="not_applicable" if level is None else "rated",
        level=level,
    )


def test_one_criterion_is_pulled_to_its_mean_by_its_reliability():
    credit = np.array([[0.0], [0.5], [1.0], [0.5]])
    found = expected_credit(credit, credit >= 0, np.empty((4, 0)), np.array([0.6]))
    # mean 0.5; what is left of a distance of 0.5 is 0.6 * 0.5
    assert found.ravel() == pytest.approx([0.2, 0.5, 0.8, 0.5])


def test_reliable_ratings_stay_as_they_are():
    rng = np.random.default_rng(0)
    credit, controls = rng.random((50, 3)), rng.normal(size=(50, 2))
    found = expected_credit(credit, credit >= 0, controls, np.ones(3), groups=np.arange(50) % 5)
    assert found == pytest.approx(credit)


def test_a_criterion_borrows_from_those_it_goes_with():
    # True credits with variance 2 and covariance 1, errors with variance 2: the best guess is
    # [[2, 1], [1, 2]] times the inverse of [[4, 1], [1, 4]], (7 x + 2 y) / 15.
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(100_000, 1)) + rng.normal(size=(100_000, 2))
    seen = truth + np.sqrt(2) * rng.normal(size=truth.shape)
    found = expected_credit(seen, np.isfinite(seen), np.empty((len(seen), 0)), np.full(2, 0.5))
    guess = seen @ np.array([[7, 2], [2, 7]]) / 15
    assert found[:20] == pytest.approx(guess[:20], abs=0.05)


def test_a_regression_on_expected_credits_has_the_slopes_of_the_truth():
    # One simulation of 20,000: slopes have a standard error of about 0.02.
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(20_000, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    y = truth @ np.array([1.0, -0.5]) + rng.normal(size=20_000)
    variance = truth.var(axis=0)
    seen = truth + rng.normal(size=truth.shape) * np.sqrt(variance * np.array([1.0, 0.25]))
    reliability = np.array([0.5, 0.8])
    found = expected_credit(seen, np.isfinite(seen), np.empty((20_000, 0)), reliability)
    assert np.linalg.lstsq(seen, y, rcond=None)[0][0] < 0.6
    assert np.linalg.lstsq(found, y, rcond=None)[0] == pytest.approx([1.0, -0.5], abs=0.07)


def test_reliability_is_the_icc_of_items_rated_twice():
    levels = np.array([[0, 2, 1, 2, 0], [0, 1, 1, 2, 1]])
    twice = [
        rated(f"c{i}", f"r{j}", int(level))
        for j, row in enumerate(levels)
        for i, level in enumerate(row)
    ]
    once = [rated("c9", "r0", 2), rated("c8", "r1", None), rated("c0", "r0", 1, "recap")]
    assert rating_reliability(twice + once) == pytest.approx({"tone": icc(levels, form="1,1")})


def test_reliabilities_are_checked():
    assert reliabilities(("tone", "recap"), {"recap": 0.5}).tolist() == [1.0, 0.5]
    with pytest.raises(DataError, match=r"'tones' was rated\. Did you mean 'tone'"):
        reliabilities(("tone",), {"tones": 0.5})
    with pytest.raises(DataError, match="reliability of tone is 0"):
        reliabilities(("tone",), {"tone": 0.0})
