"""Pairs of noisy means pulled together: a bivariate normal-normal model, averaged over a grid.

Arrays of the grid have the shape (n_points, n_agents); 2 x 2 matrices are spelt out by entry, which
keeps a thousand agents at a thousand points within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autoqa.evaluation.tables import FloatArray, IntArray

_FINE, _COARSE, _CORRELATIONS = 400, 12, 11
_WIDEST = 6.0  # largest standard deviation between agents tried, in those of the observed means
_NEGLIGIBLE = 1e-4  # points this much less likely than the best are left out
_NO_ERROR = 1e-6  # least error variance, in variances of the observed means
_CELLS = 200_000  # entries of a grid array: bounds memory


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of each agent's true pair of means.

    Attributes
    ----------
    mean, sd : array of shape (n_agents, 2)
    reliability : array of shape (2,)
        Mean share of an observed mean's variance that is true difference between agents.
    quadrants : array of shape (n_agents, 4)
        Probability of high-high, low-high, high-low and low-low.
    """

    mean: FloatArray
    sd: FloatArray
    reliability: FloatArray
    quadrants: FloatArray


def shrink_pairs(
    observed: FloatArray, errors: FloatArray, lines: Sequence[float | None]
) -> Posterior:
    """Shrink pairs of means and say in which quadrant the true ones lie.

    Parameters
    ----------
    observed : array of shape (n_agents, 2)
    errors : array of shape (n_agents, 2, 2)
        Sampling covariance of each pair.
    lines : pair of float or None
        Fixed borders of the quadrants; None for the average of these agents' true means.
    """
    middle, scale = observed.mean(axis=0), observed.std(axis=0, ddof=1)
    scale = np.where(scale > 0, scale, 1.0)
    x = (observed - middle) / scale
    e = errors / np.multiply.outer(scale, scale)
    e[:, [0, 1], [0, 1]] = np.maximum(e[:, [0, 1], [0, 1]], _NO_ERROR)
    border = np.array([np.nan if line is None else line for line in lines], dtype=float)
    border = (border - middle) / scale
    points, log_chosen = _grid(x, e)
    log_weight = np.concatenate([_Step(part, x, e).log_likelihood for part in _parts(points, x)])
    log_weight = log_weight - log_chosen
    weight = np.exp(log_weight - log_weight.max())
    used = weight > _NEGLIGIBLE
    points, weight = points[used], weight[used] / weight[used].sum()

    mean, square = np.zeros_like(x), np.zeros_like(x)
    reliability, quadrants = np.zeros(2), np.zeros((len(x), 4))
    done = 0
    for part in _parts(points, x):
        step, w = _Step(part, x, e), weight[done : done + len(part)]
        done += len(part)
        m, v = step.posterior()
        mean += np.einsum("g,gad->ad", w, m)
        square += np.einsum("g,gad->ad", w, v + m**2)
        reliability += w @ step.reliability
        quadrants += np.einsum("g,gaq->aq", w, step.quadrants(border))
    return Posterior(
        mean=middle + scale * mean,
        sd=scale * np.sqrt(np.maximum(square - mean**2, 0.0)),
        reliability=reliability,
        quadrants=quadrants / quadrants.sum(axis=1, keepdims=True),
    )


def _parts(points: FloatArray, x: FloatArray) -> Iterator[FloatArray]:
    size = max(1, _CELLS // len(x))
    for start in range(0, len(points), size):
        yield points[start : start + size]


def _grid(x: FloatArray, e: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return points (sd, sd, correlation) and by what their log likelihoods are too large.

    The standard deviations are quantiles of their posteriors in each dimension alone, so that few
    points lie where the likelihood is not. The prior is flat in the variances: one that is flat in
    the standard deviations pulls too far in, and intervals of 25 agents hold 92 % of the truth.
    """
    fine = (np.arange(_FINE) + 0.5) * (_WIDEST / _FINE)
    chosen = []
    for d in (0, 1):
        variance = fine[:, None] ** 2 + e[:, d, d]
        inverse = 1 / variance
        centre = (inverse * x[:, d]).sum(axis=1) / inverse.sum(axis=1)
        log_likelihood = -0.5 * (
            np.log(variance).sum(axis=1)
            + np.log(inverse.sum(axis=1))
            + (inverse * (x[:, d] - centre[:, None]) ** 2).sum(axis=1)
        )
        log_density = log_likelihood + np.log(fine)
        density = np.exp(log_density - log_density.max())
        reached = np.cumsum(density) / density.sum()
        at: IntArray = np.searchsorted(reached, (np.arange(_COARSE) + 0.5) / _COARSE)
        chosen.append((fine[at], log_likelihood[at]))
    correlation = (2 * np.arange(_CORRELATIONS) + 1) / _CORRELATIONS - 1
    (sd_0, log_0), (sd_1, log_1) = chosen
    points = np.stack(np.meshgrid(sd_0, sd_1, correlation, indexing="ij"), axis=-1).reshape(-1, 3)
    return points, np.repeat(np.add.outer(log_0, log_1).ravel(), _CORRELATIONS)


class _Step:
    """The model at some points of the grid."""

    def __init__(self, points: FloatArray, x: FloatArray, e: FloatArray) -> None:
        self.x = x
        self.t00, self.t11 = points[:, :1] ** 2, points[:, 1:2] ** 2
        self.t01 = points[:, 2:] * points[:, :1] * points[:, 1:2]
        m00, m01, m11 = self.t00 + e[:, 0, 0], self.t01 + e[:, 0, 1], self.t11 + e[:, 1, 1]
        determinant = m00 * m11 - m01**2
        self.i00, self.i01, self.i11 = m11 / determinant, -m01 / determinant, m00 / determinant
        a, b, c = self.i00.sum(axis=1), self.i01.sum(axis=1), self.i11.sum(axis=1)
        whole = a * c - b**2
        # Covariance of the centre, by entry.
        self.c00, self.c01, self.c11 = c / whole, -b / whole, a / whole
        u, v = self._precise(x[:, 0], x[:, 1])
        pulls = u.sum(axis=1), v.sum(axis=1)
        self.centre = np.column_stack(
            [
                self.c00 * pulls[0] + self.c01 * pulls[1],
                self.c01 * pulls[0] + self.c11 * pulls[1],
            ]
        )
        squares = (u * x[:, 0] + v * x[:, 1]).sum(axis=1)
        squares = squares - self.centre[:, 0] * pulls[0] - self.centre[:, 1] * pulls[1]
        self.log_likelihood = -0.5 * (np.log(determinant).sum(axis=1) + np.log(whole) + squares)
        self.reliability = np.column_stack(
            [(self.t00 / m00).mean(axis=1), (self.t11 / m11).mean(axis=1)]
        )

    def _precise(self, a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Multiply vectors by the inverse covariance of each agent's pair."""
        return self.i00 * a + self.i01 * b, self.i01 * a + self.i11 * b

    def _shrunk(self) -> tuple[FloatArray, FloatArray]:
        """Return each agent's distance from the centre, pulled in."""
        u, v = self._precise(self.x[:, 0] - self.centre[:, :1], self.x[:, 1] - self.centre[:, 1:])
        return self.t00 * u + self.t01 * v, self.t01 * u + self.t11 * v

    def _covariance(self, fixed: tuple[bool, bool]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the covariance (00, 01, 11) of the true means.

        In the dimensions that are not `fixed`, of their distance from the agents' average, which
        is uncertain too, and to which each agent contributes.
        """
        s00 = self.t00 * self.i00 + self.t01 * self.i01
        s01 = self.t00 * self.i01 + self.t01 * self.i11
        s10 = self.t01 * self.i00 + self.t11 * self.i01
        s11 = self.t01 * self.i01 + self.t11 * self.i11
        own_00 = self.t00 - s00 * self.t00 - s01 * self.t01
        own_01 = self.t01 - s00 * self.t01 - s01 * self.t11
        own_11 = self.t11 - s10 * self.t01 - s11 * self.t11
        # How the uncertain centre of all agents moves each.
        m00, m01 = self._moved(fixed[0], 1 - s00, -s01)
        m10, m11 = self._moved(fixed[1], -s10, 1 - s11)
        c00, c01, c11 = self.c00[:, None], self.c01[:, None], self.c11[:, None]
        left = (m00 * c00 + m01 * c01, m00 * c01 + m01 * c11)
        right = (m10 * c00 + m11 * c01, m10 * c01 + m11 * c11)
        return (
            self._apart(own_00, fixed[0], fixed[0]) + left[0] * m00 + left[1] * m01,
            self._apart(own_01, fixed[0], fixed[1]) + left[0] * m10 + left[1] * m11,
            self._apart(own_11, fixed[1], fixed[1]) + right[0] * m10 + right[1] * m11,
        )

    @staticmethod
    def _moved(fixed: bool, *by: FloatArray) -> list[FloatArray]:
        return [b if fixed else b - b.mean(axis=1, keepdims=True) for b in by]

    @staticmethod
    def _apart(own: FloatArray, first_fixed: bool, second_fixed: bool) -> FloatArray:
        """Turn covariances of independent values into those of distances from their average."""
        n, relative = own.shape[1], (not first_fixed) + (not second_fixed)
        apart = own * (1 - relative / n)
        if relative == 2:
            apart = apart + own.mean(axis=1, keepdims=True) / n
        return np.asarray(apart)

    def posterior(self) -> tuple[FloatArray, FloatArray]:
        """Return means and variances of the true means, each (n_points, n_agents, 2)."""
        v00, _, v11 = self._covariance((True, True))
        d0, d1 = self._shrunk()
        mean = np.stack([d0 + self.centre[:, :1], d1 + self.centre[:, 1:]], axis=-1)
        return mean, np.stack([v00, v11], axis=-1)

    def quadrants(self, border: FloatArray) -> FloatArray:
        """Return the probabilities, (n_points, n_agents, 4); `border` is nan at the average."""
        from scipy.special import ndtr

        fixed = np.isfinite(border)
        v00, v01, v11 = self._covariance((bool(fixed[0]), bool(fixed[1])))
        distance = [
            shrunk + self.centre[:, d : d + 1] - border[d]
            if fixed[d]
            else shrunk - shrunk.mean(axis=1, keepdims=True)
            for d, shrunk in enumerate(self._shrunk())
        ]
        sd_0, sd_1 = np.sqrt(np.maximum(v00, 1e-18)), np.sqrt(np.maximum(v11, 1e-18))
        h, k = distance[0] / sd_0, distance[1] / sd_1
        both = bivariate_normal_cdf(h, k, np.clip(v01 / (sd_0 * sd_1), -0.999999, 0.999999))
        high_0, high_1 = ndtr(h), ndtr(k)
        four = [both, high_1 - both, high_0 - both, 1 - high_0 - high_1 + both]
        return np.asarray(np.clip(np.stack(four, axis=-1), 0.0, 1.0))


def bivariate_normal_cdf(h: FloatArray, k: FloatArray, correlation: FloatArray) -> FloatArray:
    """Probability that two standard normals of this correlation lie below `h` and `k`.

    References
    ----------
    Owen (1956), Annals of Mathematical Statistics 27(4), 1075-1090.
    """
    from scipy.special import ndtr, owens_t

    # The formula divides by h and k; at 1e-12 the probability is that at 0 to 12 digits.
    h = np.where(np.abs(h) < 1e-12, 1e-12, h)
    k = np.where(np.abs(k) < 1e-12, 1e-12, k)
    root = np.sqrt(1 - correlation**2)
    opposite = np.where((h < 0) != (k < 0), 0.5, 0.0)
    return np.asarray(
        0.5 * (ndtr(h) + ndtr(k))
        - owens_t(h, (k / h - correlation) / root)
        - owens_t(k, (h / k - correlation) / root)
        - opposite
    )
