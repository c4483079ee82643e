from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import TASKS, load_dataset, task_named
from autoqa.experiments.tasks.base import from_ratings, gather
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level

YES_NO = Criterion(
    id="calm", question="Is it calm?", levels={0: Level(label="no"), 1: Level(label="yes")}
)


@pytest.fixture
def talk(record_of):
    return lambda name, **more: record_of(name, "customer: a lamp", "agent: in hall two", **more)


def test_examples_hold_the_mean_the_level_and_the_shares_of_raters(
    tmp_path, dataset_of, talk, rating_of
):
    ratings = [rating_of("calm", value, (0, 1), rater=f"r{k}") for k, value in enumerate((0, 1))]
    ratings += [rating_of("calm", 0, (0, 1), turn=1), rating_of("other", 1, (0, 1))]
    dataset = load_dataset(dataset_of(tmp_path / "d", [talk("a", ratings=ratings)]))
    found = gather(dataset, YES_NO)
    assert [item.turn for item in found.items] == [None, 1]
    assert found.truth.tolist() == [0.5, 0.0]
    assert found.labels.tolist() == [1, 0]  # half of the raters are enough for a yes
    assert found.shares.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert found.clusters.tolist() == ["a", "a"]


def test_examples_are_taken_by_index_and_by_mask(tmp_path, dataset_of, talk, rating_of):
    records = [talk(name, ratings=[rating_of("calm", k, (0, 1))]) for k, name in enumerate("ab")]
    found = gather(load_dataset(dataset_of(tmp_path / "d", records)), YES_NO)
    for rows in (np.array([1]), np.array([False, True])):
        one = found.take(rows)
        assert (one.clusters.tolist(), one.labels.tolist(), one.raters) == (["b"], [1], [[1.0]])


THREE = Criterion(
    id="calm",
    question="How calm is it?",
    levels={0: Level(label="not"), 1: Level(label="partly"), 2: Level(label="fully")},
)


def rating(level=None, probabilities=()):
    return Rating(
        conversation_id="a",
        criterion="calm",
        rater="m",
        kind=RaterKind.MODEL,
        status=Status.ABSTAINED if level is None else Status.RATED,
        level=level,
        probabilities=probabilities,
        reason="not sure" if level is None else "",
    )


def test_an_item_that_was_not_rated_gets_the_commonest_level_and_is_counted():
    usual = np.array([0.2, 0.5, 0.3])
    asked = [rating(2, (0.0, 0.2, 0.8)), rating(), rating(probabilities=(0.4, 0.2, 0.4))]
    found = from_ratings(asked, THREE, usual)
    assert found.levels.tolist() == [2, 1, 1]
    assert found.unanswered == 2
    # .2 + 2 * .8; .5 + 2 * .3 by the base rate; .2 + 2 * .4, what the hesitant model did say
    assert found.expected.tolist() == pytest.approx([1.8, 1.1, 1.0])
    assert found.probabilities[1].tolist() == usual.tolist()
    assert found.middle == pytest.approx(1.1)


def test_of_equally_common_levels_the_lowest_stands_for_an_item_that_was_not_rated():
    assert from_ratings([rating()], THREE, np.array([0.2, 0.4, 0.4])).levels.tolist() == [1]


def test_where_everything_was_rated_nothing_is_unanswered():
    found = from_ratings([rating(0, (0.9, 0.1, 0.0))], THREE, np.array([0.0, 0.5, 0.5]))
    assert (found.levels.tolist(), found.unanswered) == ([0], 0)
    nothing = from_ratings([], THREE, np.array([0.0, 0.5, 0.5]))
    assert (nothing.probabilities.shape, nothing.unanswered) == ((0, 3), 0)


def test_what_several_people_gave_is_a_panel(tmp_path, dataset_of, talk, rating_of):
    def given(*values):
        return [rating_of("calm", v, (0, 1), rater=f"r{k}") for k, v in enumerate(values)]

    records = [talk("b", ratings=given(0)), talk("a", ratings=given(1, 0))]
    found = gather(load_dataset(dataset_of(tmp_path / "d", records)), YES_NO)
    assert found.panel().keys == (("a", None), ("b", None))
    np.testing.assert_array_equal(found.panel().values, [[1, 0], [0, np.nan]])
    for rows in (np.array([False, True]), np.array([1])):
        assert found.panel(rows).keys == (("a", None),)
        assert found.panel(rows).values.tolist() == [[1], [0]]


@pytest.mark.parametrize("kind", TASKS)
def test_every_task_says_what_a_dataset_without_labels_lacks(tmp_path, dataset_of, talk, kind):
    dataset = load_dataset(dataset_of(tmp_path / "bare", [talk("a")]))
    with pytest.raises(DataError, match=r"bare: no .+; its rated criteria are: none"):
        TASKS[kind].examples(dataset)


def test_an_unknown_task_is_told_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'empathy'"):
        task_named("empaty")
