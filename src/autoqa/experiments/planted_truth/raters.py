"""Studies of raters: severity, use of the scale, drift, N/A, true levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.raters.confusion_models import OrdinalConfusion
from autoqa.evaluation.raters.effects import fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.raters.traits import drift, not_applicable_habits, spread_and_agreement
from autoqa.evaluation.raters.true_scores import estimate_true_levels, rater_accuracy
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.experiments.planted_truth.rating_worlds import rating
from autoqa.experiments.planted_truth.recovery import Planted, Study, point

_RATERS, _PER_ITEM = 10, 4
_NOISE = 0.6
_TRUTH = 1.2  # standard deviation of the items


def _met(rng: np.random.Generator, n_items: int) -> tuple[IntArray, IntArray]:
    """Item and rater of every rating: each item by four of ten, drawn at random."""
    chosen = rng.random((n_items, _RATERS)).argsort(axis=1)[:, :_PER_ITEM]
    return np.repeat(np.arange(n_items), _PER_ITEM), chosen.ravel()


def _table(item: IntArray, rater: IntArray, value: FloatArray) -> RatingTable:
    return RatingTable.from_arrays(
        [f"c{i:05d}" for i in item], [f"r{j}" for j in rater], value, times=item.astype(float)
    )


def _known(value: float, sd: float) -> Estimate:
    return Estimate(value, value - 1.959964 * sd, value + 1.959964 * sd, 0, 0)


def _severity(seed: int) -> dict[str, list[Planted]]:
    """Severities drawn from a normal, as the model has it; shrunken and unshrunken estimates."""
    rng = np.random.default_rng([seed, 20])
    item, rater = _met(rng, 200)
    own = rng.normal(0, 0.3, _RATERS)
    truth = rng.normal(4, _TRUTH, 200)
    fit = fit_rater_effects(
        _table(item, rater, truth[item] + own[rater] + rng.normal(0, _NOISE, item.size))
    )
    beside = (own - own.mean()) * _RATERS / (_RATERS - 1)  # the average of the others
    return {
        "effect, shrunken": [
            _outward(fit.effect[j], fit.effect_sd[j], own[j]) for j in range(_RATERS)
        ],
        "effect beside the other raters": [
            _outward(fit.unshrunken[j], fit.unshrunken_sd[j], beside[j]) for j in range(_RATERS)
        ],
        "spread of severities": [(point(fit.rater_sd), 0.3)],
    }


def _outward(value: float, sd: float, truth: float) -> Planted:
    """Turn the sign such that the truth is positive: a bias below 0 is shrinkage."""
    sign = math.copysign(1.0, truth)
    return _known(sign * value, sd), sign * truth


def _central(seed: int) -> dict[str, list[Planted]]:
    """One rater of ten pulls every reading halfway to the middle."""
    rng = np.random.default_rng([seed, 21])
    item, rater = _met(rng, 250)
    truth = rng.normal(4, _TRUTH, 250)
    read = truth[item] + rng.normal(0, _NOISE, item.size)
    table = _table(item, rater, np.where(rater == 0, 4 + 0.5 * (read - 4), read))
    spread, agreement = spread_and_agreement(
        table, fit_rater_effects(table), n_resamples=200, seed=seed
    )
    own, others = _TRUTH**2 + _NOISE**2, _TRUTH**2 + _NOISE**2 / (_PER_ITEM - 1)
    return {
        "variance ratio of a central rater": [(spread[0], 0.25)],
        "agreement with the others": [(agreement[0], _TRUTH**2 / math.sqrt(own * others))],
    }


def _drifting(seed: int, *, centre: float, whole: bool) -> dict[str, list[Planted]]:
    """One rater of ten moves up by one level from the first conversation to the last."""
    rng = np.random.default_rng([seed, 22])
    item, rater = _met(rng, 300)
    truth = rng.normal(centre, _TRUTH, 300)
    read = truth[item] + rng.normal(0, _NOISE, item.size)
    read = read + np.where(rater == 0, item / 300 - 0.5, 0.0)
    table = _table(item, rater, np.clip(np.round(read), 1, 7) if whole else read)
    found = drift(table, fit_rater_effects(table))
    assert found[0] is not None
    steady = [(one, 0.0) for one in found[1:] if one is not None]
    moved = _drift_in_levels(centre) if whole else 1.0
    return {
        "drift, in levels given": [(found[0], moved)],
        "drift of 0, beside the one who drifts": steady,
    }


def _drift_in_levels(centre: float) -> float:
    """Return how a drift of 1 in judgement shows in levels 1-7: less near an end of the scale."""
    from scipy.stats import norm

    shift = np.linspace(-0.5, 0.5, 201)
    sd = math.hypot(_TRUTH, _NOISE)
    # The mean level is 1 and, for every level above it, the chance of reaching it.
    mean = sum(norm.sf(level - 0.5, centre + shift, sd) for level in range(2, 8))
    return float(np.polyfit(shift, mean, 1)[0])


def _habits(seed: int) -> dict[str, list[Planted]]:
    """One rater of eight answers N/A to 30 % of what everybody else answers N/A to 10 % of."""
    rng = np.random.default_rng([seed, 23])
    chance = np.where(np.arange(8) == 0, 0.3, 0.1)
    ratings = [
        rating(f"c{i:05d}", f"r{j}", None if rng.random() < chance[j] else 1)
        for i in range(250)
        for j in rng.choice(8, 3, replace=False)
    ]
    found = not_applicable_habits(ratings)["r0"]
    assert found.unshrunken is not None
    assert found.unshrunken_sd is not None
    return {"N/A beyond the other raters": [(_known(found.unshrunken, found.unshrunken_sd), 0.2)]}


_ACCURACY = (0.8, 0.75, 0.85, 0.6)


def _drawn(
    rng: np.random.Generator, confusion: FloatArray, prior: Sequence[float], n_items: int
) -> tuple[RatingTable, IntArray]:
    """Draw everybody's rating of every item from planted confusions, shape (raters, K, K)."""
    n_raters, n_levels = confusion.shape[:2]
    truth = rng.choice(n_levels, n_items, p=prior)
    item, rater = np.divmod(np.arange(n_items * n_raters), n_raters)
    below = confusion.cumsum(axis=2)[rater, truth[item]]
    value = (rng.random(item.size)[:, None] > below).sum(axis=1).clip(max=n_levels - 1)
    return _table(item, rater, value.astype(float)), truth


def _dawid_skene(seed: int) -> dict[str, list[Planted]]:
    """Four raters of known accuracy, errors evenly spread; the last one is the model."""
    rng = np.random.default_rng([seed, 24])
    confusion = np.stack(
        [np.full((3, 3), (1 - a) / 2) + (1.5 * a - 0.5) * np.eye(3) for a in _ACCURACY]
    )
    table, truth = _drawn(rng, confusion, (0.3, 0.4, 0.3), 300)
    found = estimate_true_levels(table, levels=range(3))
    accuracy = rater_accuracy(found, n_resamples=100, seed=seed)
    sure = found.posterior.max(axis=1)
    return {
        "accuracy of three people": [(accuracy[f"r{j}"], _ACCURACY[j]) for j in range(3)],
        "accuracy of the model": [(accuracy["r3"], _ACCURACY[3])],
        "probability of the level shown": [(point(sure.mean()), (found.best == truth).mean())],
    }


_SEVERITY, _RATER_NOISE = (0.6, 0.0, -0.5, -0.1), (0.5, 0.4, 0.6, 1.2)


def _ordinal(seed: int) -> dict[str, list[Planted]]:
    rng = np.random.default_rng([seed, 25])
    model = OrdinalConfusion(4, 5)
    model.severity, model.noise = np.asarray(_SEVERITY), np.asarray(_RATER_NOISE)
    table, truth = _drawn(rng, model.confusion(), (0.1, 0.2, 0.4, 0.2, 0.1), 400)
    found = estimate_true_levels(table, levels=range(5), method="ordinal")
    assert found.severity is not None
    assert found.noise is not None
    sure = found.posterior.max(axis=1)
    return {
        "severity": [
            (point(math.copysign(1.0, t) * v), abs(t))
            for v, t in zip(found.severity, _SEVERITY, strict=True)
        ],
        "noise": [(point(v), t) for v, t in zip(found.noise, _RATER_NOISE, strict=True)],
        "probability of the level shown": [(point(sure.mean()), (found.best == truth).mean())],
    }


STUDIES: Sequence[Study] = (
    Study(
        name="rater effects",
        planted="ten severities with standard deviation 0.3, noise 0.6",
        n="200 conversations, 4 raters each",
        simulate=_severity,
        simulations=100,
    ),
    Study(
        name="use of the scale, agreement",
        planted="one of ten raters pulls readings halfway to the middle",
        n="250 conversations, 4 raters each",
        simulate=_central,
        simulations=100,
    ),
    Study(
        name="drift of raters",
        planted="one of ten raters moves up by 1, on a scale without ends",
        n="300 conversations, 4 raters each",
        simulate=lambda seed: _drifting(seed, centre=4, whole=False),
        simulations=100,
    ),
    Study(
        name="drift of raters, levels 1-7, mean 4",
        planted="the same move of 1, rounded to levels in the middle of the scale",
        n="300 conversations, 4 raters each",
        simulate=lambda seed: _drifting(seed, centre=4, whole=True),
        simulations=100,
    ),
    Study(
        name="drift of raters, levels 1-7, mean 6",
        planted="the same move of 1, near the upper end of the scale, where less of it shows",
        n="300 conversations, 4 raters each",
        simulate=lambda seed: _drifting(seed, centre=6, whole=True),
        simulations=100,
    ),
    Study(
        name="N/A habits",
        planted="one of eight raters says N/A to 30 %, the others to 10 %",
        n="250 conversations, 3 raters each",
        simulate=_habits,
        simulations=60,
    ),
    Study(
        name="true levels (Dawid-Skene)",
        planted="accuracies 0.80, 0.75, 0.85 of people, 0.60 of a model",
        n="300 conversations",
        simulate=_dawid_skene,
        simulations=60,
    ),
    Study(
        name="true levels (ordinal)",
        planted="severities 0.6, 0, -0.5, -0.1 and noises 0.5, 0.4, 0.6, 1.2 of four raters",
        n="400 conversations",
        simulate=_ordinal,
        simulations=60,
    ),
)
