"""Simulated recognition errors come at the stated rate, in the stated kinds."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.experiments.stress.asr import misheard

SAID = "the parcel with a blue label was never brought to us today"


def edits(said, heard):
    """Levenshtein distance between two lists of words."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


@pytest.fixture
def long_talk(transcript_of):
    rng = np.random.default_rng(1)
    lines = [
        f"{'agent' if k % 2 else 'customer'}: {' '.join(rng.permutation(SAID.split()))}"
        for k in range(60)
    ]
    return transcript_of("c", *lines)


def words_of(transcript):
    return [turn.text.split() for turn in transcript.turns]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.4])
def test_the_word_error_rate_is_the_one_asked_for(long_talk, rate):
    heard = misheard(long_talk, rate, np.random.default_rng(5))
    pairs = list(zip(words_of(long_talk), words_of(heard), strict=True))
    found = sum(edits(*pair) for pair in pairs) / sum(len(said) for said, _ in pairs)
    # 720 words: three standard errors; neighbouring errors may merge into fewer edits.
    assert found == pytest.approx(rate, abs=3 * np.sqrt(rate * (1 - rate) / 720) + 0.05 * rate)


def test_more_words_go_than_come(long_talk):
    # Of 100 words at a rate of .4, 10 are lost and 6 put in: 96 are left.
    heard = misheard(long_talk, 0.4, np.random.default_rng(5))
    n = sum(map(len, words_of(heard))) / sum(map(len, words_of(long_talk)))
    assert n == pytest.approx(0.96, abs=0.03)


def test_without_errors_only_capitals_and_punctuation_go(transcript_of):
    talk = transcript_of("c", "agent: It's 5 o'clock, Ms. Li!", "customer: (OK)")
    heard = misheard(talk, 0.0, np.random.default_rng(0))
    assert [turn.text for turn in heard.turns] == ["it's 5 o'clock ms li", "ok"]


def test_errors_at_one_rate_are_errors_at_every_higher_one(transcript_of, monkeypatch):
    monkeypatch.setattr("autoqa.experiments.stress.asr._pick", lambda *_: "wrong")
    talk = transcript_of("c", "agent: " + " ".join(f"w{k}x" for k in range(200)))
    kept = [
        set(misheard(talk, rate, np.random.default_rng(3)).turns[0].text.split())
        for rate in (0.05, 0.2, 0.4)
    ]
    said = set(talk.turns[0].text.split())
    lost = [said - words for words in kept]
    assert lost[0] < lost[1] < lost[2]


def test_a_word_is_taken_for_one_that_looks_like_it(transcript_of):
    talk = transcript_of("c", f"agent: {'reservation preservation tea ' * 200}")
    heard = misheard(talk, 1.0, np.random.default_rng(0)).turns[0].text.split()
    assert set(heard) <= {"reservation", "preservation", "tea"}
    only = transcript_of("c", "agent: alone")
    assert misheard(only, 0.0, np.random.default_rng(0)).turns[0].text == "alone"


def test_chinese_is_misheard_by_character(transcript_of):
    talk = transcript_of("c", "agent: 您好，订单 A12 已经发出。", language="zh")
    heard = misheard(talk, 0.0, np.random.default_rng(0))
    assert heard.turns[0].text == "您好订单 a12 已经发出"


def test_turns_keep_their_places_and_the_seed_repeats_them(long_talk, transcript_of):
    first, again = (misheard(long_talk, 0.4, np.random.default_rng(2)) for _ in range(2))
    assert first == again
    assert [t.speaker for t in first.turns] == [t.speaker for t in long_talk.turns]
    silent = transcript_of("c", "agent: ...", "customer:")
    assert [t.text for t in misheard(silent, 0.4, np.random.default_rng(0)).turns] == ["", ""]
