"""What one turn says of another: questions and answers, numbers in parts, the same value again."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.privacy import redact, redact_labelled, without_tags
from autoqa.records import Action, LabelledTranscript, Rating, Survey, Transcript, Turn


def talk(*lines, language="en", **changes):
    said = [line.partition(": ") for line in lines]
    speakers = {"A": "agent", "C": "customer"}
    turns = tuple(Turn(speaker=speakers[who], text=text) for who, _, text in said)
    return Transcript(conversation_id="c1", turns=turns, language=language, **changes)


def redacted(*lines, **more):
    return [turn.text for turn in redact(talk(*lines, **more)).turns]


def test_the_same_value_has_the_same_number_everywhere():
    action = Action(name="look_up", arguments={"n": 4111111111111111}, result="+1 212 345 6789")
    given = talk(
        "C: I am Ana@Example.com, phone 212-345-6789",
        "A: ana@example.com, and (212) 345-6789?",
        "C: yes, or bo@example.org, card 4111 1111 1111 1111",
        topic="call 2123456789",
        attributes={"mail": "bo@example.org", "old": "eva@example.org"},
        closing_actions=(action,),
    )
    found = redact(given)
    assert [turn.text for turn in found.turns] == [
        "I am [EMAIL_1], phone [PHONE_1]",
        "[EMAIL_1], and [PHONE_1]?",
        "yes, or [EMAIL_2], card [CARD_1]",
    ]
    assert found.closing_actions[0].arguments == {"n": "[CARD_1]"}
    assert found.closing_actions[0].result == "[PHONE_1]"
    assert found.topic == "call [PHONE_1]"
    assert found.attributes == {"mail": "[EMAIL_2]", "old": "[EMAIL_3]"}


def test_labels_share_the_numbers_of_the_turns():
    rating = Rating(conversation_id="c1", criterion="t", rater="qa", kind="human", status="rated",
                    level=1, reason="gave bo@example.org, not ana@example.com")  # fmt: skip
    survey = Survey(conversation_id="c1", score=1, scale=(1, 5), comment="I am ana@example.com")
    counts = Counter()
    found = redact_labelled(
        LabelledTranscript(
            transcript=talk("C: I am ana@example.com"),
            ratings=(rating,),
            surveys=(survey,),
            outcome={"to": "bo@example.org"},
        ),
        counts=counts,
    )
    assert found.ratings[0].reason == "gave [EMAIL_2], not [EMAIL_1]"
    assert found.surveys[0].comment == "I am [EMAIL_1]"
    assert found.outcome == {"to": "[EMAIL_2]"}
    assert counts == {"EMAIL": 5}


def test_numbers_that_are_taken_are_not_given_again():
    once = redacted("C: [EMAIL_1] and [EMAIL_7] wrote to ana@example.com")
    assert once == ["[EMAIL_1] and [EMAIL_7] wrote to [EMAIL_8]"]


def test_written_and_read_aloud_is_the_same_value():
    assert redacted(
        "C: four one one one one one one one one one one one one one one one",
        "A: I have 4111-1111-1111-1111",
        "C: mail ana dot perez at example dot com",
        "A: ana.perez@example.com, thanks",
    ) == ["[CARD_1]", "I have [CARD_1]", "mail [EMAIL_1]", "[EMAIL_1], thanks"]


@pytest.mark.parametrize(
    ("question", "answer", "masked"),
    [
        ("What's your phone number?", "5551234567", "[PHONE_1]"),
        ("And your order number?", "5551234567", "5551234567"),
        ("What's your order number, or your phone number?", "2123456789", "[PHONE_1]"),
        ("¿Me da su teléfono?", "sí, seis uno dos tres cuatro cinco seis siete ocho",
         "sí, [PHONE_1]"),
        ("您的手机号码是多少？", "一三八零零一三八零零零", "[PHONE_1]"),
        ("Your social, please?", "one two three four five six seven eight nine", "[SSN_1]"),
        ("Which code did we send you? Read me the verification code.", "482913", "[CODE_1]"),
        ("And the CVV of the card?", "it's 737", "it's [CVV_1]"),
        ("When does the card expire?", "twelve thirty", "[EXPIRY_1]"),
        ("When does the contract expire?", "12/27", "12/27"),
        ("What's your password?", "It's Sunshine.", "It's [PASSWORD_1]."),
        ("¿Me dice la contraseña?", "sol luna", "[PASSWORD_1]"),
        ("What's your password?", "I forgot", "I forgot"),
        ("Did you reset your password?", "Sunshine", "Sunshine"),
        ("Il codice cliente e il codice fiscale?", "il codice è 55119", "il codice è 55119"),
        ("Qual è il suo codice postale?", "il codice è 00185", "il codice è 00185"),
    ],
)  # fmt: skip
def test_a_question_tells_what_its_answer_is(question, answer, masked):
    assert redacted(f"A: {question}", f"C: {answer}") == [question, masked]


def test_an_answer_may_come_after_a_pause():
    found = redacted("A: Your phone number?", "C: uh", "A: yes?", "C: 5551234567")
    assert found[-1] == "[PHONE_1]"


def test_what_was_answered_is_not_asked_for_any_more():
    found = redacted("A: Your phone number?", "C: 5551234567", "C: I ordered 20240517 today")
    assert found[1:] == ["[PHONE_1]", "I ordered 20240517 today"]
    statement = ("A: Your order number is 4829275, keep it.", "C: and I am 612 345 678")
    assert redacted(*statement, language="es")[1] == "and I am [PHONE_1]"


@pytest.mark.parametrize(
    "parts",
    [
        ["4111", "1111", "1111", "1111"],
        ["4111 1111", "1111 1111"],
        ["four one one one", "one one one one", "and one one one one", "one one one one"],
        ["forty one eleven", "eleven eleven", "eleven eleven", "eleven eleven"],
        ["cuatro uno uno uno", "uno uno uno uno", "uno uno uno uno", "uno uno uno uno"],
        ["四幺幺幺", "幺幺幺幺", "幺幺幺幺", "幺幺幺幺"],
        ["3782", "822463", "10005"],
    ],
)
@pytest.mark.parametrize("aside", ["mm-hm", "ok", "go on", "and the next ones, please?", None])
def test_a_card_given_turn_by_turn_is_masked_in_each(parts, aside):
    lines = ["A: Your card, please"]
    for part in parts:
        lines += [f"C: {part}", *([f"A: {aside}"] if aside else [])]
    found = [text for text in redacted(*lines) if text not in ("Your card, please", aside)]
    assert [text.removeprefix("and ") for text in found] == ["[CARD_1]"] * len(parts)


def test_cards_by_fours_need_no_word_before_them():
    assert (
        redacted("C: 4111", "A: ok", "C: 1111", "A: ok", "C: 1111", "A: ok", "C: 1111")[::2]
        == ["[CARD_1]"] * 4
    )


def test_numbers_that_do_not_check_are_no_card():
    lines = ("C: 4111", "A: ok", "C: 1111", "A: ok", "C: 1111", "A: ok", "C: 1112")
    assert redacted(*lines)[::2] == ["4111", "1111", "1111", "1112"]


def test_digits_that_are_no_card_s_stay_out_of_it():
    found = redacted(
        "A: Your order number?", "C: 13907", "A: And your card?", "C: 4111 1111", "C: 1111 1111"
    )
    assert found[1::2] == ["13907", "[CARD_1]"]
    assert found[4] == "[CARD_1]"


def test_what_is_said_back_of_a_card_is_masked_but_for_its_last_four():
    lines = ["A: Card?", "C: 4111 1111", "A: 4111 1111, yes", "C: 1111 1234", "A: thank you"]
    assert redacted(*lines)[2] == "4111 1111, yes"  # does not check: no card
    lines[3] = "C: 1111 1111"
    assert redacted(*lines) == ["Card?", "[CARD_1]", "[CARD_1], yes", "[CARD_1]", "thank you"]
    whole = ("C: my card is 4111 1111 1111 1111", "A: ending in 1111?", "A: that is 1111 1111")
    assert redacted(*whole)[1:] == ["ending in 1111?", "that is [CARD_1]"]


def test_a_phone_number_may_come_in_parts_too():
    found = redacted("A: Your phone number?", "C: two one two", "A: ok", "C: 345 6789")
    assert found == ["Your phone number?", "[PHONE_1]", "ok", "[PHONE_1]"]


def test_a_number_that_was_told_once_is_known_wherever_it_is_said():
    found = redacted(
        "C: my phone is 2123456789",
        "A: so 2123456789",
        "A: your code is 482913, right, 482913",
        "C: and the password is Blue42! but Blue42 fails",
    )
    assert found[1:] == [
        "so [PHONE_1]",
        "your code is [CODE_1], right, [CODE_1]",
        "and the password is [PASSWORD_1]! but [PASSWORD_1] fails",
    ]


def test_keys_announce_their_values():
    attributes = {
        "user_password": "blue", "pin": 1234, "cvv": 737, "verificationCode": "482913",
        "card": 4111111111111111.0, "order": 5551234567, "phone": "5551234567", "price": 12.5,
    }  # fmt: skip
    assert redact(talk("C: hi", attributes=attributes)).attributes == {
        "user_password": "[PASSWORD_1]", "pin": "[CODE_1]", "cvv": "[CVV_1]",
        "verificationCode": "[CODE_2]", "card": "[CARD_1]", "order": 5551234567,
        "phone": "[PHONE_1]", "price": 12.5,
    }  # fmt: skip


LINES = [
    "A: your phone number?", "A: your order number?", "A: the card, please", "A: ok", "A: the CVV?",
    "A: what's your password?", "C: 4111", "C: 1111", "C: 4111 1111", "C: 1111 1111", "C: 737",
    "C: 5551234567", "C: one one one one", "C: four one one one", "C: uh", "C: 12/27",
    "C: Sunshine42", "C: my mail is ana@example.com", "A: DNI 12345678Z?", "A: 212-345-6789",
    "C: 4111 1111 1111 1111 12/27 737", "C: the code is 4829", "A: [CARD_3]", "C: 一三八零零",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_redacting_a_conversation_twice_changes_nothing_more(lines):
    once = redact(talk(*lines))
    assert redact(once) == once


@given(st.lists(st.sampled_from(LINES), max_size=10))
def test_placeholders_are_numbered_by_first_appearance(lines):
    import re

    text = " ".join(redacted(*(line for line in lines if "[" not in line)))
    seen = {}
    for kind, number in re.findall(r"\[([A-Z]+)_(\d+)\]", text):
        known = seen.setdefault(kind, [])
        assert int(number) <= len(known) + 1
        if int(number) > len(known):
            known.append(number)


def test_spans_of_parts_and_words_between_keep_their_place():
    lines = ("A: Your card?", "C: it is 4111 1111 ok?", "C: 1111 1111")
    assert [without_tags(text) for text in redacted(*lines)] == [
        "Your card?", "it is [CARD] ok?", "[CARD]",
    ]  # fmt: skip
