import pytest

from autoqa.records import Channel


def sentence(text, channel, **more):
    return {"media_channel": channel, "transcript": text} | more


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_sentences_are_read_with_times_that_are_text(read_export):
    found, rows = read_export("twilio")
    transcript = found.transcript
    assert [(turn.start_s, turn.end_s) for turn in transcript.turns] == [
        (0.48, 2.1), (2.6, 4.0), (4.1, 5.2)
    ]  # fmt: skip
    assert transcript.conversation_id.startswith("GT0123")
    assert transcript.channel is Channel.VOICE
    assert speakers(found) == ["agent", "customer", "agent"]
    assert set(rows) == {"speakers_guessed"}


def test_channels_are_labels_that_the_user_may_name(read_export):
    named = {"1": "customer", "2": "agent"}
    found, rows = read_export("twilio", speakers=named)
    assert speakers(found) == ["customer", "agent", "customer"]
    assert list(rows) == ["speakers_swapped"]  # which they are here


def test_the_transcript_resource_says_who_is_on_a_channel(read_export):
    people = [
        {"channel_participant": 1, "role": "Customer"},
        {"channel_participant": 2, "role": "Agent"},
    ]
    found, rows = read_export("twilio", channel={"participants": people})
    assert speakers(found) == ["customer", "agent", "customer"]
    assert list(rows) == ["speakers_swapped"]  # which they are here


def test_sentences_come_in_the_order_of_their_index(read_export):
    said = [sentence(str(n), 1, sentence_index=n) for n in (2, 0, 1)]
    found, _ = read_export("twilio", sentences=said, speakers={"1": "agent"})
    assert [turn.text for turn in found.transcript.turns] == ["0", "1", "2"]


def test_missing_times_are_no_times(read_export):
    said = [sentence("x", 1, start_time=None, end_time=None)]
    found, rows = read_export("twilio", sentences=said, speakers={"1": "agent"})
    assert found.transcript.turns[0].start_s is None
    assert "bad_time" not in rows


@pytest.mark.parametrize("time", ["soon", "-1.5", "nan", True])
def test_times_that_make_no_sense_are_dropped(read_export, time):
    said = [sentence("x", 1, start_time=time)]
    found, rows = read_export("twilio", sentences=said, speakers={"1": "agent"})
    assert found.transcript.turns[0].start_s is None
    assert "bad_time" in rows


@pytest.mark.parametrize("meta", [{"next_page_url": "u"}, {"page": 1, "next_page_url": None}])
def test_one_page_of_several_is_not_a_conversation(read_export, meta):
    found, rows = read_export("twilio", meta=meta)
    assert found is None
    assert set(rows) == {"incomplete"}


def test_pages_put_together_are(read_export):
    meta = {"next_page_url": "u", "page": 0, "page_size": 2}
    assert read_export("twilio", meta=meta)[0] is not None


def test_names_of_the_node_library_are_read(read_export):
    said = [{"mediaChannel": 1, "transcript": "x", "startTime": "1.5", "endTime": "2"}]
    found, _ = read_export("twilio", sentences=said, speakers={"1": "agent"})
    assert found.transcript.turns[0].start_s == 1.5
