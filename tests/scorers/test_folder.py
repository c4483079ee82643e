"""Model folders: same training, same bytes; damage is noticed; nothing loads before it is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import ModelError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.folder import OWN_DATA, HeadCard, ModelFolder, rewrite_cards, write_models
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
        ("[]", "format None, this version reads 2"),
        ('{"format": 99}', "format 99, this version reads 2; update autoqa"),
        ('{"format": 2}', "damaged \\(no heads\\)"),
        ('{"format": 2, "heads": {}}', "damaged \\(no files\\)"),
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


def test_a_limit_is_kept_only_where_a_risk_was_asked_for(talks, encoders, tmp_path):
    models = fitted(talks, encoders, names=("mood", "tone", "care"))
    asked = {"risk": 0.1, "coverage": 0.0}
    cards = {
        "mood": HeadCard(criterion("mood")),
        "tone": HeadCard(criterion("tone"), abstain_below=0.7, risk=asked),
        "care": HeadCard(criterion("care"), abstain_below=None, risk=asked),
    }
    written = write_models(tmp_path / "models", models, cards)
    assert ModelFolder(written.path).heads == cards
    stored = written.index["heads"]
    assert not {"abstain_below", "risk"} & set(stored["mood"])
    assert stored["care"]["abstain_below"] is None


# Licences


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        (OWN_DATA, True),
        ("MIT", True),
        ("Apache-2.0", True),
        ("CC BY 4.0 (as its maker states)", True),
        ("research-only", False),
        ("Research only, see LICENCE", False),
        ("CC BY-NC 4.0", False),
        ("non-commercial", False),
        ("unstated", False),
        ("no licence stated", False),
        ("not stated", False),
        ("unknown", False),
        (" ", False),
    ],
)
def test_terms_are_permissive_only_where_they_are_known_and_allow_any_use(licence, permissive):
    assert HeadCard(criterion("mood"), licence=licence).permissive is permissive


def test_heads_are_not_permissive_unless_somebody_says_so():
    assert not HeadCard(criterion("mood")).permissive


@pytest.fixture
def mixed(talks, encoders, tmp_path):
    cards = {
        "mood": HeadCard(criterion("mood"), licence="MIT"),
        "tone": HeadCard(criterion("tone"), licence="research-only"),
    }
    return write_models(tmp_path / "mixed", fitted(talks, encoders), cards).path


def test_with_permissive_other_heads_are_absent_and_named(mixed):
    read = ModelFolder(mixed, licence="permissive")
    assert set(read.heads) == {"mood"}
    assert {name: one.licence for name, one in read.left_out.items()} == {"tone": "research-only"}
    read.model("mood")
    for ask in (read.model, read.scorer):
        with pytest.raises(ModelError, match="'tone' learned from data under 'research-only', and"):
            ask("tone")
    with pytest.raises(ModelError, match=r"no head 'other'\. It has mood"):
        read.model("other")


def test_by_default_every_head_answers(mixed):
    read = ModelFolder(mixed)
    assert set(read.heads) == {"mood", "tone"}
    assert read.left_out == {}
    assert read.version == ModelFolder(mixed, licence="permissive").version


# Cards, after training and between versions


def change_index(folder, change):
    path = folder / "models.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


def test_figures_can_be_added_after_training(written):
    measured = {"talks": {"n": 9, "figures": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9}}}}
    card = replace(written.heads["mood"], metrics=measured, seed=3, languages=("en", "zh"))
    again = rewrite_cards(written.path, {"mood": card}, readme="# More\n")
    assert again.heads == {"mood": card, "tone": written.heads["tone"]}
    assert (again.version, again.verify()) == (written.version, written.verify())
    assert again.scorecard == CARD
    assert (again.path / "README.md").read_text() == "# More\n"


def test_cards_of_heads_that_are_not_there_cannot_be_rewritten(written):
    with pytest.raises(ModelError, match=r"no head 'mod'\. Did you mean 'mood'\?"):
        rewrite_cards(written.path, {"mod": HeadCard(criterion("mood"))})


def test_what_a_newer_version_says_of_a_head_is_passed_over_and_kept(written):
    def say_more(index):
        index["heads"]["mood"]["adapter"] = {"rank": 8}
        index["adapters"] = ["one"]

    change_index(written.path, say_more)
    read = ModelFolder(written.path)
    assert read.heads == written.heads
    again = rewrite_cards(written.path, {"mood": replace(read.heads["mood"], notes="more")})
    assert again.index["heads"]["mood"]["adapter"] == {"rank": 8}
    assert again.index["adapters"] == ["one"]
    assert again.heads["mood"].notes == "more"


def test_an_index_of_the_first_version_is_still_read(written):
    first = {"criterion": criterion("mood").model_dump(mode="json"), "licence": "MIT"}
    change_index(written.path, lambda index: index["heads"].update(mood=first))
    assert ModelFolder(written.path).heads["mood"] == HeadCard(criterion("mood"), licence="MIT")


def test_a_card_says_no_more_than_was_known(written):
    always = {"criterion", "use", "licence", "trained_on", "n_items", "metrics", "notes"}
    assert set(written.index["heads"]["mood"]) == always


# Files


def test_all_that_is_wrong_is_named_at_once(written):
    assert written.problems() == []
    (written.path / "heads/tone/model.json").unlink()
    weights = written.path / "heads/mood/weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    (written.path / "heads/extra.pkl").write_bytes(b"")
    found = sorted(str(problem).removeprefix(f"{written.path}/") for problem in written.problems())
    assert [problem.split(": ")[0] for problem in found] == [
        "heads/extra.pkl",
        "heads/mood/weights.safetensors",
        "heads/tone/model.json",
    ]
    assert "may run code when loaded" in found[0]
    assert "the file was changed" in found[1]
    assert "missing" in found[2]


def test_files_that_the_index_does_not_name_are_told_apart(written):
    assert written.unlisted() == []
    (written.path / "notes.txt").write_text("x")
    assert written.unlisted() == ["notes.txt"]
    assert written.problems() == []


def test_a_folder_brings_the_encoders_that_its_heads_read_through(tmp_path, tiny_bert):
    from autoqa.features.adapters import Adapter, write_adapter
    from autoqa.features.weights import find_weights

    adapter = Adapter(
        name="ours",
        base=str(tiny_bert),
        base_fingerprint=find_weights(str(tiny_bert)).fingerprint,
        scale=1.0,
    )
    write_adapter(tmp_path / "english", adapter, {})
    folder = write_models(tmp_path / "models", {}, {}, adapters={"en": tmp_path / "english"})
    encoders = folder.encoders(precision="fp32")
    assert encoders["en"].name == "ours"
    assert encoders["it"].name == "e5"
    assert folder.verify() == 2  # settings and tensors
    again = write_models(folder.path, {}, {}, adapters={"en": folder.path / "adapters" / "english"})
    assert again.index == folder.index
    (folder.path / "adapters" / "english" / "adapter.json").write_text("{}")
    with pytest.raises(ModelError, match="the file was changed"):
        folder.encoders()


def test_those_who_need_permissive_terms_get_the_folder_inside(tmp_path, written):
    head = next(iter(written.heads))
    given = {head: written.model(head)}
    card = written.heads[head]
    outer = tmp_path / "outer"
    write_models(outer / "permissive", given, {head: replace(card, licence="MIT")})
    write_models(outer, given, {head: replace(card, licence="research-only")})
    assert ModelFolder(outer).heads[head].licence == "research-only"
    folder = ModelFolder(outer, licence="permissive")
    assert folder.heads[head].licence == "MIT"
    assert folder.left_out == {}
    assert ModelFolder(outer).unlisted() == []
    assert ModelFolder(outer).problems() == []
    weights = next((outer / "permissive").rglob("*.safetensors"))
    weights.write_bytes(b"changed")
    (problem,) = ModelFolder(outer).problems()
    assert "permissive" in str(problem)
