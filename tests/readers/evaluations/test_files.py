"""Evaluations as JSON files, ratings as CSV, and ratings inside conversations."""

from __future__ import annotations

import json

import pytest

from autoqa.errors import DataError
from autoqa.readers import read_human_ratings
from autoqa.readers.evaluations import with_ratings, write_evaluations, write_ratings_csv
from autoqa.records import LabelledTranscript, Transcript, Turn

TWO = [("a", {"id": "ä"}), ("b", {"id": 2})]


def test_the_name_says_whether_it_is_a_list_lines_or_a_folder(tmp_path):
    assert write_evaluations(tmp_path / "e.json", TWO) == 2
    assert json.loads((tmp_path / "e.json").read_text("utf-8")) == [{"id": "ä"}, {"id": 2}]
    assert write_evaluations(tmp_path / "e.jsonl", TWO) == 2
    lines = (tmp_path / "e.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"id": "ä"}, {"id": 2}]
    assert write_evaluations(tmp_path / "e", TWO) == 2
    assert json.loads((tmp_path / "e" / "b.json").read_text()) == {"id": 2}


def test_no_evaluations_are_an_empty_list(tmp_path):
    assert write_evaluations(tmp_path / "e.json", []) == 0
    assert json.loads((tmp_path / "e.json").read_text()) == []


def test_a_folder_with_files_is_not_written_into(tmp_path):
    write_evaluations(tmp_path / "e", TWO)
    with pytest.raises(DataError, match="has files in it already"):
        write_evaluations(tmp_path / "e", TWO)


def test_ratings_come_back_from_csv_with_their_scales(tmp_path, card, rating):
    ratings = [
        rating("greeting", 1, reason='Said "hello",\nwarmly'),
        rating("empathy", conversation_id="c2"),
        rating("identity", status="abstained", reason="unsure", rater="m", kind="model"),
    ]
    assert write_ratings_csv(tmp_path / "r.csv", ratings, card) == 3
    found = read_human_ratings(tmp_path / "r.csv")
    assert found.ratings == ratings
    assert found.scales == {"greeting": (0.0, 1.0)}


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+1|cmd", "-1+cmd()", "\t=1"])
def test_formulas_in_texts_are_harmless_in_a_spreadsheet(tmp_path, card, rating, cell):
    write_ratings_csv(tmp_path / "r.csv", [rating("greeting", 1, reason=cell)], card)
    assert f"'{cell}" in (tmp_path / "r.csv").read_text()


def conversation(name, *ratings):
    turns = (Turn(speaker="agent", text="Hello"),)
    transcript = Transcript(conversation_id=name, turns=turns)
    return LabelledTranscript(transcript=transcript, ratings=ratings)


def test_ratings_go_into_their_conversations_and_replace_older_ones(card, rating):
    older, of_turn = rating("greeting", 0), rating("greeting", 0, turn=0)
    others = rating("greeting", 0, rater="ben")
    missing = {"c1", "c9"}
    one, two = with_ratings(
        [conversation("c1", older, of_turn, others), conversation("c2")],
        [rating("greeting", 1), rating("empathy", 2, conversation_id="c9")],
        card,
        missing,
    )
    assert one.ratings == (of_turn, others, rating("greeting", 1))
    assert one.scales == {"greeting": (0.0, 1.0)}
    assert two == conversation("c2")
    assert missing == {"c9"}
