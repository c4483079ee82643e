"""The Spark engine: the local engine's results, whatever the partitions, tables and rows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoqa.batch import ScoringSetup, score
from autoqa.batch.parts import TABLES
from autoqa.cli.app import app
from autoqa.errors import DataError, RunRefused, RunStopped
from autoqa.readers import read
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard
from autoqa.store import read_records

pytest.importorskip("pyspark", reason="needs pyspark: pip install 'autoqa-transcripts[spark]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
]

SHIPPED = Path(__file__).parents[2] / "models" / "default"


@pytest.fixture(scope="module")
def spark(small_spark):
    with small_spark("local[2]", {"spark.driver.memory": "1g"}) as session:
        yield session


@pytest.fixture(scope="module")
def setup(card, models):
    return ScoringSetup(card, models)


@pytest.fixture(scope="module")
def on_spark(spark):
    from autoqa.batch.spark import score_with_spark

    def run(inputs, setup, out, **more):
        return score_with_spark(spark, inputs, setup, out, **more)

    return run


def tables(folder):
    """What a run wrote, by table, in an order of its own."""

    def place(record):
        return [
            str(getattr(record, name, None))
            for name in ("conversation_id", "criterion", "turn", "reason")
        ]

    found = {}
    for name, record in TABLES.items():
        file = folder / f"{name}.parquet"
        path = file if file.exists() else folder / name
        found[name] = sorted(read_records(path, record), key=place)
    return found


def same(ours, theirs):
    """Equal tables, but for the last digits of what was computed."""
    assert {k: len(v) for k, v in ours.items()} == {k: len(v) for k, v in theirs.items()}
    assert ours["transcripts"] == theirs["transcripts"]
    assert ours["evaluations"] == theirs["evaluations"]
    for one, other in zip(ours["flags"], theirs["flags"], strict=True):
        assert replace(one, priority=0.0) == replace(other, priority=0.0)
        assert one.priority == pytest.approx(other.priority, abs=1e-6)
    for name in ("ratings", "csat"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            bare = {"probabilities": (), "expected": None, "evidence": ()}
            assert replace(one, **bare) == replace(other, **bare)
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
            assert one.expected == pytest.approx(other.expected, abs=1e-6)
            assert [(e.turn, e.start, e.end) for e in one.evidence] == [
                (e.turn, e.start, e.end) for e in other.evidence
            ]


def counts(summary):
    kept = ("read", "scored", "quarantined", "reasons", "notes", "ratings", "csat", "flags")
    said = summary.to_dict()
    return {name: said[name] for name in kept}


@pytest.mark.parametrize("models", [None, SHIPPED], ids=["rules", "models"])
def test_the_sample_is_scored_as_by_the_local_engine(on_spark, tmp_path, models):
    path = tmp_path / "sample.jsonl"
    lines = sample_path().read_text(encoding="utf-8").splitlines(keepends=True)
    if models is not None:
        lines = lines[::16]  # one conversation of each language: models take their time
    path.write_text("".join(lines), encoding="utf-8")
    # fp32: with bf16, a conversation's company decides the last digits.
    setup = ScoringSetup(load_scorecard("support-core"), models, precision="fp32", threads=1)
    on_spark([path], setup, tmp_path / "spark", partitions=1 if models else 3)
    score([path], tmp_path / "local", setup, workers=1)
    found = tables(tmp_path / "spark")
    same(found, tables(tmp_path / "local"))
    assert {t.primary_language for t in found["transcripts"]} == {"en", "es", "it", "zh"}
    summary, local = (
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("spark", "local")
    )
    assert summary.keys() == local.keys()
    apart = ("seconds", "conversations_per_second")
    assert [summary[k] for k in summary if k not in apart] == [
        local[k] for k in summary if k not in apart
    ]
    manifest, local = (
        json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("spark", "local")
    )
    kept = ("state", "inputs", "scorecard", "models", "scorers", "encoders", "settings")
    assert [manifest[k] for k in kept] == [local[k] for k in kept]


@pytest.fixture(scope="module")
def messy(tmp_path_factory, talks, line_of):
    """Files of several formats with what may be wrong with them."""
    folder = tmp_path_factory.mktemp("messy")
    talk = talks(30, seed=80, start=700)[0]
    lines = [line_of(t) for t in talk]
    lines.insert(3, '{"conversation_id": "cut off')
    lines.insert(9, json.dumps({"conversation_id": "mute", "turns": []}))
    lines.insert(12, lines[0])
    other_words = replace(talk[5], conversation_id=talk[1].conversation_id)
    reversed_times = json.loads(lines[1]) | {"conversation_id": "times"}
    reversed_times["turns"][0] |= {"start_s": 9, "end_s": 1}
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "b.jsonl").write_text(
        "\n".join([line_of(other_words), json.dumps(reversed_times)]), encoding="utf-8"
    )
    (folder / "c.txt").write_text("Agent: good morning\nCustomer: great, thanks\n")
    (folder / "d.jsonl").write_bytes(b"")
    (folder / "e.bin").write_bytes(b"\x00\x01\x02\x03")
    return folder


def quarantined(folder):
    file = folder / "quarantine.jsonl"
    files = [file] if file.exists() else (folder / "quarantine").glob("part-*.json")
    return [line for one in files for line in one.read_text().splitlines()]


def test_what_cannot_be_read_is_set_aside_as_by_the_local_engine_whatever_the_partitions(
    on_spark, setup, messy, tmp_path, monkeypatch
):
    monkeypatch.setattr("autoqa.batch.spark_units.UNIT_BYTES", 2000)
    # Spark takes some characters in a name for a pattern.
    parts = on_spark([messy], setup, tmp_path / "parts {1} [a]", partitions=5)
    whole = score([messy], tmp_path / "local", setup, workers=1)
    assert counts(parts) == counts(whole)
    assert parts.reasons == {"bad_json": 1, "duplicate_id": 1, "no_turns": 1, "repeated": 1}
    rows, expected = (
        sorted(map(json.loads, quarantined(tmp_path / name)), key=str)
        for name in ("parts {1} [a]", "local")
    )
    assert rows == expected
    same(tables(tmp_path / "parts {1} [a]"), tables(tmp_path / "local"))


def test_a_table_may_stand_for_files(spark, on_spark, setup, messy, tmp_path, talks, line_of):
    lines = [line_of(t) for t in talks(8, seed=80, start=700)[0]]
    (tmp_path / "lines.jsonl").write_text("\n".join([*lines, "junk", lines[0]]), encoding="utf-8")
    text = on_spark(spark.read.text(str(tmp_path / "lines.jsonl")), setup, tmp_path / "text")
    assert (text.scored, text.reasons) == (8, {"bad_json": 1, "repeated": 1})
    stored = spark.read.parquet(str(tmp_path / "text" / "transcripts"))
    url = f"file://{tmp_path}/again"
    again = on_spark(stored, setup, url)
    assert (again.scored, again.quarantined) == (8, 0)
    same(tables(tmp_path / "again"), tables(tmp_path / "text"))
    (said,) = (tmp_path / "again" / "summary.json").glob("part-*")
    assert json.loads(said.read_text()) == again.to_dict()
    with pytest.raises(RunStopped, match="PATH_ALREADY_EXISTS; see Spark's log"):
        on_spark(stored, setup, url)
    with pytest.raises(DataError, match="the table has columns id; needed are"):
        on_spark(spark.range(3), setup, tmp_path / "none")
    # And what Spark wrote, the readers read.
    assert len(list(read([tmp_path / "text" / "transcripts"]))) == 8


def test_a_set_up_that_workers_cannot_use_is_said_in_one_line(
    on_spark, card, models, messy, tmp_path
):
    shutil.copytree(models, tmp_path / "models")
    setup = ScoringSetup(card, tmp_path / "models")
    assert setup.panel  # loaded here, but not in workers
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(RunStopped, match=r"^the Spark job failed: .*no models\.json there"):
        on_spark([messy], setup, tmp_path / "out")
    assert not (tmp_path / "out" / "summary.json").exists()
    said = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert said["state"] == "stopped"


def test_nothing_is_overwritten_that_no_run_wrote(on_spark, setup, messy, tmp_path):
    kept = tmp_path / "transcripts" / "mine.jsonl"
    kept.parent.mkdir()
    kept.write_text((messy / "b.jsonl").read_text())
    with pytest.raises(RunRefused, match="transcripts: is there, and no scoring run wrote it"):
        on_spark([messy], setup, tmp_path)
    with pytest.raises(RunRefused, match=r"mine\.jsonl: is among the results"):
        on_spark([kept], setup, tmp_path)
    assert kept.exists()


def test_the_logged_model_is_a_spark_function(spark, card, models, talks, line_of):
    import mlflow

    from autoqa.experiments.quiet_mlflow import quiet_mlflow
    from autoqa.experiments.registering import saved_model

    quiet_mlflow()
    talk = talks(5, seed=81)[0]
    rows = [(t.conversation_id, line_of(t)) for t in talk] + [("bad", "junk")]
    frame = spark.createDataFrame(rows, "conversation_id string, transcript_json string")
    with saved_model(models) as saved:
        scored = mlflow.pyfunc.spark_udf(spark, str(saved), env_manager="local")
        found = (
            frame.coalesce(1)
            .select(scored("conversation_id", "transcript_json").alias("s"))
            .select("s.*")
        )
        result = {row.conversation_id: row for row in found.collect()}
    done = ScoringSetup(card, models).score(talk)
    assert set(result) == {*(t.conversation_id for t in talk), "bad"}
    for evaluation, csat in zip(done.evaluations, done.csat, strict=True):
        row = result[evaluation.conversation_id]
        assert (row.total, row.problem) == (evaluation.total, "")
        assert row.csat == pytest.approx(csat.expected, abs=1e-6)
        assert [(r.criterion, r.status, r.level) for r in row.ratings[:3]] == [
            (r.criterion, str(r.status), r.level) for r in evaluation.ratings
        ]
    bad = result["bad"]
    assert (bad.total, bad.csat, bad.coverage, bad.ratings) == (None, None, None, [])
    assert "[reason: bad_json]" in bad.problem


def test_the_command_line_scores_on_spark_and_compare_reads_what_it_wrote(
    spark, tmp_path, monkeypatch
):
    lines = sample_path().read_text(encoding="utf-8").splitlines(keepends=True)[::8]
    (tmp_path / "calls.jsonl").write_text("".join([*lines, "junk"]), encoding="utf-8")
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)
    asked = [tmp_path / "calls.jsonl", "--scorecard", "support-core", "--out", tmp_path / "out"]

    def autoqa(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)), prog_name="autoqa")

    done = autoqa("score", *asked, "--engine", "spark", "--master", "local[2]")
    assert done.exit_code == 1
    assert done.stdout.startswith("Scored 8 of 9 conversations on support-core version 1 in ")
    assert f"(bad_json 1); {tmp_path / 'out' / 'quarantine'} says where" in done.stderr
    given = ("--ratings", tmp_path / "out", "--human", asked[0], "--resamples", "20")
    compared = autoqa("compare", *given, "--out", tmp_path / "said")
    assert "8 conversations" in compared.stdout + compared.stderr, compared.output
    sheets = autoqa("export", tmp_path / "out", "--to", "csv", "--out", tmp_path / "sheets")
    assert sheets.exit_code == 0, sheets.output
    assert len((tmp_path / "sheets" / "evaluations.csv").read_text("utf-8").splitlines()) == 9
    form = ("--scorecard", "support-core", "--to", "genesys", "--out", tmp_path / "e.json")
    exported = autoqa("evaluations", "export", tmp_path / "out", *form)
    assert exported.stdout.startswith("8 evaluations written"), exported.output
    refused = autoqa("score", *asked, "--engine", "spark", "--workers", "2")
    assert (refused.exit_code, "--workers" in refused.stderr) == (2, True)
    refused = autoqa("score", *asked, "--master", "local[2]")
    assert (refused.exit_code, "only with --engine spark" in refused.stderr) == (2, True)
