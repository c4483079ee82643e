"""How the variance of an outcome splits between topics, teams, agents, and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from autoqa.evaluation.claims.base import Settings
from autoqa.evaluation.claims.verdict import LEVEL
from autoqa.evaluation.classification import rank_codes
from autoqa.evaluation.intervals import Estimate, cluster_codes
from autoqa.evaluation.tables import FloatArray, IntArray

RESIDUAL = "within"
"""What no factor explains: chance, and differences between conversations."""

_WORST_CONDITION = 1e8  # factors that are nearly the same partition cannot be told apart


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which level of each factor, and of each pair of factors, a conversation has."""

    names: tuple[str, ...]
    codes: tuple[IntArray, ...]
    sizes: tuple[int, ...]
    pairs: Mapping[tuple[int, int], tuple[IntArray, IntArray]]  # cell, and first factor's level


def _layout(factors: Mapping[str, npt.ArrayLike]) -> _Layout:
    names, codes, sizes = [], [], []
    for name, levels in factors.items():
        code, size = cluster_codes(levels)
        names.append(name)
        codes.append(code)
        sizes.append(size)
    pairs = {}
    for i, first in enumerate(codes):
        for j, second in enumerate(codes):
            if i != j:
                cells, where = np.unique(first * sizes[j] + second, return_inverse=True)
                pairs[i, j] = (where.ravel(), cells // sizes[j])
    return _Layout(tuple(names), tuple(codes), tuple(sizes), pairs)


def _solve(y: FloatArray, weight: FloatArray, layout: _Layout) -> FloatArray:
    """Components of the factors and, last, the residual; nan where they cannot be told apart.

    Each uncorrected sum of squares has an expectation that is linear in the components (and in
    the squared mean): as many equations as unknowns.
    """
    k = len(layout.names)
    n = weight.sum()
    left, right = np.zeros((k + 2, k + 2)), np.zeros(k + 2)
    # Unknowns: components of the factors, residual, squared mean.
    left[:, k + 1] = n
    left[k, : k + 1], right[k] = n, weight @ y**2
    left[k + 1, k], right[k + 1] = 1.0, (weight @ y) ** 2 / n
    for i, (code, size) in enumerate(zip(layout.codes, layout.sizes, strict=True)):
        count = np.bincount(code, weights=weight, minlength=size)
        total = np.bincount(code, weights=weight * y, minlength=size)
        seen = count > 0
        right[i] = (total[seen] ** 2 / count[seen]).sum()
        left[i, i], left[i, k] = n, seen.sum()
        left[k + 1, i] = (count**2).sum() / n
        for j in range(k):
            if i != j:
                cell, of_first = layout.pairs[i, j]
                shared = np.bincount(cell, weights=weight, minlength=len(of_first))
                some = shared > 0
                left[i, j] = (shared[some] ** 2 / count[of_first[some]]).sum()
    if n < k + 2 or np.linalg.cond(left / n) > _WORST_CONDITION:
        return np.full(k + 1, np.nan)
    return np.asarray(np.linalg.solve(left, right)[: k + 1])


def variance_components(y: npt.ArrayLike, factors: Mapping[str, npt.ArrayLike]) -> dict[str, float]:
    """Estimate the variance between the levels of crossed or nested factors.

    Parameters
    ----------
    y : array of shape (n,)
    factors : mapping of name to array of shape (n,)
        Level of each factor; a factor may be nested in another.

    Returns
    -------
    dict
        One component per factor, and ``within``. Unbiased, so that one of nothing is as often
        below 0 as above. nan where two factors make the same groups.

    References
    ----------
    Henderson (1953), Biometrics 9(2), 226-252, method 1.
    Searle, Casella and McCulloch (1992), Variance Components, chapter 5.
    """
    values = np.asarray(y, dtype=float)
    # Centred: the equations do not depend on the mean, but rounding does.
    found = _solve(values - values.mean(), np.ones(values.size), _layout(factors))
    return dict(zip((*factors, RESIDUAL), map(float, found), strict=True))


def component_shares(
    y: npt.ArrayLike,
    factors: Mapping[str, npt.ArrayLike],
    *,
    contrasts: Mapping[str, Mapping[str, float]] | None = None,
    settings: Settings,
) -> dict[str, Estimate]:
    """Each component's share of the total variance, and sums or differences of shares.

    The intervals are normal with the standard error of a bootstrap over conversations: they are
    about these topics and agents, not about others that could have been there. (A percentile
    interval would be off, since resampling adds to the differences between groups.)

    Parameters
    ----------
    contrasts : mapping of name to weights of the factors' shares, optional
    """
    values = np.asarray(y, dtype=float)
    n = values.size
    # Conversations alike in outcome and factors are counted, not gone through one by one.
    kind = rank_codes(values)
    for levels in factors.values():
        code, size = cluster_codes(levels)
        kind = rank_codes(kind * size + code)
    _, example = np.unique(kind, return_index=True)
    centred = (values - values.mean())[example]
    layout = _layout({name: np.asarray(levels)[example] for name, levels in factors.items()})
    names = (*factors, RESIDUAL)
    mix = np.eye(len(names))
    wanted = list(names)
    for name, weights in (contrasts or {}).items():
        wanted.append(name)
        mix = np.vstack([mix, [weights.get(factor, 0.0) for factor in names]])

    def shares(weight: FloatArray) -> FloatArray:
        found = _solve(centred, weight, layout)
        whole = found.sum()
        return np.asarray(mix @ found / whole if whole > 0 else np.full(len(mix), np.nan))

    value = shares(np.bincount(kind).astype(float))
    rng = np.random.default_rng(settings.seed)
    again = np.array(
        [
            shares(np.bincount(kind[rng.integers(n, size=n)], minlength=example.size).astype(float))
            for _ in range(settings.n_resamples)
        ]
    )
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    defined = np.isfinite(again).all(axis=1)
    half = (
        z * again[defined].std(axis=0, ddof=1)
        if defined.sum() > max(1, 0.8 * len(again))
        else np.full(len(mix), np.nan)
    )
    return {
        name: Estimate(float(v), float(v - h), float(v + h), n, n, int((~defined).sum()))
        for name, v, h in zip(wanted, value, half, strict=True)
    }
