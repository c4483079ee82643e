"""TextFeatures: columns to learn from, and a linear score over them that is a sum over turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.scorers.text_features import TextFeatures

READS = TextFeatures(
    embeddings=("target", "agent_mean"),
    ngrams=("target", "agent_mean"),
    statistics=True,
    dense_weight=0.5,
    speaker="customer",
)


@pytest.fixture(scope="module")
def transcripts(talks):
    return talks(60, seed=4)[0]


@pytest.fixture
def batch(transcripts, encoders):
    return Batch(transcripts, encoders=encoders)


@pytest.fixture
def items(transcripts):
    return [Item(i) for i in range(len(transcripts))]


def learned(batch, items, **changes):
    return replace(READS, **changes).learned(batch, items, vocabulary_size=200)


def weights_for(features, batch, items, n_outputs=2):
    n_columns = features.matrix(batch, items).shape[1]
    return np.random.default_rng(0).normal(size=(n_columns, n_outputs))


@pytest.mark.parametrize("changes", [{}, {"ngrams": ()}, {"embeddings": ()}, {"statistics": False}])
def test_the_linear_score_is_that_of_the_matrix(batch, items, changes):
    features = learned(batch, items, **changes)
    weights, intercept = weights_for(features, batch, items), np.array([0.3, -0.2])
    np.testing.assert_allclose(
        features.linear(batch, items, weights, intercept),
        features.matrix(batch, items) @ weights + intercept,
        atol=1e-4,
    )


def test_dense_columns_are_centred_and_weigh_as_much_as_asked(batch, items):
    features = learned(batch, items, ngrams=())
    matrix = features.matrix(batch, items).astype(float)
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-5)
    assert features.dimension == 16
    spread = matrix.std(axis=0)
    moves = spread > 1e-6
    # A column of a view of 16: 0.5 / sqrt(16); a statistic: 0.5 / 3.
    np.testing.assert_allclose(spread[:32][moves[:32]], 0.125, atol=1e-5)
    np.testing.assert_allclose(spread[32:][moves[32:]], 0.5 / 3, atol=1e-5)


def test_turns_add_up_to_the_score_where_nothing_else_is_read(batch, items):
    features = learned(batch, items, statistics=False)
    weights, slope = weights_for(features, batch, items), np.array([2.0, -1.0])
    z = features.linear(batch, items, weights, np.zeros(2))
    shares = features.turn_shares(batch, items, weights, np.tile(slope, (len(items), 1)))
    for row, (turns, adds) in enumerate(shares):
        assert list(turns) == sorted(set(turns))
        assert adds.sum() == pytest.approx(z[row] @ slope, abs=1e-4)


def test_learning_leaves_the_features_it_came_from_alone(batch, items):
    before = replace(READS)
    features = before.learned(batch, items, vocabulary_size=200)
    assert (before.dimension, before.encoder, len(before.scale)) == (0, "none", 0)
    assert len(features.scale) == len(features.center) > 32
    assert features.encoder == "fake:fake-family"


def test_a_vocabulary_can_be_shared(batch, items):
    shared = TurnNgrams(("great", "useless"), [1.0, 1.0])
    assert READS.learned(batch, items, vocabulary=shared, vocabulary_size=9).vocabulary is shared
    no_words = replace(READS, ngrams=()).learned(batch, items, vocabulary=shared, vocabulary_size=9)
    assert no_words.vocabulary.vocabulary == ()


def test_without_embeddings_no_encoder_is_asked_for(transcripts, items):
    features = learned(Batch(transcripts), items, embeddings=())
    assert (features.encoder, features.dimension) == ("none", 0)
    assert features.batch(transcripts).encoders == {}


def test_transcripts_are_read_by_the_encoder_that_was_given(transcripts, fake_encoder):
    assert READS.batch(transcripts, fake_encoder).encoders == {"*": fake_encoder}


def test_vectors_of_another_encoder_are_refused(transcripts, batch, items, fake_encoder_class):
    features = learned(batch, items)
    other = Batch(transcripts, encoders={"*": fake_encoder_class("other")})
    with pytest.raises(ModelError, match="trained on vectors of encoder fake:fake-family"):
        features.linear(other, items, weights_for(features, batch, items), np.zeros(2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ngrams": ("targt",)}, "no view named 'targt'"),
        ({"embeddings": (), "ngrams": (), "statistics": False}, "needs embeddings, n-grams or"),
    ],
)
def test_features_that_cannot_be_read_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        replace(READS, **changes)
