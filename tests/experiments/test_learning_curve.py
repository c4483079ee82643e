from __future__ import annotations

import json

import numpy as np
import pytest

from autoqa.errors import ExperimentError
from autoqa.experiments import run
from autoqa.experiments.learning_curve import (
    Steps,
    conversations_to_learn_from,
    curve_of,
    drawn_order,
    first_above,
    points_of,
)
from autoqa.experiments.prepared import Prepared
from autoqa.experiments.run import run_experiment
from autoqa.experiments.spec import ExperimentSpec
from autoqa.experiments.tasks import TASKS, load_dataset

FOLDS = {"group_by": "conversation", "folds": 3}
HOLDOUT = {"mode": "holdout", "group_by": "conversation"}


def spec_of(folder, *, task="politeness", split=None, sizes=(25, 40), arms=("tfidf",), **more):
    return ExperimentSpec.model_validate(
        {
            "question": f"How much does {task} take?",
            "task": task,
            "data": str(folder),
            "split": split or HOLDOUT,
            "curve": {"sizes": list(sizes), "repeats": 2},
            "arms": list(arms),
            "n_resamples": 30,
            **more,
        }
    )


@pytest.fixture
def prepared(toy_data, encoders):
    """A spec and its dataset, made ready."""

    def of(task="politeness", **more):
        spec = spec_of(toy_data / f"toy_{task}", task=task, **more)
        dataset = load_dataset(toy_data / f"toy_{task}")
        return spec, Prepared.of(TASKS[task], dataset, spec, encoders)

    return of


def curve(spec, data, steps=None):
    (arm,) = spec.arms
    return curve_of(arm, data, spec, steps or Steps(lambda *_: None, 1))


def learned_from(data, head):
    """The conversations that each part learns from."""
    items = data.examples[head].items
    return [{items[i].transcript for i in train} for train, _ in data.parts[head]]


# draws


def test_a_seed_and_a_draw_name_the_order():
    assert drawn_order(50, 7, 0).tolist() == drawn_order(50, 7, 0).tolist()
    others = {tuple(drawn_order(50, seed, draw)) for seed in (7, 8) for draw in (0, 1)}
    assert len(others) == 4
    assert sorted(drawn_order(50, 7, 0)) == list(range(50))


@pytest.mark.parametrize("split", [FOLDS, HOLDOUT])
def test_a_draw_has_so_many_conversations_whole_and_the_held_out_part_stays(prepared, split):
    _, data = prepared("listening", split=split)
    part = data.learning_from(drawn_order(84, 7, 0), 10)
    for head, one in data.examples.items():
        for train, all_of_it, (was, held), (is_, held_now) in zip(
            learned_from(part, head),
            learned_from(data, head),
            data.parts[head],
            part.parts[head],
            strict=True,
        ):
            assert len(train) == 10
            assert train < all_of_it
            assert held.tolist() == held_now.tolist()
            kept = [i for i in was if one.items[i].transcript in train]
            assert is_.tolist() == kept  # every rated turn of a drawn conversation


def test_smaller_draws_are_part_of_larger_ones_and_heads_learn_from_the_same(prepared):
    _, data = prepared("listening", split=FOLDS)
    order = drawn_order(84, 7, 1)
    small, large = (data.learning_from(order, size) for size in (10, 30))
    for few, many in zip(
        learned_from(small, "question"), learned_from(large, "question"), strict=True
    ):
        assert few < many
    assert learned_from(small, "question") == learned_from(small, "mi_quality")


# sizes


def test_sizes_beyond_the_data_become_one_point_that_learns_from_all(prepared):
    spec, data = prepared(sizes=(10, 25, 100, 200))  # 60 are marked train
    points = points_of(spec.arms[0], data, spec.curve)
    assert conversations_to_learn_from(data) == 60
    assert [(p.size, p.draws, p.everything) for p in points] == [
        (10, 2, False),
        (25, 2, False),
        (60, 1, True),
    ]


def test_sizes_within_the_data_are_left_as_they_are(prepared):
    spec, data = prepared(sizes=(25, 60))
    assert [p.size for p in points_of(spec.arms[0], data, spec.curve)] == [25, 60]


def test_what_learns_nothing_is_asked_once(prepared):
    spec, data = prepared(arms=["zero_shot"])
    (row,) = curve(spec, data)
    assert (row["evaluations"], row["draws"]) == (0, 1)
    figure = row["metrics"]["spearman"]
    assert figure["low"] <= figure["value"] <= figure["high"]


# figures


def test_more_evaluations_bring_more_agreement_where_words_tell(prepared):
    spec, data = prepared(sizes=(25, 60), arms=["tfidf"])
    few, all_of_it = curve(spec, data)
    assert few["metrics"]["spearman"]["value"] < all_of_it["metrics"]["spearman"]["value"]
    assert few["commonest_instead"] == {}


def test_a_figure_is_the_mean_over_draws_and_the_band_lies_around_it(prepared):
    spec, data = prepared(sizes=(30,), arms=["tfidf"])
    (row,) = curve(spec, data)
    alone = []
    for draw in range(2):
        part = data.learning_from(drawn_order(84, spec.split.seed, draw), 30)
        said, _ = part.answer(run.arm_of(spec.arms[0]), keep=False)
        alone.append(part.judge(said, spec).metrics["spearman"].value)
    figure = row["metrics"]["spearman"]
    assert figure["value"] == pytest.approx(np.mean(alone))
    # 95 % of the way between two draws
    assert figure["high"] - figure["low"] == pytest.approx(0.95 * abs(alone[0] - alone[1]))


def test_the_commonest_answer_stands_in_where_there_is_too_little_to_learn_from(prepared):
    spec, data = prepared(sizes=(10,), arms=["tfidf"])  # 10 requests are 10 labels
    (row,) = curve(spec, data)
    assert row["commonest_instead"] == {"politeness": 2}
    assert row["metrics"]["spearman"] == {"value": None, "low": None, "high": None}
    assert row["metrics"]["quartile_accuracy"]["value"] == pytest.approx(0.5, abs=0.2)


def test_the_same_spec_gives_the_same_figures(prepared):
    first, second = (curve(*prepared(sizes=(25,))) for _ in range(2))
    assert first == second


def rows(*lows, draws=2):
    return [
        {"evaluations": size, "draws": draws, "metrics": {"m": {"value": 0.9, "low": low}}}
        for size, low in zip((10, 25, 50), lows, strict=True)
    ]


def test_a_bar_is_passed_where_all_larger_sizes_pass_it_too():
    assert first_above(rows(0.5, 0.6, 0.7), "m", 0.4) == 10
    assert first_above(rows(0.5, 0.3, 0.7), "m", 0.4) == 50
    assert first_above(rows(0.5, 0.6, 0.3), "m", 0.4) is None
    assert first_above(rows(None, 0.6, 0.7), "m", 0.4) == 25
    assert first_above(rows(0.1, 0.1, 0.1, draws=1), "m", 0.4) == 10  # no band to speak of


# whole runs


@pytest.fixture(scope="module")
def finished(toy_data, fake_encoder_class, tracker):
    """A run of three arms on politeness, and its steps."""
    encoder = fake_encoder_class()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "default_encoders", lambda **_: {"*": encoder})
        spec = spec_of(
            toy_data / "toy_politeness",
            sizes=(10, 40, 100),
            arms=["zero_shot", "tfidf", {"name": "dense", "use": "embeddings"}],
            metrics=["spearman"],
        )
        steps = []
        result = run_experiment(spec, tracker=tracker, progress=lambda *s: steps.append(s))
    return result, steps


@pytest.mark.slow
def test_the_result_holds_a_curve_per_arm(finished):
    said = json.loads(json.dumps(finished[0].to_dict(), allow_nan=False))
    assert list(said["arms"]) == ["zero_shot", "tfidf", "dense"]
    of = {name: table["toy_politeness"] for name, table in said["arms"].items()}
    sizes = {name: [row["evaluations"] for row in one["curve"]] for name, one in of.items()}
    assert sizes == {"zero_shot": [0], "tfidf": [10, 40, 60], "dense": [10, 40, 60]}
    assert of["tfidf"]["n"] == 24
    assert of["tfidf"]["out_of_reach"] == [100]


@pytest.mark.slow
def test_the_report_has_a_column_per_size_and_says_what_was_out_of_reach(finished):
    text = finished[0].to_markdown()
    assert "| spearman | 0 | 10 | 40 | 60 (all) |" in text
    assert "quartile" not in text
    assert "Out of reach: 100; there are 60 to learn from." in text
    assert "People among themselves: 0.9" in text
    assert "Whole band above zero_shot: tfidf from 40 on, dense from 40 on." in text
    assert "10 evaluations were too few to learn politeness by tfidf, dense" in text


@pytest.mark.slow
def test_progress_counts_draws_to_the_end(finished):
    steps = finished[1]
    # one of zero_shot; two draws of 10 and of 40 and one of all by each of the others
    assert [done for _, done, _ in steps] == list(range(12))
    assert {total for _, _, total in steps} == {11}
    assert steps[0][0] == "zero_shot from 0 on toy_politeness"
    assert steps[-1][0] == "done"


@pytest.mark.slow
def test_a_child_run_per_arm_has_the_figures_by_size(finished, tracker):
    detail = tracker.show_run(finished[0].run_id)
    assert {"curves.json", "curves_toy_politeness.png"} <= set(detail.artifacts)
    metrics = {arm.summary.title: set(arm.metrics) for arm in detail.arms}
    assert metrics == {
        "zero_shot": {"spearman_at_0"},
        "tfidf": {"spearman_at_40", "spearman_at_60"},
        "dense": {"spearman_at_40", "spearman_at_60"},
    }
    assert "spearman_at_10" in detail.arms[1].undefined


@pytest.mark.slow
def test_an_arm_that_fails_leaves_the_curves_of_the_others(toy_data, fake_encoding, tracker):
    spec = spec_of(toy_data / "toy_empathy", task="empathy", arms=["rules", "zero_shot"])
    result = run_experiment(spec, tracker=tracker)
    assert result.failed == ("rules",)
    assert list(result.tables) == ["zero_shot"]
    assert "Arm rules failed" in result.to_markdown()


@pytest.mark.slow
def test_an_unknown_metric_is_refused(toy_data, fake_encoding, tracker):
    spec = spec_of(toy_data / "toy_politeness", metrics=["speerman"])
    with pytest.raises(ExperimentError, match="no 'speerman'"):
        run_experiment(spec, tracker=tracker)
