import math

import pytest
from scipy.stats import t

from autoqa.errors import DataError
from autoqa.evaluation.reviews_needed import reviews_needed


def half_width(n, spread, taken, n_scored=math.inf):
    return t.ppf(0.975, n - taken) * spread * math.sqrt(1 / n - 1 / n_scored)


def test_the_answer_is_the_first_number_of_reviews_that_is_enough():
    found = reviews_needed(2, spread=10, correlation=0.8, n_scored=2000)
    assert half_width(found.human_only, 10, 1, 2000) <= 2
    assert half_width(found.human_only - 1, 10, 1, 2000) > 2
    assert half_width(found.with_scores, 6, 2, 2000) <= 2  # 10 * sqrt(1 - 0.64)
    assert half_width(found.with_scores - 1, 6, 2, 2000) > 2


def test_a_small_team_never_needs_more_reviews_than_it_has_conversations():
    found = reviews_needed(0.01, spread=10, correlation=0.5, n_scored=30)
    assert (found.human_only, found.with_scores) == (30, 30)
    assert reviews_needed(2, spread=10, correlation=0.0).human_only == 99
    with pytest.raises(DataError):
        reviews_needed(0, spread=10, correlation=0.5)
