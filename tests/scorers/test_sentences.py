"""Which sentences of a turn a rating rests on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.sentences import sentence_evidence, sentence_spans

MOOD = Criterion(
    id="mood",
    question="Is it praise?",
    levels={level: Level(label=str(level)) for level in (0, 1, 2)},
    unit="turn",
)


def sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("no punctuation as spoken", ["no punctuation as spoken"]),
        ("  a line\nand another  ", ["a line", "and another  "]),
        ("好的。 请稍等!", ["好的。", "请稍等!"]),
        ("Really?!... yes", ["Really?!...", "yes"]),
        ("... !! \n -", []),
        ("", []),
    ],
)
def test_sentences_are_told_by_their_punctuation(text, expected):
    assert sentences(text) == expected


@given(st.text(alphabet="ab .!?。\n\t", max_size=60))
def test_sentences_hold_every_word_once_and_in_order(text):
    spans = sentence_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    letters = [c for c in text if c.isalnum()]
    assert [c for start, end in spans for c in text[start:end] if c.isalnum()] == letters


@pytest.fixture(scope="module")
def scorer(talks, fake_encoder_class):
    transcripts, levels = talks(80, seed=5)
    ratings = [
        Rating(
            conversation_id=t.conversation_id,
            criterion="mood",
            rater="ana",
            kind=RaterKind.HUMAN,
            status=Status.RATED,
            turn=turn,
            level=int(level),
        )
        for t, level in zip(transcripts, levels, strict=True)
        for turn in range(1, len(t.turns), 2)
    ]
    batch = Batch(transcripts, encoders={"*": fake_encoder_class()})
    return LinearScorer([MOOD]).fit(batch, ratings)


@pytest.fixture
def evidence(scorer, encoders, transcript_of):
    def of(*lines, turn=None):
        batch = Batch([transcript_of("c", *lines)], encoders=encoders)
        return sentence_evidence(scorer, MOOD, batch, [Item(0, turn)])[0]

    return of


def test_the_sentence_that_argues_for_a_high_level_comes_first(evidence):
    text = "useless terrible broken angry. wonderful perfect great thanks. the parcel code today."
    found = evidence("customer: the link", f"agent: {text}", turn=1)
    assert text[found[0].start : found[0].end] == "wonderful perfect great thanks."
    assert found[0].turn == 1
    contributions = [e.contribution for e in found]
    assert contributions == sorted(contributions, reverse=True)
    assert contributions[-1] >= 0.5 * contributions[0]
    assert all(0 <= value <= 2 for value in contributions)  # of a scale from 0 to 2
    assert text.index("useless") not in [e.start for e in found[:-1]]


def test_one_sentence_is_its_own_evidence(evidence):
    (found,) = evidence("customer: the link", "agent: great thanks", turn=1)
    assert (found.turn, found.start, found.end) == (1, 0, len("great thanks"))


def test_the_whole_conversation_is_shown_by_its_last_turn(evidence):
    found = evidence("customer: the link.", "agent: great. thanks.")
    assert {e.turn for e in found} == {1}


def test_a_turn_without_words_has_no_evidence(evidence):
    assert evidence("customer: the link", "agent: ...", turn=1) == ()


def test_items_keep_their_own_evidence_whatever_their_batch_mates(scorer, encoders, transcript_of):
    first = transcript_of("a", "customer: the link", "agent: great. never waiting.")
    other = transcript_of("b", "customer: the shop", "agent: broken. perfect quick.")
    items = [Item(0, 1), Item(1, 1), Item(0, 0)]
    together = sentence_evidence(scorer, MOOD, Batch([first, other], encoders=encoders), items)
    alone = sentence_evidence(scorer, MOOD, Batch([other], encoders=encoders), [Item(0, 1)])
    assert [e.turn for e in together[2]] == [0]
    assert [(e.start, e.end) for e in together[1]] == [(e.start, e.end) for e in alone[0]]
    assert np.allclose(
        [e.contribution for e in together[1]], [e.contribution for e in alone[0]], atol=1e-6
    )
