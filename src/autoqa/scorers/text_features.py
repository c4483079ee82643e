"""What a text model reads of a conversation as it stood after a turn: columns to learn from.

Pooled turn embeddings and conversation statistics are dense columns, centred and scaled; n-grams
are sparse ones, of length 1 per view. A linear score over them is a sum over turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from operator import matmul
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import ANY_LANGUAGE, Batch
from autoqa.features.encoders import Encoder
from autoqa.features.ngrams import TurnNgrams, turn_text, unit_rows
from autoqa.features.statistics import STATISTICS
from autoqa.features.views import VIEWS, Item, pooling_weights
from autoqa.records import Speaker, Transcript

Floats = NDArray[np.float64]
Matrix = Any  # a dense or a sparse matrix: scikit-learn and `Head` take both

NO_ENCODER = "none"
_STATISTIC_SPREAD = 3.0  # statistics enter at a third of what one standard deviation would be


@dataclass(frozen=True, eq=False)
class TextFeatures:
    """Columns of a text model: which ones, and the scaling that was learned for them.

    Columns are, in this order: every view's embedding, the statistics, whether the whole
    conversation is asked about, every view's n-grams.

    Attributes
    ----------
    embeddings, ngrams, statistics, dense_weight, speaker
        What is read; see `autoqa.scorers.text_model.TextModel`.
    encoder : str
        Which encoder's vectors the scaling is of; see `encoder_key`.
    dimension : int
        Of those vectors; 0 without embeddings.
    vocabulary : TurnNgrams
    center, scale : array of shape (n_dense,)
        Of all columns but the n-grams.

    Raises
    ------
    DataError
        If a view is not known, or nothing is to be read.
    """

    embeddings: tuple[str, ...]
    ngrams: tuple[str, ...]
    statistics: bool
    dense_weight: float
    speaker: str
    encoder: str = NO_ENCODER
    dimension: int = 0
    vocabulary: TurnNgrams = field(default_factory=lambda: TurnNgrams((), np.zeros(0)))
    center: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for view in (*self.embeddings, *self.ngrams):
            if view not in VIEWS:
                raise DataError(f"no view named '{view}'; views: {', '.join(VIEWS)}")
        if not (self.embeddings or self.ngrams or self.statistics):
            raise DataError("a text model needs embeddings, n-grams or statistics")

    def batch(self, transcripts: Sequence[Transcript], encoder: Encoder | None = None) -> Batch:
        """Return transcripts with the encoders to read them: `encoder`, or else by language."""
        if not self.embeddings:
            return Batch(transcripts)
        if encoder is not None:
            return Batch(transcripts, encoders={ANY_LANGUAGE: encoder})
        from autoqa.features.routing import encoder_routes

        return Batch(transcripts, encoders=_shared_encoders(tuple(encoder_routes().items())))

    def learned(
        self,
        batch: Batch,
        items: Sequence[Item],
        *,
        vocabulary: TurnNgrams | None = None,
        vocabulary_size: int,
    ) -> TextFeatures:
        """Return these features with a vocabulary, and the scaling of the given items.

        Parameters
        ----------
        vocabulary : TurnNgrams, optional
            To share with others; default, the `vocabulary_size` commonest n-grams of the batch.
        """
        encoder = self._encoder_of(batch)
        if not self.ngrams:
            vocabulary = TurnNgrams((), np.zeros(0))
        elif vocabulary is None:
            vocabulary = TurnNgrams.learn(_turn_texts(batch), size=vocabulary_size)
        dense = self.dense(batch, items)
        dimension = batch.turn_vectors.shape[1] if self.embeddings else 0
        spread = dense.std(axis=0)
        spread[spread < 1e-8] = 1.0
        # Each view weighs as much as one column would, whatever the encoder's dimension.
        views = np.repeat(np.sqrt(dimension), dimension * len(self.embeddings))
        block = np.concatenate([views, np.full(len(spread) - len(views), _STATISTIC_SPREAD)])
        return replace(
            self,
            encoder=encoder,
            dimension=dimension,
            vocabulary=vocabulary,
            center=dense.mean(axis=0),
            scale=spread * block / self.dense_weight,
        )

    def dense(self, batch: Batch, items: Sequence[Item]) -> Floats:
        """Return pooled embeddings and what belongs to no turn, unscaled, (n_items, n_dense)."""
        parts = []
        for view in self.embeddings:
            key = ("pooled", view, self.speaker, tuple(items))
            pooling = self._pooling(batch, items, view)
            parts.append(batch.once(key, partial(matmul, pooling, batch.turn_vectors)))
        if self.statistics:
            parts.append(np.stack([_statistics_row(batch, item) for item in items]))
        # People judge a conversation otherwise than its last turn, having heard the same.
        parts.append(np.array([[item.turn is None] for item in items], float))
        return np.hstack(parts)

    def matrix(self, batch: Batch, items: Sequence[Item]) -> Matrix:
        """Return all columns, scaled: the matrix to learn from, shape (n_items, n_columns)."""
        dense = ((self.dense(batch, items) - self.center) / self.scale).astype(np.float32)
        if not self.ngrams:
            return dense
        sparse = [self._ngram_rows(batch, items, view)[0] for view in self.ngrams]
        return hstack([csr_matrix(dense), *sparse], format="csr")

    def linear(
        self, batch: Batch, items: Sequence[Item], weights: Floats, intercept: Floats
    ) -> Floats:
        """Return ``matrix @ weights + intercept``, shape (n_items, n_outputs).

        Dense and sparse columns are kept apart, so nothing is copied.

        Raises
        ------
        ModelError
            If the batch's vectors are of another encoder than the one the scaling is of.
        """
        self._check_encoder(batch)
        dense_weights = weights[: len(self.scale)] / self.scale[:, None]
        z = self.dense(batch, items) @ dense_weights
        z += intercept - self.center @ dense_weights
        for view, columns in self._ngram_columns():
            z += self._ngram_rows(batch, items, view)[0] @ weights[columns]
        return np.asarray(z, float)

    def turn_shares(
        self, batch: Batch, items: Sequence[Item], weights: Floats, slope: Floats
    ) -> list[tuple[NDArray[np.int_], Floats]]:
        """Return per item its turns and what each adds to the linear score.

        Statistics, and the intercept, belong to no turn. A turn's embedding counts by how it
        differs from the center.

        Parameters
        ----------
        slope : array of shape (n_items, n_outputs)
            What one unit of each output is worth; a turn's worth is the sum over outputs.
        """
        total: csr_matrix | None = None
        for pooling, scores, norm in self._turn_scores(batch, items, weights):
            for output in range(scores.shape[1]):
                share = pooling.multiply((slope[:, output] / norm)[:, None])
                part = share.multiply(scores[:, output][None, :]).tocsr()
                total = part if total is None else total + part
        if total is None:
            return [(np.zeros(0, int), np.zeros(0)) for _ in items]
        starts = np.concatenate([[0], np.cumsum([len(t.turns) for t in batch.transcripts])])
        found = []
        for row, item in enumerate(items):
            entries = slice(total.indptr[row], total.indptr[row + 1])
            turns = total.indices[entries] - starts[item.transcript]
            order = np.argsort(turns)
            found.append((turns[order], np.asarray(total.data[entries], float)[order]))
        return found

    def _turn_scores(
        self, batch: Batch, items: Sequence[Item], weights: Floats
    ) -> Iterator[tuple[csr_matrix, Floats, Floats]]:
        """Yield per view its pooling, every turn's score (n_turns, n_outputs), and item norms.

        A view's part of an item's score is its row of ``pooling @ scores``, divided by its norm.
        """
        for place, view in enumerate(self.embeddings):
            part = slice(place * self.dimension, (place + 1) * self.dimension)
            scaled = weights[part] / self.scale[part, None]
            scores = (batch.turn_vectors - self.center[part]) @ scaled
            yield self._pooling(batch, items, view), scores, np.ones(len(items))
        for view, columns in self._ngram_columns():
            scores = np.asarray(self._counts(batch) @ weights[columns])
            yield self._pooling(batch, items, view), scores, self._ngram_rows(batch, items, view)[1]

    def _ngram_columns(self) -> Iterator[tuple[str, slice]]:
        """Where each view's n-grams are among the columns."""
        start, size = len(self.scale), len(self.vocabulary.vocabulary)
        for view in self.ngrams:
            yield view, slice(start, start + size)
            start += size

    def _ngram_rows(
        self, batch: Batch, items: Sequence[Item], view: str
    ) -> tuple[csr_matrix, Floats]:
        """Unit-length n-gram rows of a view, and the lengths they had."""
        key = ("ngram rows", self.vocabulary.key, view, self.speaker, tuple(items))
        pooling = self._pooling(batch, items, view)
        return batch.once(key, lambda: unit_rows(pooling @ self._counts(batch)))

    def _pooling(self, batch: Batch, items: Sequence[Item], view: str) -> csr_matrix:
        def compute() -> csr_matrix:
            return pooling_weights(batch.transcripts, items, view, speaker=Speaker(self.speaker))

        return batch.once(("pooling", view, self.speaker, tuple(items)), compute)

    def _counts(self, batch: Batch) -> csr_matrix:
        def compute() -> csr_matrix:
            return self.vocabulary.count(_turn_texts(batch))

        return batch.once(("counts", self.vocabulary.key), compute)

    def _encoder_of(self, batch: Batch) -> str:
        """The encoder that all of a batch is read through."""
        if not self.embeddings:
            return NO_ENCODER
        if not batch.transcripts:
            return self.encoder
        return batch_encoder(batch)

    def _check_encoder(self, batch: Batch) -> None:
        found = self._encoder_of(batch)
        if found != self.encoder:
            raise ModelError(
                f"the model was trained on vectors of encoder {self.encoder}, but {found} is set "
                "up for this language; use that encoder, or train the model again"
            )


def encoder_key(encoder: Encoder) -> str:
    """Name and weights of an encoder, whatever precision it runs at."""
    return f"{encoder.name}:{getattr(encoder, 'family', encoder.version)}"


def batch_encoder(batch: Batch) -> str:
    """Return the key of the one encoder that all of a batch is read through.

    Raises
    ------
    ModelError
        If there are several.
    """
    keys = {encoder_key(batch.encoder_of(t)) for t in batch.transcripts}
    if len(keys) > 1:
        raise ModelError(
            "one model reads one encoder's vectors, but the batch's languages use "
            f"{', '.join(sorted(keys))}"
        )
    return keys.pop()


@cache
def _shared_encoders(routes: tuple[tuple[str, str], ...]) -> Mapping[str, Encoder]:
    """The same encoders at every `fit` and `predict`: folds of one run share texts."""
    from autoqa.features.routing import default_encoders

    return default_encoders(dict(routes))


def _turn_texts(batch: Batch) -> list[str]:
    return [turn_text(turn) for t in batch.between_parties for turn in t.turns]


def _statistics_row(batch: Batch, item: Item) -> Floats:
    rows = batch.statistics[item.transcript]
    if not len(rows):
        return np.zeros(len(STATISTICS))
    return np.asarray(rows[-1 if item.turn is None else item.turn])
