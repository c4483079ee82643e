"""Runs of `autoqa.batch.score` in processes of their own, scored by a stand-in without models.

A server, so that what takes seconds to import is imported once. It reads lines of JSON: to
``{"start": [ARGUMENTS], "said": FILE}`` it answers with the process id, to ``{"poll": PID}`` with
the exit code or null, as soon as there is one with ``{"wait": PID}``.

A turn that says "kill" kills the process that scores it, by SIGKILL.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from autoqa.batch import Scored, ScoringSetup, local, score
from autoqa.cli.stopping import Stopped, stopped_by_signals
from autoqa.errors import AutoqaError
from autoqa.records import Flag, Rating
from autoqa.scorecard import Scorecard, evaluate

CARD = {
    "id": "quick",
    "version": 1,
    "sections": [
        {
            "id": "all",
            "criteria": [
                {
                    "id": name,
                    "question": f"{name}?",
                    "levels": {0: "no", 1: "yes"},
                    "weight": 1,
                    "scorer": {"use": "rules", "say": "greeting"},
                }
                for name in ("long", "even")
            ],
        }
    ],
}


@dataclass(frozen=True)
class Quick(ScoringSetup):
    pause: float = 0.0  # seconds per conversation

    def score(self, transcripts, *, encoders=None):
        del encoders
        columns = zip(*map(self._one, transcripts), strict=True)
        return Scored(*(sum(column, ()) for column in columns))

    def _one(self, transcript):
        time.sleep(self.pause)
        words = sum(len(turn.text.split()) for turn in transcript.turns)
        if any("kill" in turn.text for turn in transcript.turns):
            os.kill(os.getpid(), signal.SIGKILL)
        levels = {"long": int(words > 12), "even": int(words % 2 == 0)}
        evaluation = evaluate([_rating(transcript, *one) for one in levels.items()], self.card)
        flag = Flag(
            conversation_id=transcript.conversation_id, reason="long", message="", priority=0.5
        )
        flags = (flag,) if levels["long"] else ()
        return (transcript,), (evaluation,), (_rating(transcript, "csat", words % 5),), flags


def _rating(transcript, criterion, level):
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=criterion,
        rater="quick",
        kind="model",
        status="rated",
        level=level,
    )


def run(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--chunk", type=int, default=5)
    parser.add_argument("--most", type=int, help="bytes that a file may have, as on a full disk")
    asked = parser.parse_args(arguments)
    local.CHUNK = asked.chunk
    if asked.most is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (asked.most, asked.most))
    setup = Quick(Scorecard.model_validate(CARD), pause=asked.pause)
    try:
        with stopped_by_signals():
            summary = score(
                [asked.input],
                asked.out,
                setup,
                workers=asked.workers,
                resume=asked.resume,
                overwrite=asked.overwrite,
            )
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
    except AutoqaError as error:
        say(f"{type(error).__name__}: {error}")
        sys.exit(1)
    say(json.dumps(summary.to_dict()))


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def start(arguments, said):
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    try:
        run(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 70
    os._exit(code)


def serve():
    codes = {}

    def code(pid, options):
        if pid not in codes:
            ended, status = os.waitpid(pid, options)
            if ended:
                codes[pid] = os.waitstatus_to_exitcode(status)
        return codes.get(pid)

    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            answer = start(asked["start"], asked["said"])
        elif "poll" in asked:
            answer = code(asked["poll"], os.WNOHANG)
        else:
            answer = code(asked["wait"], 0)
        say(json.dumps(answer))


if __name__ == "__main__":
    serve()
