from __future__ import annotations

from typing import Any

import pytest

from autoqa.errors import ScorecardError
from autoqa.features.batch import Batch
from autoqa.records import Speaker, Transcript, Turn
from autoqa.scorecard.schema import Condition, Criterion
from autoqa.scorers.applicability import Applies, applicability, check_condition


def criterion(**condition: Any) -> Criterion:
    return Criterion(
        id="identity",
        question="?",
        levels={0: "no", 1: "yes"},
        applies_when=Condition(**condition) if condition else None,
    )


def chat(*turns: tuple[str, str], **known: Any) -> Transcript:
    return Transcript(
        conversation_id="t",
        turns=tuple(Turn(speaker=Speaker(speaker), text=text) for speaker, text in turns),
        **known,
    )


def applies(transcript: Transcript, **condition: Any) -> bool:
    return applicability(criterion(**condition), Batch([transcript]))[0].holds is True


BALANCE = chat(("agent", "your account balance is 20 dollars"), ("customer", "ok thanks"))


def test_without_a_condition_it_always_applies():
    found = applicability(criterion(), Batch([BALANCE, chat()]))
    assert found == [Applies(True), Applies(True)]


def test_a_mention_must_be_made_by_the_speaker():
    assert applies(BALANCE, mentions="account_details", speaker="agent")
    assert not applies(BALANCE, mentions="account_details", speaker="customer")
    assert applies(BALANCE, mentions="account_details")
    assert not applies(BALANCE, mentions="complaint")


def test_a_negated_mention_does_not_make_it_apply():
    said = chat(("agent", "i did not verify your identity"))
    assert not applies(said, mentions="verify_identity")


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("su saldo es de cien euros", "es"),
        ("il suo saldo è 100 euro", "it"),
        ("您的订单已经发货", "zh"),
    ],
)
def test_mentions_are_looked_up_in_the_transcripts_language(said, language):
    transcript = chat(("agent", said), language=language)
    assert applies(transcript, mentions="account_details", speaker="agent")


def test_in_a_language_without_phrase_book_it_cannot_be_told():
    finnish = chat(("agent", "hei"), language="fi")
    found = applicability(criterion(mentions="account_details"), Batch([finnish, BALANCE]))
    reason = "cannot tell whether it applies: no phrase book for language 'fi'"
    assert found == [Applies(None, reason), Applies(True)]


def test_what_other_keys_rule_out_needs_no_phrase_book():
    finnish = chat(("agent", "hei"), language="fi", channel="voice")
    asked = criterion(mentions="account_details", channel=("chat",))
    assert applicability(asked, Batch([finnish]))[0].holds is False


def test_a_book_without_the_event_cannot_tell_either(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("language: fi\nevents: {terve: {phrases: [hei]}}\n")
    finnish = chat(("agent", "hei"), language="fi")
    asked = criterion(mentions="terve")
    found = applicability(asked, Batch([finnish, BALANCE]), phrases=[own])
    reason = "cannot tell whether it applies: the phrase book for 'en' has no 'terve'"
    assert found == [Applies(True), Applies(None, reason)]


def test_channel_queue_and_topic_are_compared_whatever_their_case():
    transcript = chat(("agent", "hi"), channel="voice", queue="Billing", topic="refund")
    assert applies(transcript, channel=("voice",), queue=("billing", "sales"), topic=("Refund",))
    assert not applies(transcript, channel=("chat",))
    assert not applies(transcript, topic=("booking",))
    assert not applies(chat(("agent", "hi")), queue=("billing",))


def test_min_turns_and_speaker_alone():
    assert applies(BALANCE, min_turns=2)
    assert not applies(BALANCE, min_turns=3)
    assert not applies(chat(("system", "start"), ("agent", "hi")), min_turns=2)
    assert not applies(BALANCE, speaker="bot")
    assert applies(BALANCE, speaker="customer")


def test_every_key_must_hold():
    assert not applies(BALANCE, mentions="account_details", min_turns=9)


def test_an_empty_conversation_mentions_nothing():
    assert not applies(chat(), mentions="account_details")


def test_an_unknown_event_names_the_criterion():
    said = r"criterion 'identity'.*'account_detail'\..*Did you mean 'account_details'"
    with pytest.raises(ScorecardError, match=said):
        check_condition(criterion(mentions="account_detail"))
    check_condition(criterion(mentions="account_details"))
    check_condition(criterion())


def test_an_event_of_the_users_own_book_is_known(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("language: fi\nevents: {terve: {phrases: [hei]}}\n")
    check_condition(criterion(mentions="terve"), phrases=[own])
    with pytest.raises(ScorecardError, match="no phrase book has an event 'terve'"):
        check_condition(criterion(mentions="terve"))
