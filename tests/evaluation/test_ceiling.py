import math
from functools import partial

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.agreement import exact_agreement, quadratic_kappa
from autoqa.evaluation.ceiling import (
    Panel,
    consensus,
    leave_one_out_ceiling,
    pairwise_ceiling,
)
from autoqa.evaluation.classification import spearman
from autoqa.records import RaterKind, Rating, Status

NAN = math.nan
exact = partial(exact_agreement, levels=(1, 2, 3))


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


def test_a_panel_lines_up_ratings_by_item_and_rater():
    ratings = [
        rated("b", "pos2", 3),
        rated("b", "pos1", 1),
        rated("a", "pos1", 2, turn=4),
        rated("a", "pos1", 1),
        rated("a", "pos1", 3, criterion="greeting"),
    ]
    panel = Panel.from_ratings(ratings, criterion="empathy")
    assert panel.keys == (("a", None), ("a", 4), ("b", None))
    assert panel.conversations.tolist() == ["a", "a", "b"]
    assert panel.n_ratings.tolist() == [1, 1, 2]
    np.testing.assert_array_equal(panel.values, [[1, 2, 1], [NAN, NAN, 3]])


def test_only_rated_ratings_enter_unless_another_value_is_asked_for():
    abstained = Rating(
        conversation_id="a",
        criterion="empathy",
        rater="pos2",
        kind=RaterKind.HUMAN,
        status=Status.ABSTAINED,
        reason="not sure",
    )
    ratings = [rated("a", "pos1", 2), abstained]
    assert Panel.from_ratings(ratings).n_ratings.tolist() == [1]
    answered = Panel.from_ratings(ratings, value=lambda r: float(r.status is Status.RATED))
    assert answered.values.ravel().tolist() == [1.0, 0.0]


def test_ratings_of_several_criteria_need_a_choice():
    with pytest.raises(DataError, match="empathy, greeting"):
        Panel.from_ratings([rated("a", "x", 1), rated("a", "x", 1, criterion="greeting")])


def test_consensus_is_the_mean_or_the_level_people_settle_on():
    votes = np.array([[1.0, 1, 3, NAN], [1, 2, NAN, NAN], [3, 3, NAN, NAN], [3, NAN, NAN, NAN]])
    np.testing.assert_allclose(consensus(votes), [2, 2, 3, NAN])
    np.testing.assert_array_equal(consensus(votes, "nearest"), [1, 2, 3, NAN])  # 1, 3 tie: lower
    np.testing.assert_array_equal(consensus(votes, "majority"), [1, 1, 3, NAN])


def test_pairwise_agreement_averages_over_pairs_of_people():
    # pairs agree on: 1-2 both of two items, 1-3 one of two, 2-3 one of two; item c has one rating
    panel = Panel.from_items(
        {("a", None): [1, 1, 1], ("b", None): [2, 2, 3], ("c", None): [1]},
    )
    found = pairwise_ceiling(panel, exact, n_resamples=50)
    assert found.value == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert found.n == 2


def test_leaving_one_out_holds_each_person_against_the_others():
    # others' majority: item a 1, 1, 1; item b for persons 1, 2, 3: (2, 3) -> 2, (2, 3) -> 2, 2
    panel = Panel.from_items({("a", None): [1, 1, 1], ("b", None): [2, 2, 3]})
    found = leave_one_out_ceiling(panel, exact, how="majority", n_resamples=50)
    assert found.value == pytest.approx((1 + 1 + 0.5) / 3)


def test_the_others_are_a_better_target_than_one_person():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=300)
    panel = Panel.from_items(
        {(str(i), None): list(truth[i] + rng.normal(size=5)) for i in range(300)}
    )
    pairs = pairwise_ceiling(panel, spearman, n_resamples=100)
    others = leave_one_out_ceiling(panel, spearman, n_resamples=100)
    assert pairs.value == pytest.approx(0.48, abs=0.07)  # 1 / (1 + 1), in ranks a little less
    assert others.low > pairs.high


def test_turns_of_a_conversation_are_drawn_together():
    panel = Panel.from_items({(f"c{i // 10}", i): [i % 3 + 1, i % 2 + 1] for i in range(100)})
    assert pairwise_ceiling(panel, exact, n_resamples=20).n_clusters == 10
    by_agent = ["ann"] * 50 + ["bo"] * 50
    assert pairwise_ceiling(panel, exact, clusters=by_agent, n_resamples=20).n_clusters == 2
    with pytest.raises(DataError, match="1 clusters for 100 items"):
        pairwise_ceiling(panel, exact, clusters=["a"])


def test_without_a_second_rating_there_is_no_ceiling():
    panel = Panel.from_items({("a", None): [1], ("b", None): [2]})
    kappa = partial(quadratic_kappa, levels=(1, 2, 3))
    for found in (pairwise_ceiling(panel, kappa), leave_one_out_ceiling(panel, kappa)):
        assert found.n == 0
        assert math.isnan(found.value)


def test_a_statistic_with_sides_is_averaged_over_both():
    panel = Panel.from_items({("a", None): [1, 2], ("b", None): [1, 3]})
    found = pairwise_ceiling(panel, lambda a, b: float((a - b).mean()), symmetric=False)
    assert found.value == 0.0
