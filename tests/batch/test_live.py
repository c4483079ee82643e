"""Live scoring: after every turn what batch scoring says of it, and only the new turn is read."""

from __future__ import annotations

import io
import json

import pytest

from autoqa.batch import ScoringSetup, live
from autoqa.batch.live import LiveScorer
from autoqa.batch.live_lines import answer_lines
from autoqa.errors import RecordError
from autoqa.features.embedding_cache import CachedEncoder
from autoqa.readers import read
from autoqa.records import Turn
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard


@pytest.fixture(scope="module")
def calls(talks):
    return talks(6, seed=90, start=900)[0]


@pytest.fixture
def scorer(card, models):
    return LiveScorer(ScoringSetup(card, models))


def fed(scorer, transcript):
    conversation = scorer.begin(transcript)
    return [conversation.feed(turn) for turn in transcript.turns]


@pytest.fixture(scope="module")
def core():
    """The rules of a whole scorecard, without models."""
    return ScoringSetup(load_scorecard("support-core"))


# CSAT so far


def test_csat_after_a_turn_is_what_the_batchs_curve_says_of_it(card, models, scorer, calls):
    done = ScoringSetup(card, models, curve=True).score(calls)
    curve = {(r.conversation_id, r.turn): r for r in done.csat if r.turn is not None}
    for transcript in calls:
        latest = None
        for update in fed(scorer, transcript):
            latest = curve.get((transcript.conversation_id, update.turn), latest)
            assert update.csat.turn == latest.turn
            assert update.csat.level == latest.level
            assert update.csat.probabilities == pytest.approx(latest.probabilities, abs=1e-6)


def test_before_a_customer_spoke_or_without_a_model_there_is_no_csat(scorer, card, transcript_of):
    greeted = transcript_of("c", "agent: hello", "customer: great")
    first, second = fed(scorer, greeted)
    assert first.csat is None
    assert second.csat.turn == 1
    assert [update.csat for update in fed(LiveScorer(ScoringSetup(card)), greeted)] == [None, None]


def test_every_turn_is_encoded_once(card, train, fake_encoder, tmp_path, calls):
    folder = train(tmp_path, encoders={"*": fake_encoder}, settings={})
    scorer = LiveScorer(ScoringSetup(card, folder), encoders={"*": CachedEncoder(fake_encoder)})
    conversation = scorer.begin(calls[0])
    fake_encoder.encoded = 0
    for number, turn in enumerate(calls[0].turns, start=1):
        conversation.feed(turn)
        # Agents' turns are encoded when the customer answers: CSAT is predicted then.
        assert fake_encoder.encoded == (number if turn.speaker == "customer" else number - 1)


# rules


def test_an_event_fires_on_its_turn_with_its_words(core, transcript_of):
    said = transcript_of(
        "c", "agent: Good morning!", "customer: my mail is ana@example.com", "agent: Shut up now."
    )
    first, second, third = fed(LiveScorer(core), said)
    assert [(e.event, first.said.text[e.start : e.end]) for e in first.events] == [
        ("greeting", "Good morning")
    ]
    assert "ana@example.com" not in second.said.text
    assert [(e.event, third.said.text[e.start : e.end]) for e in third.events] == [
        ("rude", "Shut up")
    ]


def test_a_critical_failure_is_new_once_and_ends_as_the_batch_has_it(core, transcript_of):
    said = transcript_of(
        "c",
        "agent: Good morning, how can I help?",
        "customer: what do I owe?",
        "agent: Your balance is 300 euros.",
        "customer: thanks",
    )
    updates = fed(LiveScorer(core), said)
    failed = "identity_before_details"
    assert [update.critical_failed for update in updates] == [(), (), (failed,), (failed,)]
    assert [update.newly_failed for update in updates] == [(), (), (failed,), ()]
    assert core.score([said]).evaluations[0].critical_failed == (failed,)


def test_rules_say_of_the_sample_what_they_say_of_it_in_a_batch(core):
    some = [one.transcript for one in read([sample_path()])][::9]
    done = core.score(some)
    scorer = LiveScorer(core)
    for transcript, evaluation in zip(some, done.evaluations, strict=True):
        assert fed(scorer, transcript)[-1].critical_failed == evaluation.critical_failed


def test_what_a_later_turn_masks_in_an_earlier_one_is_looked_at_anew(
    core, transcript_of, monkeypatch
):
    plain = live.redact

    def late(transcript, redaction):
        """Masks the first turn once there are three."""
        masked = plain(transcript, redaction)
        if len(masked.turns) < 3:
            return masked
        first = live.replace(masked.turns[0], text="[MASKED]")
        return live.replace(masked, turns=(first, *masked.turns[1:]))

    monkeypatch.setattr(live, "redact", late)
    said = transcript_of("c", "agent: Your balance is 300.", "customer: oh", "agent: I see.")
    updates = fed(LiveScorer(core), said)
    assert [bool(update.critical_failed) for update in updates] == [True, True, False]


# bounds, and values


def test_a_conversation_without_end_is_refused_at_some_length(scorer, monkeypatch):
    monkeypatch.setattr(live, "MAX_TURNS", 2)
    conversation = scorer.start("c", channel="voice", language="en")
    for _ in range(2):
        conversation.feed(Turn(speaker="agent", text="well"))
    with pytest.raises(RecordError, match="c: more than 2 turns"):
        conversation.feed(Turn(speaker="agent", text="well"))


def test_an_update_is_json_without_what_was_said(scorer):
    update = scorer.start("c").feed(Turn(speaker="customer", text="perfectly wonderful"))
    values = update.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["csat"]["probabilities"] == list(update.csat.probabilities)
    assert "wonderful" not in json.dumps(values)


# lines


def lines(*said):
    content = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in said)
    return io.BytesIO(content.encode())


def turn(conversation, text="hello", speaker="agent", **more):
    return {"conversation_id": conversation, "speaker": speaker, "text": text, **more}


def test_conversations_may_come_interleaved_and_end(scorer):
    end = {"conversation_id": "a", "end": True}
    stream = lines(turn("a"), turn("b"), "", turn("a"), end, turn("a"), turn("b"))
    places = [(one["conversation_id"], one["turn"]) for one in answer_lines(scorer, stream)]
    assert places == [("a", 0), ("b", 0), ("a", 1), ("a", 0), ("b", 1)]


def test_a_line_that_cannot_be_used_is_named_by_number_and_not_quoted(scorer, monkeypatch):
    monkeypatch.setattr("autoqa.batch.live_lines.MAX_LINE_BYTES", 200)
    stream = lines(
        turn("a"),
        "secret",
        '["secret"]',
        turn("a", speaker="secret"),
        {"conversation_id": "a", "text": "secret"},
        turn("", "secret"),
        turn("a", "secret " * 100),
        turn("a"),
    )
    answers = list(answer_lines(scorer, stream))
    assert [one.get("line") for one in answers] == [None, 2, 3, 4, 5, 6, 7, None]
    assert [one["reason"] for one in answers if "line" in one] == [
        "bad_json",
        "wrong_type",
        "bad_speaker",
        "missing_field",
        "missing_field",
        "too_large",
    ]
    assert answers[-1]["turn"] == 1
    assert "secret" not in json.dumps(answers)


def test_of_too_many_conversations_the_one_silent_for_longest_is_forgotten(scorer):
    stream = lines(turn("a"), turn("b"), turn("a"), turn("c"), turn("a"), turn("b"))
    answers = list(answer_lines(scorer, stream, most=2))
    assert [one["conversation_id"] for one in answers if "forgotten" in one] == ["b", "c"]
    assert [one["turn"] for one in answers if one["conversation_id"] == "a"] == [0, 1, 2]
