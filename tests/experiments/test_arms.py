from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import ExperimentError
from autoqa.experiments.arms import LEARNED, arm_of, needs_no_labels
from autoqa.experiments.spec import ArmSpec
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.batch import Batch

WARM = ["glad", "sorry", "understand", "together", "kindly", "welcome"]  # as in the toy data
COLD = ["whatever", "wrong", "hurry", "pointless", "nonsense", "stop"]
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


@pytest.mark.parametrize("kind", HEAD)
def test_zero_shot_answers_without_a_single_label(parts, kind):
    task, head, batch, train, test = parts(kind)
    said = arm("zero_shot")(task, head, batch, train.take(np.zeros(0, int)), test)
    assert said.unanswered == 0
    assert np.allclose(said.probabilities.sum(axis=1), 1)
    assert len(said.evidence) == len(test)


def test_zero_shot_tells_what_its_statements_tell(parts):
    task, head, batch, train, test = parts("politeness")
    statements = {"politeness": {25: " ".join(WARM), 1: " ".join(COLD)}}
    said = arm("zero_shot", statements=statements)(task, head, batch, train, test)
    assert np.corrcoef(said.expected, test.truth)[0, 1] > 0.5


def test_rules_by_head_read_a_rated_turn_alone(record_of, rating_of, dataset_of, tmp_path):
    ratings = [rating_of("question", int(turn == 2), (0, 1), turn=turn) for turn in (0, 2)]
    talk = record_of("c", "agent: okay", "customer: why is it so", "agent: what is it about")
    dataset = load_dataset(dataset_of(tmp_path / "d", [{**talk, "ratings": ratings}]))
    examples = TASKS["listening"].examples(dataset)["question"]
    batch = Batch(dataset.transcripts)
    said = arm("rules", heads={"question": {"say": "open_question", "speaker": "any"}})(
        TASKS["listening"], "question", batch, examples, examples
    )
    assert said.levels.tolist() == examples.labels.tolist() == [0, 1]


def test_rules_by_head_may_name_levels(parts):
    task, head, batch, train, test = parts("politeness")
    rule = {"politeness": {"levels": {20: {"say": "courtesy"}, 9: {"never": {"say": "rude"}}}}}
    said = arm("rules", heads=rule)(task, head, batch, train, test)
    assert set(said.levels) <= {1, 9, 20}


def test_a_head_without_a_rule_is_named(parts):
    rule = {"interpretation": {"say": "greeting"}}
    with pytest.raises(ExperimentError, match="no rule for 'exploration'; give one under heads"):
        arm("rules", heads=rule)(*parts("empathy"))


@pytest.mark.parametrize(("use", "key"), [("rules", "heads"), ("zero_shot", "statements")])
def test_a_head_that_the_task_does_not_have_is_told_the_nearest(parts, use, key):
    with pytest.raises(
        ExperimentError, match=r"no head 'explorations'\. Did you mean 'exploration'"
    ):
        arm(use, **{key: {"explorations": {1: "greeting"}}})(*parts("empathy"))


@pytest.mark.parametrize(
    ("use", "settings", "free"),
    [
        ("zero_shot", {}, True),
        ("rules", {"heads": {"a": {"say": "greeting"}}}, True),
        ("rules", {}, False),
        ("tfidf", {}, False),
    ],
)
def test_arms_say_whether_they_need_labels(use, settings, free):
    spec = ArmSpec.model_validate({"name": "it", "use": use, **settings})
    assert needs_no_labels(spec) is free


def test_an_unknown_arm_is_told_the_nearest():
    with pytest.raises(ExperimentError, match=r"arms\.it: no arm 'liner'\. Did you mean 'linear'"):
        arm("liner")


@pytest.mark.parametrize(
    ("use", "setting", "hint"),
    [
        ("linear", "penalti", "Did you mean 'penalty'"),
        ("rules", "scorecrd", "Did you mean 'scorecard'"),
        ("majority", "penalty", "unknown setting of 'majority'"),
        ("zero_shot", "statement", "Did you mean 'statements'"),
        ("zero_shot", "statements", "give a mapping"),
        ("rules", "heads", "give a mapping"),
    ],
)
def test_an_unknown_setting_is_refused_before_anything_runs(use, setting, hint):
    with pytest.raises(ExperimentError, match=rf"arms\.it\.{setting}: .*{hint}"):
        arm(use, **{setting: 1})
