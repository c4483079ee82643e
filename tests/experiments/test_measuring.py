"""What cards say of heads: the benchmark's figures, by head, and calibration beside them."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.experiments.measuring import CALIBRATION, NOT_HELD_OUT, calibration, measure
from autoqa.experiments.tasks import TASKS, Examples, Predictions, load_dataset
from autoqa.features.views import Item
from autoqa.records import CSAT
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.folder import ModelFolder


def measured(kind, toy_data, toy_models, encoder, **options):
    dataset = load_dataset(toy_data / f"toy_{kind}")
    return measure(
        TASKS[kind], ModelFolder(toy_models), dataset, {"*": encoder}, n_resamples=20, **options
    )


def test_every_head_has_its_own_figures_and_those_of_all(toy_data, toy_models, fake_encoder):
    found = measured("empathy", toy_data, toy_models, fake_encoder)
    assert set(found) == {"emotional_reaction", "interpretation", "exploration"}
    assert set(found["exploration"]["figures"]) == {
        "exploration_macro_f1",
        "exploration_quadratic_kappa",
        "evidence_token_f1",
        CALIBRATION,
    }
    assert found["exploration"]["n"] == 24  # the valid part
    assert set(found["exploration"]["majority"]) <= set(found["exploration"]["figures"])


def test_the_quality_of_conversations_is_not_counted_to_single_turns(
    toy_data, toy_models, fake_encoder
):
    found = measured("listening", toy_data, toy_models, fake_encoder)
    assert set(found["mi_quality"]["figures"]) == {"quality_auc", CALIBRATION}
    assert set(found["question"]["figures"]) == {"question_kappa", "question_f1", CALIBRATION}
    assert set(found["question"]["people"]) == {"question_kappa"}
    assert (found["mi_quality"]["n"], found["question"]["n"]) == (24, 24 * 3)


def test_people_and_figures_are_short_numbers_with_intervals(toy_data, toy_models, fake_encoder):
    found = measured("satisfaction", toy_data, toy_models, fake_encoder)[CSAT]
    assert set(found["oracle"]) == {"macro_f1"}
    for figure in (found[one]["macro_f1"] for one in ("figures", "people", "oracle")):
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert all(value == round(value, 3) for value in figure.values())


def test_what_was_learned_from_whole_is_not_measured(
    toy, toy_models, fake_encoder, dataset_of, tmp_path
):
    dataset = load_dataset(dataset_of(tmp_path / "whole", toy.procedure(12)))
    found = measure(TASKS["procedure"], ModelFolder(toy_models), dataset, {"*": fake_encoder})
    assert found == {"procedure_outcome": {"not_measured": NOT_HELD_OUT}}
    assert fake_encoder.encoded == 0


def examples_of(raters, labels):
    n = len(raters)
    return Examples(
        [Item(i) for i in range(n)],
        raters,
        np.array([np.mean(given) for given in raters]),
        np.array(labels),
        np.zeros((n, 2)),
        np.arange(n),
        np.array(["here"] * n),
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tone", 0.8 - 3 / 4),  # three of the four answers by people
        (CSAT, 1.0 - 0.8),  # both of the two published classes
    ],
)
def test_calibration_compares_with_each_persons_answer_and_of_csat_with_the_class(name, expected):
    criterion = Criterion(id=name, question="?", levels={k: Level(label=str(k)) for k in (0, 1)})
    said = Predictions(np.array([1, 1]), np.full(2, 0.8), np.array([[0.2, 0.8]] * 2))
    found = calibration(criterion, examples_of([[1, 1], [0, 1]], [1, 1]), said, n_resamples=10)
    assert found.value == pytest.approx(expected)
