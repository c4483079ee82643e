from __future__ import annotations

import numpy as np
import pytest

from autoqa.experiments.tasks import PROCEDURE, load_dataset
from autoqa.experiments.tasks.base import Predictions

HEAD = "procedure_outcome"


@pytest.fixture
def data(tmp_path, dataset_of, record_of, rating_of):
    """Runs from ``(task id or None, passed)``."""

    def make(*runs):
        records = [
            record_of(
                f"run{i}",
                "customer: so",
                "bot: done",
                ratings=[rating_of(HEAD, passed, (0, 1), rater="database")],
                outcome={} if task is None else {"task_id": task},
            )
            for i, (task, passed) in enumerate(runs)
        ]
        return load_dataset(dataset_of(tmp_path / "d", records))

    return make


def judged(dataset, expected):
    expected = np.array(expected)
    levels = (expected > 0.5).astype(int)
    said = Predictions(levels, expected, np.column_stack([1 - expected, expected]))
    examples = PROCEDURE.examples(dataset)
    return PROCEDURE.judge(dataset, examples, {HEAD: said}, n_resamples=50, seed=1)


def test_runs_of_a_task_belong_together(data):
    one = PROCEDURE.examples(data((0, 1), (0, 0), (7, 1), (None, 1)))[HEAD]
    assert one.clusters.tolist() == ["task 0", "task 0", "task 7", "run3"]


def test_figures_are_over_runs_and_intervals_over_tasks(data):
    result = judged(data((0, 1), (0, 1), (1, 0), (1, 1)), [0.9, 0.4, 0.2, 0.3])
    assert result.metrics["auc"].value == 1.0  # the run that failed scored lowest
    assert result.metrics["accuracy"].value == 0.5
    assert (result.metrics["accuracy"].n, result.metrics["accuracy"].n_clusters) == (4, 2)
    assert result.majority == {"auc": 0.5, "accuracy": 0.75}
    assert (result.n, result.n_conversations) == (4, 4)
    assert result.ceiling is None


def test_runs_that_all_passed_leave_the_auc_open(data):
    result = judged(data((0, 1), (1, 1)), [0.9, 0.4])
    assert result.metrics["auc"].to_dict() == {"value": None, "low": None, "high": None}
    assert result.metrics["accuracy"].value == 0.5
