from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import ExperimentError
from autoqa.experiments.arms import arm_of
from autoqa.experiments.spec import ArmSpec
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.batch import Batch

QUICK = {"width": 16, "attention_heads": 2, "learning_rate": 5e-3, "calibrate": False}


def network(**settings):
    return arm_of(ArmSpec.model_validate({"name": "it", "use": "network", **QUICK, **settings}))


@pytest.fixture
def parts(toy_data, encoders):
    """Return task, head, batch, training examples and examples to predict."""

    def of(kind, head):
        task = TASKS[kind]
        dataset = load_dataset(toy_data / f"toy_{kind}")
        batch = Batch(dataset.transcripts, encoders=encoders)
        examples = task.examples(dataset)[head]
        marked = np.array([dataset.labelled[i.transcript].split for i in examples.items])
        train, test = examples.take(marked == "train"), examples.take(marked != "train")
        return task, head, batch, train, test

    return of


@pytest.mark.parametrize(
    ("kind", "head", "link"),
    [("politeness", "politeness", "ordinal"), ("satisfaction", "csat", "multinomial")],
)
def test_the_network_answers_every_item_and_better_than_chance(parts, kind, head, link):
    task, head, batch, train, test = parts(kind, head)
    learned = network(least_steps=120, epochs=1)(task, head, batch, train)
    said = learned.predict(batch, test)
    scale = task.head(head).scale
    assert said.probabilities.shape == (len(test), len(scale))
    assert np.allclose(said.probabilities.sum(axis=1), 1)
    assert set(said.levels) <= set(scale)
    assert scale[0] < said.middle < scale[-1]
    assert np.corrcoef(said.expected, test.truth)[0, 1] > 0.4
    assert learned.network.settings.link == link  # csat is decided by balance
    assert learned.model is None
    assert learned.scorecard is None


def test_the_evidence_is_of_turns_up_to_the_one_asked_about(parts):
    task, head, batch, train, test = parts("satisfaction", "csat")
    said = network(least_steps=20, epochs=1)(task, head, batch, train).predict(batch, test)
    assert len(said.evidence) == len(test)
    for item, shown in zip(test.items, said.evidence, strict=True):
        assert 0 < len(shown) <= 3
        turns = batch.transcripts[item.transcript].turns
        last = len(turns) - 1 if item.turn is None else item.turn
        assert all(one.turn <= last and one.end == len(turns[one.turn].text) for one in shown)
        sizes = [abs(one.contribution) for one in shown]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widht": 16}, r"arms\.it\.widht: unknown setting of 'network'.*Did you mean 'width'"),
        ({"link": "probit"}, r"arms\.it: link: 'probit'"),
        ({"epochs": "many"}, r"arms\.it: "),
    ],
)
def test_settings_are_refused_before_anything_runs(settings, message):
    with pytest.raises(ExperimentError, match=message):
        network(**settings)
