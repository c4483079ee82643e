"""Studies of agreement: coefficients, applicability, ceilings, sessions, replacing a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.agreement_intervals import agreement_estimates
from autoqa.evaluation.ceiling import Panel, leave_one_out_ceiling, pairwise_ceiling
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.raters.applicability import applicability_agreement
from autoqa.evaluation.raters.replacement import ReplacementVerdict, replacement_test
from autoqa.evaluation.raters.session_effect import session_effect
from autoqa.evaluation.tables import FloatArray
from autoqa.experiments.planted_truth.rating_worlds import cut, ratings_of, readings
from autoqa.experiments.planted_truth.recovery import DecisionStudy, Planted, Study
from autoqa.records import RaterKind

LEVELS = (0, 1, 2)
N_RESAMPLES = 200
_POPULATION = 300_000
_COEFFICIENTS = ("exact", "alpha_ordinal", "ac1", "ac2_quadratic", "icc(2,1)", "kappa_quadratic")


def _many(seed: int = 1, **how: tuple[float, ...]) -> FloatArray:
    return readings(np.random.default_rng(seed), _POPULATION, **how)  # type: ignore[arg-type]


@lru_cache
def _true_coefficients(n_raters: int) -> Mapping[str, float]:
    """Coefficients of 300,000 items: their own error is a fiftieth of that of a study."""
    given = cut(_many(noise=(0.6,) * n_raters))
    found = agreement_estimates(given, levels=LEVELS, n_resamples=2)
    return {name: found[name].value for name in _COEFFICIENTS if name in found}


def _coefficients(seed: int, *, n_raters: int) -> dict[str, list[Planted]]:
    rng = np.random.default_rng([seed, 10])
    given = cut(readings(rng, 240, noise=(0.6,) * n_raters, per_conversation=3))
    found = agreement_estimates(
        given, levels=LEVELS, clusters=np.arange(240) // 3, n_resamples=N_RESAMPLES, seed=seed
    )
    return {name: [(found[name], truth)] for name, truth in _true_coefficients(n_raters).items()}


def _applicability(seed: int) -> dict[str, list[Planted]]:
    # The criterion does not apply to 30 %; a rater says so in 90 % of these and in 5 % of others.
    rng = np.random.default_rng([seed, 11])
    applies = rng.random(250) > 0.3
    says_na = rng.random((2, 250)) < np.where(applies, 0.05, 0.9)
    levels = np.where(says_na, -1, cut(readings(rng, 250, noise=(0.6, 0.6))))
    found = applicability_agreement(
        ratings_of(levels), levels=LEVELS, n_resamples=N_RESAMPLES, seed=seed
    )
    na = 0.3 * 0.9 + 0.7 * 0.05
    both = 0.3 * 0.9**2 + 0.7 * 0.05**2
    exact = 1 - 2 * (na - both)
    by_chance = na**2 + (1 - na) ** 2
    return {
        "share of N/A": [(found.not_applicable, na)],
        "kappa of applicability": [
            (found.applicability["kappa"], (exact - by_chance) / (1 - by_chance))
        ],
        "agreement on N/A": [(found.specific["not_applicable"], both / na)],
        "kappa of values": [
            (found.values["kappa_quadratic"], _true_coefficients(2)["kappa_quadratic"])
        ],
    }


def _kappa(a: FloatArray, b: FloatArray) -> float:
    return quadratic_kappa(a.astype(np.int64), b.astype(np.int64), levels=LEVELS)


def _panel(values: FloatArray) -> Panel:
    keys = tuple((f"c{i:06d}", None) for i in range(values.shape[1]))
    return Panel(keys, values)


@lru_cache
def _true_ceilings() -> tuple[float, float]:
    given = _panel(cut(_many()).astype(float))
    pair = pairwise_ceiling(given, _kappa, n_resamples=0).value
    return pair, leave_one_out_ceiling(given, _kappa, how="nearest", n_resamples=0).value


def _ceilings(seed: int) -> dict[str, list[Planted]]:
    given = _panel(cut(readings(np.random.default_rng([seed, 12]), 150)).astype(float))
    pair = pairwise_ceiling(given, _kappa, n_resamples=100, seed=seed)
    left_out = leave_one_out_ceiling(given, _kappa, how="nearest", n_resamples=100, seed=seed)
    true_pair, true_left_out = _true_ceilings()
    return {"a pair of people": [(pair, true_pair)], "one left out": [(left_out, true_left_out)]}


_BEFORE, _AFTER = (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)


@lru_cache
def _true_change() -> float:
    after, before = (
        agreement_estimates(cut(_many(noise=noise)), levels=LEVELS, n_resamples=2)["alpha_ordinal"]
        for noise in (_AFTER, _BEFORE)
    )
    return after.value - before.value


def _session(seed: int) -> dict[str, list[Planted]]:
    rng = np.random.default_rng([seed, 13])
    sides = [
        ratings_of(cut(readings(rng, 100, noise=noise)), prefix=prefix)
        for noise, prefix in ((_BEFORE, "b"), (_AFTER, "a"))
    ]
    found = session_effect(*sides, levels=LEVELS, n_resamples=N_RESAMPLES, seed=seed)
    return {"change of alpha": [(found.coefficients["alpha_ordinal"].change, _true_change())]}


def _replaced(seed: int, noise: float, n: int = 120) -> tuple[Estimate, ReplacementVerdict]:
    rng = np.random.default_rng([seed, 14])
    read = readings(rng, n, noise=(0.6, 0.6, 0.6, 0.6, noise))
    given = cut(read, (-1.2, -0.4, 0.4, 1.2))
    found = replacement_test(
        ratings_of(given[:4]),
        ratings_of(given[4:], kind=RaterKind.MODEL, name="model"),
        n_resamples=N_RESAMPLES,
        seed=seed,
    )
    return found.difference, found.verdict


@lru_cache
def _true_lead(noise: float) -> float:
    """How much oftener the model is at least as near to the others as a person, minus the reverse.

    By definition (Calderon et al. 2025, section 3), one left-out person at a time.
    """
    given = cut(_many(noise=(0.6, 0.6, 0.6, 0.6, noise)), (-1.2, -0.4, 0.4, 1.2)).astype(float)
    model, people = given[4], given[:4]
    leads = []
    for j in range(4):
        others = np.delete(people, j, axis=0)
        by_model = np.abs(model - others).mean(axis=0)
        by_person = np.abs(people[j] - others).mean(axis=0)
        leads.append(np.mean(by_model <= by_person + 1e-9) - np.mean(by_person <= by_model + 1e-9))
    return float(np.mean(leads))


def _lead(seed: int) -> dict[str, list[Planted]]:
    difference, _ = _replaced(seed, 0.8)
    return {"lead over people": [(difference, _true_lead(0.8))]}


def _verdicts(seed: int) -> dict[str, bool]:
    # At the border every person leads by epsilon (0.15) exactly: wins 35 %, loses 20 % of items.
    rng = np.random.default_rng([seed, 15])
    draw = rng.choice([-1, 0, 1], p=[0.20, 0.45, 0.35], size=120)
    own = np.ones(120, dtype=np.int64)
    left_out = np.where(draw == -1, 2, np.where(draw == 0, 1, 0))
    zero = np.zeros(120, dtype=np.int64)
    border = replacement_test(
        ratings_of(np.stack([left_out, zero, zero])),
        ratings_of(own[None], kind=RaterKind.MODEL, name="model"),
        n_resamples=2,
        seed=seed,
    )
    better = _replaced(seed, 0.4)[1]
    poor = _replaced(seed, 1.6)[1]
    return {
        "a person beaten, at the border": border.raters[0].p_value <= 0.05,
        "may replace, model with noise 0.4": better is ReplacementVerdict.REPLACE,
        "may replace, model with noise 1.6": poor is ReplacementVerdict.REPLACE,
        "not yet, model with noise 1.6": poor is ReplacementVerdict.NOT_YET,
    }


STUDIES: Sequence[Study] = (
    Study(
        name="agreement of two raters",
        planted="normal readings with noise 0.6, cut to 3 levels; items of a conversation alike",
        n="80 conversations of 3 items",
        simulate=lambda seed: _coefficients(seed, n_raters=2),
        simulations=300,
    ),
    Study(
        name="agreement of three raters",
        planted="the same with three raters",
        n="80 conversations of 3 items",
        simulate=lambda seed: _coefficients(seed, n_raters=3),
        simulations=200,
    ),
    Study(
        name="applicability agreement",
        planted="N/A said in 90 % of 30 %, and in 5 % of the others",
        n="250 conversations, 2 raters",
        simulate=_applicability,
        simulations=300,
    ),
    Study(
        name="human ceiling (quadratic kappa)",
        planted="three raters with noise 0.6",
        n="150 conversations",
        simulate=_ceilings,
        simulations=120,
    ),
    Study(
        name="session effect",
        planted="noise of three raters falls from 1.0 to 0.5",
        n="100 conversations before, 100 after",
        simulate=_session,
        simulations=120,
    ),
    Study(
        name="alternative annotator test",
        planted="noise of four people 0.6, of the model 0.8",
        n="120 conversations",
        simulate=_lead,
        simulations=200,
    ),
)

DECISIONS: Sequence[DecisionStudy] = (
    DecisionStudy(
        name="alternative annotator test",
        planted="a lead of a person at epsilon; people with noise 0.6, a model with 0.4 or 1.6",
        n="120 conversations, 3-4 people",
        simulate=_verdicts,
        wanted={
            "a person beaten, at the border": ("at most", 0.05),
            "may replace, model with noise 0.4": ("at least", 0.8),
            "may replace, model with noise 1.6": ("at most", 0.05),
            "not yet, model with noise 1.6": ("at least", 0.8),
        },
        simulations=200,
    ),
)
