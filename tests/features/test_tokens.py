from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.features import tokens
from autoqa.features.tokens import MAX_CHARS, normalised, tokenise, turn_docs
from autoqa.records import Speaker, Transcript, Turn


def words(text: str, language: str = "en") -> list[str]:
    return [token.norm_ for token in tokenise(text, language) if not token.is_space]


@pytest.mark.parametrize("said", ["I can't", "i cant", "I can not", "i cannot", "I can\u2019t"])
def test_every_spelling_of_a_contraction_reads_the_same(said):
    assert words(said) == ["i", "can", "not"]


def test_spoken_contractions_without_apostrophe_are_spelled_out():
    assert words("youre sure thats what theyve done") == (
        ["you", "are", "sure", "that", "is", "what", "they", "have", "done"]
    )


def test_a_user_id_is_not_a_contraction_of_i_would():
    assert words("your user ID") == ["your", "user", "id"]


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("¿Qué número?", "que numero", "es"),
        ("perché può", "perche' puo'", "it"),
        ("l'ordine", "l\u2019ordine", "it"),
        ("re\u200bfund", "refund", "en"),
        ("\uff11\uff12号", "12号", "zh"),
    ],
)
def test_accents_quotes_widths_and_hidden_characters_do_not_matter(one, other, language):
    kept = [w for w in words(one, language) if w not in "¿?'"]
    assert kept == [w for w in words(other, language) if w not in "¿?'"]


def test_chinese_is_split_into_characters():
    assert words("您好 abc", "zh") == ["您", "好", "a", "b", "c"]


@pytest.mark.parametrize("language", ["en", "es", "it", "zh", "ja", "ar"])
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=300))
def test_offsets_are_those_of_the_text(language, text):
    doc = tokenise(text, language)
    for token in doc:
        piece = text[token.idx : token.idx + len(token)]
        assert len(piece) == len(token)
        assert piece == token.text or not piece.isalnum()


@pytest.mark.parametrize(
    "text",
    ["(" * 50_000, "😀" * 50_000, "a." * 50_000, "''" * 50_000, "x" * 1_000_000, "no " * 400_000],
)
@pytest.mark.parametrize("language", ["en", "it", "zh", "xx"])
def test_very_long_hostile_turns_are_read_up_to_the_limit(text, language):
    doc = tokenise(text, language)
    assert 0 < len(doc) <= MAX_CHARS
    last = doc[len(doc) - 1]
    assert last.idx + len(last) <= MAX_CHARS


def test_docs_follow_transcripts_and_turns():
    one = Transcript(
        conversation_id="1",
        turns=(Turn(speaker=Speaker.AGENT, text="Hi"), Turn(speaker=Speaker.CUSTOMER, text="")),
    )
    none = Transcript(conversation_id="2", turns=(), language="it")
    docs = turn_docs([one, none])
    assert [[doc.text for doc in turns] for turns in docs] == [["Hi", ""], []]


def test_a_full_vocabulary_is_replaced(monkeypatch):
    before = tokens.pipeline("it")
    monkeypatch.setattr(tokens, "MAX_VOCABULARY", 10)
    assert tokens.pipeline("it") is not before


def test_a_lone_apostrophe_stays():
    assert normalised("'") == "'"
