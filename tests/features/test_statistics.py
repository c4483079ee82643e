"""Conversation statistics: prefixes, words in any script, and times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.features.statistics import (
    STATISTICS,
    conversation_statistics,
    statistics_after_turns,
)
from autoqa.records import Action, Transcript, Turn

seconds = st.floats(-10, 10_000, allow_nan=False)


@st.composite
def turns(draw):
    start = draw(st.none() | seconds)
    end = None if start is None else draw(st.none() | st.floats(start, 20_000))
    return Turn(
        speaker=draw(st.sampled_from(["agent", "customer", "bot", "system"])),
        text=draw(st.text(max_size=30) | st.sampled_from(["where is it?", "你好！在吗", "", "no"])),
        start_s=start,
        end_s=end,
        actions=tuple(Action(name="look_up") for _ in range(draw(st.integers(0, 2)))),
    )


@st.composite
def transcripts(draw):
    return Transcript(
        conversation_id="c",
        turns=tuple(draw(st.lists(turns(), max_size=8))),
        closing_actions=(Action(name="close"),) * draw(st.integers(0, 2)),
    )


def statistics(*turn_list, **more):
    vector = conversation_statistics(Transcript(conversation_id="c", turns=turn_list, **more))
    return dict(zip(STATISTICS, vector, strict=True))


def said(speaker, text, start_s=None, end_s=None, **more):
    return Turn(speaker=speaker, text=text, start_s=start_s, end_s=end_s, **more)


@settings(max_examples=150, deadline=None)
@given(transcripts())
def test_the_row_of_a_turn_is_what_the_conversation_up_to_it_gives(transcript):
    rows = statistics_after_turns(transcript)
    assert rows.shape == (len(transcript.turns), len(STATISTICS))
    for turn, row in enumerate(rows):
        np.testing.assert_allclose(row, conversation_statistics(transcript.upto(turn)), atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(transcripts())
def test_every_statistic_is_finite_and_shares_lie_between_0_and_1(transcript):
    rows = statistics_after_turns(transcript)
    assert np.isfinite(rows).all()
    shares = [i for i, name in enumerate(STATISTICS) if name.endswith(("share", "repetition"))]
    assert ((rows[:, shares] >= 0) & (rows[:, shares] <= 1)).all()


def test_a_conversation_without_turns_has_zero_statistics():
    assert statistics_after_turns(Transcript(conversation_id="c", turns=())).shape == (0, 19)
    assert not any(statistics().values())


def test_words_are_counted_by_character_in_chinese_and_by_word_elsewhere():
    found = statistics(
        said("customer", "我的包裹在哪里"), said("agent", "it is on its way, 2 days")
    )
    assert found["customer_words_log"] == pytest.approx(math.log(1 + 7))
    assert found["agent_words_log"] == pytest.approx(math.log(1 + 7))  # it is on its way 2 days
    assert found["agent_word_share"] == pytest.approx(7 / 14)


def test_bots_talk_for_the_agent_and_the_system_for_nobody():
    found = statistics(
        said("bot", "one two three"), said("system", "one two"), said("customer", "one")
    )
    assert found["agent_word_share"] == pytest.approx(3 / 4)
    assert found["turns_log"] == pytest.approx(math.log(1 + 3))
    assert found["customer_turns_log"] == pytest.approx(math.log(1 + 1))


def test_questions_and_exclamations_are_shares_of_a_sides_turns():
    found = statistics(
        said("agent", "how are you?"),
        said("agent", "您好吗？"),
        said("agent", "fine"),
        said("customer", "no!"),
        said("customer", "why?"),
    )
    assert found["agent_question_share"] == pytest.approx(2 / 3)
    assert found["customer_question_share"] == pytest.approx(1 / 2)
    assert found["customer_exclamation_share"] == pytest.approx(1 / 2)


def test_repetition_is_the_overlap_of_consecutive_turns_of_one_side():
    found = statistics(
        said("customer", "where is it"),
        said("agent", "sorry"),
        said("customer", "but where is it"),  # 3 of 4 words
        said("customer", "hello"),  # 0 of 5
    )
    assert found["customer_repetition"] == pytest.approx((3 / 4 + 0) / 2)
    assert found["agent_repetition"] == 0.0


def test_the_length_trend_compares_the_later_half_with_the_earlier():
    found = statistics(*(said("customer", "word " * n) for n in (1, 3, 5, 7)))
    assert found["customer_length_trend"] == pytest.approx(math.log(1 + 6) - math.log(1 + 2))


def test_without_times_everything_about_time_is_0_and_has_times_says_so():
    found = statistics(said("customer", "hi"), said("agent", "hello"))
    timed = ("has_times", "duration_log", "response_s_log", "silence_share", "overlap_share")
    assert [found[name] for name in timed] == [0.0] * 5


def test_silence_overlap_and_response_time_are_read_off_the_clock():
    found = statistics(
        said("customer", "hi", 0.0, 4.0),
        said("agent", "hello", 6.0, 11.0),  # 2 s after the customer
        said("customer", "so", 10.0, 14.0),  # 1 s too early
        said("agent", "yes", 18.0, 20.0),  # 4 s after the customer
    )
    assert found["has_times"] == 1.0
    assert found["duration_log"] == pytest.approx(math.log(1 + 20))
    assert found["silence_share"] == pytest.approx((2 + 4) / 20)
    assert found["overlap_share"] == pytest.approx(1 / 20)
    assert found["response_s_log"] == pytest.approx(math.log(1 + (2 + 4) / 2))


def test_talk_without_an_end_time_is_not_taken_for_silence():
    found = statistics(said("customer", "hi", 0.0), said("agent", "hello", 30.0, 40.0))
    assert found["silence_share"] == 0.0
    assert found["duration_log"] == pytest.approx(math.log(1 + 40))


def test_actions_after_the_last_turn_count_for_the_whole_conversation_only():
    acted = said("agent", "done", actions=(Action(name="refund"),))
    transcript = Transcript(
        conversation_id="c",
        turns=(acted, said("customer", "thanks")),
        closing_actions=(Action(name="close"), Action(name="survey")),
    )
    actions = statistics_after_turns(transcript)[:, STATISTICS.index("actions_log")]
    assert actions == pytest.approx([math.log(1 + 1), math.log(1 + 3)])
