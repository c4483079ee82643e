"""Batch: everything is computed once, for the right transcript, by the right encoder."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import EncoderError
from autoqa.features.batch import Batch
from autoqa.features.statistics import statistics_after_turns


@pytest.fixture
def three(transcript_of):
    return [
        transcript_of("a", "customer: hello there", "agent: good day"),
        transcript_of("b"),
        transcript_of("c", "customer: ciao", language="it-IT"),
    ]


def test_every_transcript_gets_the_vectors_of_its_own_turns(three, fake_encoder):
    batch = Batch(three, encoders={"*": fake_encoder})
    assert [e.shape for e in batch.embeddings] == [(2, 16), (0, 16), (1, 16)]
    np.testing.assert_array_equal(batch.embeddings[0][1], fake_encoder.encode(["good day"])[0])
    np.testing.assert_array_equal(batch.turn_vectors, np.concatenate(batch.embeddings))


def test_each_language_is_read_by_its_own_encoder(three, fake_encoder_class):
    italian, rest = fake_encoder_class("italian"), fake_encoder_class("rest")
    batch = Batch(three, encoders={"it": italian, "*": rest})
    np.testing.assert_array_equal(batch.embeddings[2], italian.encode(["ciao"]))
    np.testing.assert_array_equal(batch.embeddings[0][:1], rest.encode(["hello there"]))


def test_turns_are_encoded_once_in_one_call_per_encoder(three, fake_encoder):
    calls = []
    encode = fake_encoder.encode
    fake_encoder.encode = lambda texts: calls.append(list(texts)) or encode(texts)
    batch = Batch(three, encoders={"it": fake_encoder, "*": fake_encoder})
    assert batch.embeddings is batch.embeddings
    assert batch.turn_vectors is batch.turn_vectors
    assert calls == [["hello there", "good day", "ciao"]]


def test_a_language_without_encoder_is_an_error_that_names_those_there_are(three, fake_encoder):
    with pytest.raises(EncoderError, match=r"language 'it' \(encoders for: en\)"):
        _ = Batch(three, encoders={"en": fake_encoder}).embeddings
    with pytest.raises(EncoderError, match=r"encoders for: none"):
        _ = Batch(three).embeddings


def test_a_subset_shares_what_was_computed_and_is_built_once(three, fake_encoder):
    batch = Batch(three, encoders={"*": fake_encoder})
    _ = batch.embeddings, batch.statistics
    encoded = fake_encoder.encoded
    part = batch.subset([2, 0])
    assert [t.conversation_id for t in part.transcripts] == ["c", "a"]
    assert part.embeddings[1] is batch.embeddings[0]
    assert part.statistics[0] is batch.statistics[2]
    assert fake_encoder.encoded == encoded
    assert batch.subset([2, 0]) is part
    assert batch.subset([0, 2]) is not part


def test_statistics_and_docs_belong_to_their_transcripts(three):
    batch = Batch(three)
    for transcript, rows in zip(three, batch.statistics, strict=True):
        np.testing.assert_array_equal(rows, statistics_after_turns(transcript))
    assert [[doc.text for doc in docs] for docs in batch.docs] == [
        ["hello there", "good day"],
        [],
        ["ciao"],
    ]


def test_once_computes_once_even_where_the_answer_is_none():
    batch, calls = Batch([]), []
    for _ in range(2):
        assert batch.once("key", lambda: calls.append(1)) is None
    assert calls == [1]


def test_an_empty_batch_has_nothing(encoders):
    batch = Batch([], encoders=encoders)
    assert len(batch) == 0
    assert batch.embeddings == []
    assert batch.turn_vectors.shape[0] == 0
    assert batch.statistics == []
