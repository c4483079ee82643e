import json
import math
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import ks_2samp

from autoqa.errors import DataError
from autoqa.evaluation.stability.drift import input_drift, kolmogorov_smirnov, score_drift
from autoqa.records import RaterKind, Rating, Status

START = date(2025, 1, 6)


def rating(conversation, level, criterion="tone"):
    status = Status.RATED if isinstance(level, int) else Status(level)
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater="model",
        kind=RaterKind.MODEL,
        status=status,
        level=level if isinstance(level, int) else None,
        reason="" if status is Status.RATED else "unsure",
    )


def scored(levels, *, criterion="tone", prefix="c"):
    """One rating a day, from `START` on."""
    ratings = [rating(f"{prefix}{i}", v, criterion) for i, v in enumerate(levels)]
    dates = {f"{prefix}{i}": START + timedelta(days=i) for i in range(len(levels))}
    return ratings, dates


def test_kolmogorov_smirnov_is_scipys_with_an_interval():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), rng.normal(0.3, 1, 300)
    found, oracle = kolmogorov_smirnov(a, b), ks_2samp(a, b)
    assert found.distance.value == pytest.approx(oracle.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(oracle.pvalue, abs=1e-10)
    assert found.distance.low < oracle.statistic < found.distance.high
    assert found.distance.n == 500
    assert math.isnan(kolmogorov_smirnov([], [1.0]).p_value)
    assert kolmogorov_smirnov([1, 2, math.nan], [1, 2]).distance.value == 0


def test_the_interval_of_the_distance_is_conservative():
    """200 pairs of samples of uniforms 0.2 apart: the true distance is 0.2."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        found = kolmogorov_smirnov(rng.random(150), rng.random(150) + 0.2).distance
        covered += found.low <= 0.2 <= found.high
    assert covered / 200 >= 0.95


def test_a_planted_shift_of_an_input_is_found_among_steady_ones():
    rng = np.random.default_rng(0)
    before = {f"input{i}": rng.normal(size=400) for i in range(8)}
    now = {name: rng.normal(size=400) for name in before}
    before |= {"language": rng.choice(["en", "es"], 400), "turns": rng.poisson(12, 400)}
    now |= {"language": rng.choice(["en", "es"], 400), "turns": rng.poisson(14, 400)}
    report = input_drift(before, now)
    assert [drift.name for drift in report.drifted] == ["turns"]
    (turns,) = report.drifted
    assert turns.mean_difference.low < 2 < turns.mean_difference.high
    assert turns.ks.p_value < 0.001
    language = next(drift for drift in report.drifts if drift.name == "language")
    assert language.ks is None
    assert language.mean_difference is None
    assert "turns: it drifted" in report.summary()[0]


@pytest.mark.slow
def test_false_alarms_stay_at_the_stated_rate():
    """100 pairs of months without drift, three inputs each."""
    rng = np.random.default_rng(3)
    alarms = 0
    for seed in range(100):
        before = {f"x{i}": rng.exponential(size=120) for i in range(3)}
        now = {f"x{i}": rng.exponential(size=80) for i in range(3)}
        alarms += bool(input_drift(before, now, n_resamples=2, seed=seed).drifted)
    assert alarms / 100 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)


def test_a_change_of_shape_is_found_where_the_mean_stays():
    rng = np.random.default_rng(4)
    report = input_drift({"x": rng.normal(0, 1, 500)}, {"x": rng.normal(0, 2, 500)})
    (found,) = report.drifted
    assert found.mean_difference.low < 0 < found.mean_difference.high


def test_inputs_must_be_the_same_in_both_periods():
    with pytest.raises(DataError, match="Input 'turns' is in one period only"):
        input_drift({"turns": [1]}, {})
    with pytest.raises(DataError, match="Input 'x' is numbers in one period"):
        input_drift({"x": [1.0]}, {"x": ["a"]})


def test_few_conversations_are_not_enough():
    report = input_drift({"x": range(100)}, {"x": range(29)})
    assert report.drifts[0].drifted is None
    assert report.summary() == ["x: not enough data (n=100 before, 29 now)."]
    assert report.drifts[0].psi is None


def test_scores_are_compared_from_a_day_on():
    rng = np.random.default_rng(0)
    first, second = rng.choice(3, 150, p=[0.2, 0.3, 0.5]), rng.choice(3, 150, p=[0.5, 0.3, 0.2])
    ratings, dates = scored([int(v) for v in (*first, *second)])
    same, _ = scored([int(v) for v in rng.integers(0, 2, 300)], criterion="recap")
    # a moment of the first day counts with that day
    dates["c150"] = datetime.combine(dates["c150"], datetime.min.time())
    report = score_drift([*ratings, *same], dates, since=START + timedelta(days=150))
    assert [drift.name for drift in report.drifted] == ["tone"]
    (tone,) = report.drifted
    assert (tone.n_reference, tone.n_current) == (150, 150)
    assert tone.mean_difference.value == pytest.approx(second.mean() - first.mean())


def test_abstaining_more_often_is_drift_too():
    ratings, dates = scored([1] * 100 + [1, "abstained"] * 50)
    (found,) = score_drift(ratings, dates, since=START + timedelta(days=100)).drifts
    assert found.drifted
    assert {label: now for label, _, now in found.psi.bins}["(not in the reference)"] == 0.5


def test_versions_are_never_compared_with_each_other():
    ratings, dates = scored([0] * 100 + [2] * 100)  # a new version at day 100 asks something else
    versions = {f"c{i}": "card version 1" if i < 100 else "card version 2" for i in range(200)}
    report = score_drift(ratings, dates, since=START + timedelta(days=100), versions=versions)
    assert [(d.version, d.drifted) for d in report.drifts] == [
        ("card version 1", None),
        ("card version 2", None),
    ]
    together = score_drift(ratings, dates, since=START + timedelta(days=100))
    assert together.drifts[0].drifted


def test_agents_widen_the_interval_of_the_mean():
    ratings, dates = scored([(i // 10) % 3 for i in range(200)])  # ten days an agent, all alike
    agents = {f"c{i}": f"agent{i // 10}" for i in range(200)}
    settings = {"since": START + timedelta(days=100)}
    alone = score_drift(ratings, dates, **settings).drifts[0].mean_difference
    grouped = score_drift(ratings, dates, agents=agents, **settings).drifts[0].mean_difference
    assert grouped.n_clusters == 20
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_undated_ratings_are_counted_and_alone_refused():
    ratings, dates = scored([1] * 80)
    del dates["c0"]
    report = score_drift(ratings, dates, since=START + timedelta(days=40))
    assert report.left_out == 1
    assert "1 conversations without date" in report.summary()[-1]
    with pytest.raises(DataError, match="No rating has a date"):
        score_drift(ratings, {}, since=START)


def test_the_report_is_json_and_escaped_html():
    report = input_drift({"<i>": [*range(40)]}, {"<i>": [*range(40)]}, n_resamples=20)
    assert json.loads(json.dumps(report.to_dict()))["drifts"][0]["n_reference"] == 40
    assert "&lt;i&gt;" in report._repr_html_()
