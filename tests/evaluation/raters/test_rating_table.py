from datetime import UTC, datetime

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.records import RaterKind, Rating, Status

NAN = np.nan


def rated(conversation, rater, level, *, turn=None, criterion="empathy"):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=RaterKind.HUMAN,
        status=Status.RATED,
        level=level,
        turn=turn,
    )


def test_ratings_become_rows_and_the_last_of_one_rater_counts():
    table = RatingTable.from_ratings(
        [
            rated("b", "ann", 1),
            rated("a", "bo", 2, turn=3),
            rated("b", "bo", 0),
            rated("b", "ann", 2),
        ]
    )
    assert table.keys == (("a", 3), ("b", None))
    assert table.raters == ("ann", "bo")
    np.testing.assert_array_equal(table.matrix(), [[NAN, 2], [2, 0]])
    assert table.n_per_item.tolist() == [1, 2]
    assert table.n_per_rater.tolist() == [1, 2]


def test_pairs_are_all_ordered_pairs_of_ratings_of_one_item():
    table = RatingTable.from_arrays(["x", "y", "x", "x"], ["a", "a", "b", "c"], [1, 2, 3, 4])
    first, second = table.pairs()
    found = sorted(zip(table.value[first], table.value[second], strict=True))
    assert found == [(1, 3), (1, 4), (3, 1), (3, 4), (4, 1), (4, 3)]


def test_times_are_numbers_whatever_they_were():
    day = datetime(2024, 5, 1, tzinfo=UTC)
    table = RatingTable.from_ratings([rated("a", "ann", 1)], when=lambda _: day)
    assert table.time.tolist() == [day.timestamp()]
    assert np.isnan(RatingTable.from_ratings([rated("a", "ann", 1)]).time).all()


def test_columns_without_a_value_are_left_out_and_must_match_in_length():
    table = RatingTable.from_arrays(["x", "y"], ["a", "b"], [1, NAN])
    assert table.keys == (("x", None),)
    with pytest.raises(DataError, match="one length"):
        RatingTable.from_arrays(["x"], ["a", "b"], [1, 2])


def test_several_criteria_need_a_choice():
    both = [rated("a", "x", 1), rated("a", "x", 1, criterion="greeting")]
    with pytest.raises(DataError, match="empathy, greeting"):
        RatingTable.from_ratings(both)
    assert len(RatingTable.from_ratings(both, criterion="greeting").value) == 1
