"""Worker processes, played by stand-ins: who gets what, and who is blamed when one dies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from autoqa.batch import ScoringSetup, workers
from autoqa.batch.chunks import Chunk
from autoqa.batch.workers import Task, WorkerLost, Workers
from autoqa.errors import ModelError, WorkersKilled
from autoqa.readers import Place
from autoqa.records import Transcript, Turn


def chunk(number, size=3):
    said = (Turn(speaker="agent", text="hello"),)
    ids = [f"c{number}-{i}" for i in range(size)]
    return Chunk(
        number,
        tuple(Transcript(conversation_id=name, turns=said) for name in ids),
        tuple(Place("in.jsonl", number * size + i + 1) for i in range(size)),
        0,
    )


class Process:
    exitcode = -9


class Inline:
    """A worker that does its task at once, unless `dies` says that it is killed at it.

    `dies` is told the task, and the conversation where tasks go one by one, else -1.
    """

    starts = True

    def __init__(self, setup, dies):
        assert setup.threads == 1  # one core per process
        self.setup, self._dies = setup, dies
        self.process, self.started = Process(), self.starts
        self.task, self.at, self.ended = None, -1, False

    def give(self, task):
        assert self.task is None
        self.task, self.at = task, -1

    def listen(self):
        task = self.task
        places = range(len(task.chunk.transcripts)) if task.one_by_one else (-1,)
        for self.at in places:
            if self.at not in task.blamed and self._dies(task, self.at):
                raise WorkerLost
        self.task = None
        return task

    def kill(self):
        self.ended = True


@pytest.fixture
def play(monkeypatch):
    """Return workers whose processes die where `dies` says so, and all that were ever started."""

    def make(n_workers, dies=lambda *_: False):
        started = []

        def start(setup):
            started.append(Inline(setup, dies))
            return started[-1]

        monkeypatch.setattr(workers, "_Worker", start)
        monkeypatch.setattr(workers, "_heard", lambda busy, **_: busy[-1:])
        return Workers(n_workers, ScoringSetup(card=None)), started

    return make


def tasks(n, folder):
    return [Task(chunk(number), folder) for number in range(n)]


def test_every_chunk_is_done_once(play, tmp_path):
    pool, started = play(3)
    done = Counter(task.chunk.number for task in pool.perform(tasks(20, tmp_path)))
    assert done == Counter(range(20))
    assert len(started) == 3
    assert sum(task.chunk.number for task in pool.perform(tasks(4, tmp_path))) == 6  # 0+1+2+3
    assert len(started) == 3  # the same processes


def test_reading_stays_a_chunk_per_worker_ahead(play, tmp_path):
    pool, _ = play(4)
    taken = 0

    def source():
        nonlocal taken
        for task in tasks(100, tmp_path):
            taken += 1
            yield task

    for done, _ in enumerate(pool.perform(source())):
        assert taken <= done + 2 * 4 + 1


def test_a_chunk_whose_worker_is_killed_once_is_scored_with_care(play, tmp_path):
    deaths = []

    def dies(task, _):
        if task.chunk.number == 1 and not deaths:
            deaths.append(task)
            return True
        return False

    pool, started = play(2, dies)
    done = {task.chunk.number: task for task in pool.perform(tasks(4, tmp_path))}
    assert sorted(done) == [0, 1, 2, 3]
    assert [done[n].one_by_one for n in range(4)] == [False, True, False, False]
    assert done[1].blamed == set()
    assert len(started) == 3
    assert sum(worker.ended for worker in started) == 1


def test_the_conversation_that_kills_is_blamed(play, tmp_path):
    def dies(task, at):
        return task.chunk.number == 1 and at in (-1, 2)

    pool, started = play(2, dies)
    done = {task.chunk.number: task for task in pool.perform(tasks(3, tmp_path))}
    assert done[1].blamed == {2}
    assert len(started) == 2 + 3  # as a whole, and twice at the one


def test_three_that_kill_are_found_in_one_chunk_and_no_more(play, tmp_path):
    def dies(task, at):
        return at == -1 or at < most

    most = 3
    (done,) = play(1, dies)[0].perform([Task(chunk(0, 9), tmp_path)])
    assert done.blamed == {0, 1, 2}
    most = 4
    with pytest.raises(WorkersKilled, match=r"exit code -9.*8 times.*from in\.jsonl:1 on"):
        list(play(1, dies)[0].perform([Task(chunk(0, 9), tmp_path)]))


def test_workers_that_never_start_are_not_started_again_and_again(play, tmp_path, monkeypatch):
    pool, started = play(2, lambda *_: True)
    monkeypatch.setattr(Inline, "starts", False)
    with pytest.raises(WorkersKilled, match=r"ended before it could score.*__main__"):
        list(pool.perform(tasks(3, tmp_path)))
    assert len(started) == 2


def test_an_error_ends_what_is_still_at_work_and_keeps_the_rest(play, tmp_path):
    pool, started = play(2)

    def source():
        yield from tasks(3, tmp_path)
        raise ModelError("no such head")

    with pytest.raises(ModelError):
        list(pool.perform(source()))
    assert all(worker.ended == (worker.task is not None) for worker in started)
    assert len(list(pool.perform(tasks(5, tmp_path)))) == 5


def test_leaving_the_block_ends_all(play, tmp_path):
    pool, started = play(2)
    with pool:
        list(pool.perform(tasks(3, tmp_path)))
        assert not any(worker.ended for worker in started)
    assert all(worker.ended for worker in started)


# what a worker does


def test_one_by_one_gives_the_same_part(quick_setup, tmp_path):
    whole, one = workers.perform(quick_setup, Task(chunk(0, 5), tmp_path))
    reported = []
    careful, other = workers.perform(
        quick_setup, Task(chunk(0, 5), tmp_path, one_by_one=True), reported.append
    )
    assert careful == whole
    assert other.read_bytes() == one.read_bytes()
    assert reported == [0, 1, 2, 3, 4]


def test_those_that_are_blamed_are_left_out_with_their_place(quick_setup, tmp_path):
    task = replace(Task(chunk(2), tmp_path, one_by_one=True), deaths={-1: 1, 1: 2, 2: 1})
    reported = []
    part, _ = workers.perform(quick_setup, task, reported.append)
    assert reported == [0, 2]
    assert part.conversations == 2
    (left_out,) = part.left_out
    assert left_out.place == Place("in.jsonl", 8)  # the second of the third three
    assert left_out.problem.reason == "scoring_killed"


def test_errors_reach_the_parent_with_where_they_came_from(quick_setup, tmp_path):
    class Odd(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one}{two}")

    class Broken(type(quick_setup)):
        def score(self, *_, **__):
            raise error

    setup = Broken(quick_setup.card)
    error = ModelError("no such head")
    kind, (sent, where) = workers._answer(Task(chunk(0), tmp_path), setup, None)
    assert (kind, type(sent), str(sent)) == ("failed", ModelError, "no such head")
    assert "in score" in where
    # What cannot travel is named.
    assert str(workers._portable(Odd(1, 2))) == "scoring broke: Odd"
