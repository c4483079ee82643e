"""The folder of a run: who may write there, and whether a run begins, goes on, or has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from autoqa.batch.manifest import MANIFEST, Manifest, read_manifest, refuse_if_different
from autoqa.batch.parts import TABLES, Parts
from autoqa.batch.summary import SUMMARY
from autoqa.errors import InputChanged, RunRefused

QUARANTINE = "quarantine.jsonl"
TABLE_FILES = tuple(f"{name}.parquet" for name in TABLES)

Stamp = tuple[int, int]
"""Size of a file in bytes, and when it was last modified, in nanoseconds."""


@contextmanager
def alone(folder: Path, lock: Path) -> Iterator[None]:
    """Keep other processes out of a folder of results; a process that is killed lets go."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise RunRefused(
            f"{folder}: another process scores into this folder; wait for it, or name another one"
        ) from None
    except NotImplementedError:  # a file system without locks
        pass
    try:
        yield
    finally:
        held.release()


def begin(
    folder: Path, parts: Parts, now: Manifest, *, resume: bool, overwrite: bool
) -> Manifest | None:
    """Return the manifest of the run to go on with, new or resumed; None where it has ended.

    Raises
    ------
    RunRefused
        If there is an unfinished run, and nothing says what to do with it, or it is another one.
    """
    ended = (folder / SUMMARY).exists()
    then = None if overwrite else read_manifest(folder)
    if resume and then is not None:
        refuse_if_different(folder, then, now)
        parts.tidy()
        return None if ended else then
    if then is not None and not ended and (kept := parts.committed()):
        done = sum(part.conversations for part in kept.values())
        raise RunRefused(
            f"{folder}: holds an unfinished run with {done} conversations scored; go on with it by "
            "--resume (resume=True), or throw it away by --overwrite (overwrite=True)"
        )
    # The summary first: without it, nothing else counts as a result.
    for stale in (SUMMARY, MANIFEST, QUARANTINE, *TABLE_FILES):
        (folder / stale).unlink(missing_ok=True)
    parts.clear()
    return now


def stamp_of(path: Path) -> Stamp | None:
    """Return what tells whether a file was written to; None where it cannot be asked."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def refuse_changed(stamps: Mapping[Path, Stamp | None]) -> None:
    """Raise InputChanged unless files are as they were."""
    for path, stamp in stamps.items():
        if stamp_of(path) != stamp:
            raise InputChanged(
                f"{path}: changed while it was being scored, so what was read may be neither the "
                "old nor the new file; score it again with --overwrite once it stays as it is"
            )
