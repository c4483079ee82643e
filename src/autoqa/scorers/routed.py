"""One question, one model per language: English reads one encoder, other languages another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import ANY_LANGUAGE, Batch
from autoqa.features.encoders import ConversationEncoder, Encoder
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.scorers.text_model import TextModel
from autoqa.store import atomic_file, atomic_write_json

Floats = NDArray[np.float64]

MIN_ITEMS = 20
"""Labels of one language below which it gets no model of its own."""


class RoutedModel:
    """Text models by primary language, with ``*`` for every language that has none of its own."""

    def __init__(self, models: Mapping[str, TextModel]) -> None:
        self.models = dict(models)

    @property
    def levels(self) -> tuple[int, ...]:
        """Every level of the scale, lowest first."""
        return next(iter(self.models.values())).levels

    def route(self, language: str) -> str | None:
        """Return which model serves a language; None where none does."""
        if language in self.models:
            return language
        return ANY_LANGUAGE if ANY_LANGUAGE in self.models else None

    @classmethod
    def fit(
        cls,
        batch: Batch,
        items: Sequence[Item],
        y: NDArray[Any],
        settings: Mapping[str, Any],
        *,
        weights: NDArray[Any] | None = None,
        groups: NDArray[Any] | None = None,
        ngrams: Mapping[str, TurnNgrams] | None = None,
        in_context: Mapping[str, Any] | None = None,
    ) -> RoutedModel:
        """Learn one model per route of the batch's encoders.

        A language with an encoder of its own learns from its own items; ``*`` learns from all
        languages that share its encoder, or from every item where there are none. `in_context` is
        laid over `settings` on routes whose encoder reads turns in their context.

        Raises
        ------
        DataError
            If no route has `MIN_ITEMS` items at two or more levels.
        """
        languages = np.array([batch.transcripts[i.transcript].primary_language for i in items])
        models: dict[str, TextModel] = {}
        problems: list[str] = []
        for route, members in training_routes(batch, languages).items():
            if len(members) < MIN_ITEMS:
                problems.append(f"{route}: {len(members)} labels, needs {MIN_ITEMS}")
                continue
            part, kept = _sub_batch(batch, [items[i] for i in members], route)
            reads_context = isinstance(_encoder_of(batch, route), ConversationEncoder)
            model = TextModel(**{**settings, **((in_context or {}) if reads_context else {})})
            try:
                models[route] = model.fit_items(
                    part,
                    kept,
                    y[members],
                    weights=None if weights is None else weights[members],
                    groups=None if groups is None else groups[members],
                    ngrams=(ngrams or {}).get(route),
                )
            except DataError as error:
                problems.append(f"{route}: {error}")
        if not models:
            raise DataError("; ".join(problems) or "no labels")
        return cls(models)

    def probabilities(self, batch: Batch, items: Sequence[Item]) -> Floats:
        """Return probabilities, shape (n_items, n_levels); NaN rows where no model serves."""
        found = np.full((len(items), len(self.levels)), np.nan)
        for model, part, kept, places in self._parts(batch, items):
            found[places] = model.probabilities(part, kept)
        return found

    def decide(
        self, batch: Batch, items: Sequence[Item], probabilities: Floats
    ) -> NDArray[np.int_]:
        """Return the chosen level per item; the lowest level where no model serves."""
        chosen = np.full(len(items), self.levels[0])
        for model, part, kept, places in self._parts(batch, items):
            sources = [part.transcripts[item.transcript].source for item in kept]
            chosen[places] = model.decide(probabilities[places], sources)
        return chosen

    def contributions(
        self, batch: Batch, items: Sequence[Item]
    ) -> list[tuple[NDArray[np.int_], Floats]]:
        """Return per item its turns and what each adds; see `TextModel.contributions`."""
        found: list[tuple[NDArray[np.int_], Floats]] = [
            (np.zeros(0, int), np.zeros(0)) for _ in items
        ]
        for model, part, kept, places in self._parts(batch, items):
            for place, shares in zip(places, model.contributions(part, kept), strict=True):
                found[place] = shares
        return found

    def _parts(
        self, batch: Batch, items: Sequence[Item]
    ) -> list[tuple[TextModel, Batch, list[Item], list[int]]]:
        """Split items by the model that serves them."""
        by_route: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            route = self.route(batch.transcripts[item.transcript].primary_language)
            if route is not None:
                by_route.setdefault(route, []).append(place)
        parts = []
        for route, places in by_route.items():
            model = self.models[route]
            # A language may have an encoder of its own but no model: `*` reads it as it learned.
            read_by = route if model.embeddings else None
            part, kept = _sub_batch(batch, [items[p] for p in places], read_by)
            parts.append((model, part, kept, places))
        return parts

    # storage

    def save(self, folder: Path, vocabularies: Path) -> None:
        """Write model.json and weights.safetensors; shared vocabularies go to their own folder."""
        from safetensors.numpy import save

        meta: dict[str, Any] = {"format": 1, "routes": {}}
        tensors: dict[str, NDArray[np.float32]] = {}
        for route, model in sorted(self.models.items()):
            meta["routes"][route], arrays = model.to_arrays()
            tensors |= {f"{route}/{name}": array for name, array in arrays.items()}
            _save_vocabulary(model.ngrams_, vocabularies)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_json(folder / "model.json", meta)
        with atomic_file(folder / "weights.safetensors") as stream:
            stream.write(save(tensors))

    @classmethod
    def load(cls, folder: Path, vocabularies: Path) -> RoutedModel:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If files are missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            meta = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "weights.safetensors")
            models = {}
            for route, one in meta["routes"].items():
                prefix = f"{route}/"
                arrays = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
                ngrams = _load_vocabulary(one["ngrams"], vocabularies)
                models[route] = TextModel.from_arrays(one, arrays, ngrams)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ModelError(f"{folder}: not a usable model ({error}); train it again") from error
        return cls(models)


def training_routes(batch: Batch, languages: NDArray[Any]) -> dict[str, NDArray[np.int_]]:
    """Return which items each route learns from; routes are those of the batch's encoders.

    Languages that share the encoder of ``*`` are learned together, so that a language with few
    labels gains from the others.
    """
    shared = batch.encoders.get(ANY_LANGUAGE)
    own = {
        language
        for language, encoder in batch.encoders.items()
        if language != ANY_LANGUAGE and encoder is not shared
    }
    routes = {
        language: np.flatnonzero(languages == language)
        for language in sorted(own)
        if (languages == language).any()
    }
    others = np.flatnonzero(~np.isin(languages, sorted(own)))
    routes[ANY_LANGUAGE] = others if len(others) >= MIN_ITEMS else np.arange(len(languages))
    return routes


def _encoder_of(batch: Batch, route: str) -> Encoder | None:
    return batch.encoders.get(route) or batch.encoders.get(ANY_LANGUAGE)


def _sub_batch(batch: Batch, items: Sequence[Item], route: str | None) -> tuple[Batch, list[Item]]:
    """Return a batch of just the items' transcripts, and the items in its terms.

    Given a route, every transcript is read through that route's encoder.
    """
    used = sorted({item.transcript for item in items})
    place = {transcript: i for i, transcript in enumerate(used)}
    kept = [Item(place[item.transcript], item.turn) for item in items]
    part = batch if len(used) == len(batch) else batch.subset(used)
    encoder = None if route is None else _encoder_of(batch, route)
    if encoder is not None and any(part.encoder_of(t) is not encoder for t in part.transcripts):
        part = batch.once(
            ("route", route, tuple(used)),
            lambda: Batch(part.transcripts, encoders={ANY_LANGUAGE: encoder}),
        )
    return part, kept


def _save_vocabulary(ngrams: TurnNgrams, folder: Path) -> None:
    path = folder / f"{ngrams.key}.json"
    if ngrams.vocabulary and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        idf = [round(float(value), 4) for value in ngrams.idf]
        atomic_write_json(path, {"terms": list(ngrams.vocabulary), "idf": idf})


def _load_vocabulary(key: str, folder: Path) -> TurnNgrams:
    path = folder / f"{key}.json"
    if not path.exists():
        empty = TurnNgrams((), np.zeros(0))
        if key == empty.key:
            return empty
        raise ModelError(f"{path}: the model's vocabulary is missing; train the model again")
    stored = json.loads(path.read_text(encoding="utf-8"))
    return TurnNgrams(stored["terms"], np.array(stored["idf"], np.float32))
