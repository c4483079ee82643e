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
from autoqa.experiments.planted_truth.drivers import (
    CARD,
    REVERSED,
    STUDIES,
    centre_table,
    encounters,
    planted_effect,
)
from autoqa.experiments.planted_truth.recovery import recover
from autoqa.records import Rating, Survey
from autoqa.scorecard.schema import Scorecard
from autoqa.simulate import CRITERIA

STRONG = ("answer", "acknowledgement")
N_CENTRES = 6
NOTHING = tuple(name for name, c in CRITERIA.items() if not c.satisfaction)


@pytest.mark.slow
def test_planted_effects_are_found_without_bias_and_with_coverage():
    # 6 simulations of 800 conversations with 40 agents. Stated: the mean error of every effect is
    # below 0.04 of the scale (0.16 points of 1-5); of the 102 intervals (nominal 95 %) at least
    # 85 % cover the planted effect (percentiles of 100 resamples hold 93 % at best; the effect of
    # `answer` comes out 0.02 of 0.39 too small, as it also decides how much soft skills count,
    # which the model leaves out); strong criteria are found
    # in at least 5 of 6; criteria without any effect are called a driver or reversed at most 10 %
    # of the time.
    errors = {name: [] for name in CRITERIA}
    covered, verdicts = [], {name: Counter() for name in CRITERIA}
    for seed in range(N_CENTRES):
        met = encounters(800, 200 + seed)
        found = csat_drivers(centre_table(met), n_resamples=100)
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
        learned = centre_table(met[:400])
        found = realign(learned, CARD, n_resamples=100)
        assert found.suggested["answer"] > 1.3 * CARD.criterion("answer").weight
        assert found.advice is not Advice.KEEP
        later = centre_table(met[400:])
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


@pytest.mark.slow
def test_reliability_gives_back_what_errors_of_rating_take_away():
    # 5 simulations of 800 conversations rated by one person at reliabilities of 0.5 to 0.9. As
    # rated, effects are a third too small or more; corrected, the two largest are within a fifth
    # of 0.39 and a third of 0.21 on average (standard errors 0.02), and those of criteria that do
    # nothing stay within 0.03.
    (study,) = [study for study in STUDIES if study.name == "drivers, ratings with error"]
    found = {one.figure: one for one in recover(study, 5)}
    assert found["as rated, answer"].bias < -0.25 * 0.39
    assert found["as rated, no_rudeness"].bias < -0.3 * 0.21
    assert abs(found["corrected, answer"].bias) < 0.2 * 0.39
    assert abs(found["corrected, no_rudeness"].bias) < 0.33 * 0.21
    assert abs(found["corrected, criteria without any"].bias) < 0.03
