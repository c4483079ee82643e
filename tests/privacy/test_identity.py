import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.privacy import redact_text
from autoqa.privacy.identity import (
    codice_fiscale_valid,
    iban_valid,
    nif_valid,
    resident_id_valid,
)


def test_check_digits_of_the_published_examples_agree():
    assert nif_valid("12345678Z")
    assert nif_valid("X1234567L")
    assert codice_fiscale_valid("RSSMRA85T10A562S")
    assert resident_id_valid("11010519491231002X")
    assert iban_valid("ES9121000418450200051332")


@pytest.mark.parametrize(
    ("valid", "code"),
    [
        (nif_valid, "12345678Z"),
        (nif_valid, "X1234567L"),
        (codice_fiscale_valid, "RSSMRA85T10A562S"),
        (resident_id_valid, "11010519491231002X"),
        (iban_valid, "ES9121000418450200051332"),
    ],
)
@given(data=st.data())
def test_one_wrong_digit_is_noticed(valid, code, data):
    places = [i for i, sign in enumerate(code) if sign.isdecimal()]
    place = data.draw(st.sampled_from(places))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != code[place]]))
    assert not valid(code[:place] + wrong + code[place + 1 :])


@given(st.text(max_size=20))
def test_any_text_may_be_asked_about(text):
    for valid in (nif_valid, codice_fiscale_valid, resident_id_valid, iban_valid):
        valid(text)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("DNI 12345678Z.", "DNI [ID]."),
        ("12.345.678-Z", "[ID]"),
        ("NIE X-1234567-L", "NIE [ID]"),
        ("RSSMRA85T10A562S", "[ID]"),
        ("rss mra 85t10 a562s", "[ID]"),
        ("身份证11010519491231002X", "身份证[ID]"),
        ("110105 19491231 002X", "[ID]"),
        ("一一零一零五一九四九一二三一零零二X", "[ID]"),
        ("mi DNI es uno dos tres cuatro cinco seis siete ocho zeta", "mi DNI es [ID]"),
        ("DNI doce treinta y cuatro cincuenta y seis setenta y ocho z", "DNI [ID]"),
        ("codice fiscale r s s m r a otto cinque t dieci a cinque sei due s",
         "codice fiscale [ID]"),
        ("mi DNI es 12345678", "mi DNI es [ID]"),
        ("my IBAN is e s nine one two one double zero oh four one eight four five oh two "
         "double zero oh five one three three two", "my IBAN is [IBAN]"),
    ],
)  # fmt: skip
def test_national_numbers_are_masked(text, redacted):
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "12345678A",  # the letter is wrong
        "order 12345678 z",  # a word
        "It will start at 5 pm at 24 Main Plaza",
        "RSSMRA85T10A562X",
        "110105194912310021",
        "订单110105194913310021",  # no such day
        "ES9121000418450200051333",
    ],
)
def test_what_does_not_check_is_left_alone(text):
    assert redact_text(text) == text
