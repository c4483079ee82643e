"""Scores for other programs: a server that keeps MLflow's contract, and turns on standard input."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pandas as pd
import pytest
from typer.testing import CliRunner

from autoqa.batch import ScoringSetup
from autoqa.cli.app import app
from autoqa.experiments.pyfunc_model import signature
from autoqa.records import Transcript, Turn
from autoqa.scorecard import load_scorecard
from autoqa.scorers.folder import write_models

SAID = [
    {"speaker": "agent", "text": "Good morning, how can I help?"},
    {"speaker": "customer", "text": "What do I owe? My mail is ana@example.com"},
    {"speaker": "agent", "text": "Your balance is 300 euros."},
]
LINE = json.dumps({"turns": SAID})
FRAME = pd.DataFrame({"conversation_id": ["c1", "c2"], "transcript_json": [LINE, LINE]})


@pytest.fixture(scope="module")
def card():
    return load_scorecard("support-core")


@pytest.fixture(scope="module")
def models(card, tmp_path_factory):
    """A folder of rules alone, so that nothing has to be loaded."""
    return write_models(tmp_path_factory.mktemp("models"), {}, {}, scorecard=card).path


def start(models):
    command = [sys.executable, "-m", "autoqa", "serve", "--models", str(models), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = process.stderr.readline()
    found = re.fullmatch(r"Scoring at (http://127\.0\.0\.1:\d+)/invocations; .*\n", said)
    assert found, said + process.stderr.read()
    return process, found.group(1)


def stopped(process, how):
    """Tell a server to stop; return its exit code and what it still said."""
    process.send_signal(how)
    code = process.wait(60)
    with process.stderr as said:
        return code, said.read()


@pytest.fixture(scope="module")
def server(models):
    process, address = start(models)
    yield address
    assert stopped(process, signal.SIGTERM) == (0, "")


def ask(address, body=None, content_type="application/json"):
    """Return the status and the answer to a request, of JSON where there is a body."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, content, {"content-type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


pytestmark = pytest.mark.slow  # a server takes several seconds to start


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": FRAME.to_dict("split")},
        {"dataframe_records": FRAME.to_dict("records")},
        {"inputs": FRAME.to_dict("list")},
        {"instances": FRAME.to_dict("records")},
    ],
    ids=lambda body: next(iter(body)),
)
def test_it_answers_one_row_per_conversation_whatever_the_form(server, card, body):
    status, answer = ask(f"{server}/invocations", body)
    assert status == 200
    rows = json.loads(answer)["predictions"]
    assert [row["conversation_id"] for row in rows] == ["c1", "c2"]
    assert list(rows[0]) == signature().outputs.input_names()
    turns = tuple(Turn(**turn) for turn in SAID)
    scored = ScoringSetup(card).score([Transcript(conversation_id="c", turns=turns)])
    (evaluation,) = scored.evaluations
    assert rows[0]["total"] == evaluation.total
    assert rows[0]["critical_failed"] == list(evaluation.critical_failed)
    assert rows[0]["flags"] == [flag.reason for flag in scored.flags]
    assert [(one["criterion"], one["level"]) for one in rows[0]["ratings"]] == [
        (rating.criterion, rating.level) for rating in evaluation.ratings
    ]
    assert rows[0]["csat"] is None  # no model


def test_a_table_may_be_csv(server):
    content = FRAME.to_csv(index=False).encode()
    status, answer = ask(f"{server}/invocations", content, "text/csv")
    assert (status, len(json.loads(answer)["predictions"])) == (200, 2)


def test_health_and_version_are_there(server):
    import mlflow

    assert [ask(f"{server}/{name}")[0] for name in ("ping", "health")] == [200, 200]
    assert ask(f"{server}/version") == (200, mlflow.__version__)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{secret", "not JSON (Expecting property name"),
        (b'"\xffsecret"', "not UTF-8 (byte 1)"),
        (["secret"], "holds no table of conversations"),
        ({"dataframe_records": [{"conversation_id": "secret"}]}, "no column transcript_json"),
        ({"inputs": {"secret": ["secret"]}}, "no column conversation_id and transcript_json"),
    ],
    ids=["json", "utf8", "list", "column", "columns"],
)
def test_an_error_says_what_is_wrong_and_quotes_nothing(server, body, said):
    status, answer = ask(f"{server}/invocations", body)
    assert status == 400
    assert list(json.loads(answer)) == ["error_code", "message"]
    assert said in json.loads(answer)["message"]
    assert "secret" not in answer


def test_another_content_type_is_named(server):
    for kind in ("text/xml", "application/vnd.apache.parquet"):
        status, answer = ask(f"{server}/invocations", b"secret", kind)
        assert status in (400, 415)
        assert f"could not be read as '{kind}'" in answer
        assert "secret" not in answer


def test_a_conversation_that_cannot_be_read_costs_no_other(server):
    records = [
        {"conversation_id": "a", "transcript_json": "secret"},
        {"conversation_id": "b", "transcript_json": LINE},
    ]
    status, answer = ask(f"{server}/invocations", {"dataframe_records": records})
    bad, good = json.loads(answer)["predictions"]
    assert (status, bad["total"], good["problem"]) == (200, None, "")
    assert "[reason: bad_json]" in bad["problem"]
    assert "secret" not in answer


def test_it_stops_cleanly_when_told_to_and_forgets_its_files(models, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process, address = start(models)
    assert ask(f"{address}/ping")[0] == 200
    assert list(tmp_path.rglob("models.json"))
    assert stopped(process, signal.SIGINT) == (0, "")
    assert not list(tmp_path.rglob("models.json"))
    with pytest.raises(OSError):
        ask(f"{address}/ping")


def test_a_port_that_is_taken_is_named_at_once(server, models):
    port = server.rpartition(":")[2]
    done = CliRunner().invoke(app, ["serve", "--models", str(models), "--port", port])
    assert done.exit_code == 1
    assert "in use" in done.stderr


def test_turns_on_standard_input_are_answered_line_by_line(models):
    turns = [json.dumps({"conversation_id": "c", **turn}) for turn in SAID]
    done = CliRunner().invoke(
        app, ["live", "--models", str(models)], input="\n".join([*turns, "junk"])
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one.get("turn") for one in answers] == [0, 1, 2, None]
    assert answers[2]["newly_failed"] == ["identity_before_details"]
    assert answers[3]["reason"] == "bad_json"
    assert (done.exit_code, done.stderr) == (1, "autoqa: 1 lines could not be used\n")
