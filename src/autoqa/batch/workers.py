"""Worker processes: one chunk each at a time; a worker that is killed costs no conversation.

Not `concurrent.futures`: there, one killed process breaks the pool and all that is under way, and
nothing says which conversation it was.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Self

from autoqa.batch.chunks import Chunk
from autoqa.batch.parts import Part, storable, write_part
from autoqa.batch.work import Scored, ScoringSetup, score_each
from autoqa.errors import StoreError, WorkersKilled
from autoqa.readers import Problem

_MOST_DEATHS = 8
"""Workers that one chunk may cost. A conversation is blamed at its second, so this blames three."""


@dataclass(slots=True)
class Task:
    """A chunk to score, and what scoring it has cost so far."""

    chunk: Chunk
    folder: Path
    one_by_one: bool = False
    deaths: dict[int, int] = field(default_factory=dict)  # of workers, by conversation; -1: unknown

    @property
    def blamed(self) -> set[int]:
        """Conversations, by their place in the chunk, that killed two workers."""
        return {index for index, count in self.deaths.items() if index >= 0 and count > 1}


Done = tuple[Part, Path]
"""A part and its temporary file."""


def perform(setup: ScoringSetup, task: Task, report: Callable[[int], None] | None = None) -> Done:
    """Score a chunk and write its part.

    `report` is told, before each conversation of a task that goes one by one, which comes next.

    Raises
    ------
    ModelError, ScorerError
        If the set-up cannot be used.
    OSError
        If the part cannot be written.
    """
    scored = _scored(setup, task, report)
    try:
        return write_part(task.folder, task.chunk, scored)
    except StoreError:  # of one conversation, which should cost no other its place
        return write_part(task.folder, task.chunk, [storable(one) for one in scored])


def _scored(
    setup: ScoringSetup, task: Task, report: Callable[[int], None] | None
) -> list[Scored | Problem]:
    if not task.one_by_one:
        return score_each(setup, task.chunk.transcripts)
    scored: list[Scored | Problem] = []
    for index, transcript in enumerate(task.chunk.transcripts):
        if index in task.blamed:
            scored.append(Problem("scoring_killed", "scoring it killed the process, twice"))
            continue
        if report is not None:
            report(index)
        scored += score_each(setup, [transcript])
    return scored


class Workers:
    """Processes that score chunks, started when first needed; they end with the block.

    Parameters
    ----------
    n_workers : int
    setup : ScoringSetup
        Each process loads it for itself, and computes in one thread.
    """

    def __init__(self, n_workers: int, setup: ScoringSetup) -> None:
        self.n_workers = n_workers
        # Encoders run faster as one single-threaded process per core than as one on all.
        self._setup = replace(setup, threads=1)
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end(self._workers)

    def perform(self, tasks: Iterable[Task]) -> Generator[Done, None, None]:
        """Yield the results of tasks as they come; a few tasks are held at a time.

        A chunk whose worker is killed is scored again, one conversation after the other. A
        conversation that kills two workers is left out.

        Raises
        ------
        WorkersKilled
            If workers do not start, or go on being killed.
        """
        while len(self._workers) < self.n_workers:
            self._workers.append(_Worker(self._setup))
        source = iter(tasks)
        waiting: deque[Task] = deque()
        more = True
        try:
            while True:
                for worker in self._workers:
                    if worker.task is None and waiting:
                        worker.give(waiting.popleft())
                # Reading goes on while workers score, but never far ahead of them.
                read = more and len(waiting) < self.n_workers
                busy = [worker for worker in self._workers if worker.task is not None]
                if not busy and not read:
                    return
                for worker in _heard(busy, timeout=0 if read else None):
                    try:
                        done = worker.listen()
                    except WorkerLost:
                        self._end([worker])
                        waiting.appendleft(_after_a_death(worker))
                        self._workers.append(_Worker(self._setup))
                        continue
                    if done is not None:
                        yield done
                if read:
                    task = next(source, None)
                    more = task is not None
                    waiting.extend([task] if task is not None else [])
        finally:
            # What they are still at, nobody waits for any more.
            self._end([worker for worker in self._workers if worker.task is not None])

    def _end(self, workers: list[_Worker]) -> None:
        for worker in list(workers):
            worker.kill()
            self._workers.remove(worker)


def _heard(busy: list[_Worker], timeout: float | None) -> list[_Worker]:
    """Return the workers that have something to say, or have died."""
    ready = set(wait([end for worker in busy for end in worker.ends], timeout))
    return [worker for worker in busy if not ready.isdisjoint(worker.ends)]


def _after_a_death(worker: _Worker) -> Task:
    """Return the task of a worker that was lost, to be done with more care."""
    task, ended = worker.task, f"exit code {worker.process.exitcode}"
    assert task is not None
    if not worker.started:
        raise WorkersKilled(
            f"a worker process ended before it could score ({ended}); a script that asks for "
            'workers runs under `if __name__ == "__main__":`, and one worker needs no process'
        )
    deaths = {**task.deaths, worker.at: task.deaths.get(worker.at, 0) + 1}
    if sum(deaths.values()) >= _MOST_DEATHS:
        place = task.chunk.places[0]
        raise WorkersKilled(
            f"worker processes go on being killed ({ended}), {_MOST_DEATHS} times over the "
            f"conversations from {place.file}:{place.line or 1} on; if memory is short, use fewer "
            "workers"
        )
    return Task(task.chunk, task.folder, one_by_one=True, deaths=deaths)


class WorkerLost(Exception):
    """The process at the other end is gone."""


class _Worker:
    """One process, as seen from outside."""

    def __init__(self, setup: ScoringSetup) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self.task: Task | None = None
        self.at = -1  # the conversation that it is at, where it goes one by one
        self.started = False
        with _deaf_to_signals():
            self.process.start()
        theirs.close()  # theirs alone, so that the end of the process ends the connection

    @property
    def ends(self) -> tuple[Any, ...]:
        """What is ready when the worker says something or dies."""
        return (self._connection, self.process.sentinel)

    def give(self, task: Task) -> None:
        self.task, self.at = task, -1
        with suppress(OSError):  # a process that is gone is noticed by whoever listens
            self._connection.send(task)

    def listen(self) -> Done | None:
        """Return what the worker has done, None where it says something else."""
        try:
            kind, said = self._connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost from error
        if kind == "failed":
            broken, where = said
            broken.add_note(f"in a worker process:\n{where}")
            raise broken
        if kind == "done":
            self.task = None
            done: Done = said
            return done
        if kind == "at":
            self.at = said
        self.started = True
        return None

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self._connection.close()


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    """Start processes that leave Ctrl-C and SIGTERM, which may reach them too, to this one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it, which the first process does, unblocks signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, setup: ScoringSetup) -> None:
    """Score what comes through the connection, until it ends."""
    from threadpoolctl import threadpool_limits

    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    # Numerical libraries that are loaded by now no longer look at the environment.
    threadpool_limits(1)
    connection.send(("started", None))
    with suppress(EOFError, OSError):  # nobody is there any more
        while True:
            connection.send(_answer(connection.recv(), setup, connection))


def _answer(task: Task, setup: ScoringSetup, connection: Connection) -> tuple[str, Any]:
    try:
        return "done", perform(setup, task, lambda index: connection.send(("at", index)))
    except Exception as error:
        return "failed", (_portable(error), traceback.format_exc())


def _portable(error: Exception) -> Exception:
    """Return an error as it arrives in another process, or one that names it."""
    try:
        same: Exception = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        return RuntimeError(f"scoring broke: {type(error).__name__}")
    return same


def _end_with_parent() -> None:
    """End at once when the parent does: nobody would wait for the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
