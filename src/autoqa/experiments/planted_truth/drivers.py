"""Studies of what moves CSAT: effects, asymmetry, shares, weights, and errors of rating."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from autoqa.evaluation.classification import spearman
from autoqa.evaluation.drivers.rating_error import rating_reliability
from autoqa.evaluation.drivers.realignment import realign
from autoqa.evaluation.drivers.report import CsatDrivers, csat_drivers
from autoqa.evaluation.drivers.table import Covariate, DriverTable, State, driver_table
from autoqa.evaluation.drivers.weight_fit import forms_of
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.experiments.planted_truth.recovery import Planted, Study, point
from autoqa.records import RaterKind, Rating, Status, Survey
from autoqa.scorecard import load_scorecard
from autoqa.simulate import CRITERIA, RaterTruth, SimulationSettings, draw_centre
from autoqa.simulate.behaviour import Encounter, behaviour_points, draw_encounter
from autoqa.simulate.labels import rate
from autoqa.simulate.streams import stream

_AGENTS, _CALLS = 30, 20
_NAMES = ("strong", "weak", "none")
_SLOPES = np.array([1.6, 0.8, 0.0])
_CUTS = np.array([-2.0, -1.0, 0.0, 1.5])
_AGENT_SPREAD = 0.5
_POPULATION = 400_000


def _credits(rng: np.random.Generator, n: int) -> FloatArray:
    """Return three criteria at 0, a half or 1 that go together, shape (n, 3)."""
    shared = rng.normal(size=(n, 1))
    return np.digitize(0.5 * shared + rng.normal(size=(n, 3)), [-0.6, 0.4]) / 2


def _table(credit: FloatArray, csat: FloatArray, agent: Sequence[int]) -> DriverTable:
    n = len(csat)
    return DriverTable(
        conversations=tuple(f"c{i:05d}" for i in range(n)),
        criteria=_NAMES[: credit.shape[1]],
        credit=credit,
        states=np.full(credit.shape, State.RATED.value),
        csat=csat,
        agents=tuple(f"a{a}" for a in agent),
        covariates={},
        caveats=(),
    )


def _above(eta: FloatArray) -> FloatArray:
    """Probability that CSAT lies above each cut, shape (n, 4)."""
    return np.asarray(1 / (1 + np.exp(_CUTS - eta[:, None])))


def _ordinal_centre(
    rng: np.random.Generator, n_agents: int, calls: int
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Return agents, credits, log odds and CSAT."""
    agent = np.repeat(np.arange(n_agents), calls)
    credit = _credits(rng, agent.size)
    eta = np.asarray(credit @ _SLOPES + _AGENT_SPREAD * rng.normal(size=n_agents)[agent])
    csat = np.asarray((rng.random(agent.size)[:, None] < _above(eta)).sum(axis=1) / 4)
    return agent, credit, eta, csat


@lru_cache
def _true_effects() -> Mapping[str, float]:
    """Effects of moving everybody from no credit to full credit; R² in the population."""
    _, credit, eta, csat = _ordinal_centre(np.random.default_rng(1), _POPULATION, 1)
    found: dict[str, float] = {}
    for j, name in enumerate(_NAMES):
        missed = eta - credit[:, j] * _SLOPES[j]
        change = (_above(missed + _SLOPES[j]) - _above(missed)).mean(axis=0)
        found[f"effect {name}"] = float(change.mean())
        found[f"satisfied {name}"] = float(change[2])
        found[f"prevents {name}"] = float(change[1])
        found[f"lifts {name}"] = float(change[3])
        found[f"association {name}"] = spearman(credit[:, j], csat)
    design = np.column_stack([np.ones(len(csat)), credit])
    left = csat - design @ np.linalg.lstsq(design, csat, rcond=None)[0]
    return found | {"explained": float(1 - left.var() / csat.var())}


def _drivers(seed: int) -> dict[str, list[Planted]]:
    agent, credit, _, csat = _ordinal_centre(np.random.default_rng([seed, 50]), _AGENTS, _CALLS)
    found = csat_drivers(_table(credit, csat, agent.tolist()), n_resamples=200, seed=seed)
    true = _true_effects()
    figures: dict[str, list[Planted]] = {
        f"effect, {name}": [(found[name].effect, true[f"effect {name}"])] for name in _NAMES
    }
    for figure in ("satisfied", "prevents", "lifts", "association"):
        figures[figure] = [
            (getattr(found[name], figure), true[f"{figure} {name}"]) for name in _NAMES
        ]
    figures["tilt"] = [(found[name].tilt, 0.0) for name in _NAMES]
    figures["R² of all criteria"] = [(found.explained, true["explained"])]
    figures["agent spread, log odds"] = [(point(found.agent_spread), _AGENT_SPREAD)]
    return figures


def _asymmetric(seed: int) -> dict[str, list[Planted]]:
    """The first criterion prevents bad (slopes 2, 0.5), the second lifts good (0.5, 2)."""
    rng = np.random.default_rng([seed, 51])
    n = 900
    credit = _credits(rng, n)
    low = 1.0 + credit @ np.array([2.0, 0.5, 0.0]) - 1.2
    high = -1.5 + credit @ np.array([0.5, 2.0, 0.0]) - 1.2
    u = rng.random(n)
    spared, top = u < 1 / (1 + np.exp(-low)), u < 1 / (1 + np.exp(-np.minimum(high, low)))
    csat = np.where(top, 1.0, np.where(spared, 0.5 + 0.25 * (rng.random(n) < 0.7), 0.0))
    found = csat_drivers(_table(credit, csat, np.arange(n).tolist()), n_resamples=100, seed=seed)
    return {
        f"tilt of slopes, {what}": [(found[name].tilt, truth)]
        for what, name, truth in (
            ("prevents bad", "strong", -1.5),
            ("lifts good", "weak", 1.5),
            ("neither", "none", 0.0),
        )
    }


CARD = load_scorecard("support-core")
REVERSED = "listening"
"""The criterion whose ratings are handed in upside down."""

_STEADY = RaterTruth(rater="rater", severity=0.0, noise=0.4, na_habit=0.0, lapse=0.05)


def encounters(n: int, seed: int, *, agents: int = 40) -> list[Encounter]:
    """Draw conversations of the simulated centre, without words."""
    centre = draw_centre(
        SimulationSettings(conversations=n, seed=seed, agents=agents, languages=("en",))
    )
    return [draw_encounter(centre, number) for number in range(n)]


def centre_table(met: Iterable[Encounter], *, rater: RaterTruth | None = None) -> DriverTable:
    """Return everybody's survey, circumstances, and ratings: true levels, or those of a rater."""
    ratings: list[Rating] = []
    surveys, agents = [], {}
    covariates: dict[str, dict[str, Covariate]] = {}
    for one in met:
        key = f"c{one.number:05d}"
        levels = {
            name: max(CRITERIA[name].scale) - level if name == REVERSED and level is not None
            else level
            for name, level in one.levels.items()
        }  # fmt: skip
        if rater is None:
            ratings += [_exact(key, name, level) for name, level in levels.items()]
        else:
            ratings += rate(key, levels, rater, stream(0, "rater", one.number))
        surveys.append(Survey(conversation_id=key, score=one.csat, scale=(1, 5)))
        agents[key] = one.agent.agent
        covariates[key] = {
            "topic": one.topic.topic,
            "transfer": one.transfer,
            "hold": one.hold,
            "repeat": one.repeat,
            "slowness": one.slowness,
            "mood": one.mood,
        }
    return driver_table(ratings, surveys, card=CARD, agents=agents, covariates=covariates)


def _exact(conversation: str, criterion: str, level: int | None) -> Rating:
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater="truth",
        kind=RaterKind.HUMAN,
        status=Status.NOT_APPLICABLE if level is None else Status.RATED,
        level=level,
    )


def planted_effect(met: Iterable[Encounter], name: str) -> float:
    """Mean change of the CSAT answer, in shares of its scale, from bottom level to top."""
    changes = []
    for one in met:
        if one.levels[name] is None:
            continue
        answers = []
        for level in (CRITERIA[name].scale[0], CRITERIA[name].scale[-1]):
            felt = one.satisfaction - one.agent_part + behaviour_points({**one.levels, name: level})
            answers.append(min(5, max(1, round(felt))))
        changes.append((answers[1] - answers[0]) / 4)
    return float(np.mean(changes)) * (-1 if name == REVERSED else 1)


_SHOWN = ("answer", "no_rudeness", "acknowledgement", REVERSED)
_NOTHING = tuple(name for name, c in CRITERIA.items() if not c.satisfaction)


def _by_criterion(
    met: Sequence[Encounter], found: CsatDrivers, label: str
) -> dict[str, list[Planted]]:
    figures = {
        f"{label}, {name}": [(found[name].effect, planted_effect(met, name))] for name in _SHOWN
    }
    nothing = [(found[name].effect, 0.0) for name in _NOTHING]
    return figures | {f"{label}, criteria without any": nothing}


def _simulated_centre(seed: int) -> dict[str, list[Planted]]:
    met = encounters(800, 200 + seed)
    found = csat_drivers(centre_table(met), n_resamples=100, seed=seed)
    return _by_criterion(met, found, "effect")


def _with_rating_error(seed: int) -> dict[str, list[Planted]]:
    met = encounters(800, 400 + seed)
    table = centre_table(met, rater=_STEADY)
    plain = csat_drivers(table, n_resamples=0, seed=seed)
    corrected = csat_drivers(table, reliability=_reliability(met[:250]), n_resamples=0, seed=seed)
    return _by_criterion(met, plain, "as rated") | _by_criterion(met, corrected, "corrected")


def _reliability(met: Iterable[Encounter]) -> dict[str, float]:
    """From conversations that two raters with the same habits rated."""
    return rating_reliability(
        rating
        for one in met
        for name in ("first", "second")
        for rating in rate(
            f"c{one.number:05d}",
            one.levels,
            replace(_STEADY, rater=name),
            stream(0, name, one.number),
        )
    )


def _realigned(seed: int) -> dict[str, list[Planted]]:
    """What weights learned from 400 conversations gain on 1,200 others of the same centre."""
    met = encounters(1600, 300 + seed)
    found = realign(centre_table(met[:400]), CARD, n_resamples=100, seed=seed)
    later = centre_table(met[400:])
    forms = forms_of(later, CARD)
    old = forms.totals(np.array([c.weight for c in CARD.criteria]))
    new = forms.totals(np.array([found.suggested[c.id] for c in CARD.criteria]))
    gain = spearman(new, later.csat) - spearman(old, later.csat)
    return {"gain of Spearman by other weights": [(found.gain, gain)]}


STUDIES: Sequence[Study] = (
    Study(
        name="drivers",
        planted="log odds 1.6, 0.8 and 0 from no credit to full; agents differ by 0.5",
        n="30 agents, 20 conversations each",
        simulate=_drivers,
        simulations=60,
    ),
    Study(
        name="asymmetry of drivers",
        planted="slopes at the two ends of CSAT 2 and 0.5, 0.5 and 2, 0 and 0",
        n="900 conversations",
        simulate=_asymmetric,
        simulations=40,
    ),
    Study(
        name="drivers, simulated centre",
        planted="true levels as ratings; soft skills count for less without an answer",
        n="800 conversations of 40 agents, 17 criteria",
        simulate=_simulated_centre,
        simulations=12,
    ),
    Study(
        name="drivers, ratings with error",
        planted="the same, rated by one person with noise 0.4 and 5 % lapses",
        n="800 conversations of 40 agents, 17 criteria",
        simulate=_with_rating_error,
        simulations=16,
    ),
    Study(
        name="scorecard realignment",
        planted="gain of the suggested weights on 1,200 later conversations",
        n="400 conversations, 17 criteria",
        simulate=_realigned,
        simulations=16,
    ),
)
