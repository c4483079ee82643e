"""Results for spreadsheets: what comes out is what went in, and nothing of it is a formula."""

from __future__ import annotations

import csv
import json

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.errors import StoreError
from autoqa.records import Evaluation, Evidence, Flag, Rating, Transcript, Turn
from autoqa.store import write_records
from autoqa.store.spreadsheets import is_formula, neutral, write_csv, write_xlsx

FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "＠SUM(1)"]


def model(name, **more):
    return {"conversation_id": name, "rater": "autoqa", "kind": "model", **more}


@pytest.fixture
def run(tmp_path):
    """A folder as scoring leaves it; every text in it is a formula."""
    folder = tmp_path / "scored"
    names = FORMULAS
    turns = (Turn(speaker="agent", text="ok"), Turn(speaker="customer", text="say =cmd|' /C x'!A1"))
    transcripts = [Transcript(conversation_id=name, turns=turns) for name in names]
    evidence = (Evidence(turn=1, start=4, end=9),)
    ratings = [
        Rating(**model(name), criterion="tone", status="rated", level=-1, turn=1, expected=-0.5,
               probabilities=(0.25, 0.75), evidence=evidence, reason="=reason")
        for name in names
    ]  # fmt: skip
    satisfied = [
        Rating(**model(name), criterion="csat", status="abstained", reason="@unsure")
        for name in names
    ]
    evaluations = [
        Evaluation(**model(name), scorecard="core", scorecard_version=2, total=62.5, ratings=(),
                   critical_failed=("=a", "b"), coverage=1.0,
                   section_totals={"soft": 50.0, "legal": None})
        for name in names
    ]  # fmt: skip
    flags = [Flag(conversation_id=name, reason="low", message="-x", priority=0.5) for name in names]
    tables = {
        "transcripts": (transcripts, Transcript),
        "ratings": (ratings, Rating),
        "csat": (satisfied, Rating),
        "evaluations": (evaluations, Evaluation),
        "flags": (flags, Flag),
    }
    for name, (records, kind) in tables.items():
        write_records(folder / f"{name}.parquet", records, kind)
    return folder


def csv_rows(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def sheet_rows(book, name):
    head, *rows = book[name].iter_rows()
    names = [cell.value for cell in head]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_no_text_in_csv_starts_a_formula_and_numbers_stay_numbers(run, tmp_path):
    counts = write_csv(run, tmp_path / "out", with_text=True)
    assert counts == dict.fromkeys(("evaluations", "ratings", "csat", "flags"), len(FORMULAS))
    for name in counts:
        for row in csv_rows(tmp_path / "out" / f"{name}.csv"):
            for column, cell in row.items():
                if column not in ("level", "expected"):
                    assert not is_formula(cell)
    first = csv_rows(tmp_path / "out" / "ratings.csv")[0]
    assert (first["level"], first["expected"], first["turn"]) == ("-1", "-0.5", "2")
    assert (first["evidence"], first["evidence_text"]) == ("turn 2: 4-9", "'=cmd|")
    assert first["probabilities"] == "0.25; 0.75"
    assert [row["conversation_id"] for row in csv_rows(tmp_path / "out" / "csat.csv")] == [
        f"'{name}" for name in FORMULAS
    ]


def test_sections_of_evaluations_are_columns(run, tmp_path):
    write_csv(run, tmp_path / "out")
    row = csv_rows(tmp_path / "out" / "evaluations.csv")[0]
    assert (row["total"], row["section soft"], row["section legal"]) == ("62.5", "50.0", "")
    assert row["critical_failed"] == "'=a; b"


def test_a_workbook_holds_texts_as_texts_and_numbers_as_numbers(run, tmp_path):
    write_xlsx(run, tmp_path / "run.xlsx", with_text=True)
    book = openpyxl.load_workbook(tmp_path / "run.xlsx")
    assert book.sheetnames == ["evaluations", "ratings", "csat", "flags"]
    kinds = {cell.data_type for page in book for row in page.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "inlineStr"}  # no "f": formula
    rows = sheet_rows(book, "ratings")
    assert rows[0]["conversation_id"].value == "=1+1"
    assert (rows[0]["level"].value, rows[0]["turn"].value) == (-1, 2)
    assert rows[0]["evidence_text"].value == "=cmd|"
    assert rows[0]["conversation_id"].quotePrefix
    assert not rows[0]["status"].quotePrefix
    assert all(cell.hyperlink is None for cell in rows[0].values())


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(run, tmp_path, monkeypatch):
    monkeypatch.setattr("autoqa.store.spreadsheets._MOST_ROWS", 5)  # 4 below the header
    assert write_xlsx(run, tmp_path / "run.xlsx")["ratings"] == 10
    book = openpyxl.load_workbook(tmp_path / "run.xlsx")
    lengths = [len(sheet_rows(book, n)) for n in ("ratings", "ratings 2", "ratings 3")]
    assert lengths == [4, 4, 2]
    assert "ratings 4" not in book.sheetnames


def test_a_text_longer_than_a_cell_says_that_it_was_cut(run, tmp_path):
    long = Rating(**model("x"), criterion="t", status="failed", reason="r" * 40_000)
    write_records(run / "ratings.parquet", [long], Rating)
    write_xlsx(run, tmp_path / "run.xlsx")
    (row,) = sheet_rows(openpyxl.load_workbook(tmp_path / "run.xlsx"), "ratings")
    assert len(row["reason"].value) == 32_767
    assert row["reason"].value.endswith("r [cut]")


def test_words_of_another_run_are_refused(run, tmp_path):
    write_records(run / "transcripts.parquet", [], Transcript)
    with pytest.raises(StoreError, match="does not go with the ratings"):
        write_csv(run, tmp_path / "out", with_text=True)
    assert not (tmp_path / "out" / "ratings.csv").exists()


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"no evaluations\.parquet; name a folder"):
        write_xlsx(tmp_path, tmp_path / "run.xlsx")
    assert not (tmp_path / "run.xlsx").exists()


@given(st.text())
def test_what_is_neutral_is_no_formula_and_otherwise_unchanged(text):
    assert not is_formula(neutral(text))
    assert neutral(text) in (text, f"'{text}")


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_known(text):
    assert is_formula(text)


@pytest.mark.parametrize("text", ["", "ok", "a=b", "1-2", "(+34) 600", "'=1", "–"])
def test_other_texts_stay_as_they_are(text):
    assert neutral(text) == text


def test_the_command_writes_either(run, tmp_path):
    def export(*arguments):
        return CliRunner().invoke(app, ["export", str(run), *map(str, arguments)])

    done = export("--to", "csv", "--out", tmp_path / "c", "--json")
    assert json.loads(done.stdout)["rows"]["flags"] == len(FORMULAS)
    assert (tmp_path / "c" / "evaluations.csv").is_file()
    done = export("--to", "xlsx", "--out", tmp_path / "r.xlsx", "--with-text")
    assert (done.exit_code, done.stdout.count("ratings 10")) == (0, 1)
    assert export("--to", "xlsx", "--out", tmp_path / "r.xls").exit_code == 2
    assert export("--to", "csv", "--out", tmp_path / "r.xlsx").exit_code == 2
