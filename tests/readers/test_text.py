import pytest

from autoqa.records import Channel, Speaker

CALL = """[00:00:03] Agent: Good morning.
[00:00:07] Customer: My bill
is wrong.

Really.
[00:01:10] Agent: I will look."""


def test_turns_go_on_until_the_next_label(read_file):
    ((found,), _, _) = read_file("call.txt", CALL)
    turns = found.transcript.turns
    assert [t.speaker for t in turns] == [Speaker.AGENT, Speaker.CUSTOMER, Speaker.AGENT]
    assert turns[1].text == "My bill\nis wrong.\n\nReally."
    assert [t.start_s for t in turns] == [3.0, 7.0, 70.0]
    assert found.transcript.conversation_id == "call"
    assert found.transcript.channel is Channel.VOICE


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ("Agent: Hello\nCustomer: Hi", "en"),
        ("Agente: Buenos días\nCliente: Hola, no puedo entrar", "es"),
        ("Agente: Buongiorno\nCliente: Non posso entrare, grazie", "it"),
        ("Operatore: Buongiorno\nCliente: Salve", "it"),
        ("客服：您好\n客户：你好", "zh"),
        ("坐席：您好\n客户：你好", "zh"),
    ],
)
def test_labels_are_known_in_four_languages(read_file, content, language):
    ((found,), _, _) = read_file("call.txt", content)
    speakers = [t.speaker for t in found.transcript.turns]
    assert speakers == [Speaker.AGENT, Speaker.CUSTOMER]
    assert found.transcript.language == language


@pytest.mark.parametrize(
    "start",
    ["AGENT:", "agent :", "Agent (Ana):", "Agent 1:", "**Agent:**", "[00:01] Agent:",
     "00:00:01 - Agent:", "(00:01) Agent:", "[00:01 - 00:03] Agent:", "[00:00:01.5] Agent:"],
)  # fmt: skip
def test_labels_and_times_come_in_many_dresses(read_file, start):
    ((found,), _, _) = read_file("call.txt", f"{start} good morning")
    assert found.transcript.turns[0].text == "good morning"
    assert found.transcript.turns[0].speaker is Speaker.AGENT


def test_rules_and_ids_part_conversations(read_file):
    content = (
        "# call-17\n# queue: billing\nAgent: a\n\n---\n\nAgent: b\nCustomer: c\n"
        "# call-18\n\nAgent: d\n====\n"
    )
    found, _, _ = read_file("day.txt", content)
    assert [x.transcript.conversation_id for x in found] == ["call-17", "day-2", "call-18"]
    assert [len(x.transcript.turns) for x in found] == [1, 2, 1]
    assert found[0].transcript.queue == "billing"
    assert found[1].transcript.queue is None


def test_details_can_be_stated(read_file):
    content = (
        "# id: c9\n# channel: email\n# language: es\n# agent: ana\n"
        "# started_at: 2024-05-17\nAgent: hi"
    )
    ((found,), _, _) = read_file("x.txt", content)
    transcript = found.transcript
    assert (transcript.conversation_id, transcript.channel) == ("c9", Channel.EMAIL)
    assert (transcript.language, transcript.agent) == ("es", "ana")
    assert transcript.started_at.year == 2024


def test_clock_times_count_from_the_first(read_file):
    content = "[14:03:22] Agent: hi\n[14:03:30] Customer: hello"
    ((found,), _, _) = read_file("chat.txt", content)
    assert [t.start_s for t in found.transcript.turns] == [0.0, 8.0]
    assert found.transcript.channel is Channel.CHAT


def test_an_unknown_label_after_a_time_is_not_put_into_another_mouth(read_file):
    content = CALL + "\n[00:01:20] Narrator: I take over.\n---\nAgent: fine"
    found, quarantine, (row,) = read_file("call.txt", content)
    assert [x.transcript.conversation_id for x in found] == ["call-2"]
    assert quarantine.counts == {"bad_speaker": 1}
    assert "Narrator" not in row["message"]
    assert (row["line"], row["byte_offset"]) == (1, 0)


def test_a_colon_alone_makes_no_speaker(read_file):
    ((found,), _, _) = read_file("c.txt", "Agent: your order\nNumber: 7\nPrice: 3")
    assert found.transcript.turns[0].text == "your order\nNumber: 7\nPrice: 3"


def test_text_before_the_first_label_is_not_silently_dropped(read_file):
    content = "---\nsome text\nAgent: hi\n---\nAgent: fine\n"
    found, quarantine, _ = read_file("c.txt", content, format="text")
    assert len(found) == 1
    assert quarantine.counts == {"bad_speaker": 1}


def test_bytes_that_are_not_utf8_cost_one_conversation(read_file):
    content = b"Agent: a\n---\nAgent: \xff\nCustomer: b\n---\nAgent: c\n"
    found, quarantine, (row,) = read_file("c.txt", content)
    assert [x.transcript.conversation_id for x in found] == ["c", "c-3"]
    assert quarantine.counts == {"not_utf8": 1}
    assert row["line"] == 3


def test_a_heading_without_turns_is_a_conversation_without_turns(read_file):
    found, quarantine, _ = read_file("c.txt", "# c1\n\n---\n# c2\nAgent: hi\n")
    assert [x.transcript.conversation_id for x in found] == ["c2"]
    assert quarantine.counts == {"no_turns": 1}


def test_a_conversation_over_the_limit_is_quarantined(read_file, monkeypatch):
    monkeypatch.setattr("autoqa.readers.text.MAX_RECORD_BYTES", 500)
    content = "Agent: a\n" + "more words\n" * 9 + "---\nAgent: b\n"
    found, quarantine, _ = read_file("c.txt", content)
    assert [x.transcript.turns[0].text for x in found] == ["b"]
    assert quarantine.counts == {"too_large": 1}


def test_the_user_says_who_a_label_is(read_file):
    content = "Ana: hello\nBruno: hi\n"
    named = {"Ana": Speaker.AGENT, "bruno": Speaker.CUSTOMER}
    ((found,), _, _) = read_file("c.txt", content, speakers=named)
    assert [t.speaker for t in found.transcript.turns] == [Speaker.AGENT, Speaker.CUSTOMER]


def test_times_after_midnight_follow_those_before_it(read_file):
    content = "[23:59:58] Agent: hi\n[00:00:07] Customer: hello"
    ((found,), _, _) = read_file("c.txt", content)
    assert [t.start_s for t in found.transcript.turns] == [0.0, 9.0]
