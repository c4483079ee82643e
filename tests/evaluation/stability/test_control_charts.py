import json
import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import norm

from autoqa.errors import DataError
from autoqa.evaluation.stability.control_charts import WIDTHS, control_chart, ewma

MONDAY = date(2025, 1, 6)


def weekly(samples, *, prefix="c", start=0):
    """Conversations of one week after another."""
    values, dates = {}, {}
    for week, sample in enumerate(samples, start=start):
        for i, value in enumerate(sample):
            key = f"{prefix}{week}-{i}"
            values[key], dates[key] = float(value), MONDAY + timedelta(weeks=week, days=i % 7)
    return values, dates


# Montgomery, Introduction to Statistical Quality Control, example 7.1: nonconforming cans among 50
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22]
CANS += [8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]


def test_the_p_chart_is_the_textbooks():
    values, dates = weekly([[1] * bad + [0] * (50 - bad) for bad in CANS])
    chart = control_chart(values, dates, kind="p", spread="within", n_reference=30, name="bad cans")
    first = chart.points[0]
    assert first.centre == pytest.approx(347 / 1500)
    assert (round(first.lower, 4), round(first.upper, 4)) == (0.0524, 0.4102)
    assert [i + 1 for i, point in enumerate(chart.points) if point.signal] == [15, 23]
    assert chart.signals == ()  # all windows are reference
    assert "not enough data (30 windows" in chart.summary()[0]


# the same book, example 9.2: smoothing 0.1, width 2.7, target 10, standard deviation 1
SHIFTED = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.2, 10.34, 9.03, 11.47, 10.51]
SHIFTED += [9.4, 10.08, 9.37, 10.62, 10.31, 8.52, 10.84, 10.9, 9.33, 12.29, 11.5, 10.6, 11.08]
SHIFTED += [10.38, 11.62, 11.31, 10.52]


def test_the_moving_average_is_the_textbooks():
    averages, errors = ewma(SHIFTED, 1.0, centre=10, smoothing=0.1)
    assert averages[:2] == pytest.approx([9.945, 9.7495])
    assert 2.7 * errors[0] == pytest.approx(0.27)
    assert 2.7 * errors[1] == pytest.approx(0.3632, abs=1e-4)
    assert 2.7 * errors[-1] == pytest.approx(0.62, abs=0.005)
    outside = np.flatnonzero(np.abs(averages - 10) > 2.7 * errors)
    assert averages[[27, 28]] == pytest.approx([10.5731, 10.6468], abs=1e-4)
    assert outside[0] + 1 == 29


def test_within_limits_are_three_pooled_standard_errors():
    rng = np.random.default_rng(0)
    samples = [rng.normal(70, 9, n) for n in (40, 60, 50, 45)]
    values, dates = weekly(samples)
    chart = control_chart(values, dates, spread="within", n_reference=3)
    reference = samples[:3]
    within = sum(((s - s.mean()) ** 2).sum() for s in reference) / (150 - 3)
    last = chart.points[-1]
    assert last.centre == pytest.approx(np.concatenate(reference).mean())
    assert last.upper - last.centre == pytest.approx(3 * math.sqrt(within / 45))
    assert [point.reference for point in chart.points] == [True, True, True, False]


def test_a_planted_fall_is_found_by_both_charts_and_a_slight_one_by_the_average():
    rng = np.random.default_rng(1)
    steady = [rng.normal(70, 10, 100) for _ in range(20)]
    large = weekly([*steady, *(rng.normal(62, 10, 100) for _ in range(5))])
    for method in ("shewhart", "ewma"):
        chart = control_chart(*large, method=method)
        delay = chart.signals[0].start - (MONDAY + timedelta(weeks=20))
        assert timedelta(0) <= delay <= timedelta(weeks=1)
        assert f"the first from {chart.signals[0].start} (below its limits)" in chart.summary()[0]
    slight = weekly([*steady, *(rng.normal(67.5, 10, 100) for _ in range(15))])
    found = [
        len(control_chart(*slight, method=method, n_reference=20).signals)
        for method in ("shewhart", "ewma")
    ]
    assert found[1] > 5 > found[0]


def test_limits_never_cross_scorecard_versions():
    rng = np.random.default_rng(2)
    values, dates = weekly([rng.normal(70, 5, 30) for _ in range(16)])
    newer, later = weekly([rng.normal(50, 5, 30) for _ in range(16)], prefix="n", start=16)
    versions = dict.fromkeys(values, "card version 1") | dict.fromkeys(newer, "card version 2")
    dates |= later
    chart = control_chart({**values, **newer}, dates, versions=versions)
    assert chart.signals == ()
    centres = {point.version: point.centre for point in chart.points}
    assert centres["card version 1"] == pytest.approx(70, abs=1)
    assert centres["card version 2"] == pytest.approx(50, abs=1)
    assert len(chart.summary()) == 2
    # one scale for both would have seen the new version as a fall
    assert len(control_chart({**values, **newer}, dates).signals) == 16


def test_a_short_version_has_no_limits():
    values, dates = weekly([[1.0, 2.0] * 10] * 5)
    chart = control_chart(values, dates, n_reference=6)
    assert all(math.isnan(point.centre) and not point.signal for point in chart.points)
    assert "not enough data (5 windows; limits rest on the first 6" in chart.summary()[0]


def test_small_windows_and_undated_conversations_are_left_out_and_counted():
    values, dates = weekly([[1.0, 2.0] * 10, [1.0], [1.0, 2.0] * 10])
    values["undated"] = 1.0
    chart = control_chart(values, dates, n_reference=2)
    assert (len(chart.points), chart.too_small, chart.left_out) == (2, 1, 1)


def test_a_share_that_was_always_one_leaves_room_for_single_failures():
    values, dates = weekly([[1] * 100] * 12 + [[1] * 99 + [0], [1] * 80 + [0] * 20])
    chart = control_chart(values, dates, kind="p")
    assert [point.signal for point in chart.points[-2:]] == [False, True]
    assert chart.points[0].upper == 1.0


def test_windows_out_of_control_in_the_reference_are_pointed_out():
    samples = [[0, 1] * 50 for _ in range(12)]
    samples[3] = [1] * 100
    chart = control_chart(*weekly([*samples, [0, 1] * 50]), kind="p", spread="within")
    assert "1 windows of the reference period itself are out" in chart.summary()[1]


def test_unusable_settings_and_values_are_refused():
    values, dates = weekly([[0.5] * 20] * 3)
    with pytest.raises(DataError, match="a share is of values 0 and 1"):
        control_chart(values, dates, kind="p")
    with pytest.raises(DataError, match="2 reference windows or more"):
        control_chart(values, dates, n_reference=1)
    with pytest.raises(DataError, match="None of 60 conversations has a date"):
        control_chart(values, {})


def test_the_chart_is_json_and_html():
    rng = np.random.default_rng(0)
    values, dates = weekly([rng.normal(70, 5, 20) for _ in range(14)])
    versions = dict.fromkeys(values, "v<1>")
    chart = control_chart(values, dates, versions=versions, method="ewma")
    stored = json.loads(json.dumps(chart.to_dict()))
    assert stored["points"][0]["start"] == "2025-01-06"
    assert stored["points"][0]["signal"] is False
    assert "v&lt;1&gt;" in chart._repr_html_()


def false_alarms(*, between, spread, method, repetitions=100):
    """Share of 20 watched weeks out of control, and its standard error over charts.

    Weeks differ by a standard deviation of `between` and never drift.
    """
    rng = np.random.default_rng(0)
    out = []
    for _ in range(repetitions):
        weeks = 70 + rng.normal(0, between, 32)
        chart = control_chart(
            *weekly([rng.normal(mean, 10, 25) for mean in weeks]), spread=spread, method=method
        )
        out.append(len(chart.signals) / 20)
    return np.mean(out), np.std(out) / math.sqrt(repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("between", [0, 4])
@pytest.mark.parametrize("method", ["shewhart", "ewma"])
def test_false_alarms_are_as_rare_as_stated_even_where_weeks_differ(method, between):
    share, error = false_alarms(between=between, spread="between", method=method)
    stated = 2 * norm.sf(WIDTHS[method])  # 0.0027 and 0.0042 of the windows
    assert share <= stated + 2 * error


@pytest.mark.slow
def test_textbook_limits_raise_false_alarms_where_weeks_differ():
    settings = {"spread": "within", "method": "shewhart", "repetitions": 60}
    assert false_alarms(between=0, **settings)[0] <= 0.02
    assert false_alarms(between=4, **settings)[0] > 0.1
