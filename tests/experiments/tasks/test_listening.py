from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import LISTENING, load_dataset
from autoqa.experiments.tasks.base import Predictions
from autoqa.experiments.tasks.listening import BEHAVIOURS


@pytest.fixture
def data(tmp_path, dataset_of, record_of, rating_of):
    """Conversations of one agent turn: experts on that turn, and the quality of the whole."""

    def make(*talks, behaviours=BEHAVIOURS):
        records = []
        for i, (experts, quality) in enumerate(talks):
            ratings = [
                rating_of(name, value, (0, 1), turn=1, rater=f"expert {k}")
                for name in behaviours
                for k, value in enumerate(experts)
            ]
            if quality is not None:
                ratings.append(rating_of("mi_quality", quality, (0, 1)))
            records.append(record_of(f"l{i}", "customer: so", "agent: mm", ratings=ratings))
        return load_dataset(dataset_of(tmp_path / "d", records))

    return make


def judged(dataset, levels, quality=()):
    levels = np.array(levels)
    examples = LISTENING.examples(dataset)
    said = {name: Predictions(levels, levels * 1.0, np.eye(2)[levels]) for name in BEHAVIOURS}
    said["mi_quality"] = Predictions(np.zeros(len(quality), int), np.array(quality), np.empty(0))
    return LISTENING.judge(dataset, examples, said, n_resamples=50, seed=1)


def test_several_experts_make_one_label_and_half_of_them_are_enough(data):
    dataset = data(((1, 0), None), ((0, 0), None), ((1, 0, 0), None))
    assert LISTENING.examples(dataset)["reflection"].labels.tolist() == [1, 0, 0]


def test_every_behaviour_has_kappa_and_f1_beside_the_experts(data):
    dataset = data(((1, 1), 1), ((0, 0), 0), ((1, 1), 1), ((0, 0), 0))
    result = judged(dataset, [1, 0, 0, 0], quality=[0.9, 0.2, 0.8, 0.3])
    # Three of four agree; chance with margins 2/4 and 1/4: 0.5, so kappa (0.75 - 0.5) / 0.5.
    assert result.metrics["reflection_kappa"].value == pytest.approx(0.5)
    assert result.metrics["reflection_f1"].value == pytest.approx(2 / 3)
    assert result.metrics["quality_auc"].value == 1.0
    assert result.ceiling["reflection_kappa"].value == pytest.approx(1)
    assert set(result.ceiling) == {f"{name}_kappa" for name in BEHAVIOURS}
    # Yes is as frequent as no, so yes is what the commonest answer would be: F1 2*2 / (4+2)
    assert result.majority["question_f1"] == pytest.approx(2 / 3)
    assert (result.n, result.n_conversations) == (4, 4)


def test_conversations_of_one_quality_leave_the_auc_open(data):
    result = judged(data(((1,), 1), ((0,), 1)), [1, 0], quality=[0.9, 0.2])
    assert result.metrics["quality_auc"].to_dict() == {"value": None, "low": None, "high": None}


def test_unknown_quality_leaves_the_auc_out(data):
    assert "quality_auc" not in judged(data(((1,), None), ((0,), None)), [1, 0]).metrics


def test_one_behaviour_is_enough(data):
    dataset = data(((1,), None), ((0,), None), behaviours=("question",))
    result = judged(dataset, [1, 0])
    assert set(result.metrics) == {"question_kappa", "question_f1"}
    assert result.ceiling is None


def test_quality_alone_is_not_enough(data):
    with pytest.raises(DataError, match=r"no reflection, question or.*are: mi_quality"):
        LISTENING.examples(data(((), 1), ((), 0)))
