"""A writer that is killed while it saves: what it was told is saved, is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import select

from autoqa.review.database import open_database, schema, verify
from autoqa.review.leases import claim_conversation

TALK, TIMES = "brv-en-01", 50

# For each line that it reads, begins a process that saves for ever and says of each answer when it
# is acknowledged; forking spares fifty starts of Python.
WRITERS = """
import os, sys
from autoqa.review.access import Role, User
from autoqa.review.answers import save_answer
from autoqa.review.conversations import see
from autoqa.review.database import open_database

path, talk, user_id = sys.argv[1], sys.argv[2], int(sys.argv[3])
user = User(id=user_id, name="reviewer", display_name="Reviewer", role=Role.REVIEWER)

def write():
    database = open_database(path)
    view = see(database, user, talk)
    versions = {name: answer.version for name, answer in view.answers.items()}
    n = 0
    while True:
        for criterion in view.card.criteria:
            n += 1
            level = criterion.scale[n % len(criterion.scale)]
            saved = save_answer(
                database, user, talk, criterion.id, status="rated", level=level,
                reason=f"save {n}", based_on=versions.get(criterion.id, 0),
            )
            versions[criterion.id] = saved.answer.version
            print("saved", saved.answer.id, saved.answer.version, level, flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        write()
    print("began", child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_fifty_times_no_acknowledged_answer_is_lost(loaded, people):
    claim_conversation(loaded, people["reviewer"], TALK)
    path = loaded.engine.url.database
    acknowledged = {}
    writers = subprocess.Popen(
        [sys.executable, "-c", WRITERS, path, TALK, str(people["reviewer"].id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with writers:
        for kill in range(TIMES):
            writers.stdin.write("\n")
            writers.stdin.flush()
            child, saved = None, 0
            while child is None or saved <= kill % 4:
                word, *numbers = map(str, writers.stdout.readline().split())
                if word == "began":
                    child = int(numbers[0])
                else:
                    saved += 1
                    acknowledged[int(numbers[0])] = (int(numbers[1]), int(numbers[2]))
            time.sleep(0.0005 * (kill % 23))  # at another moment of a save each time
            os.kill(child, signal.SIGKILL)
            for line in iter(writers.stdout.readline, "ended\n"):
                _, *numbers = line.split()
                acknowledged[int(numbers[0])] = (int(numbers[1]), int(numbers[2]))
        writers.stdin.close()
    reopened = open_database(path)
    with contextlib.closing(reopened), reopened.reading() as connection:
        stored = {
            row.id: (row.version, row.level) for row in connection.execute(select(schema.ratings))
        }
        by_people = connection.execute(
            select(schema.ratings.c.id)
            .join(schema.evaluations, schema.evaluations.c.id == schema.ratings.c.evaluation_id)
            .where(schema.evaluations.c.kind == "human")
        ).scalars()
        logged = connection.execute(
            select(schema.audit_log.c.details).where(schema.audit_log.c.action == "rating.save")
        ).scalars()
        assert sorted(one["rating"] for one in logged) == sorted(by_people)
        assert verify(connection).holds
    assert len(acknowledged) >= TIMES
    assert {key: stored.get(key) for key in acknowledged} == acknowledged
