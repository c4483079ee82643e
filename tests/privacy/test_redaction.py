import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.privacy import (
    redact,
    redact_labelled,
    redact_survey,
    redact_text,
    without_tags,
)
from autoqa.records import (
    Action,
    Evidence,
    LabelledTranscript,
    Rating,
    Survey,
    Transcript,
    Turn,
)

# Numbers of the card networks' own test pages, all with valid check digits.
VISA, AMEX, DINERS, MASTERCARD = (
    "4111111111111111",
    "378282246310005",
    "30569309025904",
    "5555555555554444",
)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Mail ana.b+c@example.co.uk.", "Mail [EMAIL]."),
        ("邮箱abc@example.com谢谢", "邮箱[EMAIL]谢谢"),
        ("<ana@example.com>,bo@example.org", "<[EMAIL]>,[EMAIL]"),
        (VISA, "[CARD]"),
        ("4111 1111 1111 1111", "[CARD]"),
        ("4111-1111-1111-1111, 12/27", "[CARD], [EXPIRY]"),
        ("3782 822463 10005", "[CARD]"),
        (DINERS, "[CARD]"),
        ("卡号5555555555554444好的", "卡号[CARD]好的"),
        ("4111 1111 1111 1111 12/27 123", "[CARD] [EXPIRY] [CVV]"),
        ("it is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ok", "it is [CARD] ok"),
        ("41 11 11 11 11 11 11 11", "[CARD]"),
        ("four triple one, one one one one, one one one one one one one one", "[CARD]"),
        ("cuatro" + " uno" * 15, "[CARD]"),
        ("quattro" + " uno" * 15, "[CARD]"),
        ("四" + "一" * 15, "[CARD]"),
        ("４１１１１１１１１１１１１１１１", "[CARD]"),
        ("4111\u200b1111\u200b1111\u200b1111", "[CARD]"),
        ("DE89 3704 0044 0532 0130 00", "[IBAN]"),
        ("gb29nwbk60161331926819 please", "[IBAN] please"),
        ("in AB12 and ES9121000418450200051332.", "in AB12 and [IBAN]."),
        ("123-45-6789", "[SSN]"),
        ("my social is 123456789", "my social is [SSN]"),
        ("555-123-4567", "[PHONE]"),
        ("(555) 123-4567", "[PHONE]"),
        ("+1 (555) 123-4567", "[PHONE]"),
        ("1-800-555-0199", "[PHONE]"),
        ("+34 600 123 456", "[PHONE]"),
        ("0034 600 123 456", "[PHONE]"),
        ("600 123 456", "[PHONE]"),
        ("+39 333 1234567", "[PHONE]"),
        ("333 1234567", "[PHONE]"),
        ("手机13812345678谢谢", "手机[PHONE]谢谢"),
        ("020 7946 0958", "[PHONE]"),
        ("my phone number is 5551234567", "my phone number is [PHONE]"),
        ("phone: five five five one two three four five six seven", "phone: [PHONE]"),
        ("555-123-4567 or 555-987-6543", "[PHONE] or [PHONE]"),
    ],
)
def test_personal_numbers_and_addresses_are_masked(text, redacted):
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "on 2024-05-17 at 10:30:00, from 17/05/2024 to 20.05.2024",
        "phone call of 2024-05-17",
        "$1,234,567.89 and 1.234.567,89 € and 600.000.000",
        "order 5551234567, reservation EUJUY6, flight HAT158",
        "order 114-3941689-8772232",
        "订单13812345678",
        "case 00123456 and ticket 4829275",
        "credit_card_4421486, ORD4111111111111111",
        "version 10.15.7.2 at 192.168.100.200",
        "550e8400-e29b-41d4-a716-446655440000",
        "4111111111111112",  # the check digit is wrong
        "1234567812345670",  # valid check digit, but no network's
        "DE89 3704 0044 0532 0130 01",
        "000-12-3456 and 123-00-4567",
        "one two three four five six seven eight nine",
        "meet @ 5, 3@1.50 each, @ana",
        "[ORDERID_10001234567] [数字x] [EMAIL] [PHONE] [CARD]",
        "call me at 10",
        "",
    ],
)
def test_other_numbers_are_left_alone(text):
    assert redact_text(text) == text


PIECES = [
    "phone ", "order ", "call me at ", "ssn ", "ana@example.com", VISA, "4111 1111 1111 1111",
    "555-123-4567", "5551234567", "123-45-6789", "DE89370400440532013000", "+34 600 123 456",
    "0012345678", "one ", "two ", "double ", "一", "[PHONE]", " ", "-", "(", ")", ", ", "1", "00",
    "@", ".", "x",
]  # fmt: skip
mixtures = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(mixtures | st.text(max_size=40))
def test_redacting_twice_changes_nothing_more(text):
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.text(alphabet="abc .,!\n你好", max_size=60))
def test_text_without_numbers_and_addresses_is_unchanged(text):
    assert redact_text(text) == text


CHEAP = ["a", "@", "1", "(", "one ", "double ", "0012345678 ", "a@b.co "]
COSTLY = ["a@", "a.", "1 ", "4 ", "1-", "+1", "一", "DE12 ", "555-123-4567 ", "phone 1234567; "]


@pytest.mark.slow
@pytest.mark.parametrize("unit", [*CHEAP, *COSTLY])
def test_hostile_text_comes_to_an_end(unit):
    # A pattern that backtracks would take hours here, not seconds.
    size = 1_000_000 if unit in CHEAP else 200_000
    redact_text(unit * (size // len(unit)))


def transcript(*texts, **changes):
    turns = tuple(Turn(speaker="customer", text=text) for text in texts)
    return Transcript(**({"conversation_id": "c1", "turns": turns} | changes))


def test_turns_actions_and_attributes_are_redacted():
    action = Action(
        name="update",
        arguments={
            "card": int(VISA),
            "phone_number": "5551234567",
            "order_id": "5551234567",
            "deep": [{"to": "ana@example.com"}],
            "flag": True,
        },
        result='{"email": "ana@example.com", "id": "EUJUY6"}',
    )
    turn = Turn(speaker="agent", text="I wrote to ana@example.com", actions=(action,))
    before = Transcript(
        conversation_id="c1",
        turns=(turn,),
        closing_actions=(action,),
        attributes={"note": "call 555-123-4567", "n": 3, "ratio": 0.5, "none": None},
    )
    after = redact(before)
    assert after.turns[0].text == "I wrote to [EMAIL_1]"
    expected = {
        "card": "[CARD_1]",
        "phone_number": "[PHONE_1]",
        "order_id": "5551234567",
        "deep": [{"to": "[EMAIL_1]"}],
        "flag": True,
    }
    assert after.turns[0].actions[0].arguments == expected
    assert after.closing_actions[0].result == '{"email": "[EMAIL_1]", "id": "EUJUY6"}'
    assert after.attributes == {"note": "call [PHONE_1]", "n": 3, "ratio": 0.5, "none": None}
    assert before.turns[0].text == "I wrote to ana@example.com"


def test_two_addresses_as_keys_stay_two_entries():
    after = redact(transcript("x", attributes={"a@example.com": 1, "b@example.com": 2}))
    assert sorted(after.attributes.values()) == [1, 2]


def test_a_customer_known_by_an_address_stays_one_customer_without_it():
    first = redact(transcript("x", customer="ana@example.com")).customer
    again = redact(transcript("y", customer="ana@example.com")).customer
    other = redact(transcript("y", customer="bo@example.com")).customer
    assert first == again != other
    assert first.startswith("[EMAIL]-")
    assert redact(transcript("x", customer="K-1007")).customer == "K-1007"


def test_token_ids_are_no_numbers_of_anybodys():
    codes = "4 " + "1 " * 15
    ids = transcript(codes, attributes={"text_encoding": "token_ids"})
    assert redact(ids).turns[0].text == codes


def test_survey_comments_are_redacted():
    survey = Survey(conversation_id="c", score=1, scale=(1, 5), comment="call 555-123-4567")
    assert redact_survey(survey).comment == "call [PHONE]"
    silent = Survey(conversation_id="c", score=1, scale=(1, 5))
    assert redact_survey(silent) is silent


def spans(*places):
    return Rating(
        conversation_id="c1",
        criterion="t",
        rater="ana",
        kind="human",
        status="rated",
        level=1,
        evidence=tuple(Evidence(turn=0, start=a, end=b) for a, b in places),
        reason="she said 555-123-4567",
    )


def test_evidence_moves_with_its_words():
    text = "Hi ana@example.com, sorry about that"
    sorry = text.index("sorry")
    whole, before, after = (0, len(text)), (0, 2), (sorry, sorry + 5)
    labelled = LabelledTranscript(
        transcript=transcript(text), ratings=(spans(whole, before, after),)
    )
    found = redact_labelled(labelled)
    redacted = found.transcript.turns[0].text
    said = [redacted[e.start : e.end] for e in found.ratings[0].evidence]
    assert said == ["Hi [EMAIL_1], sorry about that", "Hi", "sorry"]
    assert found.ratings[0].reason == "she said [PHONE_1]"


def test_evidence_that_cuts_into_a_mask_is_dropped():
    text = "Hi ana@example.com, sorry"
    address = text.index("ana")
    labelled = LabelledTranscript(
        transcript=transcript(text),
        ratings=(spans((0, address + 3), (address + 1, address + 5), (address + 3, 25)),),
    )
    assert redact_labelled(labelled).ratings[0].evidence == ()


def test_labels_are_redacted_too():
    labelled = LabelledTranscript(
        transcript=transcript("x"),
        surveys=(Survey(conversation_id="c1", score=1, scale=(1, 5), comment="a@example.com"),),
        outcome={"note": ["a@example.com"]},
        split="train",
    )
    found = redact_labelled(labelled)
    assert found.surveys[0].comment == "[EMAIL_1]"
    assert found.outcome == {"note": ["[EMAIL_1]"]}
    assert found.split == "train"


words = st.text(alphabet="ab ", min_size=1, max_size=6)
personal = st.sampled_from(["ana@example.com", "555-123-4567", VISA])


@given(st.lists(words | personal, max_size=6), st.data())
def test_words_under_evidence_are_the_same_before_and_after(parts, data):
    text = " . ".join(parts)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    labelled = LabelledTranscript(transcript=transcript(text), ratings=(spans((start, end)),))
    found = redact_labelled(labelled)
    for evidence in found.ratings[0].evidence:
        moved = found.transcript.turns[0].text[evidence.start : evidence.end]
        assert without_tags(moved) == redact_text(text[start:end])
