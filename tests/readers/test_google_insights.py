import pytest

from autoqa.readers.documents import camel
from autoqa.records import Channel


def segment(text, **more):
    return {"text": text} | more


def api(*segments):
    return {"transcript": {"transcriptSegments": list(segments)}}


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_an_upload_counts_microseconds_from_its_first_entry(read_export):
    found, rows = read_export("google_upload", file="call-3.json")
    transcript = found.transcript
    assert speakers(found) == ["customer", "agent"]
    assert [turn.start_s for turn in transcript.turns] == [0.0, 2.5]
    assert transcript.started_at.isoformat() == "2025-12-29T09:20:00+00:00"
    assert transcript.conversation_id == "call-3"
    assert (transcript.agent, transcript.customer, transcript.topic) == ("27", "1", "delivery")
    assert transcript.channel is Channel.CHAT
    assert not rows


def test_microseconds_may_be_text_as_protobuf_writes_them(read_export):
    entries = [
        {"start_timestamp_usec": stamp, "text": "x", "role": role, "user_id": 1}
        for stamp, role in [("1767000000000000", "AGENT"), ("1767000001500000", "END_USER")]
    ]
    found, _ = read_export("google_upload", entries=entries)
    assert [turn.start_s for turn in found.transcript.turns] == [0.0, 1.5]


def test_small_microseconds_count_from_the_start_already(read_export):
    entries = [
        {"start_timestamp_usec": 1_000_000, "text": "x", "role": "AGENT", "user_id": 1},
        {"start_timestamp_usec": 4_000_000, "text": "x", "role": "CUSTOMER", "user_id": 2},
    ]
    found, _ = read_export("google_upload", entries=entries)
    assert [turn.start_s for turn in found.transcript.turns] == [1.0, 4.0]
    assert found.transcript.started_at is None


def test_several_agents_of_an_upload_are_nobody_s_conversation(read_export):
    entries = [
        {"start_timestamp_usec": 0, "text": "x", "role": "AGENT", "user_id": who} for who in (7, 8)
    ]
    found, rows = read_export("google_upload", entries=entries)
    assert found.transcript.agent is None
    assert found.transcript.attributes["agents"] == ["7", "8"]
    assert "several_agents" in rows


def test_what_the_api_returns_is_read_with_offsets_and_details(read_export):
    found, rows = read_export("google_api")
    transcript = found.transcript
    assert speakers(found) == ["agent", "customer"]
    assert [(turn.start_s, turn.end_s) for turn in transcript.turns] == [(0.4, 1.2), (1.5, 3.0)]
    assert (transcript.conversation_id, transcript.agent, transcript.team) == (
        "conv-7",
        "a-1",
        "red",
    )
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "es-ES")
    assert transcript.attributes == {"store": "north", "duration_s": 65.0}
    assert set(rows) == {"scale_assumed"}


def test_the_satisfaction_rating_becomes_a_survey_on_an_assumed_scale(read_export):
    (survey,) = read_export("google_api")[0].surveys
    assert (survey.score, survey.scale, survey.conversation_id) == (4.0, (1.0, 5.0), "conv-7")


@pytest.mark.parametrize("rating", [9, -1, "good"])
def test_a_rating_off_the_assumed_scale_is_no_survey(read_export, rating):
    quality = {"customerSatisfactionRating": rating}
    found, rows = read_export("google_api", qualityMetadata=quality)
    assert found.surveys == ()
    assert "bad_csat" in rows


@pytest.mark.parametrize("quality", [{}, {"customerSatisfactionRating": 0}])
def test_nobody_rated_is_no_survey_and_no_note(read_export, quality):
    found, rows = read_export("google_api", qualityMetadata=quality)
    assert found.surveys == ()
    assert not rows


def test_bots_are_not_among_the_agents(read_export):
    info = [
        {"agentId": "bot-1", "agentType": "AUTOMATED_AGENT"},
        {"agentId": "a-2", "agentType": "HUMAN_AGENT", "team": "green"},
    ]
    found, _ = read_export("google_api", qualityMetadata={"agentInfo": info})
    assert (found.transcript.agent, found.transcript.team) == ("a-2", "green")


def test_roles_come_from_channels_where_segments_have_none(read_export):
    turns = api(
        segment("x", channelTag=1),
        segment("y", channelTag=2, segmentParticipant={"role": "ROLE_UNSPECIFIED"}),
    )
    channels = {"agentChannel": 2, "customerChannel": 1}
    found, _ = read_export("google_api", callMetadata=channels, **turns)
    assert speakers(found) == ["customer", "agent"]


def test_names_and_numbers_of_the_python_client_are_read(exports, read_file):
    def snake(value):
        if isinstance(value, list):
            return [snake(one) for one in value]
        if not isinstance(value, dict):
            return value
        names = {camel(name): name for name in NAMES}
        return {names.get(key, key): snake(inner) for key, inner in value.items()}

    import json

    document = snake(exports["google_api"][1]())
    document["transcript"]["transcript_segments"][0]["segment_participant"]["role"] = 1
    document["medium"] = 2
    (found,), *_ = read_file("c.json", json.dumps(document))
    assert speakers(found) == ["agent", "customer"]
    assert found.transcript.turns[1].start_s == 1.5
    assert found.transcript.agent == "a-1"
    assert found.transcript.channel is Channel.CHAT


NAMES = [
    "start_time", "language_code", "quality_metadata", "customer_satisfaction_rating",
    "agent_info", "agent_id", "display_name", "transcript_segments", "start_offset",
    "end_offset", "channel_tag", "segment_participant",
]  # fmt: skip


def test_messages_of_a_chat_have_times_of_day(read_export):
    turns = api(
        segment("x", messageTime="2026-03-02T09:30:01Z", segmentParticipant={"role": "END_USER"}),
        segment("y", messageTime="2026-03-02T09:30:04Z", segmentParticipant={"role": "ANY_AGENT"}),
    )
    found, _ = read_export("google_api", medium="CHAT", startTime=None, **turns)
    assert [turn.start_s for turn in found.transcript.turns] == [0.0, 3.0]
    assert found.transcript.started_at.isoformat() == "2026-03-02T09:30:01+00:00"


def test_a_page_of_conversations_is_read_one_by_one(read_file, exports):
    import json

    build = exports["google_api"][1]
    page = {"conversations": [build(name=f"c/{n}") for n in "ab"], "nextPageToken": "t"}
    found, _, _ = read_file("page.json", json.dumps(page))
    assert [one.transcript.conversation_id for one in found] == ["a", "b"]
