"""A model folder: trained heads, an index that says what they are, and hashes that prove it.

::

    models/NAME/
        models.json                 index: heads, scorecard, training data, SHA-256 of every file
        README.md                   model card, for people
        heads/CRITERION/            model.json, weights.safetensors
        heads/vocabularies/         n-gram lists that heads share
        adapters/NAME/              fine-tuned encoders that heads read through, by language
        permissive/                 a folder like this one, for those who need its terms
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from autoqa.errors import ModelError, near_miss
from autoqa.features.adapters import ADAPTER_FILES
from autoqa.features.encoders import Encoder
from autoqa.features.routing import default_encoders, encoder_routes
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorers.integrity import damaged, files_below, is_pickled
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.routed import RoutedModel
from autoqa.store import atomic_write_json, atomic_write_text, file_sha256

FORMAT = 2
OWN_DATA = "own data"
"""Licence of what a team learned from its own conversations."""

Licence = Literal["any", "permissive"]
"""Which heads of a folder answer: all, or those whose data's terms allow any use."""

PERMISSIVE = "permissive"
"""Name of the folder, inside another, whose heads all have permissive terms."""

_INDEX = "models.json"
_README = "README.md"
_ADAPTERS = "adapters"
_RESTRICTED = re.compile(
    r"research[- ]only|academic|non-?commercial|\bNC\b|unstated|unknown|not? (licen[cs]e )?stated",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class HeadCard:
    """What is known about one head.

    Attributes
    ----------
    licence : str
        Terms of the data that it learned from: ``MIT``, ``research-only``, `OWN_DATA` ...
    trained_on : tuple of str
        ``NAME sha256:DIGEST`` of each source.
    n_items : int
        Labelled items that it learned from.
    metrics : mapping
        Single figures by name, or what `autoqa.experiments.measuring` found, by dataset.
    notes : str
        What the data are.
    languages : tuple of str
        Languages of what it learned from.
    routes : tuple of str
        Languages with a model of their own; ``*`` answers for all others.
    code : str
        Version of the code that trained it.
    abstain_below : float or None
        Answers less probable than this are abstained on; None, all of them, because no confidence
        reaches the risk that was asked for.
    risk : mapping, optional
        The risk that `abstain_below` keeps within, and what was found there
        (`autoqa.evaluation.selective.AbstentionThreshold`).
    """

    criterion: Criterion
    use: str = "linear"  # or `rules`, where training found rules to agree better with people
    licence: str = "unstated"
    trained_on: tuple[str, ...] = ()
    n_items: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    intended_use: str = ""
    out_of_scope: str = ""
    languages: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    seed: int | None = None
    code: str = ""
    abstain_below: float | None = 0.0
    risk: Mapping[str, Any] | None = None

    @property
    def permissive(self) -> bool:
        """Whether the terms of its data are known and allow any use, commercial use too."""
        return is_permissive(self.licence)


def is_permissive(licence: str) -> bool:
    """Whether a licence is known and allows any use, commercial use too."""
    return bool(licence.strip()) and not _RESTRICTED.search(licence)


class ModelFolder:
    """Reads a model folder; heads load, hash-checked, when first asked for.

    Parameters
    ----------
    path : path
    licence : {"any", "permissive"}
        With ``permissive``, heads whose data's terms restrict their use, or are not known, are as
        good as absent; `left_out` names them. Where the folder holds another one for this case,
        that one is read: an encoder fine-tuned on restricted data restricts every head.

    Raises
    ------
    ModelError
        If the folder has no usable index.
    """

    def __init__(self, path: str | Path, *, licence: Licence = "any") -> None:
        self.path = Path(path)
        self.licence = licence
        self._outer: ModelFolder | None = None
        if licence == "permissive" and (self.path / PERMISSIVE / _INDEX).is_file():
            self._outer = ModelFolder(path)
            self.path = self.path / PERMISSIVE
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
    def _cards(self) -> dict[str, HeadCard]:
        try:
            return {name: _card(stored) for name, stored in self.index["heads"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.path / _INDEX}: damaged ({error}); train the models again"
            ) from error

    @cached_property
    def heads(self) -> dict[str, HeadCard]:
        """Every head that may answer, by criterion id."""
        wanted = self.licence == "any"
        return {name: card for name, card in self._cards.items() if wanted or card.permissive}

    @property
    def left_out(self) -> dict[str, HeadCard]:
        """Every head that the wanted licence leaves out, by criterion id."""
        all_heads = {**self._cards, **(self._outer.heads if self._outer else {})}
        return {name: card for name, card in all_heads.items() if name not in self.heads}

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

    @property
    def adapters(self) -> dict[str, Path]:
        """The folder's own fine-tuned encoders, by language."""
        own: dict[str, str] = self.index.get("encoders") or {}
        return {language: self.path / name for language, name in own.items()}

    def encoders(
        self,
        *,
        precision: str | None = None,
        threads: int | None = None,
        cache: Path | None = None,
    ) -> Mapping[str, Encoder]:
        """Return the encoders that the heads read through, by language.

        The folder's own adapters come before what is set up for a language; see
        `autoqa.features.routing.default_encoders` for the parameters.

        Raises
        ------
        ModelError
            If an adapter's file is not the one that the index names.
        """
        for name in (self.index.get("encoders") or {}).values():
            self._verify(f"{name}/")
        routes = {**encoder_routes(), **{k: str(v) for k, v in self.adapters.items()}}
        return default_encoders(routes, precision=precision, threads=threads, cache=cache)

    def model(self, head: str) -> RoutedModel:
        """Return a head's model.

        Raises
        ------
        ModelError
            If there is no such head, or a file is not the one that the index names.
        """
        if head not in self._loaded:
            if head not in self.heads:
                raise ModelError(self.no_head(head))
            self._verify(f"heads/{head}/", "heads/vocabularies/")
            heads = self.path / "heads"
            self._loaded[head] = RoutedModel.load(heads / head, heads / "vocabularies")
        return self._loaded[head]

    def no_head(self, head: str) -> str:
        """Return what to say where a head was asked for that may not answer."""
        if head in self.left_out:
            return (
                f"{self.path}: head '{head}' learned from data under "
                f"'{self.left_out[head].licence}', and only permissive licences are wanted; allow "
                "any licence, or train a head of your own"
            )
        known = ", ".join(sorted(self.heads)) or "none"
        return f"{self.path}: no head '{head}'.{near_miss(head, self.heads)} It has {known}"

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

    def problems(self) -> list[ModelError]:
        """Return what is wrong with the folder's files: changed, missing, or able to run code."""
        return [
            *damaged(self.path, self.index["files"]),
            *(
                ModelError(f"{self.path / name}: may run code when loaded (pickled); remove it")
                for name, file in files_below(self.path).items()
                if is_pickled(file)
            ),
            *(damaged(self._inner.path, self._inner.index["files"]) if self._inner else ()),
        ]

    def unlisted(self) -> list[str]:
        """Return the files that the index does not name, so that nothing is known about them."""
        listed = {_INDEX, _README, *self.index["files"]}
        inner = self._inner
        if inner is not None:
            listed |= {f"{PERMISSIVE}/{name}" for name in files_below(inner.path)}
        own = [name for name in files_below(self.path) if name not in listed]
        return own + [f"{PERMISSIVE}/{name}" for name in (inner.unlisted() if inner else ())]

    @cached_property
    def _inner(self) -> ModelFolder | None:
        inner = self.path / PERMISSIVE
        return ModelFolder(inner) if (inner / _INDEX).is_file() else None

    def _verify(self, *prefixes: str) -> None:
        wanted = {k: v for k, v in self.index["files"].items() if k.startswith(prefixes)}
        for problem in damaged(self.path, wanted):
            raise problem


def write_models(
    path: str | Path,
    models: Mapping[str, RoutedModel],
    cards: Mapping[str, HeadCard],
    *,
    scorecard: Scorecard | None = None,
    adapters: Mapping[str, Path] | None = None,
    readme: str = "",
) -> ModelFolder:
    """Write a model folder; the index comes last, so a half-written folder is never read.

    Parameters
    ----------
    adapters : mapping of str to path, optional
        Folders of the fine-tuned encoders that the models read through, by language; copied into
        the folder unless they are there.
    """
    folder = Path(path)
    (folder / _INDEX).unlink(missing_ok=True)
    encoders = {
        language: _copied(adapter, folder / _ADAPTERS)
        for language, adapter in (adapters or {}).items()
    }
    for name, model in models.items():
        model.save(folder / "heads" / name, folder / "heads" / "vocabularies")
    if readme:
        atomic_write_text(folder / _README, readme)
    wanted = {f"heads/{name}/" for name in models} | {f"{name}/" for name in encoders.values()}
    wanted |= {
        # Not those that an earlier training left there.
        f"heads/vocabularies/{one.ngrams_.key}.json"
        for model in models.values()
        for one in model.models.values()
    }
    files = {
        name: file_sha256(file)
        for name, file in files_below(folder).items()
        if name.startswith(tuple(wanted))
    }
    index = {
        "format": FORMAT,
        "heads": {name: _card_json(card) for name, card in cards.items()},
        "files": files,
        "scorecard": scorecard.model_dump(mode="json", exclude_defaults=True)
        if scorecard
        else None,
    }
    if encoders:
        index["encoders"] = encoders
    atomic_write_json(folder / _INDEX, index)
    return ModelFolder(folder)


def _copied(adapter: Path, adapters: Path) -> str:
    """Copy an adapter to where adapters are; return its name relative to the model folder."""
    target = adapters / adapter.resolve().name
    if target.resolve() != adapter.resolve():
        target.mkdir(parents=True, exist_ok=True)
        for file in ADAPTER_FILES:
            shutil.copyfile(adapter / file, target / file)
    return f"{_ADAPTERS}/{target.name}"


def rewrite_cards(
    path: str | Path, cards: Mapping[str, HeadCard], *, readme: str = ""
) -> ModelFolder:
    """Say more about heads that are in a folder, such as figures measured after training.

    Weights, other heads, and keys that another version wrote stay as they are.

    Raises
    ------
    ModelError
        If the folder is unusable, or has none of that name.
    """
    folder = ModelFolder(path)
    heads = dict(folder.index["heads"])
    for name, card in cards.items():
        if name not in folder.heads:
            raise ModelError(folder.no_head(name))
        unknown = {key: value for key, value in heads[name].items() if key not in _FIELDS}
        heads[name] = {**unknown, **_card_json(card)}
    atomic_write_json(folder.path / _INDEX, {**folder.index, "heads": heads})
    if readme:
        atomic_write_text(folder.path / _README, readme)
    return ModelFolder(folder.path)


_FIELDS = {one.name: one for one in fields(HeadCard)}
_ALWAYS = ("use", "licence", "trained_on", "n_items", "metrics", "notes")


def _card(stored: Mapping[str, Any]) -> HeadCard:
    # What a newer version says besides is not understood here, and no reason to fail.
    known = {key: value for key, value in stored.items() if key in _FIELDS}
    for key, value in known.items():
        if isinstance(_FIELDS[key].default, tuple):
            known[key] = tuple(value)
    known["criterion"] = Criterion.model_validate(stored["criterion"])
    known["licence"] = str(stored.get("licence") or "unstated")
    return HeadCard(**known)


def _card_json(card: HeadCard) -> dict[str, Any]:
    said: dict[str, Any] = {
        "criterion": card.criterion.model_dump(mode="json", exclude_defaults=True)
    }
    for key, one in _FIELDS.items():
        value = getattr(card, key)
        if key in _ALWAYS or (key != "criterion" and value != one.default):
            said[key] = list(value) if isinstance(value, tuple) else value
    said["metrics"] = dict(card.metrics)
    return said
