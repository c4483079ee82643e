"""N-grams of turns: tokens in any script, weights, and a vocabulary that is its own name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.features.ngrams import TurnNgrams, unit_rows

TEXTS = ["where is it?", "it is here", "where are you?", "here you are!", "你好吗？", "你好"]


def test_terms_are_words_marks_han_characters_and_runs_of_up_to_three():
    terms = TurnNgrams.learn(TEXTS, size=100).vocabulary
    assert {"where", "?", "where is", "where is it", "你", "你 好", "好 吗 ？"} <= set(terms)
    assert max(len(term.split()) for term in terms) == 3


def test_counts_are_weighted_by_rarity_over_turns():
    ngrams = TurnNgrams.learn(["yes", "yes no", "yes yes", "no"], size=10)
    row = dict(zip(ngrams.vocabulary, ngrams.count(["yes yes"]).toarray()[0], strict=True))
    # 3 of 4 turns say yes: idf = ln(5 / 4) + 1
    assert row["yes"] == pytest.approx(2 * (np.log(5 / 4) + 1), abs=1e-3)
    assert row["yes yes"] == pytest.approx(np.log(5 / 2) + 1, abs=1e-3)
    assert row["no"] == 0


def test_rare_terms_stay_out_of_large_vocabularies():
    texts = ["hello"] * 40 + ["unrepeatable"]
    assert TurnNgrams.learn(texts, size=100).vocabulary == ("hello",)


def test_size_keeps_the_most_frequent():
    texts = ["hello there", "hello you", "hello you"]
    assert TurnNgrams.learn(texts, size=1).vocabulary == ("hello",)


@pytest.mark.parametrize("texts", [[], [""], ["...", "--"]])
def test_without_words_the_vocabulary_is_empty_and_counts_nothing(texts):
    ngrams = TurnNgrams.learn(texts, size=10)
    assert ngrams.vocabulary == ()
    assert ngrams.count(["hello", "you"]).shape == (2, 0)


def test_the_key_names_vocabulary_and_weights():
    ngrams = TurnNgrams.learn(TEXTS, size=100)
    again = TurnNgrams(list(ngrams.vocabulary), [round(float(w), 4) for w in ngrams.idf])
    assert again.key == ngrams.key
    assert TurnNgrams(ngrams.vocabulary, ngrams.idf * 2).key != ngrams.key
    assert TurnNgrams.learn(TEXTS, size=5).key != ngrams.key


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_a_text_is_counted_the_same_alone_and_in_company(texts):
    ngrams = TurnNgrams.learn(TEXTS, size=100)
    together = ngrams.count(texts).toarray()
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_array_equal(ngrams.count([text]).toarray()[0], row)


def test_unit_rows_have_length_1_and_empty_rows_stay_empty():
    ngrams = TurnNgrams.learn(TEXTS, size=100)
    rows, lengths = unit_rows(ngrams.count(["where is it?", "nothing known"]))
    assert np.linalg.norm(rows.toarray(), axis=1) == pytest.approx([1, 0])
    assert lengths[1] == 1.0
