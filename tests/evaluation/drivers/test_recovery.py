"""What the simulated centre plants is found again: bias and coverage over repeated simulations."""

from collections import Counter

import numpy as np
import pytest

from autoqa.evaluation.classification import spearman
from autoqa.evaluation.drivers.realignment import Advice, realign
from autoqa.evaluation.drivers.report import csat_drivers
from autoqa.evaluation.drivers.table import driver_table
from autoqa.evaluation.drivers.verdicts import DriverVerdict
from autoqa.evaluation.drivers.weight_fit import forms_of
from autoqa.records import Rating, Survey
from autoqa.scorecard import load_scorecard
from autoqa.scorecard.schema import Scorecard
from autoqa.simulate import CRITERIA, SimulationSettings, draw_centre
from autoqa.simulate.behaviour import _agent_part, draw_encounter

CARD = load_scorecard("support-core")
REVERSED = "listening"  # whose ratings are handed in upside down
STRONG = ("answer", "acknowledgement")
N_CENTRES = 6
NOTHING = tuple(name for name, c in CRITERIA.items() if not c.satisfaction)


def encounters(n, seed, agents=40):
    centre = draw_centre(
        SimulationSettings(conversations=n, seed=seed, agents=agents, languages=("en",))
    )
    return [draw_encounter(centre, number) for number in range(n)]


def perfectly_rated(met):
    """Ratings without error of every criterion, everybody surveyed, circumstances known."""
    ratings, surveys, agents, covariates = [], [], {}, {}
    for one in met:
        conversation = f"c{one.number:05d}"
        for name, level in one.levels.items():
            if name == REVERSED and level is not None:
                level = max(CRITERIA[name].scale) - level
            ratings.append(
                Rating(
                    conversation_id=conversation,
                    criterion=name,
                    rater="ann",
                    kind="human",
                    status="not_applicable" if level is None else "rated",
                    level=level,
                )
            )
        surveys.append(Survey(conversation_id=conversation, score=one.csat, scale=(1, 5)))
        agents[conversation] = one.agent.agent
        covariates[conversation] = {
            "topic": one.topic.topic,
            "transfer": one.transfer,
            "hold": one.hold,
            "repeat": one.repeat,
            "slowness": one.slowness,
            "mood": one.mood,
        }
    return driver_table(ratings, surveys, card=CARD, agents=agents, covariates=covariates)


def planted_effect(met, name):
    """Mean change of the CSAT answer, in shares of its scale, from bottom level to top."""
    changes = []
    for one in met:
        if one.levels[name] is None:
            continue
        answers = []
        for level in (CRITERIA[name].scale[0], CRITERIA[name].scale[-1]):
            felt = one.satisfaction - one.agent_part + _agent_part({**one.levels, name: level})
            answers.append(min(5, max(1, round(felt))))
        changes.append((answers[1] - answers[0]) / 4)
    return float(np.mean(changes)) * (-1 if name == REVERSED else 1)


@pytest.mark.slow
def test_planted_effects_are_found_without_bias_and_with_coverage():
    # 6 simulations of 800 conversations with 40 agents. Stated: the mean error of every effect is
    # below 0.04 of the scale (0.16 points of 1-5); of the 102 intervals (nominal 95 %) at least
    # 85 % cover the planted effect (93 % of 204 in 12 other centres with 150 resamples; the effect
    # of `answer` comes out 0.02 to 0.03 of 0.39 too small, as it also decides how much soft skills
    # count, which the model leaves out); strong criteria are found in at least 5 of 6; criteria
    # without any effect are called a driver or reversed at most 10 % of the time.
    errors = {name: [] for name in CRITERIA}
    covered, verdicts = [], {name: Counter() for name in CRITERIA}
    for seed in range(N_CENTRES):
        met = encounters(800, 200 + seed)
        found = csat_drivers(perfectly_rated(met), n_resamples=100)
        for name in CRITERIA:
            truth, effect = planted_effect(met, name), found[name].effect
            verdicts[name][found[name].verdict] += 1
            errors[name].append(effect.value - truth)
            covered.append(effect.low <= truth <= effect.high)
    bias = {name: float(np.mean(missed)) for name, missed in errors.items()}
    assert max(map(abs, bias.values())) < 0.04, bias
    assert np.mean(covered) >= 0.85
    for name in STRONG:
        assert verdicts[name][DriverVerdict.DRIVER] >= N_CENTRES - 1, (name, verdicts[name])
    assert verdicts[REVERSED][DriverVerdict.REVERSED] >= N_CENTRES - 1, verdicts[REVERSED]
    assert not any(verdicts[name][DriverVerdict.DEAD] for name in (*STRONG, REVERSED))
    called = sum(
        verdicts[name][DriverVerdict.DRIVER] + verdicts[name][DriverVerdict.REVERSED]
        for name in NOTHING
    )
    assert called <= 0.1 * N_CENTRES * len(NOTHING), verdicts
    dead = sum(verdicts[name][DriverVerdict.DEAD] for name in NOTHING)
    assert dead >= 0.3 * N_CENTRES * len(NOTHING)  # the others are left open


@pytest.mark.slow
def test_the_gain_of_other_weights_is_what_new_conversations_show():
    # 4 simulations of 400 conversations; the suggested weights are then tried on 1200 others.
    # Stated: the held-out gain is within 0.03 of the later one on average, and the weight of the
    # strongest driver rises every time.
    errors = []
    for seed in range(4):
        met = encounters(1600, 300 + seed)
        learned = perfectly_rated(met[:400])
        found = realign(learned, CARD, n_resamples=100)
        assert found.suggested["answer"] > 1.3 * CARD.criterion("answer").weight
        assert found.advice is not Advice.KEEP
        later = perfectly_rated(met[400:])
        forms = forms_of(later, CARD)
        old = forms.totals(np.array([c.weight for c in CARD.criteria]))
        new = forms.totals(np.array([found.suggested[c.id] for c in CARD.criteria]))
        errors.append(found.gain.value - (spearman(new, later.csat) - spearman(old, later.csat)))
    assert abs(np.mean(errors)) < 0.03, errors


@pytest.mark.slow
def test_no_change_is_advised_where_the_weights_are_the_planted_ones():
    # 8 simulations of 200 conversations, three criteria, CSAT of exactly the current total and
    # noise. Stated: at most one false alarm.
    weights = {"answer": 50, "tone": 30, "recap": 20}
    form = Scorecard.model_validate(
        {
            "id": "card",
            "version": 1,
            "sections": [
                {
                    "id": "all",
                    "criteria": [
                        {"id": name, "question": "?", "levels": {0: "no", 1: "yes"}, "weight": w}
                        for name, w in weights.items()
                    ],
                }
            ],
        }
    )
    advice = Counter()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        ratings, surveys = [], []
        for i in range(200):
            levels = {name: int(rng.random() < 0.6) for name in weights}
            total = sum(weights[name] * level for name, level in levels.items())
            score = int(np.clip(round(1 + total / 25 + rng.normal()), 1, 5))
            surveys.append(Survey(conversation_id=f"c{i}", score=score, scale=(1, 5)))
            ratings += [
                Rating(
                    conversation_id=f"c{i}",
                    criterion=name,
                    rater="ann",
                    kind="human",
                    status="rated",
                    level=level,
                )
                for name, level in levels.items()
            ]
        found = realign(driver_table(ratings, surveys, card=form), form, n_resamples=200)
        advice[found.advice] += 1
    assert advice[Advice.CHANGE] <= 1, advice
