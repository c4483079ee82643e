from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import ExperimentError
from autoqa.experiments.arms import LEARNED, arm_of
from autoqa.experiments.spec import ArmSpec
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.batch import Batch

HEAD = {"politeness": "politeness", "empathy": "exploration", "procedure": "procedure_outcome"}


def arm(use, **settings):
    """An arm that learns from some examples and answers others."""
    learn = arm_of(ArmSpec.model_validate({"name": "it", "use": use, **settings}))
    return lambda task, head, batch, train, test: learn(task, head, batch, train).predict(
        batch, test
    )


@pytest.fixture
def parts(toy_data, encoders):
    """Return task, head, batch, training examples and examples to predict."""

    def of(kind):
        task = TASKS[kind]
        dataset = load_dataset(toy_data / f"toy_{kind}")
        batch = Batch(dataset.transcripts, encoders=encoders)
        examples = task.examples(dataset)[HEAD[kind]]
        marked = np.array([dataset.labelled[i.transcript].split for i in examples.items])
        train, test = examples.take(marked == "train"), examples.take(marked != "train")
        return task, HEAD[kind], batch, train, test

    return of


@pytest.mark.parametrize("use", ["majority", *LEARNED])
def test_every_arm_answers_every_item_with_probabilities(parts, use):
    task, head, batch, train, test = parts("politeness")
    said = arm(use)(task, head, batch, train, test)
    assert said.levels.shape == said.expected.shape == (len(test),)
    assert said.probabilities.shape == (len(test), 25)
    assert np.allclose(said.probabilities.sum(axis=1), 1)
    assert set(said.levels) <= set(range(1, 26))


def test_the_majority_gives_the_commonest_label_and_ranks_nothing(parts):
    task, head, batch, train, test = parts("empathy")
    said = arm("majority")(task, head, batch, train, test)
    values, counts = np.unique(train.labels, return_counts=True)
    assert set(said.levels) == {values[counts.argmax()]}
    assert set(said.expected) == {1.0}  # the middle of 0-2, in every fold
    assert said.probabilities[0] == pytest.approx(train.shares.mean(axis=0))
    assert said.middle == pytest.approx(train.truth.mean())


def test_learned_arms_do_better_than_the_majority_where_words_tell(parts):
    task, head, batch, train, test = parts("politeness")
    said = arm("linear")(task, head, batch, train, test)
    assert np.corrcoef(said.expected, test.truth)[0, 1] > 0.4


def test_an_arms_own_settings_are_laid_over_the_tasks(parts):
    task, head, batch, train, test = parts("politeness")
    strong, weak = (arm("tfidf", penalty=p)(task, head, batch, train, test) for p in (1e4, 1.0))
    assert np.ptp(strong.expected) < np.ptp(weak.expected)


def test_empathy_comes_with_evidence_of_the_rated_turn(parts):
    task, head, batch, train, test = parts("empathy")
    said = arm("linear")(task, head, batch, train, test)
    assert len(said.evidence) == len(test)
    assert all({e.turn for e in shown} == {1} for shown in said.evidence)


def test_rules_let_as_many_pass_as_passed_in_training(parts):
    task, head, batch, train, test = parts("procedure")
    said = arm("rules", scorecard="ai-agent-procedure")(task, head, batch, train, test)
    assert set(said.levels) <= {0, 1}
    assert ((said.expected > said.middle) == (said.levels == 1)).all()
    assert ((said.expected >= 0) & (said.expected <= 1)).all()


def test_rules_answer_yes_or_no_alone(parts):
    with pytest.raises(ExperimentError, match="yes-or-no heads, 'exploration' has 3"):
        arm("rules")(*parts("empathy"))


def test_an_unknown_arm_is_told_the_nearest():
    with pytest.raises(ExperimentError, match=r"arms\.it: no arm 'liner'\. Did you mean 'linear'"):
        arm("liner")


@pytest.mark.parametrize(
    ("use", "setting", "hint"),
    [
        ("linear", "penalti", "Did you mean 'penalty'"),
        ("rules", "scorecrd", "Did you mean 'scorecard'"),
        ("majority", "penalty", "unknown setting of 'majority'"),
    ],
)
def test_an_unknown_setting_is_refused_before_anything_runs(use, setting, hint):
    with pytest.raises(ExperimentError, match=rf"arms\.it\.{setting}: .*{hint}"):
        arm(use, **{setting: 1})
