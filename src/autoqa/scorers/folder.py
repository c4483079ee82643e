"""A model folder: trained heads, an index that says what they are, and hashes that prove it.

::

    models/NAME/
        models.json                 index: heads, scorecard, training data, SHA-256 of every file
        README.md                   model card, for people
        heads/CRITERION/            model.json, weights.safetensors
        heads/vocabularies/         n-gram lists that heads share
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autoqa.errors import ModelError, near_miss
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.routed import RoutedModel
from autoqa.store import atomic_write_json, atomic_write_text

FORMAT = 1
_INDEX = "models.json"


@dataclass(frozen=True)
class HeadCard:
    """What is known about one head."""

    criterion: Criterion
    use: str = "linear"  # or `rules`, where training found rules to agree better with people
    licence: str = "unstated"
    trained_on: tuple[str, ...] = ()
    n_items: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""


class ModelFolder:
    """Reads a model folder; heads load, hash-checked, when first asked for.

    Raises
    ------
    ModelError
        If the folder has no usable index.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        index = self.path / _INDEX
        if not index.is_file():
            raise ModelError(
                f"{self.path}: no {_INDEX} there, so this is no model folder; "
                "`autoqa train` makes one, and models/default comes with the repository"
            )
        try:
            self.index: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{index}: damaged ({error}); train the models again") from error
        found = self.index.get("format") if isinstance(self.index, dict) else None
        if found != FORMAT:
            raise ModelError(
                f"{index}: format {found}, this version reads {FORMAT}; "
                "update autoqa or train the models again"
            )
        for name in ("heads", "files"):
            if not isinstance(self.index.get(name), dict):
                raise ModelError(f"{index}: damaged (no {name}); train the models again")
        self._loaded: dict[str, RoutedModel] = {}

    @cached_property
    def heads(self) -> dict[str, HeadCard]:
        """Every head by criterion id."""
        try:
            return {name: _card(stored) for name, stored in self.index["heads"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.path / _INDEX}: damaged ({error}); train the models again"
            ) from error

    @cached_property
    def scorecard(self) -> Scorecard | None:
        """The scorecard the folder was trained for, if any."""
        stored = self.index.get("scorecard")
        return Scorecard.model_validate(stored) if stored else None

    @property
    def version(self) -> str:
        """Short hash over every file of the folder."""
        text = json.dumps(self.index["files"], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def model(self, head: str) -> RoutedModel:
        """Return a head's model.

        Raises
        ------
        ModelError
            If there is no such head, or a file is not the one that the index names.
        """
        if head not in self._loaded:
            if head not in self.heads:
                known = ", ".join(sorted(self.heads)) or "none"
                raise ModelError(
                    f"{self.path}: no head '{head}'.{near_miss(head, self.heads)} It has {known}"
                )
            self._verify(f"heads/{head}/", "heads/vocabularies/")
            heads = self.path / "heads"
            self._loaded[head] = RoutedModel.load(heads / head, heads / "vocabularies")
        return self._loaded[head]

    def scorer(self, head: str) -> LinearScorer:
        """Return a scorer for one head, on the criterion it was trained for."""
        criterion = self.heads[head].criterion if head in self.heads else None
        model = self.model(head)
        assert criterion is not None
        return LinearScorer([criterion], models={criterion.id: model})

    def verify(self) -> int:
        """Check every file's SHA-256 and return how many there are, or raise ModelError."""
        self._verify("")
        return len(self.index["files"])

    def _verify(self, *prefixes: str) -> None:
        for name, expected in self.index["files"].items():
            if not name.startswith(prefixes):
                continue
            path = self.path / name
            if not path.is_file():
                raise ModelError(f"{path}: missing; restore it or train the models again")
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != expected:
                raise ModelError(
                    f"{path}: SHA-256 is {found[:12]}..., the index says {expected[:12]}...; the "
                    "file was changed: restore it or train the models again"
                )


def write_models(
    path: str | Path,
    models: Mapping[str, RoutedModel],
    cards: Mapping[str, HeadCard],
    *,
    scorecard: Scorecard | None = None,
    readme: str = "",
) -> ModelFolder:
    """Write a model folder; the index comes last, so a half-written folder is never read."""
    folder = Path(path)
    (folder / _INDEX).unlink(missing_ok=True)
    for name, model in models.items():
        model.save(folder / "heads" / name, folder / "heads" / "vocabularies")
    if readme:
        atomic_write_text(folder / "README.md", readme)
    wanted = {f"heads/{name}/" for name in models} | {
        # Not those that an earlier training left there.
        f"heads/vocabularies/{one.ngrams_.key}.json"
        for model in models.values()
        for one in model.models.values()
    }
    files = {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((folder / "heads").rglob("*"))
        if file.is_file()
        and (name := file.relative_to(folder).as_posix()).startswith(tuple(wanted))
    }
    index = {
        "format": FORMAT,
        "heads": {name: _card_json(card) for name, card in cards.items()},
        "files": files,
        "scorecard": scorecard.model_dump(mode="json", exclude_defaults=True)
        if scorecard
        else None,
    }
    atomic_write_json(folder / _INDEX, index)
    return ModelFolder(folder)


def _card(stored: Mapping[str, Any]) -> HeadCard:
    criterion = Criterion.model_validate(stored["criterion"])
    trained_on = tuple(stored.get("trained_on", ()))
    return HeadCard(**{**stored, "criterion": criterion, "trained_on": trained_on})


def _card_json(card: HeadCard) -> dict[str, Any]:
    return {
        "criterion": card.criterion.model_dump(mode="json", exclude_defaults=True),
        "use": card.use,
        "licence": card.licence,
        "trained_on": list(card.trained_on),
        "n_items": card.n_items,
        "metrics": dict(card.metrics),
        "notes": card.notes,
    }
