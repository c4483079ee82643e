import pytest

from autoqa.readers import sniff
from autoqa.records import Channel, Speaker

SIDES = {"ana": Speaker.AGENT, "ben": Speaker.CUSTOMER}

VTT = """WEBVTT
Language: es

STYLE
::cue { color: red }

NOTE
nobody: says this

REGION
id:x

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Ana>Good <i>morning</i>,

00:02.600 --> 00:03.000
<v.loud Ana>how can I help?</v>

1
00:00:05.000 --> 00:00:09.000
<v Ben>My <c.yellow>lamp</c> &amp; my
chair are <00:00:06.000>broken.
"""

SRT = """1
00:00:01,000 --> 00:00:02,500
Ana: Good morning,

2
00:00:02,600 --> 00:00:03,000
how can I help?

3
00:00:05,000 --> 00:00:09,000
Ben: My lamp and my
chair are broken.

4
00:01:05,000 --> 00:01:06,000
Ana: I see.
"""


def turns(found):
    ((one,), _, _) = found
    return [(t.speaker, t.text, t.start_s, t.end_s) for t in one.transcript.turns]


def test_webvtt_voices_are_speakers(read_file):
    found = read_file("call.vtt", VTT, speakers=SIDES)
    # Ana's two cues are 0.1 s apart: one turn.
    assert turns(found) == [
        (Speaker.AGENT, "Good morning, how can I help?", 1.0, 3.0),
        (Speaker.CUSTOMER, "My lamp & my chair are broken.", 5.0, 9.0),
    ]
    transcript = found[0][0].transcript
    assert (transcript.conversation_id, transcript.language) == ("call", "es")
    assert (transcript.channel, transcript.agent) == (Channel.VOICE, "Ana")


def test_srt_names_are_speakers_and_go_on_until_the_next(read_file):
    assert turns(read_file("call.srt", SRT, speakers=SIDES)) == [
        (Speaker.AGENT, "Good morning, how can I help?", 1.0, 3.0),
        (Speaker.CUSTOMER, "My lamp and my chair are broken.", 5.0, 9.0),
        (Speaker.AGENT, "I see.", 65.0, 66.0),
    ]


def test_two_seconds_of_silence_end_a_turn(read_file):
    cue = "00:00:{:02d},000 --> 00:00:{:02d},000\nAgent: words\n\n"
    near = cue.format(1, 2) + cue.format(4, 5)
    far = cue.format(1, 2) + cue.format(5, 6)
    assert len(turns(read_file("call.srt", near))) == 1
    assert len(turns(read_file("call.srt", far))) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1\n00", "00"),  # no index
        ("\n\n2\n", "\n2\n"),  # no blank line before the index
        ("\n", "\r\n"),
        ("00:00:0", "0:00:0"),
        (",000", ".000"),
        ("Ana:", "- ANA:"),
        ("Ana:", "[Ana]:"),
        ("Ana:", "{\\an8}<b>Ana:</b>"),
        ("1\n", "\ufeff1\n"),
    ],
)
def test_srt_comes_in_many_dresses(read_file, old, new):
    found = turns(read_file("call.srt", SRT.replace(old, new), speakers=SIDES))
    assert [text for _, text, *_ in found][:2] == [
        "Good morning, how can I help?",
        "My lamp and my chair are broken.",
    ]


def test_a_number_that_is_said_is_no_index(read_file):
    content = "1\n00:00:01,000 --> 00:00:02,000\nAgent: the number is\n555\n"
    assert turns(read_file("call.srt", content))[0][1] == "the number is 555"


def test_one_cue_may_hold_two_speakers(read_file):
    content = "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Agent>Hello</v><v Customer>Hi"
    assert [t[0] for t in turns(read_file("c.vtt", content))] == [
        Speaker.AGENT,
        Speaker.CUSTOMER,
    ]
    content = "00:00:01,000 --> 00:00:04,000\nAgent: Hello\nCustomer: Hi\n"
    assert len(turns(read_file("c.srt", content))) == 2


def test_a_word_before_a_colon_is_not_a_speaker_when_it_comes_once(read_file):
    cues = [
        f"00:00:{n:02d},000 --> 00:00:{n:02d},900\n{('Agent', 'Customer')[n % 2]}: number {n}\n"
        for n in range(12)
    ]
    cues.append("00:00:20,000 --> 00:00:21,000\nRemember: keep the box\n")
    found = read_file("call.srt", "\n".join(cues))
    assert turns(found)[-1][:2] == (Speaker.CUSTOMER, "Remember: keep the box")
    assert found[1].notes == {"speakers_guessed": 1}


def test_a_time_of_day_or_an_address_is_not_a_speaker(read_file):
    content = (
        "00:00:01,000 --> 00:00:02,000\nAgent: look at\nhttps://shop.example\nat 10:30\n\n"
        "00:00:03,000 --> 00:00:04,000\nCustomer: fine\n"
    )
    assert turns(read_file("c.srt", content))[0][1] == "look at https://shop.example at 10:30"


def test_without_names_nobody_is_known(read_file):
    content = "00:00:01,000 --> 00:00:02,000\nHello\n\n00:00:05,000 --> 00:00:06,000\nHi\n"
    found, quarantine, _ = read_file("c.srt", content)
    assert not found
    assert quarantine.counts == {"unknown_speakers": 1}


def test_names_that_nobody_explained_are_not_told_in_the_quarantine(read_file):
    content = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>Yes\n\n00:03.000 --> 00:04.000\n<v Ben>No\n"
    )
    found, quarantine, rows = read_file("call.vtt", content)
    assert not found
    assert quarantine.counts == {"unknown_speakers": 1}
    assert "Ana" not in str(rows)


def test_a_cue_that_ends_before_it_starts_loses_its_times(read_file):
    content = "00:00:05,000 --> 00:00:02,000\nAgent: Hello\n"
    found = read_file("c.srt", content)
    assert turns(found)[0][2:] == (None, None)
    assert found[1].notes["times_reversed"] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("WEBVTT\n", "no_turns"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n\n", "no_turns"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Agent>\xff\xfe\x81\n", "not_utf8"),
    ],
)
def test_unusable_captions_are_quarantined(read_file, content, reason):
    found, quarantine, _ = read_file("c.vtt", content)
    assert not found
    assert quarantine.counts == {reason: 1}


@pytest.mark.parametrize(
    ("name", "content", "format_name"),
    [
        ("a.txt", VTT, "webvtt"),
        ("a.txt", SRT, "srt"),
        ("a.txt", "[00:00:01] Agent: hi\n[00:00:02] Customer: hello\n", "text"),
        ("a.txt", "00:00:01 --> 00:00:02 Agent: hi\n", "text"),
    ],
)
def test_captions_are_told_from_conversations_in_text(tmp_path, name, content, format_name):
    path = tmp_path / name
    path.write_text(content)
    assert sniff(path) == format_name
