"""The local engine: files in, tables out, in bounded memory, one worker per core.

A run commits its results chunk by chunk, see `autoqa.batch.parts`. However it ends, by SIGKILL or
on a full disk too, what it committed is kept, and a resumed run goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self

from autoqa.batch.chunks import CHUNK, Chunk, chunked
from autoqa.batch.folder import (
    QUARANTINE,
    TABLE_FILES,
    alone,
    begin,
    refuse_changed,
    stamp_of,
)
from autoqa.batch.manifest import Manifest, RunState, manifest_of
from autoqa.batch.parts import Parts, assemble
from autoqa.batch.summary import SUMMARY, Summary, read_summary, summary_of
from autoqa.batch.tally import ShowProgress, Tally
from autoqa.batch.work import ScoringSetup
from autoqa.batch.workers import Done, Task, Workers, perform
from autoqa.errors import RunStopped
from autoqa.readers import Quarantine
from autoqa.readers.reading import find_files, read_files
from autoqa.records import Speaker
from autoqa.store import atomic_write_json
from autoqa.store.files import sync_file

_WORTH_WORKERS = 4  # chunks from which starting processes pays; below, threads do as well


def score(
    inputs: Iterable[str | Path],
    out: str | Path,
    setup: ScoringSetup,
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    columns: Mapping[str, str] | None = None,
    speakers: Mapping[str, Speaker] | None = None,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: ShowProgress | None = None,
) -> Summary:
    """Score every conversation of files and folders.

    Writes ``evaluations.parquet``, ``ratings.parquet``, ``csat.parquet``, ``flags.parquet``,
    ``transcripts.parquet`` (redacted; what the evidence's offsets refer to), ``quarantine.jsonl``,
    ``manifest.json`` and, last of all, ``summary.json`` to `out`. Tables appear when they are
    complete; a run without a summary is not. Memory holds a few chunks of at most `CHUNK`
    conversations, whatever the input.

    Parameters
    ----------
    inputs : iterable of str or Path
    out : path
        Folder for the results.
    setup : ScoringSetup
    format, columns, speakers
        See `autoqa.readers.read`.
    workers : int, optional
        Processes; one per core when not given. Small inputs are scored in this process.
        A script that asks for more than one runs under ``if __name__ == "__main__":``.
    resume : bool
        Go on with an unfinished run in `out`, if there is one: input, scorecard, models and
        settings have to be as they were. Scored again is what was in work when it ended, at most
        one chunk per worker. A run that is complete stays as it is.
    overwrite : bool
        Throw an unfinished run in `out` away; one that is complete is replaced anyway.
    progress : callable, optional
        See `Progress`.

    Raises
    ------
    ReadError
        If an input does not exist or no format fits.
    ModelError, ScorerError
        If the models or the scorecard's scorers cannot be used.
    RunRefused
        If `out` holds an unfinished run and neither `resume` nor `overwrite` is given, if that run
        was started differently, or if another process is at it.
    RunStopped
        If the disk is full; as `InputChanged` if an input changes meanwhile, as `WorkersKilled`
        if worker processes go on being killed.
    """
    with Engine(setup, workers, format=format, columns=columns, speakers=speakers) as engine:
        return engine.score(inputs, out, resume=resume, overwrite=overwrite, progress=progress)


class Engine:
    """Scores runs, one after the other, with models and worker processes that are loaded once.

    Parameters
    ----------
    setup : ScoringSetup
    workers, format, columns, speakers
        See `score`.
    """

    def __init__(
        self,
        setup: ScoringSetup,
        workers: int | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the word that the command line uses
        columns: Mapping[str, str] | None = None,
        speakers: Mapping[str, Speaker] | None = None,
    ) -> None:
        self.setup = setup
        self._asked = workers is not None
        self._workers = Workers(workers or _cores(), setup)
        self._reading: dict[str, Any] = {
            "format": format,
            "columns": dict(columns or {}),
            "speakers": dict(speakers or {}),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._workers.__exit__(*raised)

    def score(
        self,
        inputs: Iterable[str | Path],
        out: str | Path,
        *,
        resume: bool = False,
        overwrite: bool = False,
        progress: ShowProgress | None = None,
    ) -> Summary:
        """Score one run; see `autoqa.batch.score`."""
        started = time.perf_counter()
        self.setup.panel  # noqa: B018 - a wrong set-up fails here, before anything is read
        folder = Path(out)
        parts = Parts(folder)
        with ExitStack() as stack:
            stack.enter_context(alone(folder, parts.folder / "lock"))
            quarantine = stack.enter_context(Quarantine(parts.folder / QUARANTINE))
            files = find_files(inputs, quarantine, **self._reading)
            stamps = {source.path: stamp_of(source.path) for source, _ in files}
            now = manifest_of(self.setup, files, self._reading, CHUNK)
            manifest = begin(folder, parts, now, resume=resume, overwrite=overwrite)
            if manifest is None:
                parts.remove()
                return _ended(folder)
            tally = Tally(parts.committed(), quarantine, files, started, progress)
            try:
                manifest.write(folder, RunState.RUNNING, tally.parts.values())
                chunks = chunked(read_files(files, quarantine), manifest.chunk_size, tally.position)
                with closing(self._done(tally.new(chunks), parts.folder)) as done:
                    for part, temporary in done:
                        parts.commit(part, temporary)
                        tally.add(part)
                refuse_changed(stamps)
                _reconcile(folder, read=quarantine.records_kept, scored=tally.scored)
                assemble(map(parts.path, range(tally.chunks)), parts.folder)
                quarantine.close()
                sync_file(parts.folder / QUARANTINE)
                parts.publish((*TABLE_FILES, QUARANTINE))
                manifest.write(folder, RunState.COMPLETE, tally.parts.values())
                summary = summary_of(
                    self.setup,
                    scored=tally.scored,
                    reasons=quarantine.counts,
                    notes=quarantine.notes,
                    ratings=tally.ratings,
                    csat=tally.csat,
                    flags=tally.flags,
                    seconds=tally.seconds,
                    resumed=tally.resumed,
                )
                atomic_write_json(folder / SUMMARY, summary.to_dict())
            except BaseException as error:
                _stop(folder, parts, manifest, tally)
                if isinstance(error, OSError):
                    raise _stopped(folder, error, tally) from error
                raise
            parts.remove()
        return summary

    def _done(self, chunks: Iterator[Chunk], folder: Path) -> Generator[Done, None, None]:
        """Score chunks; in processes of their own where there is more than one."""
        tasks = (Task(chunk, folder) for chunk in chunks)
        enough = 2 if self._asked else _WORTH_WORKERS
        first = list(islice(tasks, enough))
        if len(first) < enough or self._workers.n_workers == 1:
            return (perform(self.setup, task) for task in chain(first, tasks))
        return self._workers.perform(chain(first, tasks))


def _reconcile(folder: Path, *, read: int, scored: int) -> None:
    if read != scored:
        raise RunStopped(
            f"{folder}: {read} conversations were read and {scored} scored, which is an error of "
            "ours: please report it. No results are published"
        )


def _ended(folder: Path) -> Summary:
    summary = read_summary(folder)
    assert summary is not None
    return summary


def _stop(folder: Path, parts: Parts, manifest: Manifest, tally: Tally) -> None:
    """Leave a run so that it can go on."""
    with suppress(OSError):  # on a full disk this may fail too, and parts count without it
        parts.tidy()
        if not (folder / SUMMARY).exists():
            manifest.write(folder, RunState.STOPPED, tally.parts.values())


def _stopped(folder: Path, error: OSError, tally: Tally) -> RunStopped:
    return RunStopped(
        f"{error.filename or folder}: {error.strerror or type(error).__name__}. The {tally.kept} "
        "conversations scored so far are kept: see to that and go on with --resume (resume=True)"
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: the cores this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
