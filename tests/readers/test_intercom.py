import json

import pytest

from autoqa.records import Channel, Speaker

USER = {"type": "user", "id": "u1", "name": "Ana"}
ADMIN = {"type": "admin", "id": "a1", "name": "Ben"}


def part(author, body, at, kind="comment", **more):
    return {"type": "conversation_part", "part_type": kind, "body": body, "created_at": at,
            "author": author, **more}  # fmt: skip


def conversation(*parts, **more):
    return {
        "type": "conversation", "id": "c9", "created_at": 1_740_000_000,
        "source": {"type": "conversation", "delivered_as": "customer_initiated",
                   "body": "<p>Where is my <b>parcel</b>?</p>", "author": USER},
        "admin_assignee_id": 7, "team_assignee_id": "4",
        "conversation_parts": {"conversation_parts": list(parts), "total_count": len(parts)},
        **more,
    }  # fmt: skip


ANSWER = part(ADMIN, "<p>Let me look.</p><p>It is on its way.</p>", 1_740_000_060)


def only(found):
    ((one,), quarantine, rows) = found
    return one, quarantine, rows


def test_source_and_parts_are_turns(read_file):
    found, quarantine, _ = only(read_file("i.json", json.dumps(conversation(ANSWER))))
    transcript = found.transcript
    assert [(t.speaker, t.text) for t in transcript.turns] == [
        (Speaker.CUSTOMER, "Where is my parcel?"),
        (Speaker.AGENT, "Let me look.\n\nIt is on its way."),
    ]
    assert transcript.turns[1].start_s == 60.0
    assert transcript.conversation_id == "c9"
    assert (transcript.agent, transcript.customer, transcript.team) == ("a1", "u1", "4")
    assert transcript.channel is Channel.CHAT
    assert transcript.started_at.timestamp() == 1_740_000_000
    assert not quarantine.notes


@pytest.mark.parametrize("key", ["conversations", "data"])
def test_lists_and_lines_are_read(read_file, key):
    assert len(read_file("i.json", json.dumps({key: [conversation(ANSWER)]}))[0]) == 1
    assert len(read_file("i.jsonl", json.dumps(conversation(ANSWER)))[0]) == 1


def test_notes_among_teammates_are_dropped_and_counted(read_file):
    note = part(ADMIN, "<p>he is a nuisance</p>", 1_740_000_030, "note")
    handed = part(ADMIN, "<p>please take over</p>", 1_740_000_040, "assignment")
    found, quarantine, rows = only(
        read_file("i.json", json.dumps(conversation(note, handed, ANSWER)))
    )
    assert len(found.transcript.turns) == 2
    assert quarantine.notes == {"private_dropped": 1}
    assert rows[0]["message"].startswith("2 messages")
    assert "nuisance" not in json.dumps(rows)


def test_parts_without_a_message_are_no_turns(read_file):
    parts = [part(ADMIN, None, 1_740_000_010 + n, kind)
             for n, kind in enumerate(("assignment", "close", "open", "snoozed"))]  # fmt: skip
    gone = part(USER, "<p>gone</p>", 1_740_000_020, redacted=True)
    found, quarantine, _ = only(read_file("i.json", json.dumps(conversation(*parts, gone, ANSWER))))
    assert len(found.transcript.turns) == 2
    assert not quarantine.notes


def test_a_closing_part_may_carry_the_last_message(read_file):
    last = part(ADMIN, "<p>Goodbye!</p>", 1_740_000_090, "close")
    found, _, _ = only(read_file("i.json", json.dumps(conversation(ANSWER, last))))
    assert found.transcript.turns[-1].text == "Goodbye!"


@pytest.mark.parametrize(
    ("author", "speaker"),
    [
        ({"type": "bot", "id": "b"}, Speaker.BOT),
        ({"type": "admin", "id": "b", "from_ai_agent": True}, Speaker.BOT),
        ({"type": "lead", "id": "l"}, Speaker.CUSTOMER),
        ({"type": "contact", "id": "l"}, Speaker.CUSTOMER),
        ({"type": "team", "id": "t"}, Speaker.AGENT),
    ],
)
def test_author_types_are_known(read_file, author, speaker):
    said = part(author, "<p>Hello</p>", 1_740_000_010)
    found, _, _ = only(read_file("i.json", json.dumps(conversation(said))))
    assert found.transcript.turns[1].speaker is speaker


def test_the_user_says_who_an_author_is(read_file):
    content = json.dumps(conversation(part(ADMIN, "<p>x</p>", 1_740_000_010)))
    found, _, _ = only(read_file("i.json", content, speakers={"a1": Speaker.BOT}))
    assert found.transcript.turns[1].speaker is Speaker.BOT


def test_the_rating_is_a_survey_answer(read_file):
    rating = {"rating": 2, "remark": "slow", "created_at": 1_740_001_000}
    content = conversation(ANSWER, conversation_rating=rating)
    found, _, _ = only(read_file("i.json", json.dumps(content)))
    (survey,) = found.surveys
    assert (survey.score, survey.scale, survey.comment) == (2, (1, 5), "slow")
    assert survey.answered_at.timestamp() == 1_740_001_000
    content["conversation_rating"] = {"rating": None}
    assert only(read_file("i.json", json.dumps(content)))[0].surveys == ()
    content["conversation_rating"] = {"rating": 9}
    _, quarantine, _ = read_file("i.json", json.dumps(content))
    assert quarantine.notes == {"bad_csat": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"conversation_parts": {"conversation_parts": 5}}, "wrong_type"),
        ({"conversation_parts": {"conversation_parts": [part({"type": "?"}, "x", 1)]}},
         "bad_speaker"),
        ({"source": None, "conversation_parts": None}, "no_turns"),
    ],
)  # fmt: skip
def test_unusable_conversations_are_quarantined(read_file, change, reason):
    content = [conversation(ANSWER), conversation() | change]
    found, quarantine, _ = read_file("i.json", json.dumps(content))
    assert len(found) == 1
    assert quarantine.counts == {reason: 1}


def test_a_conversation_of_one_message_is_kept(read_file):
    found, _, _ = only(read_file("i.json", json.dumps(conversation())))
    assert len(found.transcript.turns) == 1
