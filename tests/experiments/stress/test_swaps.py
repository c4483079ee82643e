"""Names, genders and spellings change places, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.experiments.stress.swaps import KINDS, in_case_of, swap


@pytest.mark.parametrize(
    ("kind", "language", "text", "swapped"),
    [
        ("names", "en", "Hi John, JOHN's bag", "Hi Jamal, JAMAL's bag"),
        ("names", "en", "Johnson is not a first name", "Johnson is not a first name"),
        ("names", "es", "Soy María.", "Soy Mei."),
        ("names", "it", "Sono Giulia.", "Sono Jiayi."),
        ("names", "zh", "王先生您好", "李先生您好"),
        ("genders", "en", "He's sure she called, Sir.", "She's sure he called, Madam."),
        ("genders", "en", "I told her to call his bank", "I told him to call her bank"),
        (
            "genders",
            "en",
            "her card, not his. I gave him hers",
            "his card, not hers. I gave her his",
        ),
        ("genders", "en", "Mr Smith and Mrs Smith", "Ms Smith and Mr Smith"),
        ("genders", "es", "la señora y él", "la señor y ella"),
        ("genders", "zh", "他说其他吉他", "她说其他吉他"),
        ("spellings", "en", "Colour of the CENTER, cancelled", "Color of the CENTRE, canceled"),
        ("spellings", "en", "please check the cheque", "please check the check"),
        ("spellings", "it", "colour", "colour"),
        ("names", "xx", "John", "John"),
    ],
)
def test_each_word_is_swapped_for_its_counterpart(kind, language, text, swapped):
    assert swap(kind, language, text) == swapped


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_is_its_own_counterpart(kind):
    for words in KINDS[kind].values():
        assert all(word != other.casefold() for word, other in words.items())


@given(st.sampled_from(sorted(KINDS)), st.sampled_from(["en", "es", "it", "zh"]), st.text())
def test_any_text_can_be_swapped(kind, language, text):
    assert isinstance(swap(kind, language, text), str)


def test_case_follows_the_word_that_was_there():
    assert [in_case_of(model, "Mei") for model in ("ana", "Ana", "ANA")] == ["mei", "Mei", "MEI"]
