import numpy as np
import pytest
from scipy.stats import multivariate_normal

from autoqa.evaluation.shrinkage import bivariate_normal_cdf


@pytest.mark.parametrize(
    ("h", "k", "correlation"),
    [(0.3, -0.2, 0.5), (-1, 2, -0.7), (0, 0, 0.3), (0, 1, 0.9), (-0.5, -0.7, 0.2), (3, -3, 0.99)],
)
def test_the_bivariate_normal_is_scipys(h, k, correlation):
    expected = multivariate_normal.cdf([h, k], cov=[[1, correlation], [correlation, 1]])
    found = bivariate_normal_cdf(np.array(h), np.array(k), np.array(correlation))
    assert found == pytest.approx(expected, abs=1e-10)
