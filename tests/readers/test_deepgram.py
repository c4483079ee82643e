import pytest

from autoqa.records import Channel


def word(text, start, speaker=None):
    return {"word": text, "start": start, "end": start + 0.5, "speaker": speaker}


def channel(*words):
    return {"alternatives": [{"transcript": "", "words": list(words)}]}


def speakers(conversation):
    return [str(turn.speaker) for turn in conversation.transcript.turns]


def test_utterances_are_read_with_diarised_speakers(read_export):
    found, rows = read_export("deepgram", file="call-5.json")
    transcript = found.transcript
    assert speakers(found) == ["agent", "customer"]
    assert [(turn.start_s, turn.end_s) for turn in transcript.turns] == [(0.4, 2.0), (2.4, 4.0)]
    assert transcript.conversation_id == "call-5"
    assert transcript.attributes == {"duration_s": 5.5, "request_id": "req-1"}
    assert (transcript.channel, transcript.language) == (Channel.VOICE, "en")
    assert set(rows) == {"speakers_guessed"}


def test_channels_win_over_speakers_where_there_are_several(read_export, exports):
    results = exports["deepgram"][1]()["results"]
    for at, one in enumerate(results["utterances"]):
        one |= {"channel": at, "speaker": 0}  # diarisation counts within each channel
    named = {"0": "customer", "1": "agent"}
    found, _ = read_export("deepgram", results=results, speakers=named)
    assert speakers(found) == ["customer", "agent"]


def test_without_utterances_paragraphs_are_the_turns(read_export, exports):
    results = exports["deepgram"][1]()["results"]
    del results["utterances"]
    found, _ = read_export("deepgram", results=results)
    assert speakers(found) == ["agent", "customer"]
    assert found.transcript.turns[1].text == "Hi, I ordered a lamp."


def test_without_paragraphs_runs_of_words_are_the_turns(read_export, exports):
    results = exports["deepgram"][1]()["results"]
    del results["utterances"], results["channels"][0]["alternatives"][0]["paragraphs"]
    found, _ = read_export("deepgram", results=results)
    assert speakers(found) == ["agent", "customer"]
    assert found.transcript.turns[1].text == "Hi, I ordered a lamp."
    assert found.transcript.turns[1].start_s == 2.4


def test_words_of_two_channels_are_put_in_the_order_of_time(read_export):
    results = {
        "channels": [
            channel(word("good", 0.0), word("morning", 0.5), word("sure", 3.0)),
            channel(word("hello", 1.5)),
        ]
    }
    found, _ = read_export("deepgram", results=results, speakers={"0": "agent"})
    assert [turn.text for turn in found.transcript.turns] == ["good morning", "hello", "sure"]
    assert speakers(found) == ["agent", "customer", "agent"]


def test_chinese_words_are_put_together_without_spaces(read_export):
    results = {"channels": [channel(word("您好", 0.0, 0), word("请稍等", 0.5, 0))]}
    found, _ = read_export("deepgram", results=results, speakers={"0": "agent"})
    assert found.transcript.turns[0].text == "您好请稍等"
    assert found.transcript.language == "zh"


def test_one_channel_without_diarisation_says_what_to_do(read_export):
    results = {"channels": [channel(word("hello", 0.0))]}
    found, rows = read_export("deepgram", results=results)
    assert found is None
    assert "diarisation" in rows["unknown_speakers"]


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (None, "missing_field"),
        ({"channels": []}, "missing_field"),
        ({"channels": [channel()]}, "no_turns"),
        ({"channels": [{"alternatives": []}]}, "no_turns"),
    ],
)
def test_an_answer_without_words_is_quarantined(read_file, exports, results, reason):
    import json

    document = exports["deepgram"][1](results=results)
    _, quarantine, _ = read_file("c.json", json.dumps(document), format="deepgram")
    assert quarantine.counts == {reason: 1}
