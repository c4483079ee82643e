import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.errors import RecordError
from autoqa.records import (
    Action,
    Evaluation,
    Evidence,
    Flag,
    Rating,
    Speaker,
    Survey,
    Transcript,
    Turn,
)


def rating(**changes):
    fields = {
        "conversation_id": "c1",
        "criterion": "greeting",
        "rater": "ana",
        "kind": "human",
        "status": "rated",
        "level": 1,
    }
    return Rating(**(fields | changes))


def conversation(n_turns):
    turns = tuple(Turn(speaker="agent", text=str(i)) for i in range(n_turns))
    closing = (Action(name="close_ticket"),)
    return Transcript(conversation_id="c1", turns=turns, closing_actions=closing)


def test_words_become_members_of_their_list():
    assert Turn(speaker="agent", text="hi").speaker is Speaker.AGENT


def test_an_unknown_speaker_is_refused_with_those_known():
    with pytest.raises(RecordError, match="'boss' is none of agent, customer, bot, system"):
        Turn(speaker="boss", text="hi")


def test_a_turn_may_not_end_before_it_starts():
    with pytest.raises(RecordError, match=r"ends \(1\.0 s\) before it starts \(2\.0 s\)"):
        Turn(speaker="agent", text="hi", start_s=2.0, end_s=1.0)


@pytest.mark.parametrize("seconds", [math.nan, math.inf])
def test_times_are_finite(seconds):
    with pytest.raises(RecordError, match="not a finite time"):
        Turn(speaker="agent", text="hi", start_s=seconds)


@pytest.mark.parametrize("changes", [{"conversation_id": ""}, {"language": ""}])
def test_a_transcript_needs_an_id_and_a_language(changes):
    with pytest.raises(RecordError, match="is empty"):
        Transcript(**({"conversation_id": "c", "turns": ()} | changes))


@pytest.mark.parametrize(("tag", "primary"), [("es-MX", "es"), ("zh_Hant", "zh"), ("EN", "en")])
def test_the_primary_language_has_no_region(tag, primary):
    assert Transcript(conversation_id="c", turns=(), language=tag).primary_language == primary


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_upto_ends_right_after_the_turn_and_closes_only_after_the_last(case):
    n_turns, turn = case
    cut = conversation(n_turns).upto(turn)
    assert [t.text for t in cut.turns] == [str(i) for i in range(turn + 1)]
    assert bool(cut.closing_actions) == (turn == n_turns - 1)


def test_upto_refuses_a_turn_that_is_not_there():
    with pytest.raises(RecordError, match="turn index 3 is not one of its 3 turns"):
        conversation(3).upto(3)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_evidence_is_a_span(start, end):
    with pytest.raises(RecordError, match="is not a span"):
        Evidence(turn=0, start=start, end=end)


def test_rated_means_a_level_and_anything_else_means_none():
    with pytest.raises(RecordError, match="rated but there is no level"):
        rating(level=None)
    with pytest.raises(RecordError, match="not_applicable but level is 1"):
        rating(status="not_applicable")


@pytest.mark.parametrize("status", ["abstained", "failed"])
def test_abstained_and_failed_carry_a_reason(status):
    with pytest.raises(RecordError, match="must carry a reason"):
        rating(status=status, level=None)
    assert rating(status=status, level=None, reason="too short").reason == "too short"


@pytest.mark.parametrize("probabilities", [(0.5, 0.4), (1.5, -0.5), (math.nan, 1.0)])
def test_probabilities_sum_to_one(probabilities):
    with pytest.raises(RecordError, match="probabilities sum to"):
        rating(probabilities=probabilities)


def test_a_total_lies_between_0_and_100():
    with pytest.raises(RecordError, match="outside 0-100"):
        Evaluation(
            conversation_id="c",
            rater="r",
            kind="model",
            scorecard="s",
            scorecard_version=1,
            total=101,
            critical_failed=(),
            coverage=1,
            ratings=(),
        )


def test_a_survey_knows_its_share_of_the_scale():
    assert Survey(conversation_id="c", score=4, scale=(1, 5)).share == 0.75  # 3 of 4 steps


@pytest.mark.parametrize(("score", "scale"), [(6, (1, 5)), (1, (1, 1)), (math.nan, (1, 5))])
def test_a_survey_score_is_on_its_scale(score, scale):
    with pytest.raises(RecordError):
        Survey(conversation_id="c", score=score, scale=scale)


def test_a_priority_lies_between_0_and_1():
    with pytest.raises(RecordError, match="outside 0-1"):
        Flag(conversation_id="c", reason="r", message="m", priority=2)


def test_an_action_needs_a_name():
    with pytest.raises(RecordError, match="needs a name"):
        Action(name="")
