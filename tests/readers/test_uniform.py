import gzip
import json
from datetime import UTC, datetime

import pytest

from autoqa.records import Action, Channel, RaterKind, Speaker, Status


def test_a_line_becomes_a_transcript_with_its_details(read_file, line):
    ((found,), _, _) = read_file(
        "calls.jsonl",
        line(
            channel="voice",
            language="es-MX",
            agent="a7",
            team="north",
            queue="billing",
            topic="refund",
            customer_id=41,
            source="crm",
            started_at="2024-05-17T09:30:00Z",
            meta={"shift": "late"},
            simulated=True,
            split="train",
        ),
    )
    transcript = found.transcript
    assert transcript.channel is Channel.VOICE
    assert (transcript.language, transcript.agent, transcript.team) == ("es-MX", "a7", "north")
    assert (transcript.queue, transcript.topic) == ("billing", "refund")
    assert (transcript.customer, transcript.source) == ("41", "crm")
    assert transcript.started_at == datetime(2024, 5, 17, 9, 30, tzinfo=UTC)
    assert transcript.attributes == {"shift": "late", "simulated": True}
    assert [turn.speaker for turn in transcript.turns] == [Speaker.AGENT, Speaker.CUSTOMER]
    assert found.split == "train"


def test_answers_never_reach_the_transcript(read_file, line):
    turns = [{"speaker": "agent", "text": "hi", "act": "greet", "strategy": "s", "raw_label": 3}]
    labels = {
        "csat": {"score": 5, "scale": [1, 5], "label3": 2, "given_by": "customer"},
        "ratings": [
            {"rater": "ana", "criterion": "tone", "score": 1, "scale": [0, 2], "turn": 0},
        ],
        "labels": [{"secret": "label"}],
        "outcome": {"resolved": "secret"},
    }
    ((found,), _, _) = read_file("calls.jsonl", line(turns=turns, **labels))
    seen = repr(found.transcript)
    for answer in ("greet", "strategy", "raw_label", "secret", "tone", "label3", "csat"):
        assert answer not in seen
    assert found.outcome == {
        "resolved": "secret",
        "labels": [{"secret": "label"}],
        "csat": {"label3": 2},
    }
    assert found.scales == {"tone": (0.0, 2.0)}
    assert found.surveys[0].score == 5
    assert found.surveys[0].given_by == "customer"


def test_ratings_become_human_ratings(read_file, line):
    ratings = [
        {"rater": "ana", "criterion": "tone", "score": 2, "scale": [0, 2], "turn": 1},
        {"rater": "ben", "criterion": "tone", "score": 1.5, "scale": [0, 2], "turn": None},
        {"rater": "ben", "criterion": "recap", "status": "not_applicable"},
        {"rater": "ben", "criterion": "recap", "status": "abstained"},
    ]
    ((found,), quarantine, _) = read_file("calls.jsonl", line(ratings=ratings))
    first, second, third, fourth = found.ratings
    assert (first.rater, first.kind, first.turn, first.level) == ("ana", RaterKind.HUMAN, 1, 2)
    assert first.expected is None
    assert (second.level, second.expected, second.turn) == (2, 1.5, None)  # halves go up
    assert third.status is Status.NOT_APPLICABLE
    assert fourth.status is Status.ABSTAINED
    assert not quarantine.notes


def test_rationale_becomes_spans_of_the_turn(read_file, line):
    turns = [{"speaker": "agent", "text": "Oh no.  I am\nso sorry about that."}]
    rationale = ["Oh no.", "I AM so sorry", "never said"]
    ratings = [
        {"rater": "a", "criterion": "x", "score": 1, "scale": [0, 2], "turn": 0}
        | {"rationale": rationale}
    ]
    ((found,), quarantine, rows) = read_file("calls.jsonl", line(turns=turns, ratings=ratings))
    text = turns[0]["text"]
    spans = [text[e.start : e.end] for e in found.ratings[0].evidence]
    assert spans == ["Oh no.", "I am\nso sorry"]
    assert quarantine.notes == {"rationale_not_found": 1}
    assert rows[0]["kept"] is True


def test_actions_stay_before_their_turn_and_the_last_ones_close(read_file, line):
    turns = [
        {"speaker": "agent", "text": "a", "actions": [{"name": "look_up", "arguments": {"id": 1}}]},
        {"speaker": "customer", "text": "b", "actions_after": [{"name": "mid", "result": "ok"}]},
        {"speaker": "agent", "text": "c", "actions_after": [{"name": "end", "result": {"n": 1}}]},
    ]
    ((found,), _, _) = read_file("calls.jsonl", line(turns=turns))
    transcript = found.transcript
    assert transcript.turns[0].actions == (Action(name="look_up", arguments={"id": 1}),)
    assert transcript.turns[2].actions == (Action(name="mid", result="ok"),)
    assert transcript.closing_actions == (Action(name="end", result='{"n":1}'),)


T = {"speaker": "agent", "text": "hi"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"conversation_id": ...}, "missing_field"),
        ({"conversation_id": ""}, "missing_field"),
        ({"conversation_id": []}, "wrong_type"),
        ({"turns": ...}, "missing_field"),
        ({"turns": None}, "missing_field"),
        ({"turns": {}}, "wrong_type"),
        ({"turns": []}, "no_turns"),
        ({"turns": ["hi"]}, "wrong_type"),
        ({"turns": [{"text": "hi"}]}, "missing_field"),
        ({"turns": [{"speaker": "agent"}]}, "missing_field"),
        ({"turns": [T | {"text": None}]}, "wrong_type"),
        ({"turns": [T | {"text": 7}]}, "wrong_type"),
        ({"turns": [T | {"speaker": "robot"}]}, "bad_speaker"),
        ({"turns": [T | {"speaker": None}]}, "bad_speaker"),
        ({"turns": [T | {"actions": "x"}]}, "wrong_type"),
        ({"turns": [T | {"actions": [{}]}]}, "missing_field"),
        ({"channel": "fax"}, "bad_channel"),
        ({"channel": 3}, "bad_channel"),
        ({"language": 3}, "wrong_type"),
    ],
)
def test_a_bad_conversation_is_quarantined_with_a_reason(read_file, line, changes, reason):
    found, quarantine, (row,) = read_file("c.jsonl", line(**changes) + "\n" + line())
    assert len(found) == 1
    assert quarantine.counts == {reason: 1}
    assert (row["line"], row["byte_offset"], row["kept"]) == (1, 0, False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "bad_json"),
        (b'"text"', "wrong_type"),
        (b"[]", "wrong_type"),
        (b'{"conversation_id": "\xff"}', "not_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b'{"conversation_id": ' + b"9" * 5000 + b"}", "bad_json"),
    ],
)
def test_a_line_that_is_no_record_is_quarantined(read_file, line, content, reason):
    found, quarantine, (row,) = read_file(
        "c.jsonl", line().encode() + b"\r\n" + content + b"\n" + line(conversation_id="c2").encode()
    )
    assert [x.transcript.conversation_id for x in found] == ["c1", "c2"]
    assert quarantine.counts == {reason: 1}
    assert row["line"] == 2
    assert row["byte_offset"] == len(line()) + 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"csat": {"score": 9, "scale": [1, 5]}}, "bad_csat"),
        ({"csat": {"score": None, "scale": [1, 5]}}, "bad_csat"),
        ({"csat": {"score": 3}}, "bad_csat"),
        ({"csat": 3}, "bad_csat"),
        ({"csat": {"score": 3, "scale": [5, 1]}}, "bad_csat"),
        ({"ratings": "x"}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 9, "scale": [0, 2]}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 1, "turn": 2}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 1, "turn": -1}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 1, "turn": True}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t"}]}, "bad_rating"),
        ({"ratings": [{"score": 1}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 1, "status": "maybe"}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 1, "status": "abstained"}]}, "bad_rating"),
        ({"ratings": [{"criterion": "t", "score": 10**400}]}, "bad_rating"),
        ({"ratings": [None]}, "bad_rating"),
        ({"outcome": 3}, "bad_label"),
        ({"split": 3}, "bad_label"),
        ({"meta": 3}, "bad_metadata"),
        ({"agent": ["a"]}, "bad_metadata"),
        ({"started_at": "yesterday"}, "bad_time"),
        ({"turns": [T | {"start_s": "soon"}]}, "bad_time"),
        ({"turns": [T | {"start_s": 63.0, "end_s": 61.2}]}, "times_reversed"),
    ],
)
def test_a_wrong_label_or_detail_never_costs_the_conversation(read_file, line, changes, reason):
    found, quarantine, (row,) = read_file("c.jsonl", line(**changes))
    assert len(found) == 1
    assert not quarantine.counts
    assert quarantine.notes == {reason: 1}
    assert (row["reason"], row["kept"]) == (reason, True)


def test_one_bad_rating_does_not_cost_the_others(read_file, line):
    ratings = [{"criterion": "t", "score": s, "scale": [0, 2]} for s in (1, 9, 2)]
    ((found,), _, _) = read_file("c.jsonl", line(ratings=ratings))
    assert [r.level for r in found.ratings] == [1, 2]


def test_reversed_times_are_dropped_and_said(read_file, line):
    turns = [T, T | {"start_s": 63.0, "end_s": 61.2}]
    ((found,), _, (row,)) = read_file("c.jsonl", line(turns=turns))
    assert found.transcript.turns[1].start_s is None
    expected = "turn 2 ends (61.2 s) before it starts (63.0 s); kept, times dropped"
    assert row["message"] == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speaker": "robot"}, "turn 2: the speaker is none of"),
        ({"text": 7}, "turn 2: text is not text"),
        ({"start_s": "soon"}, "turn 2: a time is not a number"),
        ({"actions": [{"name": ""}]}, "turn 2: an action has no name"),
        ({"actions_after": 3}, "turn 2: actions is not a list"),
    ],
)
def test_problems_count_turns_from_1(read_file, line, change, message):
    _, _, (row,) = read_file("c.jsonl", line(turns=[T, T | change]))
    assert row["message"].startswith(message)


def test_nan_means_missing(read_file):
    content = (
        '{"conversation_id": "c", "csat": NaN, "agent": NaN, "turns": '
        '[{"speaker": "agent", "text": "x", "start_s": NaN, "end_s": 1e999}]}'
    )
    ((found,), quarantine, _) = read_file("c.jsonl", content)
    assert found.transcript.turns[0].start_s is None
    assert found.transcript.agent is None
    assert quarantine.notes == {"not_a_number": 1}


def test_half_surrogates_become_replacement_characters(read_file):
    content = r'{"conversation_id": "c\ud800", "turns": [{"speaker": "agent", "text": "\udc00!"}]}'
    ((found,), _, _) = read_file("c.jsonl", content)
    assert found.transcript.conversation_id == "c\ufffd"
    assert found.transcript.turns[0].text == "\ufffd!"


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(read_file, line):
    content = "\ufeff" + line() + "\r\n\r\n" + line(conversation_id="c2") + "\r\n"
    found, quarantine, _ = read_file("c.jsonl", content)
    assert len(found) == 2
    assert quarantine.records_read == 2


def test_a_line_separator_inside_text_does_not_end_the_line(read_file):
    text = "a\u2028b\u0085c"
    record = {"conversation_id": "c", "turns": [{"speaker": "agent", "text": text}]}
    ((found,), _, _) = read_file("c.jsonl", json.dumps(record, ensure_ascii=False))
    assert found.transcript.turns[0].text == text


def test_gzip_is_known_by_content_and_offsets_count_uncompressed(read_file, line):
    content = line() + "\n{\n"
    found, _, (row,) = read_file("no_suffix.jsonl", gzip.compress(content.encode()))
    assert len(found) == 1
    assert row["byte_offset"] == len(line()) + 1


def test_a_truncated_gzip_keeps_what_came_before(read_file, line):
    import random

    noise = random.Random(1)
    content = "\n".join(
        line(conversation_id=f"c{i}", meta={"noise": noise.getrandbits(4000)}) for i in range(99)
    )
    whole = gzip.compress(content.encode())
    found, quarantine, rows = read_file("c.jsonl.gz", whole[: len(whole) // 2])
    assert 30 < len(found) < 70
    assert quarantine.counts == {"damaged_file": 1}
    assert rows[0]["line"] == len(found) + 1


def test_a_line_over_the_limit_is_skipped_without_being_held(read_file, line, monkeypatch):
    monkeypatch.setattr("autoqa.readers.lines.MAX_RECORD_BYTES", 1000)
    big = line(meta={"x": "y" * 5000})
    content = "\n".join([line(), big, line(conversation_id="c2")])
    found, quarantine, (row,) = read_file("c.jsonl", content)
    assert [x.transcript.conversation_id for x in found] == ["c1", "c2"]
    assert quarantine.counts == {"too_large": 1}
    assert row["byte_offset"] == len(line()) + 1


def test_an_empty_file_holds_no_records(read_file):
    assert read_file("c.jsonl", "")[1].records_read == 0


def test_the_user_says_who_a_label_is(read_file, line):
    content = line(turns=[{"speaker": "Robot-7", "text": "hi"}])
    ((found,), _, _) = read_file("c.jsonl", content, speakers={"robot-7": Speaker.BOT})
    assert found.transcript.turns[0].speaker is Speaker.BOT
