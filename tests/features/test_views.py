"""Views: which turns an item pools, and with what weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.features.views import VIEWS, Item, pooling_weights, same_side
from autoqa.records import Speaker, Transcript, Turn

who = st.sampled_from(["agent", "customer", "bot", "system"])
conversations = st.lists(st.lists(who, max_size=9), min_size=1, max_size=4)


def transcripts_of(conversations):
    return [
        Transcript(conversation_id=str(i), turns=tuple(Turn(speaker=s, text=s) for s in speakers))
        for i, speakers in enumerate(conversations)
    ]


def weights(speakers, view, *, turn=None, speaker="customer"):
    rows = pooling_weights(
        transcripts_of([speakers.split()]), [Item(0, turn)], view, speaker=Speaker(speaker)
    )
    return rows.toarray()[0].round(6).tolist()


@settings(max_examples=100, deadline=None)
@given(conversations, st.sampled_from(VIEWS), st.sampled_from(["agent", "customer"]))
def test_rows_sum_to_1_or_0_and_see_no_later_turn_and_no_other_conversation(
    conversations, view, speaker
):
    transcripts = transcripts_of(conversations)
    items = [
        Item(i, turn)
        for i, transcript in enumerate(transcripts)
        for turn in (None, *range(len(transcript.turns)))
    ]
    rows = pooling_weights(transcripts, items, view, speaker=Speaker(speaker)).toarray()
    starts = np.cumsum([0, *(len(t.turns) for t in transcripts)])
    assert rows.shape == (len(items), starts[-1])
    for item, row in zip(items, rows, strict=True):
        assert row.sum() == pytest.approx(0, abs=1e-6) or row.sum() == pytest.approx(1, abs=1e-5)
        assert (row >= 0).all()
        length = len(transcripts[item.transcript].turns)
        first = starts[item.transcript]
        last = first + (length if item.turn is None else item.turn + 1)
        assert not row[:first].any()
        assert not row[last:].any()


@settings(max_examples=60, deadline=None)
@given(st.lists(who, min_size=1, max_size=9), st.data(), st.sampled_from(VIEWS))
def test_an_item_is_pooled_as_the_conversation_that_ends_there(speakers, data, view):
    turn = data.draw(st.integers(0, len(speakers) - 1))
    (whole,) = transcripts_of([speakers])
    speaker = Speaker.AGENT
    part = pooling_weights([whole], [Item(0, turn)], view, speaker=speaker).toarray()[0]
    alone = pooling_weights([whole.upto(turn)], [Item(0)], view, speaker=speaker).toarray()[0]
    np.testing.assert_array_equal(part[: turn + 1], alone)


def test_the_target_is_the_last_turn_of_the_judged_side_and_reply_to_what_it_answers():
    talk = "agent customer agent customer"
    assert weights(talk, "target") == [0, 0, 0, 1]
    assert weights(talk, "reply_to") == [0, 0, 1, 0]
    assert weights(talk, "target", speaker="agent") == [0, 0, 1, 0]
    assert weights(talk, "reply_to", speaker="agent") == [0, 1, 0, 0]
    assert weights(talk, "target", turn=2) == [0, 1, 0, 0]


def test_nothing_is_answered_before_the_other_side_spoke():
    assert weights("customer agent", "reply_to") == [0, 0]
    assert weights("system", "target") == [0]


def test_bots_count_as_the_agents_side_and_the_system_as_nobodys():
    assert weights("bot customer agent system", "agent_mean") == [0.5, 0, 0.5, 0]
    assert weights("bot customer system", "target", speaker="agent") == [1, 0, 0]
    assert weights("agent customer bot", "target", speaker="bot") == [0, 0, 1]


def test_recent_turns_weigh_more():
    total = 1 + 0.6 + 0.36
    assert weights("customer customer customer", "customer_recent") == pytest.approx(
        [0.36 / total, 0.6 / total, 1 / total], abs=1e-6
    )


def test_opening_and_ending_are_two_agent_turns():
    talk = "agent customer agent agent"
    assert weights(talk, "agent_opening") == [0.5, 0, 0.5, 0]
    assert weights(talk, "agent_ending") == [0, 0, 0.5, 0.5]
    assert weights("agent customer", "agent_ending") == [1, 0]


def test_no_items_and_no_turns_give_empty_matrices():
    assert pooling_weights([], [], "target", speaker=Speaker.AGENT).shape == (0, 0)
    empty = transcripts_of([[]])
    assert pooling_weights(empty, [Item(0)], "target", speaker=Speaker.AGENT).shape == (1, 0)


def test_sides():
    assert same_side(Speaker.BOT, Speaker.AGENT)
    assert same_side(Speaker.CUSTOMER, Speaker.CUSTOMER)
    assert not same_side(Speaker.AGENT, Speaker.CUSTOMER)
    assert not same_side(Speaker.SYSTEM, Speaker.AGENT)
