"""Simulated errors of speech recognition at a stated word error rate.

What it simulates is the error counts, and that recognisers put in words that look like the right
one or are short; not the acoustics. Everything is in lower case without punctuation, as
recognisers without a formatter write; at a rate of 0 that is all that changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from autoqa.records import Transcript

SUBSTITUTED, DELETED = 0.60, 0.25
"""Shares of the errors; the others are insertions."""

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’][^\W_\u3400-\u9fff]+)*")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SHORT = 4  # letters of the words that get put in
_ALIKE = 0.3  # share of letter pairs in common from which words look alike
_CANDIDATES = 5


def misheard(transcript: Transcript, rate: float, rng: np.random.Generator) -> Transcript:
    """Return a conversation as a recogniser with a word error rate would have written it.

    Errors are put in word by word (in Chinese, by character), with replacements drawn from the
    same conversation. With an equally seeded `rng`, the words that are wrong at one rate are wrong
    at every higher one.

    Parameters
    ----------
    rate : float
        Expected errors per word, 0-1.
    """
    heard = [_WORD.findall(turn.text.lower()) for turn in transcript.turns]
    stock = _Stock({word for words in heard for word in words})
    turns = [
        replace(turn, text=_joined(_with_errors(words, rate, stock, rng)))
        for turn, words in zip(transcript.turns, heard, strict=True)
    ]
    return replace(transcript, turns=tuple(turns))


def _with_errors(
    words: Sequence[str], rate: float, stock: _Stock, rng: np.random.Generator
) -> list[str]:
    # Drawn at once, whatever the rate, so that rates share their draws.
    draws = rng.random((len(words), 3))
    written: list[str] = []
    for word, (error, kind, choice) in zip(words, draws, strict=True):
        if error >= rate:
            written.append(word)
        elif kind < SUBSTITUTED:
            written.append(stock.instead_of(word, float(choice)))
        elif kind >= SUBSTITUTED + DELETED:
            written += [word, stock.filler(float(choice))]
    return written


class _Stock:
    """The words of one conversation that errors are made of."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted(words)
        self.short = [w for w in self.words if len(w) <= _SHORT] or self.words
        self._pairs = {word: _letter_pairs(word) for word in self.words}
        self._alike: dict[str, list[str]] = {}

    def instead_of(self, word: str, choice: float) -> str:
        """Return a word that looks like another one, or else a short one; never the same."""
        if word not in self._alike:
            self._alike[word] = self._look_alikes(word)
        return _pick(self._alike[word], choice) or word

    def filler(self, choice: float) -> str:
        return _pick(self.short, choice)

    def _look_alikes(self, word: str) -> list[str]:
        own = self._pairs[word]
        scored = [
            (2 * len(own & pairs) / (len(own) + len(pairs)), other)
            for other, pairs in self._pairs.items()
            if other != word
        ]
        alike = sorted((-score, other) for score, other in scored if score >= _ALIKE)
        found = [other for _, other in alike[:_CANDIDATES]]
        return found or [other for other in self.short if other != word]


def _letter_pairs(word: str) -> frozenset[str]:
    padded = f"^{word}$"
    return frozenset(padded[i : i + 2] for i in range(len(padded) - 1))


def _pick(words: Sequence[str], choice: float) -> str:
    return words[int(choice * len(words))] if words else ""


def _joined(words: Iterable[str]) -> str:
    """Words with spaces between them, Han characters without."""
    text = ""
    for word in filter(None, words):
        glued = not text or (_HAN.match(text[-1]) and _HAN.match(word))
        text += word if glued else f" {word}"
    return text
