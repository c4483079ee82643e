from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import SATISFACTION, load_dataset
from autoqa.experiments.tasks.base import Predictions
from autoqa.experiments.tasks.satisfaction import at_points, class_of
from autoqa.records import CSAT

FIVE = ["customer: so", "agent: yes"] * 5  # customer turns at 0, 2, 4, 6, 8


@pytest.fixture
def data(tmp_path, dataset_of):
    return lambda records, points=None: load_dataset(
        dataset_of(tmp_path / "d", records, points=points)
    )


@pytest.fixture
def rated(record_of, rating_of):
    """A conversation with ratings: ``{turn: (scores of its raters)}``."""

    def make(name, moments, *, scale=(1, 5), kind="satisfaction", **more):
        ratings = [
            rating_of(
                f"{kind}_{'overall' if turn is None else 'turn'}",
                score,
                scale,
                turn=turn,
                rater=f"pos{k}",
            )
            for turn, scores in moments.items()
            for k, score in enumerate(scores)
        ]
        return record_of(name, *FIVE, ratings=ratings, **more)

    return make


def examples(dataset):
    return SATISFACTION.examples(dataset)[CSAT]


def by_moment(one):
    keys = zip(one.clusters, one.items, strict=True)
    return {(str(c), i.turn): int(y) for (c, i), y in zip(keys, one.labels, strict=True)}


def judged(dataset, levels=None):
    one = at_points(dataset, SATISFACTION.examples(dataset))
    levels = one[CSAT].labels if levels is None else np.array(levels)
    said = Predictions(levels, levels.astype(float), np.eye(3)[levels])
    return SATISFACTION.judge(dataset, one, {CSAT: said}, n_resamples=50, seed=1)


@pytest.mark.parametrize(
    ("ratings", "middle", "expected"),
    [
        ([3, 2, 3], 3, 0),  # mean 2.67
        ([3, 3, 3], 3, 1),
        ([2, 4, 3], 3, 1),  # mean 3
        ([3, 3, 4], 3, 2),
        ([0], 1, 0),
        ([1], 1, 1),
        ([2], 1, 2),
        ([0.1, 0.2, 0.3], 0.2, 1),  # a mean that is off by a rounding error
    ],
)
def test_the_class_is_where_the_mean_lies_of_the_middle(ratings, middle, expected):
    assert class_of(ratings, middle) == expected


def test_examples_are_the_customers_turns_from_the_fourth_on_and_the_whole(data, rated):
    moments = dict.fromkeys((0, 2, 4), (3, 2, 3)) | {6: (3, 3, 3), 8: (4, 3, 3), None: (2, 2)}
    one = examples(data([rated("a", moments)]))
    assert by_moment(one) == {("a", 6): 1, ("a", 8): 2, ("a", None): 0}
    assert one.truth.tolist() == pytest.approx([3.0, 10 / 3, 2.0])


def test_a_rated_agent_turn_is_no_example(data, rated):
    assert by_moment(examples(data([rated("a", {7: (4,), 8: (4,)})]))) == {("a", 8): 2}


def test_labels_in_three_classes_are_used_as_they_stand(data, rated):
    moments = {6: (0,), 8: (2,), None: (1,)}
    one = examples(data([rated("a", moments, scale=(0, 2), kind="satisfaction3")]))
    assert by_moment(one) == {("a", 6): 0, ("a", 8): 2, ("a", None): 1}


def test_the_customers_own_answer_is_enough(data, record_of):
    records = [
        record_of(f"c{score}", *FIVE, csat={"score": score, "scale": [1, 5]}) for score in (1, 3, 5)
    ]
    one = examples(data(records))
    assert by_moment(one) == {("c1", None): 0, ("c3", None): 1, ("c5", None): 2}


def test_the_customers_answer_stands_for_the_whole_where_only_turns_were_rated(data, rated):
    record = rated("a", {8: (4, 4)}, csat={"score": 1, "scale": [0, 10]})
    one = examples(data([record]))
    assert by_moment(one) == {("a", 8): 2, ("a", None): 0}
    assert one.truth.tolist() == [4.0, 1.4]  # a tenth of the way from 1 to 5


def test_a_rated_whole_comes_before_the_customers_answer(data, rated):
    one = examples(data([rated("a", {None: (4, 4)}, csat={"score": 1, "scale": [1, 5]})]))
    assert by_moment(one) == {("a", None): 2}


def test_shares_lie_between_the_raters_and_the_published_class(data, rated):
    one = examples(data([rated("a", {None: (2, 3, 4)})]))
    thirds = np.array([1, 1, 1]) / 3
    assert one.shares[0] == pytest.approx((thirds + 0.7 * np.array([0, 1, 0])) / 1.7)


def test_a_dataset_without_satisfaction_says_what_is_missing(data, record_of, rating_of):
    record = record_of("a", *FIVE, ratings=[rating_of("politeness", 3, (1, 25))])
    with pytest.raises(DataError, match=r"satisfaction_overall or csat.*criteria are: politeness"):
        examples(data([record]))


def test_evaluation_points_restrict_and_have_the_last_word(data, rated):
    moments = {6: (4, 4), 8: (2, 2), None: (5, 5)}
    dataset = data([rated("a", moments)], points=[("a", 6, 0), ("a", None, 2)])
    one = at_points(dataset, SATISFACTION.examples(dataset))[CSAT]
    assert by_moment(one) == {("a", 6): 0, ("a", None): 2}
    assert one.raters == [[4.0, 4.0], [5.0, 5.0]]


def test_a_point_before_the_fourth_turn_counts_with_its_ratings(data, rated):
    dataset = data([rated("a", {2: (5, 5)})], points=[("a", 2, 2)])
    one = at_points(dataset, SATISFACTION.examples(dataset))[CSAT]
    assert (by_moment(one), one.raters) == ({("a", 2): 2}, [[5.0, 5.0]])


def test_points_without_ratings_are_examples_all_the_same(data, rated, record_of):
    records = [rated("a", {None: (4, 5)}), record_of("b", *FIVE)]
    points = [("a", 8, 0), ("a", None, 2), ("b", 6, 1), ("b", None, 0)]
    dataset = data(records, points=points)
    one = at_points(dataset, SATISFACTION.examples(dataset))[CSAT]
    assert by_moment(one) == {(c, t): y for c, t, y in points}
    truth = dict(zip(by_moment(one), one.truth, strict=True))
    assert truth == {("a", 8): 2.0, ("a", None): 4.5, ("b", 6): 3.0, ("b", None): 2.0}
    assert np.allclose(one.shares.sum(axis=1), 1)
    result = judged(dataset)
    assert (result.n, result.n_conversations) == (4, 2)
    assert result.metrics["accuracy"].value == 1.0
    assert result.metrics["spearman"].value > 0.8


@pytest.mark.parametrize(
    ("scale", "scores"), [((1, 5), (2, 3, 4)), ((0, 2), (0, 1, 2)), ((1, 7), (2, 4, 6))]
)
def test_the_ceiling_holds_each_rater_against_the_mean_of_the_others(data, rated, scale, scores):
    # low against the others' mean above the middle, middle against the middle, high against
    # below: one of three agrees, whatever the scale.
    records = [rated(name, {None: scores}, scale=scale) for name in "abcd"]
    ceiling = judged(data(records)).ceiling
    assert ceiling["accuracy"].value == pytest.approx(1 / 3)
    assert ceiling["accuracy"].n == 4
    assert ceiling["spearman"].value == pytest.approx(-1)


def test_one_rater_has_no_ceiling(data, rated):
    assert judged(data([rated(name, {None: (4,)}) for name in "ab"])).ceiling is None


@pytest.mark.parametrize("scale", [(1, 5), (0, 4)])
def test_an_oracle_is_nearly_right_where_people_always_agree(data, rated, scale):
    low, high = scale
    scores = [low, (low + high) // 2, high] * 6
    records = [rated(f"c{k}", {None: (s,) * 5}, scale=scale) for k, s in enumerate(scores)]
    oracle = judged(data(records)).oracle
    assert set(oracle) == {"macro_f1"}
    assert oracle["macro_f1"].value > 0.95
    assert (oracle["macro_f1"].n, oracle["macro_f1"].n_clusters) == (18, 18)


def test_an_oracle_does_not_depend_on_what_a_model_says(data, rated):
    dataset = data([rated(f"c{k}", {None: (2, 3, 3 + k % 3)}) for k in range(9)])
    assert judged(dataset).oracle == judged(dataset, levels=[0] * 9).oracle


def test_an_oracle_needs_several_raters_and_one_scale_of_whole_levels(data, rated):
    alone = [rated(name, {None: (4,)}) for name in "ab"]
    mixed = [rated("a", {None: (2, 4)}), rated("b", {None: (0, 2)}, scale=(0, 2))]
    between = [rated(name, {None: (2.5, 4)}) for name in "ab"]
    for records in (alone, mixed, between):
        assert judged(data(records)).oracle is None


def test_figures_stand_beside_the_commonest_class(data, rated):
    records = [rated(f"c{k}", {None: (score,)}) for k, score in enumerate((2, 2, 2, 4))]
    result = judged(data(records), levels=[0, 0, 0, 0])
    assert result.metrics["accuracy"].value == 0.75
    # F1 of the class that is there 2 * 3 / (3 + 4), the other two 0
    assert result.metrics["macro_f1"].value == pytest.approx(6 / 7 / 3)
    assert result.majority["macro_f1"] == pytest.approx(6 / 7 / 3)


def test_one_conversation_has_figures_without_intervals(data, rated):
    figure = judged(data([rated("a", {8: (4,), None: (2,)})])).metrics["accuracy"].to_dict()
    assert figure == {"value": 1.0, "low": None, "high": None}
