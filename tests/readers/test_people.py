import pytest

from autoqa.errors import ReadError
from autoqa.readers import Quarantine, read_human_ratings, read_ratings
from autoqa.records import Rating, Status
from autoqa.store import write_records

RATINGS = """conversation_id,turn,rater,criterion,score,scale_lo,scale_hi
c1,,ana,tone,2,0,2
c1,3,ben,tone,1.5,0,2
"""


def rating(**changes):
    fields = {
        "conversation_id": "c1",
        "criterion": "tone",
        "rater": "ana",
        "kind": "human",
        "status": "rated",
        "level": 2,
    }
    return Rating(**(fields | changes))


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


def test_a_ratings_csv_is_read_with_its_scales(put):
    found = read_human_ratings(put("ratings.csv", RATINGS))
    assert found.ratings == [
        rating(),
        rating(rater="ben", turn=3, level=2, expected=1.5),
    ]
    assert found.scales == {"tone": (0.0, 2.0)}


def test_a_status_column_is_understood(put):
    content = "conversation_id,rater,criterion,score,status\nc1,ana,tone,,not_applicable\n"
    (found,) = read_ratings(put("r.csv", content))
    assert found.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_stored_ratings_are_read(tmp_path, suffix):
    write_records(tmp_path / f"ratings{suffix}", [rating()], Rating)
    assert read_ratings(tmp_path / f"ratings{suffix}") == [rating()]
    assert read_ratings(tmp_path) == [rating()]


def test_ratings_inside_conversations_are_read(put, line):
    given = {"rater": "ana", "criterion": "tone", "score": 2, "scale": [0, 2], "turn": None}
    found = read_human_ratings(put("c.jsonl", line(ratings=[given])))
    assert found.ratings == [rating()]
    assert found.scales == {"tone": (0.0, 2.0)}


def test_in_a_folder_a_ratings_file_comes_before_the_conversations(tmp_path, put, line):
    given = {"rater": "ana", "criterion": "tone", "score": 2, "scale": [0, 2]}
    put("transcripts.jsonl", line(ratings=[given]))
    assert len(read_ratings(tmp_path)) == 1
    put("ratings.csv", RATINGS)
    assert len(read_ratings(tmp_path)) == 2


def test_a_bad_row_is_an_error_that_names_its_line(put):
    path = put("ratings.csv", RATINGS + "c1,x,ana,tone,1,0,2\n")
    with pytest.raises(ReadError, match=r"ratings\.csv:4: turn is not an index"):
        read_ratings(path)


def test_with_a_quarantine_a_bad_row_goes_there(put):
    path = put("ratings.csv", RATINGS + "c1,,ana,tone,9,0,2\n,,ana,tone,1,0,2\nc1,,ana\n")
    quarantine = Quarantine()
    assert len(read_ratings(path, quarantine=quarantine)) == 2
    assert quarantine.records_read == 5
    assert quarantine.counts == {"bad_rating": 2, "bad_row": 1}


def test_a_rating_dropped_from_a_conversation_is_an_error_without_a_quarantine(put, line):
    path = put("c.jsonl", line(ratings=[{"criterion": "t", "score": None}]))
    with pytest.raises(ReadError, match=r"1 records cannot be used \(bad_rating 1\)"):
        read_ratings(path)
    assert read_ratings(path, quarantine=Quarantine()) == []


def test_two_scales_for_one_criterion_are_an_error(put, line):
    rows = [
        line(
            conversation_id=f"c{high}",
            ratings=[{"criterion": "t", "score": 1, "scale": [0, high]}],
        )
        for high in (2, 5)
    ]
    with pytest.raises(ReadError, match="criterion 't' has scale"):
        read_ratings(put("c.jsonl", "\n".join(rows)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        read_ratings(tmp_path / "gone.csv")
