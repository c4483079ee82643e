from autoqa.records import Channel


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_utterances_are_read_with_milliseconds(read_export):
    found, rows = read_export("assemblyai", file="call-6.json")
    transcript = found.transcript
    assert speakers(found) == ["agent", "customer"]
    assert transcript.turns[1].start_s == 2.4
    assert transcript.conversation_id == "call-6"
    assert transcript.attributes == {"duration_s": 5.0, "transcript_id": "tr-1"}
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "en-us")
    assert set(rows) == {"speakers_guessed"}


def test_a_start_that_is_null_is_no_start(read_export):
    first = read_export("assemblyai")[0].transcript.turns[0]
    assert (first.start_s, first.end_s) == (None, 2.0)


def test_letters_are_labels_that_the_user_may_name(read_export):
    found, rows = read_export("assemblyai", speakers={"a": "customer", "B": "agent"})
    assert speakers(found) == ["customer", "agent"]
    assert list(rows) == ["speakers_swapped"]  # which they are here


def test_channels_do_where_there_are_no_letters(read_export):
    said = [{"channel": str(n), "text": "x", "start": n, "end": n + 1} for n in (1, 2)]
    found, _ = read_export("assemblyai", utterances=said, speakers={"1": "agent"})
    assert speakers(found) == ["agent", "customer"]


def test_without_utterances_runs_of_words_are_the_turns(read_export):
    found, _ = read_export("assemblyai", utterances=None)
    assert speakers(found) == ["agent", "customer"]
    assert found.transcript.turns[1].text == "Hi, I ordered a lamp."


def test_without_speaker_labels_the_error_says_what_to_do(read_export):
    words = [{"text": "hello", "start": 0, "end": 1, "speaker": None}]
    found, rows = read_export("assemblyai", utterances=None, words=words)
    assert found is None
    assert "diarisation" in rows["unknown_speakers"]


def test_a_transcription_that_failed_is_not_a_conversation(read_export):
    found, rows = read_export("assemblyai", status="error")
    assert found is None
    assert set(rows) == {"incomplete"}
