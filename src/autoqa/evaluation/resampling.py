"""Resamples of clusters: which are drawn, and what the drawn ones add up to.

Memory does not grow with the number of resamples: as many are drawn at a time as fit into
`MOST_CELLS` numbers, and always at least one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autoqa.evaluation.tables import FloatArray, IntArray

MANY_CLUSTERS = 5_000
"""Above this, clusters that add the same are drawn as one kind: other random numbers, same law."""

MOST_CELLS = 2**20
"""Numbers drawn at a time, unless one resample alone has more; about 32 MB with all copies."""

_MOST_ROWS = 128
_FEWER = 8  # times fewer kinds than clusters, or they are not worth it
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(29))


def blocks(n_resamples: int, width: int) -> Iterator[int]:
    """Yield how many resamples to work out at a time, each of `width` numbers."""
    most = max(1, min(_MOST_ROWS, MOST_CELLS // max(width, 1)))
    for start in range(0, n_resamples, most):
        yield min(most, n_resamples - start)


def draws(rng: np.random.Generator, n_clusters: int, n_resamples: int) -> Iterator[IntArray]:
    """Yield blocks of drawn cluster codes, each of shape (n_rows, n_clusters).

    Rows are filled one after the other, so the size of the blocks does not change what is drawn.
    """
    for rows in blocks(n_resamples, n_clusters):
        yield rng.integers(n_clusters, size=(rows, n_clusters))


def resampled_tables(per_cluster: Any, n_resamples: int, seed: int) -> Iterator[FloatArray]:
    """Yield blocks of what resamples of clusters add up to, each of shape (n_rows, n_cells).

    Parameters
    ----------
    per_cluster : CSR array of shape (n_cells, n_clusters)
        What each cluster adds.
    n_resamples, seed : int
    """
    n_cells, n_clusters = per_cluster.shape
    rng = np.random.default_rng(seed)
    kinds = kinds_of(per_cluster) if n_clusters > MANY_CLUSTERS else None
    for rows in blocks(n_resamples, n_cells):
        if kinds is None:
            found = [_summed(per_cluster, times) for times in _times_drawn(rng, n_clusters, rows)]
        else:
            # How often each kind is drawn is one multinomial: exact, and a million clusters cost
            # no more than there are kinds.
            per_kind, shares = kinds
            found = [
                _summed(per_kind, rng.multinomial(n_clusters, shares, size=few))
                for few in blocks(rows, len(shares))
            ]
        yield found[0] if len(found) == 1 else np.concatenate(found)


def _times_drawn(rng: np.random.Generator, n_clusters: int, n_resamples: int) -> Iterator[IntArray]:
    """Yield how often each cluster is drawn, in blocks of shape (n_rows, n_clusters)."""
    for drawn in draws(rng, n_clusters, n_resamples):
        rows = len(drawn)
        drawn += np.arange(rows)[:, None] * n_clusters
        yield np.bincount(drawn.ravel(), minlength=drawn.size).reshape(rows, n_clusters)


def _summed(per_cluster: Any, times: IntArray) -> FloatArray:
    return np.ascontiguousarray((per_cluster @ times.T.astype(float)).T)


def kinds_of(per_cluster: Any) -> tuple[Any, FloatArray] | None:
    """Gather clusters that add exactly the same.

    Returns
    -------
    per_kind : CSR array of shape (n_cells, n_kinds)
    shares : array of shape (n_kinds,)
        Share of the clusters that are of each kind.
    None
        Where there are hardly fewer kinds than clusters.
    """
    columns = per_cluster.tocsc()
    start, cell, added = columns.indptr, columns.indices, columns.data + 0.0  # no -0.0
    first, second, shift = _MIX
    mixed = (added.view(np.uint64) ^ (cell.astype(np.uint64) * first)) * second
    mixed ^= mixed >> shift
    mixed *= first
    # Every cluster has an entry, so no stretch is empty.
    _, example, kind, size = np.unique(
        np.add.reduceat(mixed, start[:-1]),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    del mixed
    n_clusters = len(kind)
    if len(size) * _FEWER > n_clusters:
        return None
    n_entries, like = np.diff(start), example[kind]
    if (n_entries != n_entries[like]).any():
        return None
    # Equal sums of mixed bits are only nearly always equal clusters: look.
    twin = np.arange(len(cell)) + np.repeat(start[like] - start[:-1], n_entries)
    if (cell != cell[twin]).any() or (added != added[twin]).any():
        return None
    return columns[:, example].tocsr(), size / n_clusters
