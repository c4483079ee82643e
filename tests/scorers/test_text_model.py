"""TextModel: a scikit-learn classifier whose score is a sum over turns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_predict

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.scorers.text_model import TextModel

LEVELS = (0, 1, 2)


def model(encoder, **more):
    return TextModel(LEVELS, encoder=encoder, **more)


def items_of(transcripts):
    return [Item(i) for i in range(len(transcripts))]


@pytest.fixture(scope="module")
def data(talks):
    return talks(160, seed=1)


@pytest.fixture(scope="module")
def unseen(talks):
    return talks(120, seed=2, start=1000)


# scikit-learn


def test_clone_and_parameters_are_scikit_learns(fake_encoder, data):
    original = model(fake_encoder, penalty=2.5).fit(*data)
    copy = clone(original)
    assert copy.get_params()["penalty"] == 2.5
    assert not hasattr(copy, "head_")
    assert copy.set_params(penalty=0.5, ngrams=()).penalty == 0.5
    again = clone(original).fit(*data)
    np.testing.assert_array_equal(again.head_.weights, original.head_.weights)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_cross_validation_over_groups(fake_encoder, data, method):
    transcripts, levels = data
    groups = np.arange(len(levels)) // 4
    found = cross_val_predict(
        model(fake_encoder), transcripts, levels, groups=groups, cv=GroupKFold(3), method=method
    )
    predicted = found if method == "predict" else found @ LEVELS
    assert predicted.shape == levels.shape
    assert predicted[levels == 2].mean() > predicted[levels == 0].mean() + 0.3


def test_score_is_accuracy(fake_encoder, data, unseen):
    fitted = model(fake_encoder).fit(*data)
    assert fitted.score(*unseen) == (fitted.predict(unseen[0]) == unseen[1]).mean()


def test_same_data_and_seed_give_the_same_bytes(fake_encoder, data):
    packed = [model(fake_encoder).fit(*data).to_arrays() for _ in range(2)]
    assert json.dumps(packed[0][0]) == json.dumps(packed[1][0])
    for name, array in packed[0][1].items():
        assert array.tobytes() == packed[1][1][name].tobytes()


# fitting


@pytest.mark.parametrize("link", ["ordinal", "multinomial", "gaussian"])
@pytest.mark.parametrize(
    "reads", [{"ngrams": ()}, {"embeddings": ()}, {"embeddings": (), "ngrams": ()}, {}]
)
def test_every_kind_of_feature_and_link_gives_distributions(fake_encoder, data, link, reads):
    fitted = model(fake_encoder, link=link, **reads).fit(*data)
    p = fitted.predict_proba(data[0])
    assert p.shape == (160, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    if reads.get("ngrams", 1) or reads.get("embeddings", 1):
        assert fitted.score(*data) > 0.5


def test_a_model_without_embeddings_needs_no_encoder(data):
    TextModel(LEVELS, embeddings=()).fit(*data).predict(data[0][:3])


def test_shares_of_raters_are_learned_like_levels(fake_encoder, data, unseen):
    transcripts, levels = data
    hard = model(fake_encoder).fit(transcripts, levels)
    shares = np.eye(3)[levels]
    np.testing.assert_array_equal(
        hard.head_.weights, model(fake_encoder).fit(transcripts, shares).head_.weights
    )
    doubtful = 0.6 * shares + 0.4 * np.eye(3)[np.maximum(levels - 1, 0)]
    soft = model(fake_encoder).fit(transcripts, doubtful)
    assert (soft.predict_proba(unseen[0]) @ LEVELS).mean() < (
        hard.predict_proba(unseen[0]) @ LEVELS
    ).mean()


def test_disagreement_is_worth_learning_from_even_if_every_majority_is_the_same(fake_encoder, data):
    transcripts, levels = data
    shares = np.where((levels == 2)[:, None], [[0.0, 0.6, 0.4]], [[0.1, 0.9, 0.0]])
    expected = model(fake_encoder).fit(transcripts, shares).predict_proba(transcripts) @ LEVELS
    assert expected[levels == 2].mean() > expected[levels == 0].mean() + 0.1


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, 1, 1], "all labels are at one level"),
        ([0, 1, 2, 7], r"levels 7 are not on the scale \(0, 1, 2\)"),
        ([0, 1], "4 items but 2 labels"),
        ([[1, 0], [0, 1], [1, 0], [0, 1]], "one column per level"),
        ([[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], "rows that sum to 1"),
        # What scikit-learn makes of shares when it encodes classes: 1/3 and 2/3 become 1 and 2.
        ([[1, 2, 0], [2, 1, 0], [1, 2, 0], [0, 1, 2]], "method='predict_proba' rewrites shares"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(fake_encoder, data, y, message):
    with pytest.raises(DataError, match=message):
        model(fake_encoder).fit(data[0][:4], y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embeddings": ("targt",)}, "no view named 'targt'"),
        ({"embeddings": (), "ngrams": (), "statistics": False}, "needs embeddings, n-grams or"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(fake_encoder, data, settings, message):
    with pytest.raises(DataError, match=message):
        model(fake_encoder, **settings).fit(*data)


# calibration and decisions


def negative_log_likelihood(probabilities, levels):
    return -np.log(np.clip(probabilities[np.arange(len(levels)), levels], 1e-9, 1)).mean()


@pytest.mark.parametrize("link", ["ordinal", "multinomial", "gaussian"])
def test_the_temperature_does_not_make_unseen_conversations_less_likely(
    fake_encoder, talks, unseen, link
):
    """Little data and hardly any penalty: over-confident without a temperature."""
    fitted = model(fake_encoder, link=link, penalty=0.001).fit(*talks(200, seed=5))
    calibrated = negative_log_likelihood(fitted.predict_proba(unseen[0]), unseen[1])
    assert fitted.head_.temperature > 1.1
    fitted.head_.temperature = 1.0
    assert calibrated < negative_log_likelihood(fitted.predict_proba(unseen[0]), unseen[1])


def test_calibration_keeps_groups_together(fake_encoder, data):
    fitted = model(fake_encoder)
    held = fitted._held_out(np.repeat(np.arange(40), 4))
    assert held.sum() == 0.2 * 160
    assert set(held.reshape(40, 4).sum(axis=1)) == {0, 4}


def test_decisions(fake_encoder, data):
    fitted = model(fake_encoder).fit(*data)
    fitted.base_rate_ = np.array([0.1, 0.2, 0.7])
    p = np.array([[0.2, 0.3, 0.5], [0.4, 0.2, 0.4], [0.0, 0.3, 0.7]])
    assert fitted.decide(p).tolist() == [2, 0, 2]
    balanced = fitted.set_params(decision="balanced")
    assert balanced.decide(p).tolist() == [0, 0, 1]  # 2, 1.5, 0.7; 4, 1, 0.6; 0, 1.5, 1
    expected = fitted.set_params(decision="expected")
    assert expected.decide(p).tolist() == [1, 1, 2]  # nearest to 1.3, 1.0 and 1.7


def test_the_balanced_decision_finds_more_of_a_rare_level(fake_encoder, talks):
    transcripts, levels = talks(400, seed=3)
    kept = [i for i, level in enumerate(levels) if level != 0 or i % 8 == 0]
    X, y = [transcripts[i] for i in kept], levels[kept]
    likeliest = model(fake_encoder).fit(X, y).predict(X)
    balanced = model(fake_encoder, decision="balanced").fit(X, y).predict(X)
    assert (balanced == 0).sum() > (likeliest == 0).sum()
    recall = [np.mean([(p[y == k] == k).mean() for k in LEVELS]) for p in (likeliest, balanced)]
    assert recall[1] > recall[0]


# contributions


@pytest.mark.parametrize("link", ["gaussian", "ordinal", "multinomial"])
def test_turns_statistics_and_intercept_add_up_to_the_score(encoders, data, link):
    """Every view finds a turn in these conversations, so nothing but the constant part is left."""
    transcripts, levels = data
    views = ("target", "customer_recent", "agent_mean", "agent_ending")
    settings = {"embeddings": views, "ngrams": ("target", "agent_mean"), "link": link}
    batch, items = Batch(transcripts, encoders=encoders), items_of(transcripts)
    fitted = TextModel(LEVELS, **settings).fit_items(batch, items, levels)
    head, z = fitted.head_, fitted._linear(batch, items)
    features, n_embedding = fitted.features_, 16 * len(views)
    scaled = (features.dense(batch, items) - features.center) / features.scale
    by_statistics = scaled[:, n_embedding:] @ head.weights[n_embedding : len(features.scale)]
    rest = (z - by_statistics - head.intercept) * head.sensitivity(z)
    for row, (turns, shares) in enumerate(fitted.contributions(batch, items)):
        assert shares.sum() == pytest.approx(rest[row].sum(), abs=1e-5)
        assert list(turns) == sorted(set(turns))
        assert set(turns) <= set(range(len(transcripts[row].turns)))


def test_without_the_turn_that_added_most_the_score_falls(encoders, data, unseen):
    settings = {
        "embeddings": ("customer_mean", "agent_mean"),
        "ngrams": ("customer_mean", "agent_mean"),
        "statistics": False,
        "link": "gaussian",
    }
    batch = Batch(data[0], encoders=encoders)
    fitted = TextModel(LEVELS, **settings).fit_items(batch, items_of(data[0]), data[1])
    longer = [t for t in unseen[0] if len(t.turns) >= 4]
    batch = Batch(longer, encoders=encoders)
    shares = fitted.contributions(batch, items_of(longer))
    before = fitted._linear(batch, items_of(longer))[:, 0]
    falls = {}
    for name, choose in (("largest", np.argmax), ("smallest", np.argmin)):
        shorter = []
        for transcript, (turns, adds) in zip(longer, shares, strict=True):
            gone = int(turns[choose(adds)])
            left = transcript.turns[:gone] + transcript.turns[gone + 1 :]
            shorter.append(replace(transcript, turns=left))
        after = fitted._linear(Batch(shorter, encoders=encoders), items_of(shorter))[:, 0]
        falls[name] = before - after
    assert falls["largest"].mean() > 0.02
    assert (falls["largest"] > 0).mean() > 0.8
    assert falls["smallest"].mean() < -0.02


def test_without_turns_nothing_contributes(encoders, data, transcript_of):
    batch = Batch(data[0], encoders=encoders)
    fitted = TextModel(LEVELS).fit_items(batch, items_of(data[0]), data[1])
    assert fitted.contributions(batch, []) == []
    empty = Batch([transcript_of("empty")], encoders=encoders)
    ((turns, shares),) = fitted.contributions(empty, [Item(0)])
    assert len(turns) == len(shares) == 0
    assert fitted.probabilities(empty, [Item(0)]).sum() == pytest.approx(1)
    only_statistics = TextModel(LEVELS, embeddings=(), ngrams=()).fit(*data)
    assert [len(s) for _, s in only_statistics.contributions(batch, items_of(data[0])[:2])] == [
        0,
        0,
    ]


# storage and encoders


@pytest.mark.parametrize("link", ["ordinal", "multinomial", "gaussian"])
def test_what_was_stored_predicts_the_same(encoders, data, unseen, link):
    batch = Batch(data[0], encoders=encoders)
    fitted = TextModel(LEVELS, link=link, decision="balanced").fit_items(
        batch, items_of(data[0]), data[1]
    )
    meta, arrays = fitted.to_arrays()
    loaded = TextModel.from_arrays(json.loads(json.dumps(meta)), arrays, fitted.ngrams_)
    asked, items = Batch(unseen[0], encoders=encoders), items_of(unseen[0])
    p = fitted.probabilities(asked, items)
    np.testing.assert_allclose(loaded.probabilities(asked, items), p, atol=1e-5)
    np.testing.assert_array_equal(loaded.decide(p), fitted.decide(p))
    assert loaded.get_params() == fitted.get_params()
    again, same = loaded.to_arrays()
    assert json.dumps(again) == json.dumps(meta)
    assert all(same[name].tobytes() == arrays[name].tobytes() for name in arrays)


def test_another_encoders_vectors_are_refused(encoders, data, fake_encoder_class):
    batch, items = Batch(data[0], encoders=encoders), items_of(data[0])
    fitted = TextModel(LEVELS).fit_items(batch, items, data[1])
    other = Batch(data[0], encoders={"*": fake_encoder_class("other")})
    with pytest.raises(ModelError, match="trained on vectors of encoder fake:fake-family, but oth"):
        fitted.probabilities(other, items)


def test_one_model_reads_one_encoder(data, fake_encoder_class, transcript_of):
    mixed = [*data[0][:30], transcript_of("it", "customer: ciao", language="it")]
    batch = Batch(mixed, encoders={"it": fake_encoder_class("i"), "*": fake_encoder_class("e")})
    with pytest.raises(ModelError, match="one model reads one encoder"):
        TextModel(LEVELS).fit_items(batch, items_of(mixed), np.append(data[1][:30], 1))


def test_a_shared_vocabulary_is_used_as_given(encoders, data):
    batch, items = Batch(data[0], encoders=encoders), items_of(data[0])
    shared = TurnNgrams(("great", "useless"), [1.0, 1.0])
    fitted = TextModel(LEVELS).fit_items(batch, items, data[1], ngrams=shared)
    assert fitted.ngrams_ is shared
    assert len(fitted.head_.weights) == len(fitted.features_.scale) + 2


def test_a_later_turn_never_moves_an_earlier_item(encoders, data):
    batch = Batch(data[0], encoders=encoders)
    views = ("target", "reply_to", "customer_mean", "agent_recent", "agent_ending")
    fitted = TextModel(LEVELS, embeddings=views, ngrams=views).fit_items(
        batch, items_of(data[0]), data[1]
    )
    long = [t for t in data[0] if len(t.turns) >= 4]
    cut = Batch([t.upto(1) for t in long], encoders=encoders)
    np.testing.assert_allclose(
        fitted.probabilities(
            Batch(long, encoders=encoders), [Item(i, 1) for i in range(len(long))]
        ),
        fitted.probabilities(cut, items_of(long)),
        atol=1e-6,
    )


def test_a_balanced_decision_goes_by_the_base_rate_of_the_source(fake_encoder, data):
    said = np.array([[0.40, 0.35, 0.25]])
    fitted = model(fake_encoder, decision="balanced").fit(*data)
    fitted.base_rate_ = np.array([0.4, 0.4, 0.2])  # .40/.4 = 1.0, .35/.4 = .9, .25/.2 = 1.25
    fitted.base_rates_ = {"centre A": np.array([0.3, 0.4, 0.3])}  # 1.33, .88, .83
    assert fitted.decide(said).tolist() == [2]
    assert fitted.decide(said, ["centre A"]).tolist() == [0]
    assert fitted.decide(said, ["never seen"]).tolist() == [2]
    meta, arrays = fitted.to_arrays()
    stored = TextModel.from_arrays(json.loads(json.dumps(meta)), arrays, fitted.ngrams_)
    assert stored.decide(said, ["centre A"]).tolist() == [0]


def test_only_sources_with_enough_items_have_a_base_rate_of_their_own(data, monkeypatch):
    monkeypatch.setattr("autoqa.scorers.text_model._MIN_SOURCE", 50)
    transcripts, levels = data
    named = [replace(t, source="large" if i >= 40 else "small") for i, t in enumerate(transcripts)]
    fitted = TextModel(LEVELS, embeddings=()).fit(named, levels)
    assert list(fitted.base_rates_) == ["large"]
    assert TextModel(LEVELS, embeddings=()).fit(named[40:], levels[40:]).base_rates_ == {}
