import pickle

import pytest

from autoqa.errors import PrivacyError
from autoqa.privacy import MASK, Redaction, redact, redact_text, redaction_from
from autoqa.records import Transcript, Turn

KEY = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


def test_a_key_is_never_shown():
    redaction = Redaction("hash", KEY)
    assert KEY.decode() not in repr(redaction) + str(redaction.to_dict())
    assert redaction.to_dict() == {"mode": "hash", "key": redaction.fingerprint, "names": {}}


def test_keys_are_told_apart_by_their_fingerprint():
    first, again, other = (Redaction("hash", key) for key in (KEY, KEY, OTHER))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert MASK.fingerprint is None


def test_settings_travel_to_workers_with_their_key():
    redaction = Redaction("hash", KEY, {"en": "a-model"})
    assert pickle.loads(pickle.dumps(redaction)) == redaction


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hash",), "needs a key"),
        (("hash", b"short"), "has 5 bytes, needs 16"),
        (("mask", KEY), "uses no key"),
        (("keep", KEY), "uses no key"),
        (("hide",), "no privacy mode 'hide'"),
    ],
)
def test_wrong_settings_are_refused(arguments, says):
    with pytest.raises(PrivacyError, match=says) as raised:
        Redaction(*arguments)
    assert KEY.decode() not in str(raised.value)


def test_the_key_comes_from_a_file_or_from_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\n")
    assert redaction_from("hash", key_file=file) == Redaction("hash", KEY)
    monkeypatch.setenv("AUTOQA_REDACTION_KEY", KEY.decode())
    assert redaction_from("hash") == Redaction("hash", KEY)
    # A key that happens to be set changes nothing else.
    assert redaction_from("mask") == MASK
    monkeypatch.delenv("AUTOQA_REDACTION_KEY")
    with pytest.raises(PrivacyError, match="set AUTOQA_REDACTION_KEY, or name a file"):
        redaction_from("hash")
    with pytest.raises(PrivacyError, match="uses no key file"):
        redaction_from("mask", key_file=file)


def transcript(*texts, **changes):
    turns = tuple(Turn(speaker="customer", text=text) for text in texts)
    return Transcript(**({"conversation_id": "c1", "turns": turns} | changes))


def test_a_key_gives_the_same_value_the_same_tag_in_every_conversation():
    redaction = Redaction("hash", KEY)
    first = redact(transcript("mail ana@example.com"), redaction).turns[0].text
    assert first.removeprefix("mail ") == redact_text("ANA@example.com", redaction)
    other = redact_text("ana@example.com", Redaction("hash", OTHER))
    assert other != first.removeprefix("mail ")
    assert len(other) == len("[EMAIL_123456789012]")
    assert redact_text(first, redaction) == first


def test_a_customers_tag_is_the_key_s_and_no_plain_hash():
    redaction = Redaction("hash", KEY)
    customer = redact(transcript("x", customer="ana@example.com"), redaction).customer
    assert customer == redact_text("ana@example.com", redaction)


def test_kept_conversations_are_as_they_were():
    given = transcript("mail ana@example.com", customer="ana@example.com")
    assert redact(given, Redaction("keep")) is given
    assert redact_text("ana@example.com", Redaction("keep")) == "ana@example.com"
