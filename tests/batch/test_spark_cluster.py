"""A Spark cluster of two worker processes, one of which is killed while it scores."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest

from autoqa.batch import ScoringSetup
from autoqa.batch.parts import TABLES
from autoqa.readers import read
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard
from autoqa.store import read_records

psutil = pytest.importorskip("psutil")
pytest.importorskip("pyspark", reason="needs pyspark: pip install 'autoqa-transcripts[spark]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
]


@pytest.fixture(scope="module")
def cluster(small_spark):
    # How soon it is noticed that a killed worker's shuffle files are gone.
    soon = {"spark.shuffle.io.maxRetries": "1", "spark.shuffle.io.retryWait": "1s"}
    with small_spark("local-cluster[2,1,1024]", soon) as session:
        yield session


def executors():
    """The processes that work for the cluster."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any("CoarseGrainedExecutorBackend" in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill_one(scored, killed, over):
    """Kill an executor once a task has committed its part of the results."""
    while not over.is_set():
        if list(scored.glob("_temporary/*/task_*")) and (alive := executors()):
            os.kill(alive[0].pid, signal.SIGKILL)
            killed.append(alive[0].pid)
            return
        time.sleep(0.05)


def test_a_killed_executor_costs_no_conversation_and_doubles_none(cluster, tmp_path):
    from autoqa.batch.spark import score_with_spark

    sample = [one.transcript for one in read([sample_path()])]
    ids = [transcript.conversation_id for transcript in sample]
    setup = ScoringSetup(load_scorecard("support-core"))
    out = tmp_path / "out"
    killed, over = [], threading.Event()
    killer = threading.Thread(target=kill_one, args=(out / "scored", killed, over))
    killer.start()
    try:
        summary = score_with_spark(cluster, [sample_path()], setup, out, partitions=6)
    finally:
        over.set()
        killer.join()
    assert len(killed) == 1, "the job ended before a task committed anything"
    assert killed[0] not in [process.pid for process in executors()]
    assert (summary.read, summary.scored, summary.quarantined) == (len(ids), len(ids), 0)
    for name, width in {"transcripts": 1, "evaluations": 1, "ratings": 17}.items():
        found = [r.conversation_id for r in read_records(out / name, TABLES[name])]
        assert len(found) == width * len(ids)
        assert set(found) == set(ids)
    flags = sum(1 for _ in read_records(out / "flags", TABLES["flags"]))
    assert flags == len(setup.score(sample).flags) == sum(summary.flags.values())
