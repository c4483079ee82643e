import gzip
import json

import pytest

from autoqa.readers.base import Source
from autoqa.readers.json_values import json_values


@pytest.fixture
def values(tmp_path):
    """Write a file; return what its values hold, or the reason why one is none."""

    def run(content):
        path = tmp_path / "in.json"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = list(json_values(Source(path, "in.json", "in")))
        return [one.problem.reason if one.problem else json.loads(one.content) for one in found]

    return run


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('\ufeff[{"a": 1},\n {"a": [2, "]"]}]\n', [{"a": 1}, {"a": [2, "]"]}]),
        ('{"a": 1}{"a": 2}\n{"a":\n3}', [{"a": 1}, {"a": 2}, {"a": 3}]),
        ('[{"a": 1}]\n[{"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("[]", []),
        ("[[1], 2]", [[1], 2]),
        ('[{"a": 1}, {"a": }, {"a": 3}]', [{"a": 1}, "bad_json"]),
        ('[{"a": 1}, {"a": 2', [{"a": 1}, "bad_json"]),
        ('[{"a": 1}', [{"a": 1}, "damaged_file"]),
        ('{"a": 1}]', [{"a": 1}, "bad_json"]),
    ],
)
def test_values_come_one_by_one_until_the_first_that_is_none(values, content, expected):
    assert values(content) == expected


def test_values_larger_than_a_piece_of_the_file_are_put_together(values):
    many = [{"text": "x" * size} for size in (10, 300_000, 700_000, 10)]
    assert values(json.dumps(many)) == many


def test_a_place_is_the_line_and_byte_at_which_a_value_starts(tmp_path):
    path = tmp_path / "in.json"
    path.write_text('[\n {"a": "é"},\n {"b": 1}]', encoding="utf-8")
    found = list(json_values(Source(path, "in.json", "in")))
    assert [(one.number, one.offset) for one in found] == [(2, 3), (3, 17)]


def test_too_large_a_value_costs_itself_alone(values, monkeypatch):
    monkeypatch.setattr("autoqa.readers.json_values.MAX_RECORD_BYTES", 100)
    assert values(json.dumps([{"a": "x" * 200}, {"a": 1}])) == ["too_large", {"a": 1}]


def test_nesting_that_no_parser_follows_ends_the_file(values):
    assert values("[" * 100_000) == ["too_deep"]


def test_whole_numbers_of_thousands_of_digits_do_not_hide_the_end_of_a_value(tmp_path):
    path = tmp_path / "in.json"
    path.write_text('[{"a": ' + "9" * 5000 + '}, {"b": 1}]')
    assert len(list(json_values(Source(path, "in.json", "in")))) == 2


def test_what_came_before_damage_is_kept(values):
    packed = gzip.compress(json.dumps([{"a": n} for n in range(50_000)]).encode(), mtime=0)
    found = values(packed[: len(packed) // 2])
    assert found[0] == {"a": 0}
    assert found[-1] == "damaged_file"


def test_western_bytes_are_read(values):
    assert values('[{"a": "está"}]'.encode("cp1252")) == [{"a": "está"}]
