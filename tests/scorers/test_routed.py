"""One model per language: who learns from what, and who serves whom."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.scorers.routed import MIN_ITEMS, RoutedModel, training_routes

LEVELS = (0, 1, 2)
SETTINGS = {"levels": LEVELS, "embeddings": ("customer_mean",), "ngrams": ("customer_mean",)}


@pytest.fixture
def two_encoders(fake_encoder_class):
    shared = fake_encoder_class("shared")
    return {"en": fake_encoder_class("english"), "es": shared, "it": shared, "*": shared}


def items_of(transcripts):
    return [Item(i) for i in range(len(transcripts))]


@pytest.fixture
def fit(talks, two_encoders):
    def of(**counts):
        transcripts, levels = [], []
        for language, n in counts.items():
            some, truth = talks(n, seed=len(transcripts), language=language)
            transcripts += some
            levels += truth.tolist()
        batch = Batch(transcripts, encoders=two_encoders)
        return RoutedModel.fit(batch, items_of(transcripts), np.array(levels), SETTINGS)

    return of


def predict(model, transcripts, encoders):
    batch = Batch(transcripts, encoders=encoders)
    return model.probabilities(batch, items_of(transcripts))


def routes(encoders, **counts):
    languages = np.array([language for language, n in counts.items() for _ in range(n)])
    batch = Batch([], encoders=encoders)
    return {route: len(members) for route, members in training_routes(batch, languages).items()}


def test_languages_with_their_own_encoder_learn_alone_and_the_others_together(two_encoders):
    assert routes(two_encoders, en=50, es=30, it=10) == {"en": 50, "*": 40}


def test_too_few_items_in_other_languages_make_the_rest_learn_from_everything(two_encoders):
    few = MIN_ITEMS - 1
    assert routes(two_encoders, en=50, it=few) == {"en": 50, "*": 50 + few}


def test_without_encoders_all_languages_learn_together():
    assert routes({}, en=50, zh=30) == {"*": 80}


def test_each_language_is_read_with_its_own_encoder_and_model(fit, talks, two_encoders):
    model = fit(en=60, es=60)
    assert set(model.models) == {"en", "*"}
    assert model.models["en"].encoder_ == "english:english-family"
    assert model.models["*"].encoder_ == "shared:shared-family"
    english, spanish = talks(5, seed=8)[0], talks(5, seed=9, language="es")[0]
    mixed = [english[0], spanish[0], english[1], spanish[1]]
    together = predict(model, mixed, two_encoders)
    for transcript, row in zip(mixed, together, strict=True):
        alone = predict(model, [transcript], two_encoders)[0]
        np.testing.assert_allclose(row, alone, atol=1e-6)


def test_a_model_for_any_language_reads_english_as_it_learned(fit, talks, two_encoders):
    """English has an encoder of its own, but no English model was learned."""
    model = fit(es=60)
    assert set(model.models) == {"*"}
    english, levels = talks(60, seed=4)
    p = predict(model, english, two_encoders)
    assert (p @ LEVELS)[levels == 2].mean() > (p @ LEVELS)[levels == 0].mean()
    mixed = Batch([*english[:2], *talks(2, language="es")[0]], encoders=two_encoders)
    assert len(model.contributions(mixed, items_of(mixed.transcripts))) == 4


def test_languages_that_no_model_serves_get_no_probabilities(talks, encoders):
    transcripts, levels = talks(40)
    batch = Batch(transcripts, encoders=encoders)
    english = RoutedModel.fit(batch, items_of(transcripts), levels, SETTINGS).models["*"]
    model = RoutedModel({"en": english})
    swahili = Batch(talks(3, language="sw")[0], encoders=encoders)
    p = model.probabilities(swahili, items_of(swahili.transcripts))
    assert np.isnan(p).all()
    assert model.decide(swahili, items_of(swahili.transcripts), p).tolist() == [0, 0, 0]
    assert [len(turns) for turns, _ in model.contributions(swahili, [Item(0)])] == [0]
    assert model.route("en") == "en"
    assert model.route("sw") is None


def test_what_cannot_be_learned_is_said_by_route(talks, encoders):
    transcripts, _ = talks(30)
    batch, items = Batch(transcripts, encoders=encoders), items_of(transcripts)
    with pytest.raises(DataError, match=r"\*: all labels are at one level"):
        RoutedModel.fit(batch, items, np.ones(30, int), SETTINGS)
    with pytest.raises(DataError, match=r"\*: 10 labels, needs 20"):
        RoutedModel.fit(batch, items[:10], np.arange(10) % 3, SETTINGS)


def test_stored_and_read_again_it_predicts_the_same(fit, talks, two_encoders, tmp_path):
    model = fit(en=40, it=40)
    model.save(tmp_path / "head", tmp_path / "vocabularies")
    loaded = RoutedModel.load(tmp_path / "head", tmp_path / "vocabularies")
    mixed = [*talks(4, seed=6)[0], *talks(4, seed=6, language="it")[0]]
    before = predict(model, mixed, two_encoders)
    np.testing.assert_allclose(predict(loaded, mixed, two_encoders), before, atol=1e-5)
    assert loaded.levels == LEVELS


def test_a_damaged_folder_is_a_model_error(fit, tmp_path):
    head, words = tmp_path / "head", tmp_path / "vocabularies"
    fit(en=40).save(head, words)
    weights = (head / "weights.safetensors").read_bytes()
    (head / "weights.safetensors").write_bytes(weights[:100])
    with pytest.raises(ModelError, match="not a usable model"):
        RoutedModel.load(head, words)
    (head / "weights.safetensors").write_bytes(weights)
    for file in words.iterdir():
        file.unlink()
    with pytest.raises(ModelError, match="vocabulary is missing"):
        RoutedModel.load(head, words)
    with pytest.raises(ModelError, match="not a usable model"):
        RoutedModel.load(tmp_path / "elsewhere", words)


def test_an_encoder_that_reads_context_gets_settings_of_its_own(talks, encoders):
    class InContext:
        name, dimension, version, family = "context", 16, "1", "context-family"

        def encode_conversations(self, conversations):
            plain = encoders["*"]
            return [plain.encode([turn.text for turn in turns]) for turns in conversations]

    transcripts, levels = talks(60, seed=2)
    batch = Batch(transcripts, encoders={"en": InContext(), "*": encoders["*"]})
    items = [Item(i) for i in range(len(transcripts))]
    shares = np.eye(3)[np.asarray(levels)]
    model = RoutedModel.fit(
        batch,
        items,
        shares,
        {"levels": (0, 1, 2), "embeddings": ("target", "agent_mean")},
        in_context={"embeddings": ("target",)},
    )
    assert model.models["en"].embeddings == ("target",)
    assert model.models["*"].embeddings == ("target", "agent_mean")
