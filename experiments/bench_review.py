"""How fast is the review page with many conversations and many reviewers?

Conversations are invented, and go into an SQLite file as a scoring run would leave them. The page
is served by a process of its own; requests go through HTTP, as a browser's do.

* the queue: its page with ``--items`` conversations in it, as a lead sees it (with workload and the
  form to assign), with each filter, by search, and after many pages
* reviewers: ``--users`` people at once, each of whom opens the queue, claims the next conversation,
  opens it, answers three criteria and submits. Between two requests they think for ``--pause``
  seconds on average; people who read conversations take far longer

Goals: the queue within 500 ms; with 30 users, 95 % of reads within 300 ms and of writes within
500 ms, and no failure of the server.

    python experiments/bench_review.py
    python experiments/bench_review.py --items 5000 --users 10 --seconds 10
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx
from sqlalchemy import insert, text, update

from autoqa.records import Channel, Speaker, Transcript, Turn
from autoqa.review.access import Role, User
from autoqa.review.database import Database, open_database, schema
from autoqa.review.flags import MESSAGES, message_values
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.users import CONSOLE, add_user
from autoqa.review.web.security import SESSION
from autoqa.review.web.serving import Place, serve
from autoqa.review.web.settings import Settings
from autoqa.scorecard import Scorecard
from autoqa.store import to_dict

CRITERIA = ("greeting", "empathy", "solution")
AGENTS, TEAMS, TURNS = 500, 25, 40
WORDS = [
    "the",
    "order",
    "parcel",
    "invoice",
    "number",
    "account",
    "refund",
    "please",
    "thanks",
    "wait",
    "today",
    "system",
    "check",
    "sorry",
    "address",
    "delivery",
    "card",
    "problem",
    "because",
    "would",
    "could",
    "again",
    "still",
    "cannot",
    "already",
    "help",
    "moment",
]
RARE = "zeppelin"  # in one conversation of 5,000
CHUNK = 2000
READS, WRITES = ("queue", "conversation"), ("claim", "answer", "submit")


def main() -> None:
    arguments = parse()
    if arguments.serve is not None:
        with open_database(arguments.serve) as database:
            serve(database, Place(port=0), started=lambda address, _: print(address, flush=True))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "review.db"
        with open_database(path) as database:
            started = time.perf_counter()
            fill(database, arguments.items)
            print(
                f"{arguments.items} conversations stored in {time.perf_counter() - started:.0f} s"
            )
            lead = add_user(database, CONSOLE, "lead", role=Role.LEAD)
            people = [
                add_user(database, CONSOLE, f"reviewer-{number}", role=Role.REVIEWER)
                for number in range(arguments.users)
            ]
            with served(path) as address:
                results = {
                    "queue": measure_queue(database, address, lead, arguments.repeats),
                    "reviewers": measure_reviewers(database, address, people, arguments),
                }
    print(report(results, arguments))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=50_000, help="conversations in the queue")
    parser.add_argument("--repeats", type=int, default=15, help="of every page of the queue")
    parser.add_argument("--users", type=int, default=30, help="reviewers at the same time")
    parser.add_argument("--seconds", type=float, default=60, help="that they work")
    parser.add_argument("--pause", type=float, default=3, help="mean seconds between two requests")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


# What is measured.


def measure_queue(
    database: Database, address: str, lead: User, repeats: int
) -> dict[str, list[float]]:
    """Milliseconds of every request, by what was asked for."""
    filters: dict[str, dict[str, str]] = {
        "the queue": {},
        "of one agent": {"agent": "agent-007"},
        "of one team, newest first": {"team": "team-07", "sort": "newest"},
        "with one reason": {"reason": "not_sure"},
        "of a month, with a low total": {"from": "2026-03-01", "to": "2026-03-31", "max": "30"},
        "that failed a criterion": {"criterion": "empathy", "failed": "1"},
        "a usual word": {"q": "refund"},
        "a word of ten conversations": {"q": RARE},
        "a word of no conversation": {"q": "xylophone"},
    }
    found: dict[str, list[float]] = {}
    with browser(database, address, lead) as get:
        deep = "/api/v1/queue?limit=200"
        for _ in range(20):  # pages of 200
            after = get.get(deep).json()["after"]
            if after is None:
                break
            deep = f"/api/v1/queue?{urlencode({'limit': 200, 'after': after})}"
            filters["after many pages"] = {"after": after}
        for name, query in filters.items():
            path = f"/queue?{urlencode(query)}"
            get.get(path)
            found[name] = [timed(get.get, path)[0] for _ in range(repeats)]
    return found


def measure_reviewers(
    database: Database, address: str, people: list[User], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Milliseconds of every request of all reviewers, by kind, and the failures of the server."""
    found: dict[str, list[float]] = {name: [] for name in (*READS, *WRITES)}
    failures: list[int] = []

    def work(get: httpx.Client, number: int, until: float) -> None:
        drawn = random.Random(number)  # noqa: S311  no secret

        def ask(kind: str, method: Callable[..., Any], *what: Any, **more: Any) -> Any:
            time.sleep(drawn.expovariate(1 / arguments.pause))
            taken, answer = timed(method, *what, **more)
            found[kind].append(taken)
            if answer.status_code >= 500:
                failures.append(answer.status_code)
            return answer

        while time.monotonic() < until:
            ask("queue", get.get, "/queue")
            lease = ask("claim", get.post, "/api/v1/queue/next").json()
            name = lease["conversation_id"]
            ask("conversation", get.get, f"/conversation?{urlencode({'id': name})}")
            for criterion in CRITERIA:
                said = {"criterion": criterion, "status": "rated", "level": drawn.randrange(2)}
                said |= {"id": name, "reason": "as I heard it", "based_on": 0}
                ask("answer", get.post, "/api/v1/conversation/answers", json=said)
            ask("submit", get.post, "/api/v1/conversation/submit", json={"id": name})

    with ExitStack() as stack:
        # Everybody has logged in and seen a page, so that no start-up is measured.
        clients = [stack.enter_context(browser(database, address, user)) for user in people]
        for client in clients:
            client.get("/account")
        until = time.monotonic() + arguments.seconds
        threads = [
            threading.Thread(target=work, args=(client, number, until))
            for number, client in enumerate(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {"milliseconds": found, "failures": failures}


def timed(method: Callable[..., httpx.Response], *what: Any, **more: Any) -> tuple[float, Any]:
    """Milliseconds of a request, and its answer."""
    started = time.perf_counter()
    answer = method(*what, **more)
    taken = 1000 * (time.perf_counter() - started)
    if answer.status_code >= 400 and answer.status_code < 500:
        raise RuntimeError(f"{answer.url}: {answer.status_code}: {answer.text[:300]}")
    return taken, answer


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve the page from another process; yields its address."""
    command = [sys.executable, __file__, "--serve", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def browser(database: Database, address: str, user: User) -> Iterator[httpx.Client]:
    """Yield a client that is logged in and keeps its connection."""
    session = redeem(database, one_time_link(database, user))
    with httpx.Client(
        base_url=address,
        cookies={Settings().cookie(SESSION): session.token},
        headers={"X-CSRF-Token": session.csrf},
        timeout=60,
    ) as client:
        yield client


def report(results: dict[str, Any], arguments: argparse.Namespace) -> str:
    lines = [f"\nQueue of {arguments.items} conversations, ms (goal: 500)"]
    lines.append(f"{'':34}{'median':>8}{'slowest':>9}")
    for name, taken in results["queue"].items():
        lines.append(f"{name:34}{median(taken):8.0f}{max(taken):9.0f}")
    worked = results["reviewers"]["milliseconds"]
    shown = f"{arguments.users} reviewers for {arguments.seconds:.0f} s"
    lines.append(f"\n{shown}, pause {arguments.pause:g} s, ms")
    lines.append(f"{'':34}{'requests':>9}{'median':>8}{'95 %':>8}{'slowest':>9}{'goal':>7}")
    for title, kinds, goal in (("all reads", READS, 300), ("all writes", WRITES, 500)):
        taken = [one for kind in kinds for one in worked[kind]]
        rows = {kind: worked[kind] for kind in kinds if worked[kind]}
        for name, values in {**rows, title: taken}.items() if taken else ():
            at = sorted(values)
            high = at[min(len(at) - 1, int(0.95 * len(at)))]
            aim = f"{goal:7}" if name == title else ""
            lines.append(f"{name:34}{len(at):9}{median(at):8.0f}{high:8.0f}{at[-1]:9.0f}{aim}")
    failed = results["reviewers"]["failures"]
    lines.append(
        f"failures of the server: {len(failed)}{f' {sorted(set(failed))}' if failed else ''}"
    )
    return "\n".join(lines)


# Invented conversations.


def fill(database: Database, n_items: int, seed: int = 7) -> None:
    """Store conversations with scores and flags, all of them in the queue."""
    drawn = random.Random(seed)  # noqa: S311  no secret
    with database.writing("bench") as write:
        now = datetime.now(UTC)
        card = Scorecard.model_validate(
            {
                "id": "bench",
                "version": 1,
                "sections": [
                    {
                        "id": "all",
                        "criteria": [
                            {"id": name, "question": f"Was there {name}?", "weight": 1}
                            | {"levels": {0: "no", 1: "yes"}}
                            for name in CRITERIA
                        ],
                    }
                ],
            }
        )
        write.execute(
            insert(schema.scorecards).values(
                id=card.id, version=1, document=card.model_dump(mode="json"), loaded_at=now
            )
        )
        run = write.execute(
            insert(schema.runs)
            .values(
                name="bench",
                scorecard=card.id,
                scorecard_version=1,
                fingerprint="bench",
                loaded_at=now,
                finished_at=now,
            )
            .returning(schema.runs.c.id)
        ).scalar_one()
        for start in range(0, n_items, CHUNK):
            numbers = range(start, min(start + CHUNK, n_items))
            store(write, [invent(number, drawn) for number in numbers], run, now, drawn)
        write.execute(
            update(schema.conversations)
            .values(evaluation_id=schema.evaluations.c.id)
            .where(schema.evaluations.c.conversation_id == schema.conversations.c.id)
        )
        write.audit("run.load", f"run:{run}", conversations=n_items)
    with database.housekeeping() as connection:
        connection.execute(text("ANALYZE"))


def invent(number: int, drawn: random.Random) -> Transcript:
    turns = tuple(
        Turn(
            speaker=Speaker.AGENT if place % 2 else Speaker.CUSTOMER,
            text=" ".join(drawn.choices(WORDS, k=drawn.randrange(5, 25))),
            start_s=10.0 * place,
            end_s=10.0 * place + 8,
        )
        for place in range(TURNS)
    )
    if number % 5000 == 17:
        turns = (*turns, Turn(speaker=Speaker.CUSTOMER, text=RARE))
    return Transcript(
        conversation_id=f"call-{number:06d}",
        turns=turns,
        channel=drawn.choice(list(Channel)),
        language=drawn.choice(["en", "en", "en", "es", "it", "zh"]),
        agent=f"agent-{drawn.randrange(AGENTS):03d}",
        team=f"team-{drawn.randrange(TEAMS):02d}",
        topic=drawn.choice(["billing", "delivery", "returns"]),
        started_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=drawn.randrange(300_000)),
    )


def store(
    write: Any, talks: list[Transcript], run: int, now: datetime, drawn: random.Random
) -> None:
    scored = [(talk, round(100 * drawn.betavariate(4, 2), 1)) for talk in talks]
    write.execute(
        insert(schema.conversations),
        [
            {
                "id": talk.conversation_id,
                "run_id": run,
                "language": talk.language,
                "channel": str(talk.channel),
                "agent": talk.agent,
                "team": talk.team,
                "topic": talk.topic,
                "started_at": talk.started_at,
                "n_turns": len(talk.turns),
                "total": total,
                "coverage": 1.0,
                "csat": 1 + total / 25,
                "words": "\n".join(turn.text for turn in talk.turns),
                "document": to_dict(talk),
            }
            for talk, total in scored
        ],
    )
    evaluations = [
        {
            "conversation_id": talk.conversation_id,
            "rater": "autoqa",
            "kind": "model",
            "scorecard": "bench",
            "scorecard_version": 1,
            "purpose": "score",
            "state": "submitted",
            "blind": False,
            "total": total,
            "coverage": 1.0,
            "critical_failed": [],
            "section_totals": {},
            "started_at": now,
            "submitted_at": now,
            "occasion": f"run:{run}",
        }
        for talk, total in scored
    ]
    numbers = write.execute(
        insert(schema.evaluations).returning(schema.evaluations.c.id), evaluations
    ).scalars()
    answers = [
        (number, criterion, drawn.randrange(5) > 0) for number in numbers for criterion in CRITERIA
    ]
    write.execute(
        insert(schema.ratings),
        [
            {
                "evaluation_id": number,
                "criterion": criterion,
                "version": 1,
                "status": "rated",
                "level": int(level),
                "points": float(level),
                "at": now,
            }
            for number, criterion, level in answers
        ],
    )
    flags = []
    for talk, total in scored:
        reason = "low_total" if total < 60 else "not_sure"
        message = MESSAGES[reason].format(total=f"{total:.0f}", share=f"{total:.0f}%")
        flags.append(
            {
                "conversation_id": talk.conversation_id,
                "reason": reason,
                "message": message,
                "values": message_values(reason, message),
                "priority": round(drawn.random(), 3),
            }
        )
    write.execute(insert(schema.flags), flags)
    write.execute(
        insert(schema.items),
        [
            {
                "conversation_id": flag["conversation_id"],
                "priority": flag["priority"],
                "state": "open",
                "created_at": now,
            }
            for flag in flags
        ],
    )


if __name__ == "__main__":
    main()
