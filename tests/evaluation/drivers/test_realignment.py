import json
import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime, nnls

from autoqa.errors import DataError
from autoqa.evaluation.drivers.realignment import Advice, realign
from autoqa.evaluation.drivers.table import driver_table
from autoqa.evaluation.drivers.weight_fit import (
    Constraints,
    Forms,
    fit_weights,
    folds_of,
    forms_of,
)
from autoqa.records import Rating, Survey
from autoqa.scorecard import evaluate
from autoqa.scorecard.schema import Scorecard


def card(weights, **critical):
    """Every criterion in a section of its own, so that a section's failure is the criterion's."""
    return Scorecard.model_validate(
        {
            "id": "card",
            "version": 2,
            "sections": [
                {
                    "id": f"s-{name}",
                    "criteria": [
                        {
                            "id": name,
                            "question": "?",
                            "levels": {0: "no", 1: "partly", 2: "yes"},
                            "weight": weight,
                            "critical": critical.get(name, False),
                        }
                    ],
                }
                for name, weight in weights.items()
            ],
        }
    )


def rating(conversation, criterion, level):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater="ann",
        kind="human",
        status="not_applicable" if level is None else "rated",
        level=level,
    )


def centre(effects, n=240, seed=0, na=0.1, n_agents=24):
    """Levels at random, some N/A; CSAT 1-5 of their effects and noise. Ratings, surveys, agents."""
    rng = np.random.default_rng(seed)
    ratings, surveys, agents = [], [], {}
    for i in range(n):
        levels = {name: int(rng.integers(3)) for name in effects}
        felt = sum(effects[name] * (level - 1) for name, level in levels.items())
        conversation = f"c{i:04d}"
        ratings += [
            rating(conversation, name, None if rng.random() < na else level)
            for name, level in levels.items()
        ]
        score = int(np.clip(round(3 + felt + 0.8 * rng.normal()), 1, 5))
        surveys.append(Survey(conversation_id=conversation, score=score, scale=(1, 5)))
        agents[conversation] = f"agent {i % n_agents:02d}"
    return ratings, surveys, agents


EFFECTS = {"answer": 0.8, "tone": 0.3, "greeting": 0.0, "recap": 0.0}


@pytest.fixture(scope="module")
def misaligned():
    ratings, surveys, agents = centre(EFFECTS)
    form = card({"answer": 10, "tone": 10, "greeting": 50, "recap": 30})
    table = driver_table(ratings, surveys, card=form, agents=agents)
    return realign(table, form, n_resamples=200)


def test_weights_move_to_what_customers_feel(misaligned):
    assert misaligned.advice is Advice.CHANGE
    assert misaligned.gain.low > 0.1
    assert misaligned.suggested["answer"] > 40
    assert misaligned.suggested["greeting"] < 15
    assert sum(misaligned.suggested.values()) == pytest.approx(100)
    assert min(misaligned.suggested.values()) >= 0


def test_every_change_is_explained(misaligned):
    largest = misaligned.changes[0]
    assert largest.criterion in ("answer", "greeting")
    by_name = {change.criterion: change for change in misaligned.changes}
    assert by_name["answer"].old == 10
    assert by_name["answer"].why.startswith("goes with CSAT more than its weight says")
    assert by_name["greeting"].why.startswith("goes with CSAT less than its weight says")
    assert by_name["answer"].beyond > by_name["tone"].beyond > 0.1


def test_weights_that_fit_already_are_kept():
    ratings, surveys, agents = centre(EFFECTS)
    form = card({"answer": 73, "tone": 27, "greeting": 0, "recap": 0})
    table = driver_table(ratings, surveys, card=form, agents=agents)
    found = realign(table, form, n_resamples=200)
    assert found.advice is Advice.KEEP
    assert found.summary()[0].startswith("No gain worth a change (of 0.02 or more); keep")


def test_critical_criteria_and_given_floors_keep_their_weight():
    ratings, surveys, agents = centre(EFFECTS)
    form = card({"answer": 10, "tone": 10, "greeting": 40, "recap": 40}, greeting="section")
    table = driver_table(ratings, surveys, card=form, agents=agents)
    kept = realign(table, form, n_resamples=20)
    assert kept.suggested["greeting"] == pytest.approx(40)
    assert kept.suggested["recap"] < 20
    (why,) = (change.why for change in kept.changes if change.criterion == "greeting")
    assert why.startswith("at its floor")
    given = realign(table, form, floors={"greeting": 15, "recap": 25}, n_resamples=20)
    assert 15 - 1e-9 <= given.suggested["greeting"] < 40
    assert given.suggested["recap"] >= 25 - 1e-9


def test_a_criterion_that_fails_the_evaluation_keeps_its_weight():
    # Its credit is full on every form that has a total, where it would only lift all totals.
    ratings, surveys, agents = centre(EFFECTS)
    form = card({"answer": 10, "tone": 10, "greeting": 50, "recap": 30}, recap=True)
    steady = [
        r if r.criterion != "recap" or r.level != 1 else rating(r.conversation_id, "recap", 2)
        for r in ratings
    ]
    table = driver_table(steady, surveys, card=form, agents=agents)
    found = realign(table, form, floors={"recap": 0}, n_resamples=20)
    assert found.suggested["recap"] == pytest.approx(30)
    (why,) = (change.why for change in found.changes if change.criterion == "recap")
    assert why == "fails the evaluation whatever its weight, so the weight is kept"


def test_little_data_keeps_the_weights():
    ratings, surveys, agents = centre(EFFECTS, n=24)
    form = card({"answer": 20, "tone": 10, "greeting": 10, "recap": 10})
    found = realign(driver_table(ratings, surveys, card=form, agents=agents), form, n_resamples=20)
    assert found.advice is Advice.NOT_ENOUGH
    assert found.suggested == {"answer": 40, "tone": 20, "greeting": 20, "recap": 20}
    assert found.gain.value == 0
    assert any("too few to learn weights from" in line for line in found.caveats)


def test_without_surveys_nothing_is_suggested():
    ratings, _, _ = centre(EFFECTS, n=30)
    form = card({"answer": 20, "tone": 10, "greeting": 10, "recap": 10})
    found = realign(driver_table(ratings, [], card=form), form, n_resamples=5)
    assert found.advice is Advice.NOT_ENOUGH
    assert found.suggested["answer"] == 40
    assert not found.gain.known
    assert found.simulation.n == 30


def test_the_simulation_counts_who_crosses_the_mark():
    # answer : tone : greeting from 1 : 1 : 2 to what floors force: 50, 50, 0 (two conversations).
    form = card({"answer": 25, "tone": 25, "greeting": 50})
    ratings = [
        *(rating("a", name, level) for name, level in (("answer", 2), ("tone", 2))),
        rating("a", "greeting", 0),  # 50, then 100
        *(rating("b", name, level) for name, level in (("answer", 0), ("tone", 2))),
        rating("b", "greeting", 2),  # 75, then 50
        rating("c", "greeting", 2),  # 100, then no total
    ]
    table = driver_table(ratings, [Survey(conversation_id="a", score=5, scale=(1, 5))], card=form)
    past = realign(
        table, form, floors={"answer": 50, "tone": 50}, pass_mark=60, n_resamples=5
    ).simulation
    assert (past.n, past.without_total) == (2, 1)
    assert (past.passed_before, past.passed_after) == (1, 1)
    assert (past.newly_passed, past.newly_failed) == (1, 1)
    assert (past.mean_before, past.mean_after) == (62.5, 75.0)


def test_agents_are_ranked_before_and_after(misaligned):
    moves = misaligned.simulation.agents
    assert len(moves) == 24
    assert [move.rank_after for move in moves] == sorted(move.rank_after for move in moves)
    assert sorted(move.rank_before for move in moves)[0] == 1
    assert {move.n for move in moves} == {10}
    assert misaligned.simulation.agent_rank_correlation < 1


def test_totals_are_those_of_the_scorecard():
    ratings, surveys, _ = centre(EFFECTS, n=60, na=0.3)
    form = card(
        {"answer": 30, "tone": 10, "greeting": 40, "recap": 20}, answer=True, greeting="section"
    )
    table = driver_table(ratings, surveys, card=form)
    weights = np.array([c.weight for c in form.criteria])
    totals = forms_of(table, form).totals(weights)
    for conversation, total in zip(table.conversations, totals, strict=True):
        mine = [r for r in ratings if r.conversation_id == conversation]
        assert evaluate(mine, form).total == pytest.approx(total, abs=0.005, nan_ok=True)


def free(k):
    return Constraints(np.full(k, 1 / k), np.zeros(k), np.ones(k))


def full_forms(n=200, k=5, seed=0):
    rng = np.random.default_rng(seed)
    credit = rng.integers(3, size=(n, k)) / 2
    csat = credit @ np.array([2.0, 1.0, 0.3, 0.0, -0.5])[:k] + rng.normal(size=n)
    return Forms(credit, np.ones((n, k)), np.zeros(n, dtype=bool)), csat


def test_without_na_the_best_weights_are_non_negative_least_squares():
    forms, csat = full_forms()
    found = fit_weights(forms, csat, free(5), strength=0.0)
    centred = forms.credit - forms.credit.mean(axis=0)
    slopes, _ = nnls(centred, csat - csat.mean())
    np.testing.assert_allclose(found, slopes / slopes.sum(), atol=1e-3)


def test_holding_on_more_strongly_moves_less():
    forms, csat = full_forms()
    moved = [
        float(np.abs(fit_weights(forms, csat, free(5), strength=s) - 0.2).sum())
        for s in (0.0, 0.3, 3.0, 30.0, math.inf)
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] == 0


def test_no_small_step_from_the_fit_is_better():
    rng = np.random.default_rng(4)
    forms, csat = full_forms()
    forms = Forms(forms.credit, (rng.random(forms.credit.shape) < 0.8).astype(float), forms.failed)
    forms = Forms(forms.credit * forms.rated, forms.rated, forms.failed)
    usable = forms.rated.sum(axis=1) > 0
    forms, csat = forms.where(usable), csat[usable]
    found = fit_weights(forms, csat, free(5), strength=0.5)

    def worth(weights):
        totals = forms.totals(weights)
        return np.corrcoef(totals, csat)[0, 1] - 0.5 * ((weights - 0.2) ** 2).sum()

    slope = approx_fprime(found, worth, 1e-6)
    inside = found > 1e-6
    # On the simplex, all weights in use have one slope, and those at 0 a smaller one.
    assert np.ptp(slope[inside]) < 2e-3
    assert (slope[~inside] <= slope[inside].mean() + 2e-3).all()


def test_folds_never_split_an_agent():
    clusters = [f"agent {i % 7}" for i in range(70)]
    folds = folds_of(clusters, 5, seed=1)
    assert set(folds.tolist()) == set(range(5))
    for agent in set(clusters):
        assert len({f for f, c in zip(folds.tolist(), clusters, strict=True) if c == agent}) == 1


def test_results_are_json_and_html(misaligned):
    again = json.loads(json.dumps(misaligned.to_dict(), allow_nan=False))
    assert again["advice"] == "worth a change"
    assert again["simulation"]["n"] == misaligned.simulation.n
    shown = misaligned._repr_html_()
    assert "for people to decide" in shown
    assert shown.count("<table>") == 2


def test_floors_are_checked():
    ratings, surveys, _ = centre(EFFECTS, n=10)
    form = card({"answer": 50, "tone": 50, "greeting": 0, "recap": 0})
    table = driver_table(ratings, surveys, card=form)
    with pytest.raises(DataError, match="no criterion 'tones'"):
        realign(table, form, floors={"tones": 10})
    with pytest.raises(DataError, match="above 100"):
        realign(table, form, floors={"tone": 60, "answer": 60})
    with pytest.raises(DataError, match="tone is -1"):
        realign(table, form, floors={"tone": -1})
    with pytest.raises(DataError, match="no criterion has a weight"):
        realign(table, card(dict.fromkeys(EFFECTS, 0)))
