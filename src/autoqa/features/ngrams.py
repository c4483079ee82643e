"""Word and character n-grams of turns, in any language, without an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from autoqa.features.statistics import WORD_PATTERN
from autoqa.records import Turn

_LONGEST = 3  # Han characters make words of two or three; in other scripts rare n-grams drop out


class TurnNgrams:
    """Counts of the n-grams (1-3 tokens) of a fixed vocabulary, per turn.

    A token is a word, a number, a question or exclamation mark, or one Han character, so the
    same vocabulary serves languages with and without spaces.

    Parameters
    ----------
    vocabulary : sequence of str
        The n-grams, in the order of the columns.
    idf : array of shape (n_ngrams,)
        Inverse document frequency of each, over turns.
    """

    def __init__(self, vocabulary: Sequence[str], idf: np.ndarray) -> None:
        self.vocabulary = tuple(vocabulary)
        self.idf = np.asarray(idf, np.float32)

    @classmethod
    def learn(cls, texts: Sequence[str], *, size: int, min_turns: int = 3) -> TurnNgrams:
        """Keep the `size` most frequent n-grams that at least `min_turns` texts use."""
        counter = _counter(max_features=size, min_df=min(min_turns, max(len(texts) // 10, 1)))
        try:
            counts = counter.fit_transform(texts)
        except ValueError:  # nothing but empty texts
            return cls((), np.zeros(0))
        used = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log((1 + len(texts)) / (1 + used)) + 1
        # Rounded, so that a vocabulary written as text and read again is the same one.
        return cls(counter.get_feature_names_out().tolist(), np.round(idf, 4))

    @cached_property
    def key(self) -> str:
        """Short hash of the vocabulary and its weights."""
        digest = hashlib.sha256("\n".join(self.vocabulary).encode())
        digest.update(self.idf.tobytes())
        return digest.hexdigest()[:16]

    def count(self, texts: Sequence[str]) -> csr_matrix:
        """Return idf-weighted counts, shape (n_texts, n_ngrams)."""
        if not self.vocabulary:
            return csr_matrix((len(texts), 0), dtype=np.float32)
        counts = self._fixed.transform(texts)
        return counts.multiply(self.idf).tocsr()

    @cached_property
    def _fixed(self) -> Any:
        return _counter(vocabulary={term: i for i, term in enumerate(self.vocabulary)})


def _counter(**settings: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(
        lowercase=True,
        token_pattern=rf"{WORD_PATTERN}|[?!？！]",
        ngram_range=(1, _LONGEST),
        dtype=np.float32,
        **settings,
    )


def turn_text(turn: Turn) -> str:
    """What an n-gram model reads of a turn: its words and the names of the actions before it."""
    return " ".join([*(action.name.replace("_", "") for action in turn.actions), turn.text])


def unit_rows(matrix: csr_matrix) -> tuple[csr_matrix, np.ndarray]:
    """Scale rows to length 1; return them with the lengths they had (1 for empty rows)."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1.0
    scaled = matrix.multiply(1 / lengths[:, None]).tocsr()
    return scaled, lengths
