"""The words that stress tests use mean what the phrase books say they mean."""

from __future__ import annotations

import pytest

from autoqa.experiments.stress.words import GENDERS, INJECTIONS, NAMES, NEUTRAL, SPELLINGS, STUFFING
from autoqa.features.tokens import tokenise
from autoqa.scorers.phrasebook import LANGUAGES, phrase_book

PHRASES = [(lang, event, text) for lang, said in STUFFING.items() for event, text in said.items()]


@pytest.mark.parametrize(("language", "event", "text"), PHRASES)
def test_stuffing_is_what_the_phrase_book_counts(language, event, text):
    found = phrase_book(language).find(tokenise(text, language), [event])
    assert any(not span.negated for span in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_tested_alike(language):
    assert set(STUFFING[language]) == set(STUFFING["en"])
    assert len(INJECTIONS[language]) == len(INJECTIONS["en"])
    assert NEUTRAL[language]
    assert NAMES[language]
    assert GENDERS[language]


def test_a_neutral_turn_is_no_event_of_good_service():
    for language, text in NEUTRAL.items():
        book = phrase_book(language)
        events = [event for event in STUFFING[language] if event in book.events]
        assert book.find(tokenise(text, language), events) == []


def test_spellings_go_both_ways_where_they_can():
    words = SPELLINGS["en"]
    assert (words["colour"], words["color"]) == ("color", "colour")
    assert words["cheque"] == "check"
    assert "check" not in words
