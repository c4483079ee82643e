from autoqa.records import Channel

START = 1_767_000_000_000


def phrase(text, after, purpose, **more):
    return {"text": text, "startTimeMs": START + after, "participantPurpose": purpose} | more


def participant(purpose, begin, end, **more):
    times = {"startTimeMs": START + begin, "endTimeMs": START + end}
    return {"participantPurpose": purpose} | times | more


def transcripts(*phrases, language="en-us"):
    return {"transcripts": [{"language": language, "phrases": list(phrases)}]}


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_phrases_are_whose_participant_was_there(read_export):
    found, rows = read_export("genesys")
    transcript = found.transcript
    assert speakers(found) == ["bot", "agent", "customer"]  # the menu spoke before the agent came
    assert [(turn.start_s, turn.end_s) for turn in transcript.turns] == [
        (0.0, 0.9), (6.0, 6.9), (8.0, 8.9)
    ]  # fmt: skip
    assert (transcript.agent, transcript.queue, transcript.team) == ("user-1", "q-1", "t-1")
    assert transcript.started_at.isoformat() == "2025-12-29T09:20:00+00:00"
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "en-us")
    assert not rows


def test_the_written_form_of_a_phrase_is_taken(read_export):
    assert read_export("genesys")[0].transcript.turns[0].text == "Press one for orders."
    found, _ = read_export("genesys", **transcripts(phrase("as heard", 0, "external")))
    assert found.transcript.turns[0].text == "as heard"


def test_after_a_transfer_the_conversation_is_nobody_s(read_export):
    people = [
        participant("external", 0, 9_000),
        participant("agent", 0, 4_000, userId="user-1"),
        participant("agent", 4_001, 9_000, userId="user-2"),
    ]
    said = transcripts(phrase("x", 1_000, "internal"), phrase("y", 5_000, "internal"))
    found, rows = read_export("genesys", participants=people, **said)
    assert speakers(found) == ["agent", "agent"]
    assert found.transcript.agent is None
    assert found.transcript.attributes["agents"] == ["user-1", "user-2"]
    assert "several_agents" in rows


def test_purposes_alone_do_not_say_which_agent_spoke(read_export):
    found, rows = read_export("genesys", participants=None)
    assert speakers(found) == ["agent", "agent", "customer"]
    assert found.transcript.agent is None
    assert "agent_unknown" in rows


def test_two_of_a_side_at_one_moment_leave_the_side_alone(read_export):
    people = [participant("ivr", 0, 9_000), participant("agent", 0, 9_000, userId="user-1")]
    found, _ = read_export(
        "genesys", participants=people, **transcripts(phrase("x", 5, "internal"))
    )
    assert speakers(found) == ["agent"]


def test_phrases_may_name_their_participant_themselves(read_export):
    said = [
        phrase("x", n, purpose) for n, purpose in enumerate(["acd", "voicemail", "user", "ivr"])
    ]
    found, _ = read_export("genesys", **transcripts(*said))
    assert speakers(found) == ["system", "system", "agent", "bot"]


def test_the_user_may_say_otherwise_about_a_purpose(read_export):
    found, _ = read_export("genesys", participants=None, speakers={"internal": "bot"})
    assert speakers(found) == ["bot", "bot", "customer"]


def test_several_transcripts_of_a_file_are_put_in_the_order_of_time(read_export):
    both = [
        {"language": "en-us", "phrases": [phrase("1", 0, "external"), phrase("3", 20, "external")]},
        {"language": "es-us", "phrases": [phrase("2", 10, "internal")]},
    ]
    found, _ = read_export("genesys", transcripts=both)
    assert [turn.text for turn in found.transcript.turns] == ["1", "2", "3"]


def test_a_file_may_be_a_transcript_without_a_wrapper(read_file, exports):
    import json

    inner = exports["genesys"][1]()["transcripts"][0]
    (found,), *_ = read_file("call-4.json", json.dumps(inner))
    assert found.transcript.conversation_id == "call-4"


def test_times_of_another_unit_are_dropped(read_export):
    said = transcripts({"text": "x", "startTimeMs": START * 1000, "participantPurpose": "external"})
    found, rows = read_export("genesys", **said)
    assert found.transcript.turns[0].start_s is None
    assert "bad_time" in rows


def test_chats_are_chats(read_export):
    assert read_export("genesys", mediaType="message")[0].transcript.channel is Channel.CHAT


def test_transcripts_without_phrases_have_no_turns(read_export):
    found, rows = read_export("genesys", **transcripts())
    assert found is None
    assert set(rows) == {"no_turns"}
