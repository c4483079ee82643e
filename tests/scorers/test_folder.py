"""Model folders: same training, same bytes; damage is noticed; nothing loads before it is asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autoqa.errors import ModelError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
from autoqa.scorers.linear import LinearScorer

LEVELS = (0, 1, 2)


def criterion(name):
    levels = {level: Level(label=str(level)) for level in LEVELS}
    return Criterion(id=name, question="How good?", levels=levels)


CARD = Scorecard.model_validate(
    {
        "id": "card",
        "version": 2,
        "sections": [{"id": "all", "criteria": [criterion("mood").model_dump(mode="json")]}],
    }
)


def fitted(talks, encoders, *, names=("mood", "tone"), n=60):
    transcripts, levels = talks(n, seed=21)
    ratings = [
        Rating(
            conversation_id=t.conversation_id,
            criterion=name,
            rater="ana",
            kind=RaterKind.HUMAN,
            status=Status.RATED,
            level=int(level),
        )
        for t, level in zip(transcripts, levels, strict=True)
        for name in names
    ]
    scorer = LinearScorer([criterion(n) for n in names], settings={"embeddings": ("target",)})
    return scorer.fit(Batch(transcripts, encoders=encoders), ratings).models


def write(folder, models, **more):
    cards = {
        name: HeadCard(criterion(name), licence="CC0-1.0", trained_on=("talks",), n_items=60)
        for name in models
    }
    return write_models(folder, models, cards, **more)


@pytest.fixture
def written(talks, encoders, tmp_path):
    return write(tmp_path / "models", fitted(talks, encoders), scorecard=CARD, readme="# Card\n")


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_the_folder_says_what_it_holds(written):
    read = ModelFolder(written.path)
    assert set(read.heads) == {"mood", "tone"}
    assert read.heads["mood"] == HeadCard(
        criterion("mood"), licence="CC0-1.0", trained_on=("talks",), n_items=60
    )
    assert read.scorecard == CARD
    assert read.scorecard.content_hash == CARD.content_hash
    assert (read.path / "README.md").read_text() == "# Card\n"
    assert read.verify() == 2 * 2 + 1  # two files per head and the vocabulary they share


def test_a_head_read_again_predicts_the_same(talks, encoders, written):
    models = fitted(talks, encoders)
    transcripts, _ = talks(10, seed=22)
    batch, items = Batch(transcripts, encoders=encoders), [Item(i) for i in range(10)]
    read = ModelFolder(written.path)
    for name in ("mood", "tone"):
        np.testing.assert_allclose(
            read.model(name).probabilities(batch, items),
            models[name].probabilities(batch, items),
            atol=1e-5,
        )
    assert [r.criterion for r in read.scorer("tone").rate(batch)] == ["tone"] * 10
    assert (
        read.scorer("tone").version
        == LinearScorer([criterion("tone")], models={"tone": models["tone"]}).version
    )


def test_same_data_and_seed_give_the_same_bytes(talks, encoders, written, tmp_path):
    again = write(tmp_path / "again", fitted(talks, encoders), scorecard=CARD, readme="# Card\n")
    assert contents(again.path) == contents(written.path)
    assert again.version == written.version


def test_what_an_earlier_training_left_does_not_count(talks, encoders, written, tmp_path):
    models = fitted(talks, encoders, names=("mood",), n=80)
    fresh = write(tmp_path / "fresh", models)
    over = write(written.path, models)
    assert over.version == fresh.version
    assert set(over.heads) == {"mood"}
    assert over.verify() == fresh.verify() == 3


@pytest.mark.parametrize("name", ["heads/mood/weights.safetensors", "heads/mood/model.json"])
def test_a_changed_file_is_refused_before_it_is_read(written, name):
    path = written.path / name
    path.write_bytes(path.read_bytes() + b" ")
    read = ModelFolder(written.path)
    with pytest.raises(ModelError, match="the file was changed: restore it or train"):
        read.model("mood")
    with pytest.raises(ModelError, match="the file was changed"):
        read.verify()
    read.model("tone")  # the other head is as it was


def test_a_missing_file_is_named(written):
    (written.path / "heads/tone/model.json").unlink()
    with pytest.raises(ModelError, match=r"heads/tone/model\.json: missing"):
        ModelFolder(written.path).model("tone")


def test_an_unknown_head_is_answered_with_the_nearest(written):
    with pytest.raises(ModelError, match=r"no head 'mod'\. Did you mean 'mood'\? It has mood, ton"):
        written.model("mod")
    with pytest.raises(ModelError, match="no head 'mod'"):
        written.scorer("mod")


def test_heads_load_when_asked_for_and_once(written, monkeypatch):
    read = ModelFolder(written.path)
    loaded = []
    from autoqa.scorers.routed import RoutedModel

    load = RoutedModel.load.__func__
    monkeypatch.setattr(
        RoutedModel, "load", classmethod(lambda cls, *a: loaded.append(a[0].name) or load(cls, *a))
    )
    assert read.heads
    assert read.version
    assert loaded == []
    assert read.model("mood") is read.model("mood")
    assert loaded == ["mood"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no models.json there, so this is no model folder"),
        ("{", "damaged"),
        ("[]", "format None, this version reads 1"),
        ('{"format": 99}', "format 99, this version reads 1; update autoqa"),
        ('{"format": 1}', "damaged \\(no heads\\)"),
        ('{"format": 1, "heads": {}}', "damaged \\(no files\\)"),
    ],
)
def test_an_index_that_cannot_be_used_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "models.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        ModelFolder(tmp_path)


def test_a_card_that_cannot_be_used_is_refused(written):
    index = json.loads((written.path / "models.json").read_text())
    for damage in ({"criterion": {"id": "mood"}}, {}):
        index["heads"] = {"mood": damage}
        (written.path / "models.json").write_text(json.dumps(index))
        with pytest.raises(ModelError, match="damaged"):
            _ = ModelFolder(written.path).heads


def test_a_folder_that_was_not_finished_is_no_model_folder(talks, encoders, written, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    models = fitted(talks, encoders, names=("mood",))
    monkeypatch.setattr(type(models["mood"]), "save", broken)
    with pytest.raises(OSError, match="disk full"):
        write(written.path, models)
    with pytest.raises(ModelError, match=r"no models\.json"):
        ModelFolder(written.path)
