"""How a rater's answers depend on the true level: freely, or by severity and noise.

Both models learn from expected counts of shape (n_raters, true level, given level) and give
confusion matrices of the same shape, all raters at once.
"""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.tables import FloatArray

_LEAST = 1e-12
_SEVERITY_SD = 1.0  # steps of the scale; draws raters with few ratings towards the average
_USUAL_NOISE, _NOISE_SD = 0.6, 1.0  # steps; the second on the log scale
_HALVINGS = 8


class FreeConfusion:
    """Every cell by itself: the model of Dawid and Skene (1979)."""

    def __init__(self, n_raters: int, n_levels: int, smoothing: float) -> None:
        self.smoothing = smoothing
        self._confusion = np.full((n_raters, n_levels, n_levels), 1.0 / n_levels)

    def update(self, counts: FloatArray) -> None:
        """Set the matrices to what maximises the expected log likelihood and the penalty."""
        raised = counts + self.smoothing
        total = raised.sum(axis=2, keepdims=True)
        # A level that a rater never met says nothing about the rater's answers to it.
        uniform = np.full_like(raised, 1.0 / raised.shape[2])
        self._confusion = np.divide(raised, total, out=uniform, where=total > 0)

    def confusion(self) -> FloatArray:
        """Return the matrices."""
        return self._confusion

    def log_penalty(self) -> float:
        """Return the log density of the smoothing, up to a constant."""
        if self.smoothing == 0:
            return 0.0
        return self.smoothing * float(np.log(np.maximum(self._confusion, 1e-300)).sum())


class OrdinalConfusion:
    """A rater reads the true level with severity and normal noise, and gives the nearest level.

    Severities add up to 0: if all raters were severe alike, the true levels might as well be lower,
    so the average rater defines the truth.

    Attributes
    ----------
    severity, noise : array of shape (n_raters,)
        In steps of the scale.
    """

    def __init__(self, n_raters: int, n_levels: int) -> None:
        self.severity = np.zeros(n_raters)
        self.noise = np.full(n_raters, _USUAL_NOISE)
        place = np.arange(n_levels, dtype=float)
        # Distance of each given level's upper and lower border from each true level.
        upper = place[None, :] + 0.5 - place[:, None]
        self._upper, self._lower = upper.copy(), upper - 1.0
        self._upper[:, -1], self._lower[:, 0] = np.inf, -np.inf

    def confusion(self) -> FloatArray:
        """Return the matrices."""
        return self._at(self.severity, self.noise)[0]

    def log_penalty(self) -> float:
        """Return the log density of severities and noises, up to a constant."""
        return float(_log_prior(self.severity, np.log(self.noise)).sum())

    def update(self, counts: FloatArray) -> None:
        """Take one Fisher scoring step, halved until it is no loss."""
        log_noise = np.log(self.noise)
        p, by_severity, by_noise = self._at(self.severity, self.noise)
        slope = np.stack(
            [
                (counts * by_severity / p).sum(axis=(1, 2)) - self.severity / _SEVERITY_SD**2,
                (counts * by_noise / p).sum(axis=(1, 2))
                - (log_noise - np.log(_USUAL_NOISE)) / _NOISE_SD**2,
            ],
            axis=1,
        )
        met = counts.sum(axis=2, keepdims=True)
        information = np.empty((len(log_noise), 2, 2))
        information[:, 0, 0] = (met * by_severity**2 / p).sum(axis=(1, 2)) + 1 / _SEVERITY_SD**2
        information[:, 1, 1] = (met * by_noise**2 / p).sum(axis=(1, 2)) + 1 / _NOISE_SD**2
        both = (met * by_severity * by_noise / p).sum(axis=(1, 2))
        information[:, 0, 1] = information[:, 1, 0] = both
        inverse = np.linalg.inv(information)
        free = (inverse @ slope[..., None])[..., 0]
        # Lagrange's multiplier of "severities add up to 0".
        multiplier = free[:, 0].sum() / inverse[:, 0, 0].sum()
        step = free - multiplier * inverse[:, :, 0]
        step /= max(1.0, float(np.abs(step).max()))
        now = self._gain(counts, self.severity, log_noise)
        for halving in range(_HALVINGS):
            length = 0.5**halving
            severity = self.severity + length * step[:, 0]
            moved = log_noise + length * step[:, 1]
            if self._gain(counts, severity, moved) >= now:
                self.severity, self.noise = severity, np.exp(moved)
                return

    def _gain(self, counts: FloatArray, severity: FloatArray, log_noise: FloatArray) -> float:
        p, *_ = self._at(severity, np.exp(log_noise))
        return float((counts * np.log(p)).sum() + _log_prior(severity, log_noise).sum())

    def _at(
        self, severity: FloatArray, noise: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the matrices and their slopes by severity and by log noise."""
        from scipy.special import ndtr

        scale = noise[:, None, None]
        upper = (self._upper + severity[:, None, None]) / scale
        lower = (self._lower + severity[:, None, None]) / scale
        # The mirrored tail is exact where both borders lie far above.
        mirrored = lower > 0
        p = np.where(mirrored, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
        p = np.maximum(p, _LEAST)
        p /= p.sum(axis=2, keepdims=True)
        high, low = _density(upper), _density(lower)
        by_noise = -(_times(upper, high) - _times(lower, low))
        return p, (high - low) / scale, by_noise


def _density(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def _times(z: FloatArray, density: FloatArray) -> FloatArray:
    return np.asarray(np.where(np.isfinite(z), z, 0.0) * density)


def _log_prior(severity: FloatArray, log_noise: FloatArray) -> FloatArray:
    return np.asarray(
        -0.5 * (severity / _SEVERITY_SD) ** 2
        - 0.5 * ((log_noise - np.log(_USUAL_NOISE)) / _NOISE_SD) ** 2
    )
