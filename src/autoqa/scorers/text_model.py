"""TextModel: a conversation, as it stood after a turn, to probabilities over ordered levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from autoqa.errors import DataError
from autoqa.features.batch import Batch
from autoqa.features.encoders import TextEncoder
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.records import Transcript
from autoqa.scorers.heads import Head, Link, best_temperature
from autoqa.scorers.text_features import TextFeatures

Floats = NDArray[np.float64]

_CALIBRATION_SHARE = 0.2
_MIN_SOURCE = 300  # items of one source below which its base rate would be noise
_MIN_CALIBRATION = 30  # items below which a temperature would fit noise


class TextModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear model over pooled turn embeddings, n-grams and conversation statistics.

    A scikit-learn classifier: ``X`` is a list of Transcripts, ``y`` their levels. To learn from
    raters who disagree, ``y`` is an array of shape (n, n_levels) with the share of raters at each
    level (`cross_val_predict` then needs ``method="predict"``). `fit_items` and `probabilities` do
    the same for many moments of the same conversations, encoding every turn once.

    Parameters
    ----------
    levels : tuple of int
        Every level of the scale, lowest first.
    embeddings, ngrams : tuple of str
        Views (`autoqa.features.views.VIEWS`) read through the encoder, and as n-grams.
    statistics : bool
        Whether conversation statistics enter.
    dense_weight : float
        How strongly embeddings and statistics enter beside n-grams, whose rows have length 1. The
        penalty falls less on what enters strongly; below 1, words come first.
    link, penalty
        See `Head`.
    decision : {"likeliest", "balanced", "expected"}
        How `predict` chooses: the likeliest level; the level whose probability most exceeds its
        base rate (what macro-averaged scores ask for); or the level nearest the expected one.
    speaker : str
        Whose turn the ``target`` view looks at.
    vocabulary : int
        Most n-grams to keep.
    encoder : TextEncoder, optional
        Used when `fit` and `predict` are given transcripts; default, by language.
    seed : int
    """

    def __init__(
        self,
        levels: tuple[int, ...] = (0, 1),
        *,
        embeddings: tuple[str, ...] = ("target", "reply_to", "customer_recent", "agent_recent"),
        ngrams: tuple[str, ...] = ("target",),
        statistics: bool = True,
        dense_weight: float = 1.0,
        link: Link = "ordinal",
        penalty: float = 1.0,
        decision: str = "likeliest",
        speaker: str = "customer",
        vocabulary: int = 6000,
        encoder: TextEncoder | None = None,
        seed: int = 7,
    ) -> None:
        self.levels = levels
        self.embeddings = embeddings
        self.ngrams = ngrams
        self.statistics = statistics
        self.dense_weight = dense_weight
        self.link = link
        self.penalty = penalty
        self.decision = decision
        self.speaker = speaker
        self.vocabulary = vocabulary
        self.encoder = encoder
        self.seed = seed

    # scikit-learn's side: transcripts in, levels out

    def fit(
        self, X: Sequence[Transcript], y: ArrayLike, groups: ArrayLike | None = None
    ) -> TextModel:
        """Learn from transcripts and their levels; `groups` keeps related ones together."""
        items = [Item(i) for i in range(len(X))]
        return self.fit_items(self._batch(X), items, np.asarray(y), groups=groups)

    def predict(self, X: Sequence[Transcript]) -> NDArray[np.int_]:
        """Return a level per transcript, shape (n,)."""
        return self.decide(self.predict_proba(X), [t.source for t in X])

    def predict_proba(self, X: Sequence[Transcript]) -> Floats:
        """Return probabilities over `levels`, shape (n, n_levels)."""
        return self.probabilities(self._batch(X), [Item(i) for i in range(len(X))])

    def _batch(self, X: Sequence[Transcript]) -> Batch:
        return self._features().batch(X, self.encoder)

    # the batch side: many items of the same conversations

    def fit_items(
        self,
        batch: Batch,
        items: Sequence[Item],
        y: NDArray[Any],
        *,
        weights: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        ngrams: TurnNgrams | None = None,
    ) -> TextModel:
        """Learn from items of a batch.

        Parameters
        ----------
        y : array of shape (n_items,) or (n_items, n_levels)
            Levels, or shares of raters at each level.
        weights : array of shape (n_items,), optional
        groups : array of shape (n_items,), optional
            Items of one group are never split between fitting and calibration; default, the
            conversation.
        ngrams : TurnNgrams, optional
            A vocabulary to share with other models; default, learned from the batch.

        Raises
        ------
        DataError
            If there is nothing to learn from.
        """
        features = self._features()
        targets = self._targets(np.asarray(y))
        if len(targets) != len(items):
            raise DataError(f"{len(items)} items but {len(targets)} labels")
        if _levels_chosen(targets) < 2:
            raise DataError("all labels are at one level: there is nothing to tell apart")
        rows = np.ones(len(items)) if weights is None else np.asarray(weights, float)
        group = np.array([i.transcript for i in items]) if groups is None else np.asarray(groups)
        self.classes_ = np.array(self.levels)
        self.features_ = features.learned(
            batch, items, vocabulary=ngrams, vocabulary_size=self.vocabulary
        )
        X = self.features_.matrix(batch, items)
        levels = np.array(self.levels, float)
        held = self._held_out(group)
        temperature = 1.0
        fitting = ~held
        if held.sum() >= _MIN_CALIBRATION and _levels_chosen(targets[fitting]) > 1:
            trial = self._head().fit(X[fitting], targets[fitting], levels, rows[fitting])
            temperature = best_temperature(trial, trial.linear(X[held]), targets[held])
        self.head_ = self._head().fit(X, targets, levels, rows)
        self.head_.temperature = temperature
        said = self.head_.probabilities(self.head_.linear(X))
        self.base_rate_ = np.average(said, axis=0, weights=rows)
        self.base_rates_ = rates_by_source(batch, items, said, rows)
        return self

    def probabilities(self, batch: Batch, items: Sequence[Item]) -> Floats:
        """Return calibrated probabilities over the levels, shape (n_items, n_levels)."""
        if not items:
            return np.zeros((0, len(self.levels)))
        return self.head_.probabilities(self._linear(batch, items))

    def decide(self, probabilities: Floats, sources: Sequence[str | None] = ()) -> NDArray[np.int_]:
        """Return the chosen level per row; ties go to the lower level.

        Parameters
        ----------
        probabilities : array of shape (n, n_levels)
        sources : sequence of str, optional
            Where each conversation was recorded. With ``decision="balanced"``, a source that was
            well represented in training is balanced by its own base rate.
        """
        known = self.base_rates_ if sources else {}
        rates = [known.get(source or "", self.base_rate_) for source in sources]
        usual = np.array(rates) if rates else self.base_rate_
        return chosen_levels(probabilities, self.levels, self.decision, usual)

    def contributions(
        self, batch: Batch, items: Sequence[Item]
    ) -> list[tuple[NDArray[np.int_], Floats]]:
        """Return per item the turns it rests on and what each adds, in scale units.

        The linear part of the score is a sum over turns (plus statistics and intercept, which
        belong to no turn); it is carried to the scale by the derivative of the expected level. A
        turn's embedding counts by how it differs from the mean of the training data.
        """
        if not items:
            return []
        slope = self.head_.sensitivity(self._linear(batch, items))
        return self.features_.turn_shares(batch, items, self.head_.weights, slope)

    @property
    def ngrams_(self) -> TurnNgrams:
        """The vocabulary of a fitted model."""
        return self.features_.vocabulary

    @property
    def encoder_(self) -> str:
        """Name and weights of the encoder whose vectors a fitted model reads."""
        return self.features_.encoder

    def _linear(self, batch: Batch, items: Sequence[Item]) -> Floats:
        return self.features_.linear(batch, items, self.head_.weights, self.head_.intercept)

    def _features(self) -> TextFeatures:
        """What the settings say is to be read, nothing learned yet."""
        return TextFeatures(
            embeddings=self.embeddings,
            ngrams=self.ngrams,
            statistics=self.statistics,
            dense_weight=self.dense_weight,
            speaker=self.speaker,
        )

    def _targets(self, y: NDArray[Any]) -> Floats:
        if y.ndim == 2:
            totals = y.sum(axis=1, keepdims=True)
            whole = np.allclose(totals, 1.0, atol=1e-6)
            if y.shape[1] != len(self.levels) or not (y >= 0).all() or not whole:
                raise DataError(
                    f"shares of raters need one column per level {self.levels}, none below 0, and "
                    "rows that sum to 1. (cross_val_predict with method='predict_proba' rewrites "
                    "shares as class numbers; use method='predict', or loop over the folds)"
                )
            return np.asarray(y, float)
        hits = y[:, None] == np.array(self.levels)[None, :]
        if not hits.any(axis=1).all():
            stray = sorted({str(v) for v in y[~hits.any(axis=1)]})
            raise DataError(f"levels {', '.join(stray)} are not on the scale {self.levels}")
        return np.asarray(hits, float)

    def _head(self) -> Head:
        return Head(self.link, penalty=self.penalty, seed=self.seed)

    def _held_out(self, groups: NDArray[Any]) -> NDArray[np.bool_]:
        names = np.unique(groups)
        chosen = np.random.default_rng(self.seed).permutation(names)
        return np.asarray(np.isin(groups, chosen[: int(len(names) * _CALIBRATION_SHARE)]))

    # storage: JSON and arrays, nothing pickled

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
        """Return what `from_arrays` needs: settings as JSON values, weights as arrays.

        The vocabulary is not part of it: models share theirs (see `TurnNgrams`).
        """
        settings = {k: v for k, v in self.get_params(deep=False).items() if k != "encoder"}
        head, features = self.head_, self.features_
        meta = {
            "settings": settings,
            "encoder": features.encoder,
            "dimension": features.dimension,
            "temperature": head.temperature,
            "spread": head.spread,
            "ngrams": features.vocabulary.key,
            "sources": list(self.base_rates_),
        }
        arrays = {
            "weights": head.weights,
            "intercept": head.intercept,
            "center": features.center,
            "scale": features.scale,
            "base_rate": self.base_rate_,
            "base_rates": np.array(list(self.base_rates_.values())).reshape(-1, len(self.levels)),
        }
        return meta, {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}

    @classmethod
    def from_arrays(
        cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]], ngrams: TurnNgrams
    ) -> TextModel:
        """Rebuild a fitted model from `to_arrays`."""
        settings: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in meta["settings"].items()
        }
        model = cls(**settings)
        model.classes_ = np.array(model.levels)
        model.features_ = replace(
            model._features(),
            encoder=meta["encoder"],
            dimension=meta["dimension"],
            vocabulary=ngrams,
            center=arrays["center"].astype(float),
            scale=arrays["scale"].astype(float),
        )
        model.base_rate_ = arrays["base_rate"].astype(float)
        rates = arrays["base_rates"].astype(float)
        model.base_rates_ = dict(zip(meta["sources"], rates, strict=True))
        model.head_ = model._head()
        model.head_.levels = np.array(model.levels, float)
        model.head_.weights = arrays["weights"].astype(float)
        model.head_.intercept = arrays["intercept"].astype(float)
        model.head_.temperature, model.head_.spread = meta["temperature"], meta["spread"]
        return model


def _levels_chosen(targets: Floats) -> int:
    return int((targets.sum(axis=0) > 0).sum())


def chosen_levels(
    probabilities: Floats, levels: Sequence[int], decision: str, usual: Floats
) -> NDArray[np.int_]:
    """Return the chosen level per row; ties go to the lower level.

    Parameters
    ----------
    probabilities : array of shape (n, n_levels)
    decision : {"likeliest", "balanced", "expected"}
        See `TextModel`.
    usual : array of shape (n_levels,) or (n, n_levels)
        Base rates, which a balanced decision divides by.
    """
    scale = np.array(levels)
    if decision == "expected":
        expected = probabilities @ scale
        return np.asarray(scale[np.abs(scale[None, :] - expected[:, None]).argmin(1)])
    if decision == "balanced":
        probabilities = probabilities / np.maximum(usual, 1e-9)
    return np.asarray(scale[probabilities.argmax(1)])


def rates_by_source(
    batch: Batch, items: Sequence[Item], said: Floats, weights: Floats
) -> dict[str, Floats]:
    """Base rates of the sources that have enough items; none where all have the same source."""
    sources = np.array([batch.transcripts[i.transcript].source or "" for i in items])
    names, counts = np.unique(sources, return_counts=True)
    if len(names) < 2:
        return {}
    return {
        str(name): np.average(said[sources == name], axis=0, weights=weights[sources == name])
        for name, count in zip(names, counts, strict=True)
        if name and count >= _MIN_SOURCE
    }
