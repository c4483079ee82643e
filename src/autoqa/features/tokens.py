"""spaCy docs of turns: blank pipelines, one per language, with norms that make matching forgiving.

A token's norm is lower-case, without accents, zero-width characters or curly apostrophes, and
English contractions are spelled out, so ``can't``, ``cant`` and ``can not`` read the same. Offsets
are those of the turn's own text.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autoqa.privacy.kinds import tag_spans
from autoqa.records import Transcript

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

LANGUAGES = ("en", "es", "it", "zh")
"""Languages with their own tokenizer here; every other one is split by spaCy's ``xx``."""

MAX_CHARS = 20_000
"""Characters of one turn that are tokenised: 20 minutes of speech. The rest is not looked at."""

MAX_CHINESE_CHARS = 5_000
"""The same for Chinese, where every character is a token."""

# A vocabulary keeps every distinct word it has seen; a fresh one keeps long runs in bounded memory.
MAX_VOCABULARY = 500_000

# spaCy peels punctuation off a word one character at a time, which is quadratic in its length.
_LONG_RUN = re.compile(r"\S{80,}")
_COMBINING = re.compile(r"[\u0300-\u036f]")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\uff07": "'", "`": "'"})

_ENGLISH_PIECES = {
    "'m": "am",
    "m": "am",
    "'re": "are",
    "re": "are",
    "'ve": "have",
    "ve": "have",
    "'ll": "will",
    "ll": "will",
    "'d": "would",
    "d": "would",
    "'s": "is",
    "s": "is",
    "n't": "not",
    "nt": "not",
    "ca": "can",
    "wo": "will",
    "sha": "shall",
    "did": "did",
    "does": "does",
    "had": "had",
    "has": "has",
    "was": "was",
    "were": "were",
}
# spaCy reads these as contractions; in service conversations they are "ID" and "Wed(nesday)".
_NOT_CONTRACTIONS = {"id", "wed"}

# spaCy's Italian reads digits only.
_ITALIAN_NUMBERS = frozenset(
    [
        "zero",
        "uno",
        "due",
        "tre",
        "quattro",
        "cinque",
        "sei",
        "sette",
        "otto",
        "nove",
        "dieci",
        "undici",
        "dodici",
        "tredici",
        "quattordici",
        "quindici",
        "sedici",
        "diciassette",
        "diciotto",
        "diciannove",
        "venti",
        "ventiquattro",
        "trenta",
        "quaranta",
        "quarantotto",
        "cinquanta",
        "sessanta",
        "settanta",
        "settantadue",
        "ottanta",
        "novanta",
        "cento",
        "duecento",
        "mille",
    ]
)

_pipelines: dict[str, Language] = {}
_lock = threading.Lock()


def normalised(word: str) -> str:
    """Return the form of a word that matching compares: ``normalised("Qué\\u200b") == "que"``."""
    if word.isascii():
        text = word.lower()
    else:
        text = unicodedata.normalize("NFKC", word).translate(_QUOTES).lower()
        text = _COMBINING.sub("", unicodedata.normalize("NFD", text))
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
        text = unicodedata.normalize("NFC", text)
    # "l'" and "perche'" in Italian, quoted words anywhere; a lone apostrophe stays itself.
    return text.strip("'") or text or word


def _english_norm(word: str) -> str:
    return "is" if word in ("'s", "\u2019s") else normalised(word)


def _spell_out_contractions(nlp: Language) -> None:
    from spacy.attrs import NORM, ORTH

    def spelled(pieces: list[dict[int, str]]) -> list[dict[int, str]]:
        if len(pieces) == 1:
            return pieces
        rewritten = []
        for piece in pieces:
            key = piece[ORTH].translate(_QUOTES).lower()
            norm = piece.get(NORM, normalised(key))
            if norm != "us":  # let's
                norm = _ENGLISH_PIECES.get(key, norm)
            rewritten.append({ORTH: piece[ORTH], NORM: norm})
        return rewritten

    nlp.tokenizer.rules = {
        word: spelled(pieces)
        for word, pieces in nlp.tokenizer.rules.items()
        if word.lower() not in _NOT_CONTRACTIONS
    }


def _build(code: str) -> Language:
    from spacy.attrs import LIKE_NUM, NORM

    nlp = _blank(code)
    norm_of = _english_norm if code == "en" else normalised
    nlp.vocab.lex_attr_getters[NORM] = norm_of
    for lexeme in nlp.vocab:  # words that the language brings along got their norm before that
        lexeme.norm_ = norm_of(lexeme.orth_)
    if code == "it":
        digits = nlp.vocab.lex_attr_getters[LIKE_NUM]
        nlp.vocab.lex_attr_getters[LIKE_NUM] = lambda word: (
            digits(word) or word.lower() in _ITALIAN_NUMBERS
        )
        for word in _ITALIAN_NUMBERS:
            nlp.vocab[word].like_num = True
    if code == "en":
        _spell_out_contractions(nlp)
    return nlp


def _blank(code: str) -> Language:
    """Make a pipeline without the components of other packages.

    spaCy would import every package that offers some, and Presidio brings torch along: seconds, and
    hundreds of megabytes for each process.
    """
    import spacy

    offered = spacy.util.registry._entry_point_factories
    wanted, offered.entry_points = offered.entry_points, False
    try:
        return spacy.blank(code)
    finally:
        offered.entry_points = wanted


def pipeline(language: str) -> Language:
    """Return the cached blank pipeline of a primary language (``xx`` for unknown ones)."""
    code = language if language in LANGUAGES else "xx"
    nlp = _pipelines.get(code)
    if nlp is None or len(nlp.vocab.strings) > MAX_VOCABULARY:
        with _lock:
            nlp = _pipelines[code] = _build(code)
    return nlp


def _spaced(run: re.Match[str]) -> str:
    return "".join(c if c.isalnum() else " " for c in run.group())


def _tokenise(nlp: Language, text: str) -> Doc:
    if nlp.lang == "zh":
        return _characters(nlp, text[:MAX_CHINESE_CHARS])
    doc: Doc = nlp.tokenizer(_LONG_RUN.sub(_spaced, text[:MAX_CHARS]))
    return doc


def _characters(nlp: Language, text: str) -> Doc:
    from spacy.tokens import Doc

    words: list[str] = []
    spaces: list[bool] = []
    tags = dict(tag_spans(text))
    place = 0
    while place < len(text):
        # The number of a placeholder is one token: [, C, A, R, D, _12, ]
        end = tags.get(place, place + 1)
        if text[place] == " " and spaces and not spaces[-1]:
            spaces[-1] = True
        else:
            words.append(text[place:end])
            spaces.append(False)
        place = end
    return Doc(nlp.vocab, words=words, spaces=spaces)


def tokenise(text: str, language: str) -> Doc:
    """Return the spaCy doc of one text; ``token.idx`` counts characters of `text`.

    Chinese is split into characters, but for the number of a placeholder. Only the first
    `MAX_CHARS` characters are read (`MAX_CHINESE_CHARS` in Chinese). Inside runs of 80 or more
    characters without a space, punctuation and symbols become spaces, so no input takes more than
    linear time.
    """
    return _tokenise(pipeline(language), text)


def turn_docs(transcripts: Iterable[Transcript]) -> list[list[Doc]]:
    """Return, per transcript, one spaCy doc per turn."""
    found: list[list[Doc]] = []
    for transcript in transcripts:
        nlp = pipeline(transcript.primary_language)
        found.append([_tokenise(nlp, turn.text) for turn in transcript.turns])
    return found


def norms(doc: Doc) -> Sequence[int]:
    """Return the norm ids of a doc's tokens, in order."""
    from spacy.attrs import NORM

    ids: Any = doc.to_array([NORM])
    found: list[int] = ids.ravel().tolist()
    return found
