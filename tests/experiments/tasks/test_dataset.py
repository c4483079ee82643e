from __future__ import annotations

import gzip
import json

import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks.dataset import load_dataset, missing


@pytest.fixture
def talk(record_of):
    return lambda name, **more: record_of(name, "customer: a lamp", "agent: in hall two", **more)


def test_a_folder_without_conversations_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no transcripts\.jsonl"):
        load_dataset(tmp_path / "nothing")


def test_one_unusable_record_stops_the_dataset(tmp_path, dataset_of, talk):
    folder = dataset_of(tmp_path / "d", [talk("a"), {"conversation_id": "b", "turns": []}])
    with pytest.raises(DataError, match="no_turns x 1"):
        load_dataset(folder)


def test_one_unusable_label_stops_the_dataset(tmp_path, dataset_of, talk, rating_of):
    folder = dataset_of(tmp_path / "d", [talk("a", ratings=[rating_of("calm", 7, (0, 1))])])
    with pytest.raises(DataError, match="bad_rating x 1"):
        load_dataset(folder)


def test_a_packed_file_reads_the_same(tmp_path, talk):
    (tmp_path / "d").mkdir()
    packed = gzip.compress(json.dumps(talk("a")).encode())
    (tmp_path / "d" / "transcripts.jsonl.gz").write_bytes(packed)
    dataset = load_dataset(tmp_path / "d")
    assert (dataset.name, len(dataset.labelled)) == ("d", 1)


def test_the_hash_changes_with_the_conversations(tmp_path, dataset_of, talk):
    hashes = {load_dataset(dataset_of(tmp_path / name, [talk(name)])).sha256 for name in ("a", "b")}
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("b", 0, 1), r":2: conversation 'b' is not in the folder"),
        (("a", 2, 1), r":2: turn index 2 is not one of the 2 turns of 'a'"),
        (("a", 0, 3), r":2: label3 is 3, not 0, 1 or 2"),
        (("a", "one", 1), r":2: needs conversation_id, turn \(or empty\) and label3"),
    ],
)
def test_a_point_that_cannot_be_used_is_named_by_its_line(tmp_path, dataset_of, talk, row, message):
    with pytest.raises(DataError, match=message):
        load_dataset(dataset_of(tmp_path / "d", [talk("a")], points=[row]))


def test_two_points_that_contradict_each_other_are_an_error(tmp_path, dataset_of, talk):
    folder = dataset_of(tmp_path / "d", [talk("a")], points=[("a", 0, 1), ("a", 0, 2)])
    with pytest.raises(DataError, match="label3 is 2, but 1 in another row"):
        load_dataset(folder)


def held(dataset):
    return [one.transcript.conversation_id for one in dataset.held_out().labelled]


def test_what_is_held_out_is_what_points_name(tmp_path, dataset_of, talk):
    records = [talk("a", split="valid"), talk("b", split="valid")]
    assert held(load_dataset(dataset_of(tmp_path / "d", records, points=[("b", None, 1)]))) == ["b"]


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("train", "valid", "valid"), ["b", "c"]),
        (("train", "test", "valid"), ["b", "c"]),
        (("train", None, None), ["b", "c"]),
        (("train", "train", "train"), ["a", "b", "c"]),
        ((None, None, None), ["a", "b", "c"]),
    ],
)
def test_what_is_held_out_without_points_is_all_but_the_train_part(
    tmp_path, dataset_of, talk, splits, expected
):
    records = [talk(name, split=split) for name, split in zip("abc", splits, strict=True)]
    assert held(load_dataset(dataset_of(tmp_path / "d", records))) == expected


def test_a_missing_label_is_named_beside_those_that_are_there(
    tmp_path, dataset_of, talk, rating_of
):
    folder = dataset_of(tmp_path / "d", [talk("a", ratings=[rating_of("calm", 1, (0, 1))])])
    assert str(missing(load_dataset(folder), "tone ratings")) == (
        "d: no tone ratings; its rated criteria are: calm"
    )
