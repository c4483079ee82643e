from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import POLITENESS, load_dataset
from autoqa.experiments.tasks.base import Predictions


@pytest.fixture
def data(tmp_path, dataset_of, record_of, rating_of):
    """Single turns from ``(source, scores of its raters, quartile class or None)``."""

    def make(*asked):
        records = [
            record_of(
                f"p{i}",
                "agent: please move the lamp",
                source=source,
                ratings=[
                    rating_of("politeness", score, (1, 25), turn=0, rater=f"r{k}")
                    for k, score in enumerate(scores)
                ],
                outcome={"quartile_class": quartile} if quartile else {},
            )
            for i, (source, scores, quartile) in enumerate(asked)
        ]
        return load_dataset(dataset_of(tmp_path / "d", records))

    return make


def judged(dataset, expected, middle=13.0):
    expected = np.array(expected, float)
    said = Predictions(
        expected.astype(int), expected, np.full((len(expected), 25), 0.04), middle=middle
    )
    examples = POLITENESS.examples(dataset)
    return POLITENESS.judge(dataset, examples, {"politeness": said}, n_resamples=50, seed=1)


def test_ranks_are_held_against_the_mean_of_the_raters(data):
    dataset = data(("T/a", (2, 4), None), ("T/a", (20, 22), None), ("T/a", (10, 12), None))
    assert POLITENESS.examples(dataset)["politeness"].truth.tolist() == [3, 21, 11]
    result = judged(dataset, [1, 3, 2])
    assert result.metrics["spearman"].value == pytest.approx(1)
    assert result.ceiling["spearman"].value == pytest.approx(1)  # the two raters rank alike
    assert (result.n, result.n_conversations) == (3, 3)


def test_two_communities_are_reported_apart_and_together(data):
    dataset = data(
        ("T/wiki", (2,), None),
        ("T/wiki", (20,), None),
        ("T/stack-exchange", (3,), None),
        ("T/stack-exchange", (19,), None),
    )
    metrics = judged(dataset, [1, 2, 2, 1]).metrics
    assert set(metrics) == {
        f"{name}{place}"
        for name in ("spearman", "quartile_accuracy")
        for place in ("", "_wiki", "_stack_exchange")
    }
    assert metrics["spearman_wiki"].value == pytest.approx(1)
    assert metrics["spearman_stack_exchange"].value == pytest.approx(-1)


def test_one_community_is_reported_once(data):
    dataset = data(("T/wiki", (2,), None), ("T/wiki", (20,), None))
    assert set(judged(dataset, [1, 2]).metrics) == {"spearman", "quartile_accuracy"}


def test_the_datasets_own_quartiles_are_used(data):
    dataset = data(
        ("T/a", (20,), "polite"),
        ("T/a", (19,), "neutral"),
        ("T/a", (3,), "impolite"),
        ("T/a", (4,), "impolite"),
    )
    result = judged(dataset, [15, 1, 2, 14], middle=13)
    assert result.metrics["quartile_accuracy"].value == pytest.approx(2 / 3)
    assert result.metrics["quartile_accuracy"].n == 3  # what lies between is not asked
    assert result.majority["quartile_accuracy"] == pytest.approx(2 / 3)


def test_quartiles_come_from_each_communitys_means_where_there_are_none(data):
    asked = [("T/mild", (score,), None) for score in (11, 12, 13, 14, 15)]
    asked += [("T/harsh", (score,), None) for score in (1, 2, 3, 4, 5)]
    result = judged(data(*asked), [0, 0, 0, 20, 20, 0, 0, 0, 20, 20])
    # The outer quarters of five are two at each end, in each community.
    assert result.metrics["quartile_accuracy"].n == 8
    assert result.metrics["quartile_accuracy_harsh"].value == 1.0


def test_a_dataset_without_politeness_says_so(data):
    with pytest.raises(DataError, match="no politeness ratings"):
        POLITENESS.examples(data(("T/a", (), None)))
