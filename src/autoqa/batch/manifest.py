"""The manifest of a run: what was scored with what, and how far it came.

``manifest.json`` is written when a run starts, and again when it stops or ends. A run goes on only
where everything that decides its results is as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from autoqa.batch.parts import Part
from autoqa.batch.work import ScoringSetup
from autoqa.errors import RunRefused, StoreError, some_of
from autoqa.readers import Format, Source
from autoqa.readers.reading import readable_name
from autoqa.store import atomic_write_json, file_sha256

MANIFEST = "manifest.json"
FORMAT = 1


class RunState(StrEnum):
    """How far a run came. One that was killed still says that it is running."""

    RUNNING = "running"
    STOPPED = "stopped"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of conversations as the run found it."""

    path: str
    name: str  # the id of conversations that have none
    format: str
    bytes: int
    sha256: str | None  # None where the system refuses to read it


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What decides the results of a run, and its state.

    Attributes
    ----------
    package : str
        Version of autoqa.
    inputs : tuple of InputFile
    scorecard, models, scorers, encoders, settings : mapping
        Version and hash of the scorecard; version of the model folder; who answers each criterion,
        and the version of all scorers; version of each language's encoder, where encoders are
        used; what else changes results.
    chunk_size : int
        Most conversations of one chunk.
    state : RunState
    chunks : tuple of mapping
        Conversations scored and quarantined in every chunk that was committed, by number. Written
        when a run stops or ends; while it runs, its parts say more.
    started, changed : str
        When the run began, and when the manifest was last written: ISO 8601, UTC.
    """

    package: str
    inputs: tuple[InputFile, ...]
    scorecard: Mapping[str, Any]
    models: Mapping[str, Any]
    scorers: Mapping[str, Any]
    encoders: Mapping[str, str]
    settings: Mapping[str, Any]
    chunk_size: int
    state: RunState = RunState.RUNNING
    chunks: tuple[Mapping[str, Any], ...] = ()
    started: str = ""
    changed: str = ""

    @property
    def conversations(self) -> int:
        """Conversations in the chunks that are named."""
        return sum(int(chunk["scored"]) for chunk in self.chunks)

    def differences(self, now: Manifest) -> list[str]:
        """Say what differs, of all that decides results, between this manifest and another."""
        then = self
        said = _input_differences(then.inputs, now.inputs)
        for name in ("package", "scorecard", "models", "scorers", "encoders", "settings"):
            before, after = _flat(name, getattr(then, name)), _flat(name, getattr(now, name))
            said += [
                f"{key} was {before.get(key)}, now {after.get(key)}"
                for key in dict.fromkeys([*before, *after])
                if before.get(key) != after.get(key)
            ]
        return said

    def write(self, folder: Path, state: RunState, parts: Iterable[Part] = ()) -> None:
        """Write the manifest with a new state, atomically."""
        chunks = tuple(
            {
                "number": part.number,
                "ids": part.ids,
                "scored": part.conversations,
                "quarantined": len(part.left_out),
            }
            for part in sorted(parts, key=lambda part: part.number)
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = replace(self, state=state, chunks=chunks, changed=now, started=self.started or now)
        values = {one.name: getattr(said, one.name) for one in fields(said)}
        inputs = [
            {one.name: getattr(file, one.name) for one in fields(file)} for file in said.inputs
        ]
        atomic_write_json(
            folder / MANIFEST, {"autoqa": "run", "format": FORMAT, **values, "inputs": inputs}
        )


def manifest_of(
    setup: ScoringSetup,
    files: Sequence[tuple[Source, Format]],
    reading: Mapping[str, Any],
    chunk_size: int,
) -> Manifest:
    """Return the manifest of a run that is about to start; reads every file once, for its hash.

    Parameters
    ----------
    setup : ScoringSetup
    files
        As `autoqa.readers.reading.find_files` found them.
    reading : mapping
        How the files are read.
    chunk_size : int
    """
    folder, panel = setup.folder, setup.panel
    models = {"version": folder.version, "licence": folder.licence} if folder else {}
    return Manifest(
        package=_package_version(),
        inputs=tuple(_input_file(source, chosen) for source, chosen in files),
        scorecard={
            "id": setup.card.id,
            "version": setup.card.version,
            "sha256": setup.card.content_hash,
        },
        models=models,
        scorers={"version": panel.version, **panel.answered_by},
        encoders=_encoders(setup),
        settings={**setup.settings, **reading},
        chunk_size=chunk_size,
    )


def _package_version() -> str:
    try:
        return version("autoqa-transcripts")
    except PackageNotFoundError:  # run from its sources, without being installed
        return "unknown"


def _encoders(setup: ScoringSetup) -> dict[str, str]:
    """Version of each language's encoder, precision included; none where rules alone answer."""
    rules = {"RulesScorer", "nobody"}
    if set(setup.panel.answered_by.values()) <= rules and setup.csat is None:
        return {}
    return {language: one.version for language, one in sorted(setup.encoders.items())}


def _input_file(source: Source, chosen: Format) -> InputFile:
    try:
        size, digest = source.path.stat().st_size, file_sha256(source.path)
    except OSError:
        size, digest = 0, None
    return InputFile(readable_name(source.name), source.default_id, chosen.name, size, digest)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest in a folder, None where there is none.

    Raises
    ------
    StoreError
        If it is damaged or from a newer version.
    """
    path = folder / MANIFEST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] > FORMAT:
            raise StoreError(
                f"{path}: format {said['format']}, this version reads up to {FORMAT}; upgrade "
                "autoqa-transcripts to go on with this run"
            )
        values = {one.name: said[one.name] for one in fields(Manifest)}
        values["inputs"] = tuple(InputFile(**one) for one in said["inputs"])
        values["chunks"] = tuple(said["chunks"])
        values["state"] = RunState(said["state"])
        return Manifest(**values)
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: damaged ({error}); start over with --overwrite") from error


def refuse_if_different(folder: Path, then: Manifest, now: Manifest) -> None:
    """Raise RunRefused unless a run that `now` describes may go on with what `then` began."""
    if different := then.differences(now):
        raise RunRefused(
            f"{folder}: this run was started differently, so its results would not go together: "
            f"{some_of(different, most=5)}. Set that back to resume it, or start over: without "
            "--resume in another folder, or with --overwrite in this one"
        )


def _input_differences(then: Sequence[InputFile], now: Sequence[InputFile]) -> list[str]:
    def content(file: InputFile) -> tuple[object, ...]:
        return (file.name, file.format, file.bytes, file.sha256)

    if [content(file) for file in then] == [content(file) for file in now]:
        return []
    before, after = {file.path: file for file in then}, {file.path: file for file in now}
    said = [f"{path} is no longer an input" for path in before if path not in after]
    said += [f"{path} is a new input" for path in after if path not in before]
    said += [
        f"{path} has other content"
        if file.sha256 != after[path].sha256
        else f"{path} is read as {after[path].format}, was as {file.format}"
        for path, file in before.items()
        if path in after and content(file) != content(after[path])
    ]
    return said or ["the inputs come in another order"]


def _flat(name: str, value: object) -> dict[str, object]:
    """Return ``{"settings.columns.text": "utterance"}`` for nested mappings."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {
        key: inner
        for inner_name, own in value.items()
        for key, inner in _flat(f"{name}.{inner_name}", own).items()
    }
