from autoqa.records import Channel

SEGMENT = {"start": 0.0, "end": 1.0, "text": " x", "tokens": [], "words": []}


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_diarised_segments_are_read(read_export):
    found, rows = read_export("whisperx", file="call-7.json")
    transcript = found.transcript
    assert speakers(found) == ["agent", "customer"]
    assert transcript.turns[1].text == "Hi, I ordered a lamp."
    assert transcript.turns[1].start_s == 2.4
    assert transcript.conversation_id == "call-7"
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "en")
    assert set(rows) == {"speakers_guessed"}


def test_whisper_alone_does_not_say_who_speaks(read_export):
    found, rows = read_export("whisper")
    assert found is None
    assert "diarisation" in rows["unknown_speakers"]
    assert "each channel by itself" in rows["unknown_speakers"]


def test_the_recording_of_one_person_can_be_named(read_export):
    found, rows = read_export("whisper", speakers={"unlabelled": "customer"})
    assert speakers(found) == ["customer", "customer"]
    assert "speakers_guessed" not in rows


def test_segments_may_have_channels(read_export):
    said = [SEGMENT | {"channel": who} for who in ("left", "right")]
    named = {"left": "agent", "right": "customer"}
    found, _ = read_export("whisper", segments=said, speakers=named)
    assert speakers(found) == ["agent", "customer"]


def test_words_say_who_speaks_where_the_segment_does_not(read_export):
    words = [{"word": "x", "speaker": who} for who in ("agent", "customer", "agent")]
    found, _ = read_export("whisperx", segments=[SEGMENT | {"words": words}])
    assert speakers(found) == ["agent"]


def test_the_hosted_service_writes_languages_in_full(read_export):
    found, _ = read_export("whisperx", language="spanish", duration=4.5)
    assert found.transcript.language == "es"
    assert found.transcript.attributes == {"duration_s": 4.5}


def test_where_no_language_is_stated_the_words_show_it(read_export):
    text = " Buenos días, le llamo por el pedido que no me llega, lo necesito para el lunes."
    segments = [SEGMENT | {"text": text, "speaker": "customer"}]
    found, rows = read_export("whisperx", segments=segments, language=None)
    assert found.transcript.language == "es"
    assert "language_guessed" in rows
