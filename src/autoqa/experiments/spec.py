"""ExperimentSpec: a question, the data and split to answer it on, and the arms to compare.

One YAML file per experiment::

    question: Do QA ratings predict CSAT beyond handle time?
    task: qa_vs_csat
    data: ${AUTOQA_DATA:-../shared/data}/failed_esconv
    split: {group_by: customer, folds: 5, seed: 7}
    arms: [mean, handle_time, {name: qa, use: automated_qa, scorecard: support-core}]
    metrics: [spearman, macro_f1]

With ``curve: {sizes: [10, 25, 50], repeats: 5}`` it asks how answers improve with the number of
human evaluations that arms learn from (`autoqa.experiments.learning_curve`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictInt,
    field_validator,
    model_validator,
)

from autoqa.errors import ExperimentError, MissingData, ScorecardError, near_miss
from autoqa.scorecard.problems import check_against
from autoqa.scorecard.strict_yaml import parse_yaml

Task = Literal["satisfaction", "politeness", "empathy", "listening", "procedure", "qa_vs_csat"]

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_SUFFIXES = (".yaml", ".yml")
_ROOT_MARKS = ("pyproject.toml", ".git")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSpec(_Strict):
    """How conversations are divided; `group_by` never has one group on both sides."""

    mode: Literal["folds", "holdout"] = "folds"  # holdout: the split that the dataset itself states
    group_by: str = Field(min_length=1)
    folds: StrictInt = Field(default=5, ge=2)
    seed: StrictInt = 7

    @model_validator(mode="after")
    def _folds_have_a_use(self) -> SplitSpec:
        if self.mode == "holdout" and "folds" in self.model_fields_set:
            raise ValueError("'folds' has no effect with mode: holdout; remove one of the two")
        return self


class CurveSpec(_Strict):
    """From how many human evaluations arms learn; an evaluation is one rated conversation.

    Conversations are drawn from those that the split lets arms learn from, `repeats` times; of one
    repeat, smaller draws are part of larger ones.
    """

    sizes: tuple[StrictInt, ...] = (10, 25, 50, 100, 200, 400)
    repeats: StrictInt = Field(default=5, ge=2)

    @field_validator("sizes")
    @classmethod
    def _sizes_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or value[0] < 1 or any(b <= a for a, b in pairwise(value)):
            raise ValueError("give rising numbers of conversations, such as [10, 25, 50]")
        return value


class ArmSpec(BaseModel):
    """One way to answer; other keys are that arm's own settings.

    `encoders` lets an arm read through others than the rest, written as in `default_encoders`:
    ``en=models/default/adapters/english``.

    In YAML a bare word is short for an arm of that name: ``mean`` is ``{name: mean, use: mean}``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1)
    use: str = Field(min_length=1)
    encoders: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The arm's own settings."""
        return dict(self.model_extra or {})

    @property
    def params(self) -> dict[str, Any]:
        """What a tracked run says of the arm."""
        own = {} if self.encoders is None else {"encoders": self.encoders}
        return {"use": self.use, **own, **self.settings}


class ExperimentSpec(_Strict):
    """What one experiment asks, on which data, and which arms it compares."""

    question: str = Field(min_length=1)
    task: Task
    data: tuple[str, ...] = Field(min_length=1)
    split: SplitSpec
    arms: tuple[ArmSpec, ...] = Field(min_length=1)
    curve: CurveSpec | None = None  # learn from samples of growing size, not from everything
    metrics: tuple[str, ...] = ()
    n_resamples: StrictInt = Field(default=1000, ge=1)
    seed: StrictInt = 7
    notes: str = ""

    _path: Path | None = PrivateAttr(default=None)

    @field_validator("data", mode="before")
    @classmethod
    def _one_folder_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("arms", mode="before")
    @classmethod
    def _bare_words_are_arms(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"name": arm, "use": arm} if isinstance(arm, str) else arm for arm in value]

    @field_validator("arms")
    @classmethod
    def _arms_have_own_names(cls, value: tuple[ArmSpec, ...]) -> tuple[ArmSpec, ...]:
        _refuse_repeats("arm", (arm.name for arm in value))
        return value

    @field_validator("metrics")
    @classmethod
    def _metrics_once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _refuse_repeats("metric", value)
        return value

    @model_validator(mode="after")
    def _curves_are_of_tasks_that_learn(self) -> ExperimentSpec:
        if self.curve is not None and self.task == "qa_vs_csat":
            raise ValueError("'curve' has no effect with task: qa_vs_csat; remove one of the two")
        return self

    @property
    def path(self) -> Path | None:
        """The file this was loaded from."""
        return self._path

    @property
    def title(self) -> str:
        """The file's name without suffix, or the question where there is no file."""
        return self._path.stem if self._path else self.question

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything the file says, whatever its layout, comments or file name."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def data_folders(self) -> tuple[Path, ...]:
        """Return the data folders, in the order of the file.

        A relative path is looked for beside the spec file, then in the repository's root.

        Raises
        ------
        MissingData
            If a folder is nowhere to be found; the message says where it was looked for.
        ExperimentError
            If a path uses a variable that is not set and has no default.
        """
        where = self._path.name if self._path else "spec"
        return tuple(self._locate(folder, where) for folder in self.data)

    def _locate(self, stated: str, where: str) -> Path:
        relative = Path(_expand(stated, where)).expanduser()
        beside = self._path.parent if self._path else Path.cwd()
        candidates = [beside / relative, repository_root(beside) / relative]
        for candidate in candidates:
            if candidate.exists():
                return candidate.resolve()
        looked = " and ".join(dict.fromkeys(str(c.resolve()) for c in candidates))
        hint = (
            "set AUTOQA_DATA to the folder that holds the datasets"
            if "AUTOQA_DATA" in stated
            else "correct the path"
        )
        raise MissingData(f"{where}: data: '{stated}' is not there (looked for {looked}); {hint}")


def load_spec(path: str | Path) -> ExperimentSpec:
    """Read one experiment file. The data folders need not exist yet.

    Raises
    ------
    ExperimentError
        If the file is missing, is not YAML, or says something that a spec may not say; one line
        per fault, each naming the file, the key, what was found and what to do.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = [p.name for p in find_specs(path.parent)] if path.parent.is_dir() else []
        raise ExperimentError(
            f"{path}: no such experiment file.{near_miss(path.name, there)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(
            f"{path}: cannot be read ({type(error).__name__}); give a UTF-8 YAML file"
        ) from None
    try:
        said = parse_yaml(text, name=path.name)
    except ScorecardError as error:  # the strict YAML reader belongs to scorecards
        raise ExperimentError(str(error)) from None
    if not isinstance(said, dict):
        raise ExperimentError(f"{path.name}: holds no keys; start with 'question: ...'")
    spec, problems = check_against(ExperimentSpec, said)
    if spec is None:
        raise ExperimentError("\n".join(f"{path.name}: {problem}" for problem in problems))
    spec._path = path.resolve()
    return spec


def find_specs(folder: str | Path) -> list[Path]:
    """Return the experiment files directly in a folder, by name."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ExperimentError(f"{folder}: no such folder; experiments live in 'experiments/'")
    return sorted(p for p in folder.iterdir() if p.suffix in _SUFFIXES and p.is_file())


def repository_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds a project, otherwise `start`."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return start


def _expand(stated: str, where: str) -> str:
    """Fill in ``${AUTOQA_X:-default}``."""

    def fill(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        # Paths end up in logs, so a spec may not read other variables: they may hold secrets.
        if not name.startswith("AUTOQA_"):
            raise ExperimentError(
                f"{where}: data: ${{{name}}} is not available; only variables named AUTOQA_... are"
            )
        value = os.environ.get(name) or default
        if value is None:
            raise ExperimentError(
                f"{where}: data: {name} is not set; set it, or give a default: ${{{name}:-folder}}"
            )
        return value

    return _VARIABLE.sub(fill, stated)


def _refuse_repeats(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{kind} '{name}' is given twice; give each its own name")
        seen.add(name)
