"""What the deletion test takes out, and what its figures say of evidence good and bad."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.evaluation.faithfulness import Explained, deletion_test
from autoqa.records import Evidence


def quoted(*turns):
    return tuple(Evidence(turn=turn, start=0, end=3) for turn in turns)


def counts_gold(transcripts, turns):
    """20 points for every "gold" said so far."""
    return np.array(
        [
            20.0
            * sum(t.text.count("gold") for t in (one if turn is None else one.upto(turn)).turns)
            for one, turn in zip(transcripts, turns, strict=True)
        ]
    )


@pytest.fixture
def talk(transcript_of):
    return transcript_of(
        "c",
        "agent: gold one",
        "customer: tin",
        "agent: tin two",
        "customer: gold",
        "agent: tin three",
        "customer: tin four",
    )


def asked(talk, *evidence, turn=None, **more):
    return Explained(transcript=talk, turn=turn, evidence=evidence, cluster="c", **more)


def test_evidence_that_carries_the_score_is_comprehensive_and_sufficient(talk):
    # The score is 40. Without turn 0 it is 20, without another agent turn still 40;
    # with nothing but turn 0 it is 20, with another agent turn alone 0.
    (found,) = deletion_test([asked(talk, *quoted(0))], counts_gold, sizes=(1,))
    values = {name: one.value for name, one in found.figures.items()}
    assert values == {
        "removed_evidence": 20,
        "removed_random": 0,
        "comprehensiveness": 20,
        "only_evidence": 20,
        "only_random": 40,
        "sufficiency": 20,
    }
    assert found.words == {"evidence": 2, "random": 2}


def test_evidence_that_carries_nothing_is_told(talk):
    # Of the other two agent turns one is gold: removing one of them at random costs 10 on average.
    (found,) = deletion_test([asked(talk, *quoted(2))], counts_gold, sizes=(1,), draws=400)
    assert found.figures["removed_evidence"].value == 0
    assert found.figures["comprehensiveness"].value == pytest.approx(-10, abs=2)
    assert found.figures["sufficiency"].value == pytest.approx(-10, abs=2)


def test_random_turns_are_of_the_same_speaker(talk):
    seen = []

    def spy(transcripts, turns):
        seen.extend(transcripts)
        return counts_gold(transcripts, turns)

    deletion_test([asked(talk, *quoted(3))], spy, sizes=(1,), draws=5)
    without = [one for one in seen if len(one.turns) == 5]
    assert len(without) == 6
    assert all(sum(turn.speaker == "agent" for turn in one.turns) == 3 for one in without)


def test_the_turn_asked_about_stays_and_the_question_moves_with_it(talk):
    seen = []

    def spy(transcripts, turns):
        seen.extend(zip(transcripts, turns, strict=True))
        return counts_gold(transcripts, turns)

    deletion_test([asked(talk, *quoted(3, 1), turn=3)], spy, sizes=(3,))
    # Turn 3 is what the question is about, turn 1 the only other customer turn: no others.
    assert [turn for _, turn in seen] == [3]  # the score itself
    seen.clear()
    (found,) = deletion_test([asked(talk, *quoted(5, 1), turn=5)], spy, sizes=(3,))
    assert found.n == 1
    for changed, turn in seen:
        assert turn == len(changed.turns) - 1
        assert changed.turns[turn].text == "tin four"


def test_what_was_said_after_the_question_does_not_come_into_it(talk):
    seen = []

    def spy(transcripts, turns):
        seen.extend(transcripts)
        return counts_gold(transcripts, turns)

    deletion_test([asked(talk, *quoted(0), turn=3)], spy, sizes=(1,))
    assert all("three" not in turn.text for one in seen for turn in one.turns)


def test_items_that_cannot_be_tested_are_counted(talk):
    questions = [
        asked(talk, *quoted(0)),
        asked(talk),  # nothing quoted
        asked(talk, *quoted(5), turn=5),  # nothing but the turn asked about
        asked(talk, *quoted(0, 2, 4)),  # all that the agent said
    ]
    one, three = deletion_test(questions, counts_gold)
    assert (one.size, one.n, one.left_out) == (1, 2, {"no_evidence": 2, "too_short": 0})
    assert (three.size, three.n, three.left_out) == (3, 1, {"no_evidence": 2, "too_short": 1})


def test_nothing_to_test_has_no_figures(talk):
    for found in deletion_test([asked(talk)], counts_gold):
        assert (found.n, found.figures) == (0, {})
        assert found.to_dict()["figures"] == {}


@pytest.mark.parametrize(
    ("text", "start", "without", "alone"),
    [
        ("Gold it is. Tin too. Lead.", 0, "Tin too. Lead.", "Gold it is."),
        ("Tin too. It is gold! Lead.", 9, "Tin too. Lead.", "It is gold!"),
        ("是锡。是金。是铅。", 3, "是锡。是铅。", "是金。"),
    ],
)
def test_single_turns_lose_sentences(transcript_of, text, start, without, alone):
    language = "zh" if "锡" in text else "en"
    talk = transcript_of("c", "customer: hm", f"agent: {text}", "customer: so", language=language)
    seen = []

    def spy(transcripts, turns):
        seen.extend(
            (one.turns[1].text, len(one.turns), turn)
            for one, turn in zip(transcripts, turns, strict=True)
        )
        return np.zeros(len(transcripts))

    evidence = Evidence(turn=1, start=start, end=start + 2)
    (found,) = deletion_test(
        [asked(talk, evidence, turn=1, single_turn=True)], spy, sizes=(1,), draws=2
    )
    assert found.n == 1
    assert seen[0] == (text, 3, 1)
    assert [said for said, _, _ in seen[1:3]] == [without, alone]
    assert {(n, turn) for _, n, turn in seen} == {(3, 1)}


def test_a_quote_of_the_whole_turn_names_nothing_to_take_out(transcript_of):
    talk = transcript_of("c", "agent: Gold it is. Tin too.")
    whole = Evidence(turn=0, start=0, end=19)
    (found,) = deletion_test(
        [asked(talk, whole, turn=0, single_turn=True)], counts_gold, sizes=(1,)
    )
    assert found.left_out == {"no_evidence": 1, "too_short": 0}


def test_the_interval_is_over_conversations_and_the_seed_repeats_it(transcript_of):
    rng = np.random.default_rng(0)
    questions = []
    for i in range(12):
        lines = [f"agent: {'gold' if rng.random() < 0.5 else 'tin'} {k}" for k in range(6)]
        talk = transcript_of(f"c{i}", *lines)
        questions += [
            Explained(transcript=talk, turn=None, evidence=quoted(k), cluster=f"c{i}")
            for k in range(2)
        ]
    first, again = (
        [one.to_dict() for one in deletion_test(questions, counts_gold, n_resamples=50, seed=3)]
        for _ in range(2)
    )
    assert first == again
    assert first[0]["n"] == 24
    assert first[0]["n_conversations"] == 12
    figure = first[0]["figures"]["comprehensiveness"]
    assert figure["low"] < figure["value"] < figure["high"]
