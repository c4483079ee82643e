import json

import pytest

from autoqa.records import Channel, Speaker


def comment(author, body, minute=0, **more):
    sent = f"2025-03-03T10:{minute:02d}:00Z"
    return {"id": minute, "author_id": author, "plain_body": body, "public": True,
            "created_at": sent, "type": "Comment", **more}  # fmt: skip


def ticket(*comments, **more):
    return {"id": 77, "subject": "Broken lamp", "requester_id": 1, "submitter_id": 1,
            "assignee_id": 2, "group_id": 5, "created_at": "2025-03-03T10:00:00Z",
            "via": {"channel": "email"}, "comments": list(comments), **more}  # fmt: skip


ASKED = comment(1, "The lamp is broken.")
ANSWERED = comment(2, "I will send you a new one.", 30)


def only(found):
    ((one,), quarantine, rows) = found
    return one, quarantine, rows


def test_a_ticket_is_a_conversation(read_file):
    found, quarantine, _ = only(read_file("t.json", json.dumps(ticket(ASKED, ANSWERED))))
    transcript = found.transcript
    assert [t.speaker for t in transcript.turns] == [Speaker.CUSTOMER, Speaker.AGENT]
    assert [t.start_s for t in transcript.turns] == [0.0, 1800.0]  # 30 minutes later
    assert (transcript.conversation_id, transcript.agent, transcript.customer) == ("77", "2", "1")
    assert (transcript.channel, transcript.team) == (Channel.EMAIL, "5")
    assert transcript.attributes["subject"] == "Broken lamp"
    assert transcript.started_at.isoformat() == "2025-03-03T10:00:00+00:00"
    assert not quarantine.notes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", {"tickets": [ticket(ASKED, ANSWERED)], "next_page": None}),
        ("t.json", [ticket(ASKED, ANSWERED)]),
        ("t.jsonl", ticket(ASKED, ANSWERED)),
        ("t.json", {"ticket": ticket(), "comments": [ASKED, ANSWERED]}),
    ],
)
def test_exports_come_in_several_shapes(read_file, name, content):
    if "ticket" in content:
        del content["ticket"]["comments"]
    found, _, _ = only(read_file(name, json.dumps(content)))
    assert len(found.transcript.turns) == 2


def test_private_comments_are_dropped_and_counted(read_file):
    secret = comment(3, "Between us: he always breaks lamps.", 5, public=False)
    found, quarantine, rows = only(read_file("t.json", json.dumps(ticket(ASKED, secret, ANSWERED))))
    assert len(found.transcript.turns) == 2
    assert quarantine.notes == {"private_dropped": 1}
    assert "lamps" not in json.dumps(rows)
    assert rows[0]["message"].startswith("1 messages")


def test_comments_are_put_in_the_order_of_time(read_file):
    found, _, _ = only(read_file("t.json", json.dumps(ticket(ANSWERED, ASKED))))
    assert found.transcript.turns[0].speaker is Speaker.CUSTOMER


def test_an_agent_who_wrote_the_ticket_for_a_customer_is_no_customer(read_file):
    called = comment(3, "Customer called about a lamp.")
    found, quarantine, _ = only(
        read_file("t.json", json.dumps(ticket(called, ANSWERED, submitter_id=3)))
    )
    assert [t.speaker for t in found.transcript.turns] == [Speaker.AGENT, Speaker.AGENT]
    assert "speakers_guessed" not in quarantine.notes
    assert quarantine.notes["several_agents"] == 1
    assert found.transcript.agent is None


@pytest.mark.parametrize("where", ["users", "author"])
def test_roles_that_are_stated_win_over_guesses(read_file, where):
    stranger = comment(9, "It is my lamp, too.", 10)
    guessed, quarantine, _ = only(read_file("t.json", json.dumps(ticket(ASKED, stranger))))
    assert guessed.transcript.turns[1].speaker is Speaker.AGENT
    assert quarantine.notes["speakers_guessed"] == 1
    user = {"id": 9, "role": "end-user"}
    if where == "users":
        content = ticket(ASKED, stranger, users=[user])
    else:
        content = ticket(ASKED, stranger | {"author": user})
    stated, quarantine, _ = only(read_file("t.json", json.dumps(content)))
    assert stated.transcript.turns[1].speaker is Speaker.CUSTOMER
    assert "speakers_guessed" not in quarantine.notes


def test_the_user_says_who_an_author_is(read_file):
    stranger = comment(9, "It is my lamp, too.", 10)
    content = json.dumps(ticket(ASKED, stranger))
    found, quarantine, _ = only(read_file("t.json", content, speakers={"9": Speaker.CUSTOMER}))
    assert found.transcript.turns[1].speaker is Speaker.CUSTOMER
    assert "speakers_guessed" not in quarantine.notes


def test_without_requester_and_assignee_nobody_is_known(read_file):
    content = ticket(ASKED, ANSWERED)
    del content["requester_id"], content["assignee_id"], content["submitter_id"]
    found, quarantine, _ = read_file("t.json", json.dumps(content))
    assert not found
    assert quarantine.counts == {"unknown_speakers": 1}


def test_the_satisfaction_rating_is_a_survey_answer(read_file):
    rating = {"score": "bad", "comment": "slow", "created_at": "2025-03-04T10:00:00Z"}
    content = ticket(ASKED, ANSWERED, satisfaction_rating=rating)
    found, _, _ = only(read_file("t.json", json.dumps(content)))
    (survey,) = found.surveys
    assert (survey.score, survey.scale, survey.comment) == (0, (0, 1), "slow")
    assert survey.answered_at.day == 4
    for score in ("offered", "unoffered", None):
        content["satisfaction_rating"] = {"score": score}
        assert only(read_file("t.json", json.dumps(content)))[0].surveys == ()


def test_a_call_has_its_transcript_not_its_log(read_file):
    heard = {"transcription_text": "Agent: Good morning.\nCustomer: My lamp is broken."}
    call = comment(2, "Call from: +1 555\nLength: 3 minutes", 1, type="VoiceComment", data=heard)
    silent = comment(2, "Call from: +1 555", 2, type="VoiceComment", data={})
    found, quarantine, _ = only(read_file("t.json", json.dumps(ticket(call, silent))))
    turns = found.transcript.turns
    assert [(t.speaker, t.text) for t in turns] == [
        (Speaker.AGENT, "Good morning."),
        (Speaker.CUSTOMER, "My lamp is broken."),
    ]
    assert found.transcript.channel is Channel.VOICE
    assert quarantine.notes["call_dropped"] == 1


def test_html_and_quoted_mail_become_plain_words(read_file):
    rich = comment(1, None, 1, html_body="<p>It is <b>very</b> broken</p>")
    reply = comment(
        1, "Thanks!\n\nOn Mon, 3 Mar 2025 at 10:30, Shop <s@shop.example> wrote:\n> I will", 40
    )
    found, _, _ = only(read_file("t.json", json.dumps(ticket(rich, ANSWERED, reply))))
    texts = [t.text for t in found.transcript.turns]
    assert texts == ["It is very broken", "I will send you a new one.", "Thanks!"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"comments": []}, "no_turns"),
        ({"comments": ["x"]}, "wrong_type"),
        ({"comments": None}, "missing_field"),
        ({"comments": [comment(1, 5)]}, "wrong_type"),
        ({"comments": [comment(1, "x", public=False)]}, "no_turns"),
    ],
)
def test_unusable_tickets_are_quarantined(read_file, change, reason):
    content = [ticket(ASKED), ticket() | change]
    found, quarantine, _ = read_file("t.json", json.dumps(content))
    assert len(found) == 1
    assert quarantine.counts == {reason: 1}


def test_an_odd_detail_costs_only_itself(read_file):
    content = ticket(ASKED, ANSWERED | {"created_at": "soon"}, group_id=[1], satisfaction_rating=3)
    found, quarantine, _ = only(read_file("t.json", json.dumps(content)))
    assert found.transcript.team is None
    assert quarantine.notes == {"bad_time": 1, "bad_metadata": 2}


QA = {
    "data": [
        {
            "id": "qa-1", "subject": "Lamp", "created": "2025-03-03T10:00:00",
            "assigneeEmail": "ben@shop.example",
            "comments": [
                {"authorEmail": "ana@mail.example", "authorIsNotClient": False,
                 "comment": "<p>It is broken.</p>", "created": "2025-03-03T10:00:00"},
                {"authorEmail": "ben@shop.example", "authorIsNotClient": True,
                 "comment": "A new one is on its way.", "created": "2025-03-03T11:00:00"},
            ],
        }
    ]
}  # fmt: skip


def test_the_import_format_of_zendesk_qa_is_read(read_file):
    found, quarantine, _ = only(read_file("qa.json", json.dumps(QA)))
    transcript = found.transcript
    assert [(t.speaker, t.text) for t in transcript.turns] == [
        (Speaker.CUSTOMER, "It is broken."),
        (Speaker.AGENT, "A new one is on its way."),
    ]
    assert (transcript.agent, transcript.customer) == ("ben@shop.example", "ana@mail.example")
    assert transcript.turns[1].start_s == 3600.0
    assert not quarantine.notes


def test_the_assignee_is_the_agent_where_a_comment_does_not_say(read_file):
    content = json.loads(json.dumps(QA))
    for one in content["data"][0]["comments"]:
        del one["authorIsNotClient"]
    found, _, _ = only(read_file("qa.json", json.dumps(content)))
    assert found.transcript.turns[1].speaker is Speaker.AGENT


def test_the_description_opens_a_conversation_that_starts_with_the_answer(read_file):
    content = json.loads(json.dumps(QA))
    content["data"][0]["description"] = "My lamp is broken."
    whole, _, _ = only(read_file("qa.json", json.dumps(content)))
    assert len(whole.transcript.turns) == 2
    del content["data"][0]["comments"][0]
    found, _, _ = only(read_file("qa.json", json.dumps(content)))
    assert found.transcript.turns[0].text == "My lamp is broken."
    assert found.transcript.turns[0].speaker is Speaker.CUSTOMER
