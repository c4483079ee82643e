"""The formats of written conversations, captions and answers: told apart, and never in the way."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoqa.readers import REASONS, Quarantine, read, read_survey_answers, sniff
from autoqa.store import to_dict

TICKET = {
    "id": 7, "subject": "Lamp", "requester_id": 1, "assignee_id": 2, "submitter_id": 1,
    "created_at": "2025-03-03T10:00:00Z", "via": {"channel": "web"},
    "comments": [
        {"author_id": 1, "plain_body": "Broken.", "public": True,
         "created_at": "2025-03-03T10:00:00Z", "type": "Comment"},
        {"author_id": 2, "html_body": "<p>Sorry!</p>", "created_at": "2025-03-03T10:05:00Z"},
        {"author_id": 2, "type": "VoiceComment", "data": {"transcription_text": "Agent: Hi"}},
    ],
    "satisfaction_rating": {"score": "good", "comment": "fine"},
}  # fmt: skip
QA_IMPORT = {
    "id": "q", "created": "2025-03-03T10:00:00", "assigneeEmail": "b@shop.example",
    "comments": [
        {"authorEmail": "a@mail.example", "authorIsNotClient": False, "comment": "Broken."},
        {"authorEmail": "b@shop.example", "authorIsNotClient": True, "comment": "<p>Sorry</p>"},
    ],
}  # fmt: skip
INTERCOM = {
    "id": "i", "created_at": 1_740_000_000, "admin_assignee_id": 3,
    "source": {"type": "email", "delivered_as": "customer_initiated", "body": "<p>Broken.</p>",
               "author": {"type": "user", "id": "u"}},
    "conversation_parts": {"conversation_parts": [
        {"part_type": "comment", "body": "<p>Sorry</p>", "created_at": 1_740_000_060,
         "author": {"type": "admin", "id": "a", "from_ai_agent": False}},
        {"part_type": "note", "body": "secret", "author": {"type": "admin", "id": "a"}},
    ]},
    "conversation_rating": {"rating": 5, "remark": "fine", "created_at": 1_740_001_000},
}  # fmt: skip
VTT = (
    "WEBVTT\n\nNOTE x\n\n1\n00:01.000 --> 00:02.000\n<v Agent>Hi\n\n"
    "00:03.000 --> 00:04.000\n<v Customer>No\n"
)
SRT = (
    "1\n00:00:01,000 --> 00:00:02,000\nAgent: Hi\n\n"
    "2\n00:00:03,000 --> 00:00:04,000\nCustomer: No\n"
)
EML = (
    "From: =?utf-8?q?Ana?= <ana@mail.example>\nTo: support@shop.example\nSubject: Lamp\n"
    "Date: Mon, 03 Mar 2025 10:00:00 +0000\nMessage-ID: <1@mail.example>\nMIME-Version: 1.0\n"
    "Content-Type: multipart/alternative; boundary=b\n\n--b\n"
    "Content-Type: text/plain\n\nBroken.\n\n"
    "On 2025-03-02 10:00, Shop <support@shop.example> wrote:\n> Hello\n\n--b\n"
    "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+SGk8L3A+\n"
    "--b--\n"
)
MBOX = "".join(
    f"From - Mon Mar 03 10:00:00 2025\n{one}\n" for one in (EML, EML.replace("<1@", "<2@"))
)
ANSWERS = {"data": [
    {"ticket_id": "7", "score": 4, "max_score": 5, "submitted_at": "2025-03-03T10:00:00Z"},
    {"ticket_id": "8", "score": "👍", "comment": "fine"},
]}  # fmt: skip
ANSWERS_CSV = (
    "conversation_id,csat,comment,answered_at\nc1,4,fine,2025-03-03\nc1,5/5,,\nc2,good,,\n"
)

JSON_EXPORTS = {"zendesk": TICKET, "zendesk_qa": QA_IMPORT, "intercom": INTERCOM}
TEXTS = {"webvtt": VTT, "srt": SRT, "email": EML}
FORMATS = (*JSON_EXPORTS, *TEXTS)


def reconciles(folder, name, content, **options):
    path = folder / name
    path.write_bytes(content)
    with Quarantine(folder / "q.jsonl") as quarantine:
        found = list(read([path], quarantine=quarantine, **options))
    assert quarantine.records_read == len(found) + quarantine.records_quarantined
    assert {*quarantine.counts, *quarantine.notes} <= REASONS.keys()
    assert "reader_failed" not in quarantine.counts
    for labelled in found:  # what is kept can be stored
        to_dict(labelled.transcript)
        for survey in labelled.surveys:
            to_dict(survey)
    return found


@pytest.mark.parametrize(
    ("format_name", "suffix"),
    [(name, suffix) for name in FORMATS for suffix in (".json", ".txt", "")]
    + [(name, ".jsonl") for name in JSON_EXPORTS],
)
def test_formats_are_told_apart_by_content(tmp_path, format_name, suffix):
    content = JSON_EXPORTS.get(format_name) or TEXTS[format_name]
    text = content if isinstance(content, str) else json.dumps(content)
    path = tmp_path / f"x{suffix}"
    path.write_text(text)
    assert sniff(path) == format_name
    if suffix != ".jsonl" and format_name in JSON_EXPORTS:
        path.write_text(json.dumps([content, content], indent=2))
        assert sniff(path) == format_name
    assert len(reconciles(tmp_path, path.name, text.encode())) == 1


def test_transcripts_of_speech_are_not_taken_for_written_ones(tmp_path, exports):
    for name, (format_name, build) in exports.items():
        (tmp_path / name).write_text(json.dumps(build()))
        assert sniff(tmp_path / name) == format_name


def places(value, path=()):
    """Every path into nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


JUNK = (
    'null true -1 0 1.5 1e308 "" "x" "\\ud800" "2025-99-99" "<p>" "<!--" "-1" [] {} [[]] [null] '
    '["x"] [{}] {"a":1} 1000000000000000000000000000000'
)


@st.composite
def mutated(draw, record):
    changed = json.loads(json.dumps(record))
    for path in draw(st.lists(st.sampled_from(sorted(places(record), key=str)), max_size=3)):
        holder = changed
        try:
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = json.loads(draw(st.sampled_from(JUNK.split())))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed this place
    return json.dumps(changed).encode()


@st.composite
def spoilt(draw, whole):
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 4))] = draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\n", b"<", b">", b"\n\n", b"=?", b"--b", b":"])
        )
    return bytes(content)


@settings(max_examples=150, deadline=None)
@given(content=st.data())
@pytest.mark.parametrize("format_name", JSON_EXPORTS)
def test_an_export_changed_anywhere_is_kept_or_quarantined(tmp_path_factory, format_name, content):
    folder = tmp_path_factory.mktemp("fuzz")
    changed = content.draw(mutated(JSON_EXPORTS[format_name]))
    reconciles(folder, "x.json", changed, format=format_name)
    reconciles(folder, "x.json", changed)


@settings(max_examples=150, deadline=None)
@given(content=st.data())
@pytest.mark.parametrize("whole", [VTT, SRT, EML, MBOX], ids=["vtt", "srt", "eml", "mbox"])
def test_text_changed_anywhere_is_kept_or_quarantined(tmp_path_factory, whole, content):
    folder = tmp_path_factory.mktemp("fuzz")
    changed = content.draw(spoilt(whole.encode()))
    reconciles(folder, "x", changed)
    for format_name in ("webvtt", "email"):
        reconciles(folder, "x", changed, format=format_name)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("format_name", FORMATS)
def test_any_bytes_in_any_forced_format_never_stop_a_run(tmp_path_factory, format_name, content):
    reconciles(tmp_path_factory.mktemp("fuzz"), "x", content, format=format_name)


def accounts(path, **options):
    quarantine = Quarantine()
    found = read_survey_answers(path, quarantine=quarantine, **options)
    report = found.report
    if report is not None:
        dropped = report.unanswered + report.repeated + report.off_scale + report.unusable
        assert report.read == len(found.surveys) + dropped == quarantine.records_read
        assert report.kept == len(found.surveys)
    for survey in found.surveys:
        to_dict(survey)


@settings(max_examples=150, deadline=None)
@given(content=mutated(ANSWERS) | spoilt(ANSWERS_CSV.encode()), scaled=st.booleans())
def test_answers_changed_anywhere_are_accounted_for(tmp_path_factory, content, scaled):
    path = tmp_path_factory.mktemp("fuzz") / "s"
    path.write_bytes(content)
    accounts(path, scale=(1.0, 5.0) if scaled else None)
