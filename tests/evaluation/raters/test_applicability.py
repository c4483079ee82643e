import math

import numpy as np
import pytest

from autoqa.errors import ScaleError
from autoqa.evaluation.agreement import cohen_kappa
from autoqa.evaluation.raters.applicability import applicability_agreement
from autoqa.records import RaterKind, Rating, Status


def answer(conversation, rater, level, **more):
    """Level None is "not applicable"; "abstained" is just that."""
    status = Status.RATED if isinstance(level, int) else Status(level or "not_applicable")
    return Rating(
        conversation_id=conversation,
        criterion="recap",
        rater=rater,
        kind=RaterKind.HUMAN,
        status=status,
        level=level if isinstance(level, int) else None,
        reason="not sure" if status is Status.ABSTAINED else "",
        **more,
    )


def by_two(pairs):
    return [
        answer(f"c{i}", rater, said)
        for i, pair in enumerate(pairs)
        for rater, said in zip(("ann", "bo"), pair, strict=True)
    ]


def test_applicability_is_judged_over_all_items_and_values_where_both_find_it_applicable():
    # 4 both applicable (3 of them the same level), 2 both not, 1 each alone: 6 of 8 agree
    pairs = [(1, 1), (0, 0), (1, 1), (1, 0), (None, None), (None, None), (None, 1), (0, None)]
    found = applicability_agreement(by_two(pairs), levels=(0, 1), n_resamples=50)
    assert found.n_items == 8
    assert found.n_items_with_values == 4
    assert found.applicability["exact"].value == pytest.approx(6 / 8)
    assert found.values["exact"].value == pytest.approx(3 / 4)
    assert found.not_applicable.value == pytest.approx(6 / 16)
    applies = [[int(x is not None) for x in rater] for rater in zip(*pairs, strict=True)]
    assert found.applicability["kappa"].value == pytest.approx(
        cohen_kappa(*applies, levels=(0, 1)), abs=1e-10
    )
    assert found.values["kappa"].value == pytest.approx(
        cohen_kappa([1, 0, 1, 1], [1, 0, 1, 0], levels=(0, 1)), abs=1e-10
    )
    assert found.specific["not_applicable"].value == pytest.approx(2 * 2 / (2 * 2 + 2))
    assert found.specific["applicable"].value == pytest.approx(2 * 4 / (2 * 4 + 2))


def test_disagreement_on_applicability_leaves_value_agreement_alone():
    agreed = [(1, 1), (0, 0), (1, 0)] * 10
    disputed = agreed + [(1, None), (None, 0)] * 20
    values = [
        applicability_agreement(by_two(pairs), levels=(0, 1), n_resamples=5).values
        for pairs in (agreed, disputed)
    ]
    assert values[0]["kappa"].value == pytest.approx(values[1]["kappa"].value, abs=1e-10)


def test_an_abstention_says_nothing_about_applicability():
    ratings = by_two([(1, 1), (0, 0), (None, None), (1, "abstained")])
    found = applicability_agreement(ratings, levels=(0, 1), n_resamples=5)
    assert found.n_items == 3
    assert found.applicability["exact"].value == 1.0


def test_turns_of_a_conversation_and_conversations_of_an_agent_are_drawn_together():
    rng = np.random.default_rng(3)
    ratings = [
        answer(f"c{i // 4}", rater, int(rng.integers(2)), turn=i % 4)
        for i in range(80)
        for rater in ("ann", "bo")
    ]
    by_conversation = applicability_agreement(ratings, levels=(0, 1), n_resamples=10)
    assert by_conversation.values["exact"].n == 80
    assert by_conversation.values["exact"].n_clusters == 20
    agents = {f"c{i}": f"agent{i % 5}" for i in range(20)}
    by_agent = applicability_agreement(ratings, levels=(0, 1), agents=agents, n_resamples=10)
    assert by_agent.values["exact"].n_clusters == 5
    assert by_agent.applicability["exact"].n_clusters == 5


def test_without_answers_everything_is_undefined_and_levels_are_checked():
    found = applicability_agreement([], levels=(0, 1), criterion="recap", n_resamples=5)
    assert found.n_items == 0
    assert math.isnan(found.values["exact"].value)
    with pytest.raises(ScaleError, match="Rating 7"):
        applicability_agreement(by_two([(7, 7)]), levels=(0, 1))
