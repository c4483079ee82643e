import pytest

from autoqa.records import Channel, Speaker

SAID = {"ParticipantId": "p-agent", "BeginOffsetMillis": 0, "EndOffsetMillis": 900}


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_a_call_is_read_with_speakers_times_and_details(read_export):
    found, rows = read_export("contact_lens_call")
    transcript = found.transcript
    assert speakers(found) == ["agent", "customer", "agent"]
    assert transcript.conversation_id == "contact-1"
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "en-US")
    assert (transcript.turns[0].start_s, transcript.turns[0].end_s) == (1.2, 4.0)
    assert transcript.attributes["duration_s"] == 10.5
    assert not rows


def test_overlapping_turns_are_kept_as_they_are(read_export):
    found, _ = read_export("contact_lens_call")
    _, second, third = found.transcript.turns
    assert third.start_s == 8.3 < second.end_s == 8.5


def test_masks_of_the_vendor_stay_in_the_text(read_export):
    found, _ = read_export("contact_lens_call")
    assert found.transcript.turns[1].text.endswith("[PII].")
    assert found.transcript.attributes["redacted"] is True


@pytest.mark.parametrize("role", ["AGENT", "SUPERVISOR"])
def test_a_participant_id_may_be_the_role_itself(read_export, role):
    turns = [SAID | {"ParticipantId": who, "Content": "x"} for who in (role, "CUSTOMER")]
    found, _ = read_export("contact_lens_call", Participants=[], Transcript=turns)
    assert speakers(found) == ["agent", "customer"]


def test_a_participant_id_may_be_a_number(read_export):
    people = [
        {"ParticipantId": 0, "ParticipantRole": "AGENT"},
        {"ParticipantId": 1, "ParticipantRole": "CUSTOMER"},
    ]
    turns = [SAID | {"ParticipantId": who, "Content": "x"} for who in (1, 0)]
    found, _ = read_export("contact_lens_call", Participants=people, Transcript=turns)
    assert speakers(found) == ["customer", "agent"]


def test_numbers_that_nothing_explains_need_the_user(read_export):
    turns = [SAID | {"ParticipantId": str(who), "Content": "x"} for who in (0, 1)]
    given = {"Participants": [], "Transcript": turns}
    found, rows = read_export("contact_lens_call", **given)
    assert found is None
    assert "--speaker 0=agent" in rows["unknown_speakers"]
    named = {"0": Speaker.CUSTOMER, "1": Speaker.AGENT}
    found, _ = read_export("contact_lens_call", speakers=named, **given)
    assert speakers(found) == ["customer", "agent"]


def test_a_chat_counts_seconds_from_its_first_message(read_export):
    found, rows = read_export("contact_lens_chat")
    transcript = found.transcript
    assert speakers(found) == ["system", "bot", "agent", "customer"]
    assert [turn.start_s for turn in transcript.turns] == [0.0, 2.0, 7.0, 9.0]
    assert transcript.started_at.isoformat() == "2026-03-02T09:30:00.500000+00:00"
    assert transcript.channel is Channel.CHAT
    assert set(rows) == {"part_left_out"}  # the file; who joined is no message


def test_a_chat_of_events_alone_has_no_turns(read_export):
    found, rows = read_export("contact_lens_chat", Transcript=[{"Type": "EVENT"}])
    assert found is None
    assert set(rows) == {"no_turns"}


def test_matched_categories_become_attributes(read_export):
    found, rows = read_export("contact_lens_call")
    assert found.transcript.attributes["categories"] == ["late-parcel"]
    assert found.transcript.attributes["categories_evaluated"] is True
    assert "analysis_skipped" not in rows


@pytest.mark.parametrize("reason", ["QUOTA_EXCEEDED", "FAILED_SAFETY_GUIDELINES"])
def test_categories_that_were_not_evaluated_are_no_no(read_export, reason):
    skipped = {"SkippedAnalysis": [{"Feature": "CATEGORIES", "ReasonCode": reason}]}
    found, rows = read_export("contact_lens_call", JobDetails=skipped)
    attributes = found.transcript.attributes
    assert attributes["categories"] == ["late-parcel"]  # what did match stays known
    assert attributes["categories_evaluated"] is False
    assert attributes["analysis_skipped"] == [{"feature": "CATEGORIES", "reason": reason}]
    assert "no 'no'" in rows["analysis_skipped"] or "not a 'no'" in rows["analysis_skipped"]


def test_a_summary_that_was_skipped_leaves_categories_evaluated(read_export):
    skipped = [{"Feature": "POST_CONTACT_SUMMARY", "ReasonCode": "QUOTA_EXCEEDED"}]
    found, rows = read_export("contact_lens_call", JobDetails={"SkippedAnalysis": skipped})
    assert found.transcript.attributes["categories_evaluated"] is True
    assert "analysis_skipped" not in rows


@pytest.mark.parametrize("changes", [{"JobStatus": "FAILED"}, {"Categories": None}])
def test_an_analysis_that_failed_evaluated_nothing(read_export, changes):
    found, rows = read_export("contact_lens_call", **changes)
    assert found.transcript.attributes["categories_evaluated"] is False
    assert "analysis_skipped" in rows


def test_the_contact_id_comes_from_the_file_name_where_it_is_nowhere_else(read_export):
    contact = "0a1b2c3d-1111-2222-3333-444455556666"
    found, _ = read_export(
        "contact_lens_call",
        CustomerMetadata=None,
        file=f"{contact}_analysis_2026-03-02T09_30_00Z.json",
    )
    assert found.transcript.conversation_id == contact


def test_without_any_id_the_file_names_the_conversation(read_export):
    found, _ = read_export("contact_lens_call", CustomerMetadata={}, file="call-9.json")
    assert found.transcript.conversation_id == "call-9"


def test_reversed_times_are_dropped_with_a_note(read_export):
    turn = SAID | {"Content": "x", "BeginOffsetMillis": 5000}
    found, rows = read_export("contact_lens_call", Transcript=[turn])
    assert found.transcript.turns[0].start_s is None
    assert "times_reversed" in rows


def test_an_email_analysis_holds_no_words(read_export):
    found, rows = read_export("contact_lens_call", Channel="EMAIL", Transcript=None)
    assert found is None
    assert rows == {"missing_field": "Transcript is missing"}
