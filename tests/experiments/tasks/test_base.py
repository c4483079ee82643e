from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import TASKS, load_dataset, task_named
from autoqa.experiments.tasks.base import from_ratings, gather, missing
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level

YES_NO = Criterion(
    id="calm", question="Is it calm?", levels={0: Level(label="no"), 1: Level(label="yes")}
)


@pytest.fixture
def talk(record_of):
    return lambda name, **more: record_of(name, "customer: a lamp", "agent: in hall two", **more)


def loaded(folder):
    return load_dataset(folder)


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
        (("a", 2, 1), r":2: turn 2 is not one of the 2 turns of 'a'"),
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
    assert held(loaded(dataset_of(tmp_path / "d", records, points=[("b", None, 1)]))) == ["b"]


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
    assert held(loaded(dataset_of(tmp_path / "d", records))) == expected


def test_examples_hold_the_mean_the_level_and_the_shares_of_raters(
    tmp_path, dataset_of, talk, rating_of
):
    ratings = [rating_of("calm", value, (0, 1), rater=f"r{k}") for k, value in enumerate((0, 1))]
    ratings += [rating_of("calm", 0, (0, 1), turn=1), rating_of("other", 1, (0, 1))]
    dataset = loaded(dataset_of(tmp_path / "d", [talk("a", ratings=ratings)]))
    found = gather(dataset, YES_NO)
    assert [item.turn for item in found.items] == [None, 1]
    assert found.truth.tolist() == [0.5, 0.0]
    assert found.labels.tolist() == [1, 0]  # half of the raters are enough for a yes
    assert found.shares.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert found.clusters.tolist() == ["a", "a"]


def test_examples_are_taken_by_index_and_by_mask(tmp_path, dataset_of, talk, rating_of):
    records = [talk(name, ratings=[rating_of("calm", k, (0, 1))]) for k, name in enumerate("ab")]
    found = gather(loaded(dataset_of(tmp_path / "d", records)), YES_NO)
    for rows in (np.array([1]), np.array([False, True])):
        one = found.take(rows)
        assert (one.clusters.tolist(), one.labels.tolist(), one.raters) == (["b"], [1], [[1.0]])


def test_what_was_not_rated_counts_as_an_even_spread():
    common = {"conversation_id": "a", "criterion": "calm", "rater": "m", "kind": RaterKind.MODEL}
    ratings = [
        Rating(**common, status=Status.RATED, level=1, probabilities=(0.2, 0.8)),
        Rating(**common, status=Status.ABSTAINED, reason="no model"),
    ]
    found = from_ratings(ratings, YES_NO)
    assert found.expected.tolist() == [0.8, 0.5]
    assert found.levels.tolist() == [1, 0]


def test_a_missing_label_is_named_beside_those_that_are_there(
    tmp_path, dataset_of, talk, rating_of
):
    folder = dataset_of(tmp_path / "d", [talk("a", ratings=[rating_of("calm", 1, (0, 1))])])
    assert str(missing(loaded(folder), "tone ratings")) == (
        "d: no tone ratings; its rated criteria are: calm"
    )


@pytest.mark.parametrize("kind", TASKS)
def test_every_task_says_what_a_dataset_without_labels_lacks(tmp_path, dataset_of, talk, kind):
    dataset = loaded(dataset_of(tmp_path / "bare", [talk("a")]))
    with pytest.raises(DataError, match=r"bare: no .+; its rated criteria are: none"):
        TASKS[kind].examples(dataset)


def test_an_unknown_task_is_told_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'empathy'"):
        task_named("empaty")
