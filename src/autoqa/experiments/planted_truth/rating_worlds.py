"""Raters with planted habits, for the studies of agreement and of raters."""

from __future__ import annotations

import numpy as np

from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.records import RaterKind, Rating, Status

MODEL = "model"


def readings(
    rng: np.random.Generator,
    n_items: int,
    *,
    noise: tuple[float, ...] = (0.6, 0.6, 0.6),
    per_conversation: int = 1,
    alike: float = 0.5,
) -> FloatArray:
    """Return what raters read of items, shape (n_raters, n_items), before it becomes a level.

    `alike` is the share of the truth's variance (1 in all), and of the noise's, that the items of
    one conversation have in common.
    """
    conversation = np.repeat(np.arange(-(-n_items // per_conversation)), per_conversation)[:n_items]
    n, m = n_items, int(conversation[-1]) + 1

    def mixed(size: tuple[int, ...]) -> FloatArray:
        shared = rng.normal(size=(*size, m))[..., conversation]
        own = rng.normal(size=(*size, n))
        return np.asarray(np.sqrt(alike) * shared + np.sqrt(1 - alike) * own)

    return np.asarray(mixed(()) + np.asarray(noise)[:, None] * mixed((len(noise),)))


def cut(read: FloatArray, at: tuple[float, ...] = (-0.7, 0.7)) -> IntArray:
    """Turn readings into the levels 0, 1 ..."""
    return np.asarray(np.digitize(read, at), dtype=np.int64)


def rating(
    conversation: str, rater: str, level: int | None, *, kind: RaterKind = RaterKind.HUMAN
) -> Rating:
    """Return a rating of the criterion ``tone``; not applicable without a level."""
    return Rating(
        conversation_id=conversation,
        criterion="tone",
        rater=rater,
        kind=kind,
        status=Status.NOT_APPLICABLE if level is None else Status.RATED,
        level=level,
    )


def ratings_of(
    levels: IntArray, *, prefix: str = "c", kind: RaterKind = RaterKind.HUMAN, name: str = "rater"
) -> list[Rating]:
    """Return a matrix of levels, shape (n_raters, n_items), as ratings; below 0: not applicable."""
    return [
        rating(f"{prefix}{i:05d}", f"{name} {j}", int(level) if level >= 0 else None, kind=kind)
        for j, row in enumerate(levels)
        for i, level in enumerate(row)
    ]
