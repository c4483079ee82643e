import json
import math
from datetime import date, timedelta

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from autoqa.errors import DataError
from autoqa.evaluation.agreement import quadratic_kappa
from autoqa.evaluation.figures import Paired
from autoqa.evaluation.stability.agreement_over_time import (
    agreement_over_time,
    kappa_standard_error,
)
from autoqa.records import RaterKind, Rating, Status

MONDAY = date(2025, 1, 6)


def rating(conversation, level, rater="model", criterion="tone"):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.MODEL if rater == "model" else RaterKind.HUMAN,
        status=Status.RATED,
        level=int(level),
    )


def months(errors, *, n=120, people=1, seed=0, criterion="tone"):
    """Four weeks per entry of `errors`, the share of automated ratings that are guesses then."""
    rng = np.random.default_rng(seed)
    machine, human, dates = [], [], {}
    for month, error in enumerate(errors):
        truth = rng.integers(0, 3, n)
        given = np.where(rng.random(n) < error, rng.integers(0, 3, n), truth)
        for i in range(n):
            key = f"{criterion}{month}-{i}"
            dates[key] = MONDAY + timedelta(weeks=4 * month, days=i % 28)
            machine.append(rating(key, given[i], criterion=criterion))
            for person in range(people):
                level = truth[i] if rng.random() > 0.2 else rng.integers(0, 3)
                human.append(rating(key, level, f"person{person}", criterion))
    return machine, human, dates


def paired(machine, human, clusters=None):
    n = len(machine)
    return Paired(
        np.asarray(machine), np.asarray(human).reshape(-1, n), np.asarray(clusters or range(n))
    )


def test_the_standard_error_is_that_of_fleiss_cohen_and_everitt():
    rng = np.random.default_rng(0)
    human = rng.integers(0, 3, 200)
    machine = np.where(rng.random(200) < 0.4, rng.integers(0, 3, 200), human)
    table = np.zeros((3, 3))
    np.add.at(table, (machine, human), 1)
    oracle = cohens_kappa(table, wt="quadratic")
    found = kappa_standard_error(paired(machine, human), 3, pseudo_items=0)
    assert found == pytest.approx(oracle.std_kappa, abs=1e-10)
    assert quadratic_kappa(machine, human, levels=[0, 1, 2]) == pytest.approx(oracle.kappa)


def test_items_said_twice_know_no_more():
    machine, human = [0, 1, 2, 2, 1, 0, 1], [0, 1, 2, 1, 1, 1, 2]
    once = kappa_standard_error(paired(machine, human), 3, pseudo_items=0)
    twice = kappa_standard_error(
        paired(machine * 2, human * 2, [*range(7), *range(7)]), 3, pseudo_items=0
    )
    assert twice == pytest.approx(once, abs=1e-12)


def test_perfect_agreement_on_a_few_items_is_not_certain():
    assert kappa_standard_error(paired([0, 1] * 15, [0, 1] * 15), 2) > 0.02
    assert math.isnan(kappa_standard_error(paired([1] * 30, [1] * 30), 2))


def test_each_window_has_the_kappa_of_its_own_items():
    machine, human, dates = months([0.1, 0.5])
    report = agreement_over_time(machine, human, dates, n_resamples=50)
    (history,) = report.histories
    for month, window in enumerate(history.windows):
        part = slice(month * 120, (month + 1) * 120)
        a, b = ([r.level for r in side[part]] for side in (machine, human))
        assert window.kappa.automated.value == pytest.approx(quadratic_kappa(a, b, levels=range(3)))
        assert (window.n_items, window.start) == (120, MONDAY + timedelta(weeks=4 * month))


def test_a_fall_of_agreement_is_found_beside_a_steady_criterion():
    falling = months([0.1, 0.2, 0.4, 0.5, 0.6])
    steady = months([0.2] * 5, seed=1, criterion="recap")
    report = agreement_over_time(
        falling[0] + steady[0], falling[1] + steady[1], falling[2] | steady[2], n_resamples=50
    )
    recap, tone = report.histories
    assert (recap.changed, tone.changed) == (False, True)
    assert tone.trend < 0
    assert "tone: agreement with people fell" in tone.sentence
    assert "no change of agreement can be shown" in recap.sentence


def test_a_single_bad_window_is_a_change_without_a_trend():
    (history,) = agreement_over_time(*months([0.1, 0.1, 0.9, 0.1, 0.1]), n_resamples=50).histories
    assert history.changed
    assert history.p_change < 0.001 < history.p_trend
    assert "agreement with people changed" in history.sentence


def test_people_drifting_apart_are_shown_beside():
    report = agreement_over_time(*months([0.1, 0.1], people=2), n_resamples=50)
    first = report.histories[0].windows[0].kappa
    assert first.ceiling.known
    assert "people with people" in report._repr_html_()


def test_versions_have_histories_of_their_own():
    machine, human, dates = months([0.1, 0.1, 0.7, 0.7])
    versions = {key: "card version 1" if key[4] in "01" else "card version 2" for key in dates}
    report = agreement_over_time(machine, human, dates, versions=versions, n_resamples=50)
    assert [(h.version, h.changed) for h in report.histories] == [
        ("card version 1", False),
        ("card version 2", False),
    ]
    assert agreement_over_time(machine, human, dates, n_resamples=50).histories[0].changed


def test_small_windows_count_for_nothing():
    machine, human, dates = months([0.1, 0.9], n=29)
    report = agreement_over_time(machine, human, dates, n_resamples=50)
    (history,) = report.histories
    assert history.changed is None
    assert [window.kappa for window in history.windows] == [None, None]
    assert report.summary() == ["tone: not enough data (0 windows with enough items)."]


def test_undated_items_are_counted_and_nothing_else_refused():
    machine, human, dates = months([0.1, 0.1])
    del dates["tone0-0"]
    assert agreement_over_time(machine, human, dates, n_resamples=20).left_out == 1
    with pytest.raises(DataError, match="No item was rated at a level by both sides"):
        agreement_over_time(machine, human, {})


def test_the_report_is_json_and_html():
    report = agreement_over_time(*months([0.1, 0.2], people=2, criterion="<i>"), n_resamples=50)
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["histories"][0]["windows"][0]["start"] == "2025-01-06"
    assert "&lt;i&gt;" in report._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("calls_of_one_agent", [1, 4])
def test_false_alarms_stay_at_the_stated_rate(calls_of_one_agent):
    """100 histories of five months in which nothing changes; calls of one agent are all alike."""
    alarms, repetitions, k = 0, 100, calls_of_one_agent
    for seed in range(repetitions):
        machine, human, dates = months([0.3] * 5, n=60, seed=seed)
        if k > 1:
            machine, human, dates, agents = repeated(machine, human, dates, k)
        else:
            agents = None
        report = agreement_over_time(machine, human, dates, agents=agents, n_resamples=2)
        alarms += bool(report.histories[0].changed)
    assert alarms / repetitions <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / repetitions)


def repeated(machine, human, dates, k):
    """Every conversation k times over, as an agent who always does the same."""
    agents, when = {}, {}
    sides = ([], [])
    for copy in range(k):
        for held, side in zip(sides, (machine, human), strict=True):
            held += [rating(f"{r.conversation_id}/{copy}", r.level, r.rater) for r in side]
        for key, day in dates.items():
            when[f"{key}/{copy}"], agents[f"{key}/{copy}"] = day, key
    return *sides, when, agents
