from datetime import UTC, date, datetime

import pytest

from autoqa.errors import DataError
from autoqa.evaluation.stability.time_windows import scorecard_versions, windows
from autoqa.records import Evaluation, RaterKind


def test_weeks_run_from_monday_to_sunday():
    dates = {
        "sunday": date(2025, 1, 12),
        "monday": date(2025, 1, 13),
        "night": datetime(2025, 1, 19, 23, 59, tzinfo=UTC),
    }
    found, left_out = windows(["sunday", "monday", "night", "undated"], dates)
    assert [(w.start, w.rows.tolist()) for w in found] == [
        (date(2025, 1, 6), [0]),
        (date(2025, 1, 13), [1, 2]),
    ]
    assert left_out == 1


def test_earlier_data_do_not_move_windows():
    dates = {f"c{i}": date(2025, 3, i + 1) for i in range(20)}
    late, _ = windows(list(dates)[7:], dates, days=5)
    every, _ = windows(list(dates), dates, days=5)
    assert [w.start for w in late[1:]] == [w.start for w in every][-len(late) + 1 :]


def test_a_window_never_holds_two_versions():
    dates = dict.fromkeys(("a", "b", "c"), date(2025, 1, 6))
    dates["a"] = date(2025, 1, 1)
    found, left_out = windows(
        ["a", "b", "c", "d"],
        {**dates, "d": date(2025, 1, 6)},
        versions={"a": "9", "b": "10", "c": "9"},
    )
    assert [(w.version, w.rows.tolist()) for w in found] == [("9", [0]), ("9", [2]), ("10", [1])]
    assert left_out == 1  # d has no version


def test_nothing_to_sort_is_refused():
    with pytest.raises(DataError, match="None of 1 conversations has a date and a scorecard"):
        windows(["a"], {"a": date(2025, 1, 1)}, versions={})
    with pytest.raises(DataError, match="0 days is empty"):
        windows(["a"], {"a": date(2025, 1, 1)}, days=0)


def evaluation(conversation, version):
    return Evaluation(
        conversation_id=conversation,
        rater="model",
        kind=RaterKind.MODEL,
        scorecard="desk",
        scorecard_version=version,
        total=None,
        critical_failed=(),
        coverage=0.0,
        ratings=(),
    )


def test_versions_come_from_evaluations():
    found = scorecard_versions([evaluation("a", 1), evaluation("b", 2), evaluation("a", 1)])
    assert found == {"a": "desk version 1", "b": "desk version 2"}
    with pytest.raises(DataError, match="a: evaluated under desk version 1 and desk version 2"):
        scorecard_versions([evaluation("a", 1), evaluation("a", 2)])
