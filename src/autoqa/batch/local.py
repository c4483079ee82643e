"""The local engine: files in, tables out, in bounded memory, one worker per core."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from autoqa.batch.work import Scored, ScoringSetup
from autoqa.notebook import html_table
from autoqa.readers import Quarantine, read
from autoqa.records import Evaluation, Flag, Rating, Status, Transcript
from autoqa.store import RecordWriter, atomic_write_json

CHUNK = 32
"""Conversations scored together: enough to sort turns by length, few enough to stay small."""

_WORTH_WORKERS = 8  # chunks from which starting processes pays; below, threads do as well

_WAITING = 2  # chunks in flight per worker, so that none idles while results are written

_TABLES = ("evaluations", "ratings", "csat", "flags", "transcripts")

Progress = Callable[[int, int], None]
"""Called with conversations scored and quarantined so far."""


@dataclass(frozen=True)
class Summary:
    """What a run did; ``read == scored + quarantined``."""

    read: int
    scored: int
    quarantined: int
    reasons: Mapping[str, int]
    notes: Mapping[str, int]
    ratings: Mapping[str, int]
    csat: Mapping[str, int]
    flags: Mapping[str, int]
    scorecard: str
    scorecard_version: int
    scorecard_sha256: str
    models: str | None
    answered_by: Mapping[str, str]
    unserved: Mapping[str, str]
    seconds: float
    left_out: Mapping[str, str] = field(default_factory=dict)  # head -> licence not wanted

    @property
    def complete(self) -> bool:
        """Whether every record was scored and nothing broke."""
        broken = sum(counts.get(Status.FAILED.value, 0) for counts in (self.ratings, self.csat))
        return self.quarantined == 0 and not broken

    def _repr_html_(self) -> str:
        said = {
            "scorecard": f"{self.scorecard} version {self.scorecard_version}",
            "models": self.models,
            "conversations": f"{self.scored} scored of {self.read} read",
            "quarantined": _counted(self.reasons) or self.quarantined,
            "ratings": _counted(self.ratings),
            "CSAT": _counted(self.csat),
            "flags": _counted(self.flags),
            "criteria without scorer": ", ".join(self.unserved),
            "seconds": f"{self.seconds:.1f}",
        }
        return html_table(("", "scoring run"), said.items(), n_rows=len(said))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in ((k, getattr(self, k)) for k in self.__dataclass_fields__)
        }
        per_second = round(self.scored / self.seconds, 2) if self.seconds else 0.0
        return {**values, "conversations_per_second": per_second}


def score(
    inputs: Iterable[str | Path],
    out: str | Path,
    setup: ScoringSetup,
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    columns: Mapping[str, str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Score every conversation of files and folders.

    Writes ``evaluations.parquet``, ``ratings.parquet``, ``csat.parquet``, ``flags.parquet``,
    ``transcripts.parquet`` (redacted; what the evidence's offsets refer to), ``summary.json`` and
    ``quarantine.jsonl`` to `out`. Tables appear when they are complete. Memory holds a few chunks
    of `CHUNK` conversations, whatever the input.

    Parameters
    ----------
    inputs : iterable of str or Path
    out : path
        Folder for the results.
    setup : ScoringSetup
    format, columns
        See `autoqa.readers.read`.
    workers : int, optional
        Processes; one per core when not given. Small inputs are scored in this process.
        A script that asks for more than one runs under ``if __name__ == "__main__":``.
    progress : callable, optional
        See `Progress`.

    Raises
    ------
    ReadError
        If an input does not exist or no format fits.
    ModelError, ScorerError
        If the models or the scorecard's scorers cannot be used.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in ("summary.json", *(f"{name}.parquet" for name in _TABLES)):
        (folder / stale).unlink(missing_ok=True)
    started = time.perf_counter()
    panel = setup.panel  # a wrong set-up fails here, before anything is read
    statuses: Counter[str] = Counter()
    satisfaction: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    scored = 0
    with ExitStack() as stack:
        quarantine = stack.enter_context(Quarantine(folder / "quarantine.jsonl"))
        labelled = read(inputs, format=format, columns=columns, quarantine=quarantine)
        tables = _Tables(folder, stack)
        for done in _scored(_chunks(labelled), setup, workers):
            tables.write(done)
            statuses.update(r.status.value for r in done.ratings)
            satisfaction.update(r.status.value for r in done.csat)
            reasons.update(f.reason for f in done.flags)
            scored += len(done.transcripts)
            if progress is not None:
                progress(scored, quarantine.records_quarantined)
        counts = quarantine.summary()
    summary = Summary(
        read=quarantine.records_read,
        scored=scored,
        quarantined=quarantine.records_quarantined,
        reasons=_counts(counts.get("reasons")),
        notes=_counts(counts.get("notes")),
        ratings=dict(sorted(statuses.items())),
        csat=dict(sorted(satisfaction.items())),
        flags=dict(sorted(reasons.items())),
        scorecard=setup.card.id,
        scorecard_version=setup.card.version,
        scorecard_sha256=setup.card.content_hash,
        models=setup.folder.version if setup.folder else None,
        answered_by=panel.answered_by,
        unserved=panel.unserved,
        seconds=round(time.perf_counter() - started, 3),
        left_out={name: one.licence for name, one in setup.folder.left_out.items()}
        if setup.folder
        else {},
    )
    atomic_write_json(folder / "summary.json", summary.to_dict())
    return summary


class _Tables:
    """The output tables, appended chunk by chunk."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        def table(name: str, record: type[Any]) -> RecordWriter[Any]:
            return stack.enter_context(RecordWriter(folder / f"{name}.parquet", record))

        self._evaluations = table("evaluations", Evaluation)
        self._ratings = table("ratings", Rating)
        self._csat = table("csat", Rating)
        self._flags = table("flags", Flag)
        self._transcripts = table("transcripts", Transcript)

    def write(self, done: Scored) -> None:
        # Ratings have a table of their own; evaluations need not repeat them.
        self._evaluations.write([replace(e, ratings=()) for e in done.evaluations])
        self._ratings.write(done.ratings)
        self._csat.write(done.csat)
        self._flags.write(done.flags)
        self._transcripts.write(done.transcripts)


def _chunks(labelled: Iterable[Any]) -> Iterator[list[Transcript]]:
    """Labels stay behind: a scorer never sees what people or customers answered."""
    transcripts = (one.transcript for one in labelled)
    while chunk := list(islice(transcripts, CHUNK)):
        yield chunk


def _scored(
    chunks: Iterator[list[Transcript]], setup: ScoringSetup, workers: int | None
) -> Iterator[Scored]:
    """Score chunks in order; in processes of their own where there is more than one."""
    enough = 2 if workers else _WORTH_WORKERS
    first = list(islice(chunks, enough))
    n_workers = workers or _cores()
    if len(first) < enough or n_workers == 1:
        for chunk in _again(first, chunks):
            yield setup.score(chunk)
        return
    # Encoders run faster as one single-threaded process per core than as one process on all.
    alone = replace(setup, threads=1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        n_workers, mp_context=context, initializer=_start_worker, initargs=(alone,)
    ) as pool:
        waiting: deque[Future[Scored]] = deque()
        for chunk in _again(first, chunks):
            waiting.append(pool.submit(_score_in_worker, chunk))
            if len(waiting) >= _WAITING * n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: the cores this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _again(
    first: Sequence[list[Transcript]], rest: Iterator[list[Transcript]]
) -> Iterator[list[Transcript]]:
    yield from first
    yield from rest


_worker_setup: ScoringSetup | None = None


def _start_worker(setup: ScoringSetup) -> None:
    from threadpoolctl import threadpool_limits

    global _worker_setup
    _worker_setup = setup
    # Numerical libraries that are loaded by now no longer look at the environment.
    threadpool_limits(1)
    os.environ["OMP_NUM_THREADS"] = "1"


def _score_in_worker(chunk: list[Transcript]) -> Scored:
    assert _worker_setup is not None
    return _worker_setup.score(chunk)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _counts(value: object) -> dict[str, int]:
    return {str(k): int(v) for k, v in value.items()} if isinstance(value, Mapping) else {}
