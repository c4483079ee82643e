"""Files that arrive in a folder: each scored once, by models that are loaded once.

Every file becomes a run of its own, in a folder named after it. A ledger says which files are
done. A file is done when its line is in the ledger on disk; a watch that is killed before goes on
with the file's run, or finds it complete, and neither loses nor repeats anything.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from autoqa.batch.folder import Stamp, alone, stamp_of
from autoqa.batch.local import Engine
from autoqa.batch.tally import ShowProgress
from autoqa.errors import (
    InputChanged,
    ModelError,
    PrivacyError,
    RunRefused,
    RunStopped,
    ScorerError,
    StoreError,
    WorkersKilled,
)
from autoqa.readers.reading import files_below
from autoqa.records import Status
from autoqa.store import file_sha256

LEDGER = "watched.jsonl"
LOCK = ".watched.lock"

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
"""Ends of names that programs give to files which are still being copied."""

_MOST_SLEEP = 2.0  # seconds between two looks at the folder


State = Literal["scored", "quarantined", "failed"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that arrived, and what became of it.

    Attributes
    ----------
    path : str
        Below the watched folder.
    bytes, modified_ns : int
    sha256 : str
    results : str
        Folder of its run, below the folder of results.
    state : {"scored", "quarantined", "failed"}
        `quarantined` where the file held no conversation that could be scored; its run says why.
        `failed` where its run could not be made; see `message`.
    scored, left_out : int
        Conversations scored, records quarantined.
    message : str
    """

    path: str
    bytes: int
    modified_ns: int
    sha256: str = ""  # where it could be read
    results: str = ""
    state: State = "scored"
    scored: int = 0
    left_out: int = 0
    message: str = ""


def watch(
    folder: str | Path,
    out: str | Path,
    engine: Engine,
    *,
    settle: float = 5.0,
    until_idle: float | None = None,
    progress: ShowProgress | None = None,
) -> Iterator[Arrival]:
    """Score files as they arrive in a folder, and yield what became of each.

    A file is the same as one that was scored if path and content are. Hidden files, and those
    whose names say that they are still being copied, are passed over.

    Parameters
    ----------
    folder : path
        Searched recursively.
    out : path
        Folder for the results: one folder per file, and the ledger ``watched.jsonl``.
    engine : Engine
    settle : float
        Seconds for which a file must not have changed before it is taken.
    until_idle : float, optional
        Seconds without an arrival after which to end; without it, there is no end.
    progress : callable, optional
        See `autoqa.batch.Progress`.

    Raises
    ------
    RunRefused
        If another process watches into `out`.
    RunStopped
        If results cannot be written. A file that breaks costs no other.
    ModelError, PrivacyError, ScorerError
        If the set-up cannot be used.
    """
    watched, results = Path(folder), Path(out)
    engine.setup.panel  # noqa: B018 - a wrong set-up fails here
    with alone(results, results / LOCK), _Ledger(results / LEDGER) as ledger:
        settling = _Settling(watched, ledger, settle)
        busy = time.monotonic()
        while True:
            for path, stamp in settling.ready():
                arrival = _arrived(watched, path, stamp)
                if arrival is not None and not ledger.has(arrival):
                    arrival = _scored(engine, path, results, arrival, progress)
                if arrival is None:  # gone, or changed again
                    settling.again(path, stamp)
                    continue
                if ledger.add(arrival):
                    yield arrival
                    busy = time.monotonic()
            if settling.waiting:
                busy = time.monotonic()
            elif until_idle is not None and time.monotonic() - busy >= until_idle:
                return
            time.sleep(min(max(settle / 4, 0.05), _MOST_SLEEP))


def _arrived(watched: Path, path: Path, stamp: Stamp) -> Arrival | None:
    """Return a file that is about to be scored, None where it is gone."""
    relative = path.relative_to(watched).as_posix()
    arrival = Arrival(path=relative, bytes=stamp[0], modified_ns=stamp[1])
    try:
        digest = file_sha256(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return replace(arrival, state="failed", message=error.strerror or type(error).__name__)
    return replace(arrival, sha256=digest, results=f"{relative}-{digest[:8]}")


def _scored(
    engine: Engine,
    path: Path,
    results: Path,
    arrival: Arrival,
    progress: ShowProgress | None,
) -> Arrival | None:
    """Make the run of a file, or finish it; None where the file is gone or still changes."""
    target = results / arrival.results
    try:
        try:
            summary = engine.score([path], target, resume=True, progress=progress)
        except RunRefused:  # begun with other settings, so there is nothing to go on with
            summary = engine.score([path], target, overwrite=True, progress=progress)
    except InputChanged:
        shutil.rmtree(target)
        return None
    except (ModelError, PrivacyError, ScorerError):
        raise
    except WorkersKilled as error:
        return replace(arrival, state="failed", message=str(error))
    except RunStopped:
        raise
    except Exception as error:
        if not path.exists():
            return None
        return replace(arrival, state="failed", message=f"scoring broke: {type(error).__name__}")
    failed = summary.ratings.get(Status.FAILED.value, 0)
    return replace(
        arrival,
        state="scored" if summary.scored or not summary.quarantined else "quarantined",
        scored=summary.scored,
        left_out=summary.quarantined,
        message=f"{failed} ratings failed" if failed else "",
    )


class _Settling:
    """Files that are not known, and since when they have not changed."""

    def __init__(self, watched: Path, ledger: _Ledger, seconds: float) -> None:
        self._watched = watched
        self._ledger = ledger
        self._seconds = seconds
        self._since: dict[Path, tuple[Stamp, float]] = {}

    @property
    def waiting(self) -> bool:
        """Whether a file has arrived that is not to be taken yet."""
        return bool(self._since)

    def ready(self) -> list[tuple[Path, Stamp]]:
        """Look at the folder; return the files that have stopped changing, in sorted order."""
        now = time.monotonic()
        before, self._since = self._since, {}
        ready = []
        for path in files_below(self._watched):
            stamp = stamp_of(path)
            if stamp is None or path.name.endswith(_UNFINISHED):
                continue
            if self._ledger.knows(path.relative_to(self._watched).as_posix(), stamp):
                continue
            known, since = before.get(path, (stamp, now))
            since = since if known == stamp else now
            if now - since >= self._seconds:
                ready.append((path, stamp))
            else:
                self._since[path] = (stamp, since)
        return ready

    def again(self, path: Path, stamp: Stamp) -> None:
        """Let a file settle anew."""
        self._since[path] = (stamp, time.monotonic())


class _Ledger:
    """Which files are done: one line of JSON each, on disk before it counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._contents: set[tuple[str, str]] = set()
        self._stamps: dict[str, Stamp] = {}

    def __enter__(self) -> _Ledger:
        self._stream = self._path.open("ab+")
        self._stream.seek(0)
        content = self._stream.read()
        whole, _, torn = content.rpartition(b"\n")
        if torn:  # the process was killed while it wrote the last line
            self._stream.truncate(len(content) - len(torn))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self._know(Arrival(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise StoreError(
                    f"{self._path}:{number}: not a line of a ledger ({type(error).__name__}); "
                    "remove it, and the file that it was about is scored again"
                ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def has(self, arrival: Arrival) -> bool:
        """Whether a file of this path and content is done."""
        return (arrival.path, arrival.sha256) in self._contents

    def knows(self, path: str, stamp: Stamp) -> bool:
        """Whether a file that looks like this is done."""
        return self._stamps.get(path) == stamp

    def add(self, arrival: Arrival) -> bool:
        """Write down a file that is done; return whether that is news."""
        news = not self.has(arrival)
        if news:
            self._stream.write(json.dumps(asdict(arrival)).encode() + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._know(arrival)
        return news

    def _know(self, arrival: Arrival) -> None:
        self._contents.add((arrival.path, arrival.sha256))
        self._stamps[arrival.path] = (arrival.bytes, arrival.modified_ns)
