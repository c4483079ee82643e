"""200 personal values are looked for in everything that is written: none may be found.

They stand wherever conversations have words: in turns, customer ids, topics, attributes and their
keys, actions, survey comments, reasons of raters, outcomes, and in records that cannot be read.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.experiments.run import run_experiment
from autoqa.experiments.spec import ExperimentSpec
from autoqa.experiments.tracking import Tracker
from autoqa.experiments.training import train
from autoqa.privacy.planted.values import card_digits, email, grouped_phone, iban, identity
from autoqa.scorecard import load_scorecard

pytestmark = pytest.mark.slow

N = 40  # conversations, with five values each
CARD = """
id: desk
version: 1
sections:
  - id: all
    criteria:
      - {id: courtesy, question: "Was it kind?", levels: {0: "no", 1: "yes"}, weight: 1}
      - id: greeting
        question: Was there a greeting?
        levels: {0: "no", 1: "yes"}
        weight: 1
        scorer: {use: rules, say: greeting}
"""
WARM, COLD = ("glad", "sorry", "welcome"), ("whatever", "wrong", "hurry")


def secrets_of(rng: random.Random) -> dict[str, str]:
    code = identity(rng, "es", False)
    return {
        "email": f"{rng.randint(10**6, 10**7)}.{email(rng, 'en', False)}",
        "phone": grouped_phone(rng, "en", False),
        "card": card_digits(rng, "en"),
        "iban": iban(rng, "es", False),
        "id": code,
    }


def conversation(
    number: int, own: dict[str, str], topic: str, rng: random.Random
) -> dict[str, object]:
    kind = number % 2
    said = [
        f"My e-mail is {own['email']} and my phone is {own['phone']}",
        f"So that is {own['email']}, and {own['phone']}?",
        f"Yes. I paid with card {own['card']}, IBAN {own['iban']}",
        f"Card {own['card']}, IBAN {own['iban']}, your DNI?",
        f"My DNI is {own['id']}, {rng.choice(WARM if kind else COLD)}",
        f"{own['id']}, hello and {rng.choice(WARM if kind else COLD)}, {own['phone']}",
    ]
    turns = [
        {"speaker": "agent" if n % 2 else "customer", "text": text}
        for n, text in enumerate([*said, *said])  # words of three turns are learned
    ]
    turns[1]["actions"] = [
        {
            "name": "update",
            "arguments": {"to": own["email"], own["phone"]: 1},
            "result": own["iban"],
        }
    ]
    rating = {"rater": "qa", "scale": [0, 1], "score": kind, "reason": f"read {own['card']} back"}
    return {
        "conversation_id": f"c{number:02}",
        "channel": "chat",
        "language": "en",
        "agent": f"agent {number % 8}",
        "customer": own["email"],
        "topic": topic,
        "turns": turns,
        "meta": {"note": own["iban"], own["email"]: {"card": int(own["card"])}},
        "csat": {"score": 2 + 2 * kind, "scale": [1, 5], "comment": f"write to {own['email']}"},
        "ratings": [
            {**rating, "criterion": "courtesy"},
            {**rating, "criterion": "procedure_outcome", "rater": "database"},
        ],
        "outcome": {"task_id": number, "note": own["phone"]},
    }


def broken(own: dict[str, str]) -> list[str]:
    """Records that cannot be read, or not in full, with values where others belong."""
    turn = {"speaker": "customer", "text": own["email"]}
    whole = {"conversation_id": "b", "turns": [turn, {"speaker": "agent", "text": "Hello"}]}
    changed = [
        {"turns": own["email"]},
        {"turns": [{"speaker": own["email"], "text": own["card"]}]},
        {"turns": [{"speaker": "agent", "text": {own["email"]: own["iban"]}}]},
        {"turns": [{**turn, "start": own["phone"], "end": own["card"]}]},
        {"channel": own["phone"]},
        {"language": {own["email"]: own["card"]}},
        {"started_at": own["iban"], own["email"]: own["card"]},
        {"csat": {"score": own["card"], "scale": own["phone"]}},
        {"ratings": [{"criterion": own["email"], "score": own["iban"], "rater": 1}]},
        {"ratings": own["iban"], "meta": own["email"]},
        {"conversation_id": [own["card"]]},
        {"split": {own["email"]: 1}, "outcome": own["card"]},
    ]
    lines = [json.dumps(whole | {"conversation_id": f"b{n}"} | more) for n, more in
             enumerate(changed)]  # fmt: skip
    return [*lines, f'{{"{own["email"]}": {own["card"]}', f"{own['iban']} {own['email']}", "{}"]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    rng = random.Random(5)
    own = [secrets_of(rng) for _ in range(N)]
    place = tmp_path_factory.mktemp("material")
    # Two topics only, so that they are frequent enough to be shown.
    records = [
        conversation(n, one, f"call {own[n % 2]['phone']}", rng) for n, one in enumerate(own)
    ]
    good = [json.dumps(record) for record in records]
    for name, lines in (("good", good), ("bad", [*good, *broken(own[0])])):
        (place / name).mkdir()
        (place / name / "transcripts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "desk.yaml").write_text(CARD, encoding="utf-8")
    values = {value for one in own for value in one.values()}
    assert len(values) == 200
    return place, values


def searched(values: set[str]) -> re.Pattern[str]:
    """A pattern of all values, as they were planted and without separators."""
    plain = {re.sub(r"[ ().+\-]", "", v) if "@" not in v else v for v in values}
    return re.compile("|".join(map(re.escape, values | plain)), re.IGNORECASE)


def contents(path: Path) -> str:
    """A file's text as a reader of it sees it, and its bytes."""
    content = path.read_bytes()
    found = [content.decode("utf-8", "replace")]
    if path.suffix == ".parquet":
        found.append(repr(pq.read_table(path).to_pylist()))
        found.append(repr(pq.read_metadata(path).to_dict()))
    elif path.suffix == ".gz":
        found.append(gzip.decompress(content).decode())
    elif content[:6] == b"SQLite":
        with sqlite3.connect(path) as connection:
            names = connection.execute("select name from sqlite_master where type = 'table'")
            for (name,) in names.fetchall():
                found.append(repr(connection.execute(f'select * from "{name}"').fetchall()))
    return "\n".join(found)


def leaks(folder: Path, values: set[str], *, but: Path | None = None) -> list[str]:
    pattern = searched(values)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    hits = [str(path) for path in files if pattern.search(contents(path))]
    return hits + [str(path) for path in files if pattern.search(str(path.relative_to(folder)))]


def autoqa(*arguments: object, values: set[str]) -> None:
    result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")
    assert not isinstance(result.exception, Exception), result.exception
    assert searched(values).findall(result.output) == []


def test_the_search_finds_what_is_there(material, tmp_path):
    place, values = material
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(next(iter(values)).encode()))
    assert len(leaks(tmp_path, values)) == 1
    assert len(leaks(place, values)) == 2


@pytest.mark.parametrize("mode", ["mask", "hash"])
def test_read_redact_and_score_write_no_value(material, tmp_path, monkeypatch, caplog, mode):
    place, values = material
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)
    monkeypatch.setenv("AUTOQA_REDACTION_KEY", "0123456789abcdef" * 2)
    data, how = place / "bad", ("--privacy", mode)
    autoqa("read", data, "--out", tmp_path / "read" / "calls.jsonl", *how, values=values)
    autoqa("redact", data, "--out", tmp_path / "redact" / "calls.jsonl.gz", "--report", *how,
           values=values)  # fmt: skip
    autoqa("redact", data, "--out", tmp_path / "json" / "calls.jsonl", "--json", *how,
           values=values)  # fmt: skip
    autoqa("score", data, "--scorecard", place / "desk.yaml", "--out", tmp_path / "scored", *how,
           values=values)  # fmt: skip
    assert leaks(tmp_path, values) == []
    assert searched(values).findall(caplog.text) == []
    quarantine = (tmp_path / "scored" / "quarantine.jsonl").read_text().splitlines()
    assert len(quarantine) >= 8


def test_training_experiments_and_reports_write_no_value(
    material, tmp_path, monkeypatch, caplog, capsys
):
    place, values = material
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)
    card = load_scorecard(place / "desk.yaml")
    words = {"embeddings": (), "statistics": False}
    found = train(
        [place / "good"], card, tmp_path / "models", criteria=["courtesy"], settings=words
    )
    assert found.criteria["courtesy"].use == "linear"
    assert searched(values).findall(found.to_markdown()) == []

    tracker = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}")
    spec = ExperimentSpec.model_validate(
        {
            "question": "Does it keep quiet?",
            "task": "procedure",
            "data": [str(place / "good")],
            "split": {"group_by": "conversation", "folds": 2},
            "arms": ["majority", "statistics", "tfidf"],
            "n_resamples": 20,
        }
    )
    result = run_experiment(spec, tracker=tracker)
    assert result.failed == ()
    assert searched(values).findall(result.to_markdown()) == []

    scored = tmp_path / "scored"
    autoqa("score", place / "good", "--scorecard", place / "desk.yaml", "--models",
           tmp_path / "models", "--out", scored, values=values)  # fmt: skip
    out = tmp_path / "report" / "report.html"
    autoqa("report", "--ratings", scored, "--transcripts", place / "good", "--out", out,
           "--resamples", 20, values=values)  # fmt: skip
    assert out.exists()
    assert leaks(tmp_path, values) == []
    said = capsys.readouterr()
    assert searched(values).findall(caplog.text + said.out + said.err) == []
