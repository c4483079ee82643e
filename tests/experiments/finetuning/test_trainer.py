from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import ExperimentError
from autoqa.experiments.finetuning.lessons import batches, heads_of, lessons_of
from autoqa.experiments.finetuning.trainer import Recipe, TurnReader, evaluate, fine_tune
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.features.adapters import Adapter, write_adapter
from autoqa.features.conversations import AdaptedEncoder, WindowReader
from autoqa.features.weights import find_weights

torch = pytest.importorskip("torch")

RECIPE = Recipe(epochs=2, rank=4, frozen=1, lr=3e-3, head_lr=3e-2, batch_tokens=400, average=0.5)
TASK = TASKS["satisfaction"]


@pytest.fixture(scope="module")
def lessons(toy_data, tiny_bert):
    """Windows of the toy dialogues, to learn from and to check on."""
    from tokenizers import Tokenizer

    reader = WindowReader(Tokenizer.from_file(str(tiny_bert / "tokenizer.json")), 128, 30)
    dataset = load_dataset(toy_data / "toy_satisfaction")
    heads = heads_of([TASK])
    return [
        lessons_of(TASK, dataset.where(lambda o, p=part: o.split == p), heads, reader)
        for part in ("train", "valid")
    ]


@pytest.fixture
def reader(tiny_bert):
    def make(recipe=RECIPE):
        torch.manual_seed(0)
        return TurnReader(tiny_bert, heads_of([TASK]), ["toy_satisfaction"], recipe)

    return make


def test_fine_tuning_learns_what_was_said_of_turns(lessons, reader):
    train, valid = lessons
    model = reader()
    before = evaluate(model, train, RECIPE)["csat"]
    history = fine_tune(model, always(train), valid, RECIPE)
    assert len(history) == RECIPE.epochs
    assert evaluate(model, train, RECIPE)["csat"] < before - 0.02
    assert evaluate(model, valid, RECIPE) == pytest.approx(history[-1], abs=1e-5)


def test_only_the_additions_and_the_heads_learn(lessons, reader):
    model = reader()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    fine_tune(model, always(lessons[0][:20]), [], RECIPE)
    changed = {
        name for name, p in model.named_parameters() if not torch.equal(before[name], p.detach())
    }
    assert changed == set(model.trained())
    assert {name.rsplit(".", 1)[-1] for name in changed} == {"down", "up", "weight", "bias"}
    assert not [name for name in changed if ".layer.0." in name]  # frozen


def test_with_the_full_method_all_weights_of_the_upper_layers_learn(lessons, reader):
    model = reader(replace(RECIPE, method="full"))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    fine_tune(model, always(lessons[0][:20]), [], RECIPE)
    same = {name for name, p in model.named_parameters() if torch.equal(before[name], p.detach())}
    upper = {name for name in before if ".layer." in name and ".layer.0." not in name}
    assert upper <= set(model.trained())
    # A shift of all keys cancels in the softmax, so their biases have no gradient to speak of.
    assert not {name for name in upper & same if not name.endswith("key.bias")}
    assert {name for name in before if ".layer.0." in name or "embeddings" in name} <= same


@pytest.mark.parametrize(
    ("setting", "said"), [({"method": "half"}, "lora, full"), ({"rank": 0}, "rank is 0")]
)
def test_a_recipe_that_cannot_be_followed_is_refused(setting, said):
    with pytest.raises(ExperimentError, match=said):
        replace(RECIPE, **setting)


def always(lessons):
    """The same lessons in every epoch."""
    return lambda _: lessons


class Interrupted(Exception):
    """What stops a run in a test."""


def test_an_interrupted_run_ends_as_if_it_had_not_been(lessons, reader, tmp_path, monkeypatch):
    train, valid = lessons[0][:40], lessons[1]
    whole = reader()
    expected = fine_tune(whole, always(train), valid, RECIPE)

    def stop(text, step, steps):
        if step == steps // 2 + 2:
            raise Interrupted

    monkeypatch.setattr("autoqa.experiments.finetuning.trainer._SAVE_EVERY_S", 0.0)
    folder = tmp_path / "checkpoint"
    with pytest.raises(Interrupted):
        fine_tune(reader(), always(train), valid, RECIPE, checkpoint=folder, say=stop)
    assert {file.suffix for file in folder.iterdir()} == {".json", ".safetensors"}
    steps = []
    again = reader()
    found = fine_tune(
        again,
        always(train),
        valid,
        RECIPE,
        checkpoint=folder,
        say=lambda *said: steps.append(said[1]),
    )
    assert steps[0] > 2  # it did not begin again
    assert found[-1] == pytest.approx(expected[-1], abs=1e-5)
    for name, parameter in again.trained().items():
        torch.testing.assert_close(parameter, whole.trained()[name], atol=1e-5, rtol=1e-3)
    assert not folder.exists()


def test_a_checkpoint_of_other_lessons_is_not_taken_up(lessons, reader, tmp_path, monkeypatch):
    monkeypatch.setattr("autoqa.experiments.finetuning.trainer._SAVE_EVERY_S", 0.0)

    def stop(*_):
        raise Interrupted

    with pytest.raises(Interrupted):
        fine_tune(reader(), always(lessons[0][:9]), [], RECIPE, checkpoint=tmp_path / "c", say=stop)
    steps = []
    fine_tune(
        reader(),
        always(lessons[0][:12]),
        [],
        RECIPE,
        checkpoint=tmp_path / "c",
        say=lambda *said: steps.append(said[1]),
    )
    assert steps[0] == 1


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_adapter_reads_as_the_trained_model_did(
    method, lessons, reader, tiny_bert, toy_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("AUTOQA_CACHE", str(tmp_path / "cache"))
    model = reader(replace(RECIPE, method=method))
    fine_tune(model, always(lessons[0][:30]), [], RECIPE)
    adapter = Adapter(
        name="toy",
        base=str(tiny_bert),
        base_fingerprint=find_weights(str(tiny_bert)).fingerprint,
        scale=RECIPE.scale,
        max_tokens=128,
        context_tokens=30,
    )
    write_adapter(tmp_path / "adapter", adapter, model.adapter())
    encoder = AdaptedEncoder(tmp_path / "adapter", precision="fp32", threads=1)
    dataset = load_dataset(toy_data / "toy_satisfaction")
    held = dataset.where(lambda one: one.split == "valid").transcripts
    vectors = encoder.encode_conversations([t.turns for t in held])
    lesson = lessons[1][0]
    model.eval()
    with torch.inference_mode():
        said = model([lesson])["csat"].numpy()
    head = model.heads["csat"]
    # One source; what is said of a turn, and of the whole conversation, is offset apart.
    whole = [int(label.whole) for label in lesson.labels]
    offset = model.offsets["csat"].weight.detach().numpy()[whole]
    read_at = {start: turn for turn, start, _ in lesson.window.reads}
    turns = [read_at[label.start] for label in lesson.labels]
    again = vectors[0][turns] @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(again + offset, said, atol=2e-2)  # the adapter is in half precision


def test_batches_hold_every_lesson_once_within_the_limit(lessons):
    train = lessons[0]
    for rng in (None, np.random.default_rng(1)):
        groups = list(batches(train, 400, rng))
        seen = [id(lesson) for group in groups for lesson in group]
        assert sorted(seen) == sorted(map(id, train))
        for group in groups:
            longest = max(len(lesson.window.ids) for lesson in group)
            assert len(group) == 1 or longest * len(group) <= 400


def test_every_epoch_has_lessons_of_its_own(lessons, reader):
    asked = []

    def train(epoch):
        asked.append(epoch)
        return lessons[0][epoch : epoch + 5]

    fine_tune(reader(), train, [], RECIPE)
    assert asked == [0, 1]  # RECIPE.epochs is 2


def test_a_turn_and_the_whole_conversation_are_told_apart(lessons):
    labels = [label for lesson in lessons[0] for label in lesson.labels]
    assert {label.whole for label in labels} == {True, False}
    ends = [lesson.labels for lesson in lessons[0] if any(label.whole for label in lesson.labels)]
    # What is said of the whole is learned where the last turn is, beside what is said of that.
    assert all(one[-1].end == max(label.end for label in one) for one in ends)


def test_long_scales_are_learned_as_one_number():
    head = heads_of([TASKS["politeness"]])["politeness"]
    assert head.is_number
    shares = np.zeros(25)
    shares[[12, 24]] = 0.5  # 13 and 25, mean 19: 4 * 18 / 24 - 2
    assert head.target(shares) == pytest.approx([1.0])
