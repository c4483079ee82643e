import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.readers import REASONS, Quarantine, formats, read
from autoqa.readers.base import Source
from autoqa.store import to_dict

# Everything that is read here, and forms that other formats have.
NAMES = [
    "contact_lens_call", "contact_lens_chat", "google_upload", "google_api", "genesys", "twilio",
    "deepgram", "assemblyai", "whisperx", "whisper",
]  # fmt: skip
LAYOUTS = {
    "one line": lambda doc: json.dumps(doc),
    "over lines": lambda doc: json.dumps(doc, indent=2),
    "a list": lambda doc: json.dumps([doc, doc]),
    "one per line": lambda doc: "\n".join([json.dumps(doc)] * 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_every_export_is_recognised_as_itself_and_nothing_else(tmp_path, exports, name, layout):
    expected, build = exports[name]
    path = tmp_path / "export.json"
    path.write_text(LAYOUTS[layout](build()))
    source = Source(path, "export.json", "export")
    assert [one.name for one in formats().values() if one.recognises(source)] == [expected]


@pytest.mark.parametrize("name", NAMES)
def test_lines_of_an_export_are_not_taken_for_our_own(tmp_path, exports, name):
    expected, build = exports[name]
    path = tmp_path / "export.jsonl"
    path.write_text(LAYOUTS["one per line"](build()))
    source = Source(path, "export.jsonl", "export")
    recognised = [one.name for one in formats().values() if one.recognises(source)]
    assert recognised == [expected, "uniform"]  # the first is taken


def test_our_own_lines_are_not_taken_for_an_export_whatever_their_metadata(tmp_path, exports, line):
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join(line(meta=build()) for _, build in exports.values()))
    source = Source(path, "calls.jsonl", "calls")
    assert [one.name for one in formats().values() if one.recognises(source)] == ["uniform"]


@pytest.mark.parametrize("layout", ["a list", "one per line"])
def test_conversations_without_an_id_are_numbered_within_their_file(read_file, exports, layout):
    build = exports["deepgram"][1]
    content = LAYOUTS[layout](build())
    found, quarantine, _ = read_file("calls.json", content.replace("lamp", "rug", 1))
    assert [one.transcript.conversation_id for one in found] == ["calls", "calls-2"]
    assert not quarantine.counts


def test_a_bad_line_costs_one_conversation(read_file, exports):
    good = json.dumps(exports["contact_lens_call"][1]())
    found, quarantine, (row,) = read_file("calls.jsonl", f"{good}\n{good[:-9]}\n")
    assert len(found) == 1
    assert quarantine.counts == {"bad_json": 1}
    assert row["line"] == 2


def test_unknown_fields_are_ignored(read_export, exports):
    for name in NAMES:
        plain, rows = read_export(name)
        more, more_rows = read_export(name, somethingNew={"a": [1]}, other_new_field="x")
        assert more == plain
        assert more_rows == rows


def places(value, path=()):
    """Every path into nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


WRONG = [
    None, True, -1, 0, 7, 10**30, 1e308, "", "x", "AGENT", "\ud800", 1_767_000_000_000,
    "2026-13-40", [], [[]], ["x"], [None], [{}], [{"text": 5}], {}, {"a": 1}, {"text": "x"},
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_field_of_a_wrong_type_never_stops_a_run(tmp_path_factory, exports, name, data):
    expected, build = exports[name]
    document = build()
    *holder, last = data.draw(st.sampled_from(sorted(places(document), key=str)))
    at = document
    for key in holder:
        at = at[key]
    at[last] = data.draw(st.sampled_from(WRONG))

    folder = tmp_path_factory.mktemp("wrong")
    (folder / "in.json").write_text(json.dumps([build(), document]))
    with Quarantine(folder / "q.jsonl") as quarantine:
        found = list(read([folder / "in.json"], format=expected, quarantine=quarantine))
    rows = [json.loads(row) for row in (folder / "q.jsonl").read_text().splitlines()]
    assert quarantine.records_read == 2 == len(found) + quarantine.records_quarantined
    assert {row["reason"] for row in rows} <= REASONS.keys() - {"reader_failed"}
    assert all(row["line"] == 1 and row["byte_offset"] is not None for row in rows)
    for one in found:  # what is kept can be stored
        to_dict(one.transcript)
        for survey in one.surveys:
            to_dict(survey)


FORMATS = [
    "contact_lens",
    "google_insights",
    "genesys",
    "twilio",
    "deepgram",
    "assemblyai",
    "whisper",
]


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=60) | st.text('[]{},:"a1 \n', max_size=40).map(str.encode))
def test_any_bytes_in_any_of_these_formats_never_stop_a_run(tmp_path_factory, name, content):
    path = tmp_path_factory.mktemp("bytes") / "in.json"
    path.write_bytes(content)
    quarantine = Quarantine()
    found = list(read([path], format=name, quarantine=quarantine))
    assert quarantine.records_read == len(found) + quarantine.records_quarantined
    assert "reader_failed" not in quarantine.counts
