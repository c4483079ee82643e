"""The commands on the whole corpus in one run: they end well, and what they count agrees."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.readers import Quarantine, read
from autoqa.records import Evaluation, Rating, Transcript
from autoqa.store import read_records

CARD = """\
id: tiny
version: 1
sections:
  - id: all
    criteria:
      - id: greeting
        question: Did the agent greet the customer?
        levels: {0: no, 1: yes}
        weight: 50
        scorer: {use: rules, say: greeting, speaker: agent}
      - id: disclosure
        question: Did the agent say that the call is recorded?
        levels: {0: no, 1: yes}
        weight: 50
        scorer: {use: rules, say: recording_disclosure, speaker: agent}
"""


def autoqa(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def scored(bad_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    card = folder / "card.yaml"
    card.write_text(CARD)
    out = folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoqa.cli.scoring.default_models", lambda: None)  # rules alone
        done = autoqa("score", bad_files.folder, "--scorecard", card, "--out", out)
    return done, out


@pytest.mark.slow
def test_scoring_the_corpus_counts_every_record(scored, in_all):
    done, out = scored
    assert done.exit_code == 1, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["read"] == summary["scored"] + summary["quarantined"]
    assert (summary["scored"], summary["reasons"]) == (in_all.kept, in_all.reasons)
    assert summary["notes"] == in_all.notes
    left_out = [row for row in rows_of(out / "quarantine.jsonl") if row["kept"] is False]
    assert len(left_out) == summary["quarantined"]


@pytest.mark.slow
def test_every_conversation_that_is_kept_is_rated_on_every_criterion(scored, in_all):
    _, out = scored
    ratings = list(read_records(out / "ratings.parquet", Rating))
    assert len(ratings) == 2 * in_all.kept
    assert not [one for one in ratings if one.status == "failed"]
    names = [t.conversation_id for t in read_records(out / "transcripts.parquet", Transcript)]
    assert len(set(names)) == in_all.kept
    evaluated = [e.conversation_id for e in read_records(out / "evaluations.parquet", Evaluation)]
    assert evaluated == names


@pytest.mark.slow
def test_evidence_in_the_last_minutes_of_a_four_hour_call_is_found(scored, evidence):
    _, out = scored
    transcripts = read_records(out / "transcripts.parquet", Transcript)
    (long,) = (t for t in transcripts if t.conversation_id == "four-hours")
    ratings = read_records(out / "ratings.parquet", Rating)
    (found,) = (
        r for r in ratings if r.conversation_id == "four-hours" and r.criterion == "disclosure"
    )
    (span,) = found.evidence
    assert found.level == 1
    assert span.turn == 5100 > 0.95 * len(long.turns)
    assert long.turns[span.turn].text == evidence


@pytest.mark.slow
@pytest.mark.parametrize("command", ["read", "redact"])
def test_what_is_kept_of_the_corpus_is_written_and_reads_back(bad_files, in_all, tmp_path, command):
    done = autoqa(command, bad_files.folder, "--out", tmp_path / "calls.jsonl", "--json")
    assert done.exit_code == 1, done.output
    said = json.loads(done.stdout)
    assert said["read"] == said["kept"] + said["quarantined"]
    assert (said["written"], said["reasons"]) == (in_all.kept, in_all.reasons)
    quarantine = Quarantine()
    assert len(list(read([tmp_path / "calls.jsonl"], quarantine=quarantine))) == in_all.kept
    assert not quarantine.counts


@pytest.mark.slow
def test_exports_of_the_scored_corpus_hold_every_row(scored, in_all, tmp_path):
    _, out = scored
    done = autoqa("export", out, "--to", "csv", "--out", tmp_path / "csv", "--with-text", "--json")
    assert json.loads(done.stdout)["rows"]["ratings"] == 2 * in_all.kept
    done = autoqa("export", out, "--to", "xlsx", "--out", tmp_path / "run.xlsx", "--with-text")
    assert done.exit_code == 0
