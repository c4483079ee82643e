import json
from datetime import UTC, datetime

import pytest

from autoqa.readers import Quarantine, read, to_uniform, write_uniform
from autoqa.records import (
    Action,
    Evidence,
    LabelledTranscript,
    Rating,
    Survey,
    Transcript,
    Turn,
)


@pytest.fixture
def labelled():
    transcript = Transcript(
        conversation_id="c1",
        turns=(
            Turn(speaker="agent", text="hi\u2028 you", start_s=0.5, end_s=1.0),
            Turn(speaker="bot", text="", actions=(Action(name="look", arguments={"a": [1]}),)),
        ),
        channel="voice",
        language="it",
        agent="a1",
        customer="k1",
        started_at=datetime(2024, 5, 17, tzinfo=UTC),
        closing_actions=(Action(name="close", result="done"),),
        attributes={"fictional": True, "deep": {"x": None}},
    )
    fields = {"conversation_id": "c1", "criterion": "tone"}
    ratings = (
        Rating(**fields, rater="ana", kind="human", status="rated", level=2, turn=0,
               evidence=(Evidence(turn=0, start=0, end=2, contribution=0.5),), reason="kind"),
        Rating(**fields, rater="ben", kind="human", status="rated", level=2, expected=1.5),
        Rating(**fields, rater="m", kind="model", status="rated", level=1, expected=1.2,
               probabilities=(0.2, 0.4, 0.4)),
        Rating(**fields, rater="m", kind="model", status="abstained", reason="not sure"),
    )  # fmt: skip
    return LabelledTranscript(
        transcript=transcript,
        ratings=ratings,
        surveys=(Survey(conversation_id="c1", score=3.5, scale=(1.0, 5.0), comment=""),),
        scales={"tone": (0.0, 2.0)},
        outcome={"resolved": True, "csat": {"label3": 1}, "labels": [1]},
        split="valid",
    )


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz"])
def test_what_is_written_reads_back_as_it_was(tmp_path, labelled, name):
    assert write_uniform(tmp_path / name, [labelled]) == 1
    quarantine = Quarantine()
    assert list(read([tmp_path / name], quarantine=quarantine)) == [labelled]
    assert quarantine.notes == {"one_sided": 1, "invisible_characters": 1}


def test_the_schema_is_the_uniform_one(labelled):
    record = to_uniform(labelled)
    assert record["turns"][0] == {
        "speaker": "agent", "text": "hi\u2028 you", "start_s": 0.5, "end_s": 1.0
    }  # fmt: skip
    assert record["turns"][1]["actions_after"][0]["name"] == "close"
    assert record["csat"]["scale"] == [1.0, 5.0]
    assert record["ratings"][1]["score"] == 1.5
    assert record["meta"]["fictional"] is True


def test_each_conversation_is_one_line(tmp_path, labelled):
    write_uniform(tmp_path / "c.jsonl", [labelled])
    (line,) = (tmp_path / "c.jsonl").read_bytes().splitlines()
    assert json.loads(line)["conversation_id"] == "c1"
