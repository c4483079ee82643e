import json

import pytest

from autoqa.readers import Quarantine, read


@pytest.fixture
def line():
    """One line of uniform JSONL, with changes; a field set to ``...`` is left out."""

    def make(**changes):
        record = {
            "conversation_id": "c1",
            "channel": "chat",
            "language": "en",
            "turns": [
                {"speaker": "agent", "text": "Good morning, how can I help?"},
                {"speaker": "customer", "text": "My parcel is late."},
            ],
        }
        record |= changes
        return json.dumps({k: v for k, v in record.items() if v is not ...})

    return make


@pytest.fixture
def read_file(tmp_path):
    """Write one file, read it, and return conversations, quarantine and quarantine rows."""

    def run(name, content, **options):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        rows_path = tmp_path / "quarantine.jsonl"
        with Quarantine(rows_path) as quarantine:
            found = list(read([path], quarantine=quarantine, **options))
        rows = [json.loads(row) for row in rows_path.read_text().splitlines()]
        assert quarantine.records_read == len(found) + quarantine.records_quarantined
        assert quarantine.records_quarantined == sum(row["kept"] is False for row in rows)
        # Most conversations of these tests are a turn long.
        quarantine.notes.pop("one_sided", None)
        return found, quarantine, [row for row in rows if row["reason"] != "one_sided"]

    return run


def contact_lens_call(**changes):
    """A call as Contact Lens analysed it; participants are ids."""
    said = [
        ("p-agent", "Thank you for calling Solmar, my name is Eva.", 1_200, 4_000),
        ("p-caller", "Hi, my order never came. I am [PII].", 4_200, 8_500),
        ("p-agent", "I am sorry to hear that, let me check.", 8_300, 10_000),
    ]
    return {
        "Version": "1.1.0",
        "AccountId": "000000000000",
        "Channel": "VOICE",
        "ContentMetadata": {"Output": "Redacted"},
        "JobStatus": "COMPLETED",
        "LanguageCode": "en-US",
        "Participants": [
            {"ParticipantId": "p-caller", "ParticipantRole": "CUSTOMER"},
            {"ParticipantId": "p-agent", "ParticipantRole": "AGENT"},
        ],
        "Categories": {"MatchedCategories": ["late-parcel"], "MatchedDetails": {}},
        "ConversationCharacteristics": {"TotalConversationDurationMillis": 10_500},
        "CustomerMetadata": {"ContactId": "contact-1"},
        "Transcript": [
            {
                "Id": f"t{number}",
                "ParticipantId": who,
                "Content": text,
                "BeginOffsetMillis": start,
                "EndOffsetMillis": end,
                "Sentiment": "NEUTRAL",
                "LoudnessScore": [70.1, None],
            }
            for number, (who, text, start, end) in enumerate(said)
        ],
    } | changes


def contact_lens_chat(**changes):
    """A chat as Contact Lens analysed it: events and files between messages."""

    def item(second, role, **more):
        return {
            "AbsoluteTime": f"2026-03-02T09:30:{second:02}.500Z",
            "Id": f"m{second}",
            "ParticipantId": f"id-{role}",
            "ParticipantRole": role,
        } | more

    def message(second, role, text, **more):
        said = {"Type": "MESSAGE", "ContentType": "text/plain", "Content": text}
        return item(second, role, **said, **more)

    return {
        "AccountId": "000000000000",
        "Categories": {"MatchedCategories": [], "MatchedDetails": {}},
        "Channel": "CHAT",
        "ContentMetadata": {"Output": "Raw"},
        "CustomerMetadata": {"ContactId": "contact-2"},
        "JobStatus": "COMPLETED",
        "LanguageCode": "en-GB",
        "Participants": [],
        "Transcript": [
            message(0, "SYSTEM", "You are in the queue.", DisplayName="SYSTEM_MESSAGE"),
            message(2, "SYSTEM", "I am the helper of Solmar.", DisplayName="BOT"),
            item(5, "AGENT", Type="EVENT", ContentType="application/x.participant.joined"),
            message(7, "AGENT", "Hello, how can I help?"),
            message(9, "CUSTOMER", "Where is my parcel?"),
            item(12, "CUSTOMER", Type="ATTACHMENT", Attachments=[{"AttachmentName": "a.pdf"}]),
        ],
        "Version": "CHAT-2022-11-30",
    } | changes


def google_upload(**changes):
    """A conversation in the form that is uploaded to Google."""
    start = 1_767_000_000_000_000  # microseconds since 1970: 2025-12-29, 09:20 UTC
    return {
        "conversation_info": {"categories": [{"display_name": "delivery"}]},
        "entries": [
            {"start_timestamp_usec": start, "text": "Hi!", "role": "CUSTOMER", "user_id": 1},
            {
                "start_timestamp_usec": start + 2_500_000,
                "text": "Good morning.",
                "role": "AGENT",
                "user_id": 27,
            },
        ],
    } | changes


def google_api(**changes):
    """A conversation as Google's API returns it."""

    def segment(text, role, tag, begin, end):
        return {
            "text": text,
            "confidence": 0.9,
            "words": [{"word": "x", "startOffset": begin, "endOffset": end}],
            "languageCode": "es-ES",
            "channelTag": tag,
            "segmentParticipant": {"role": role, "userId": "u"},
            "sentiment": {"score": 0.2, "magnitude": 0.3},
        }

    return {
        "name": "projects/p/locations/l/conversations/conv-7",
        "startTime": "2026-03-02T09:30:00Z",
        "languageCode": "es-ES",
        "medium": "PHONE_CALL",
        "duration": "65s",
        "labels": {"store": "north"},
        "qualityMetadata": {
            "customerSatisfactionRating": 4,
            "agentInfo": [{"agentId": "a-1", "displayName": "Eva", "teams": ["red", "blue"]}],
        },
        "transcript": {
            "transcriptSegments": [
                segment("Buenos días.", "HUMAN_AGENT", 1, "0.400s", "1.200s"),
                segment("Hola, no me llega el pedido.", "END_USER", 2, "1.500s", "3s"),
            ]
        },
    } | changes


def genesys_transcript(**changes):
    """A transcript of Genesys Cloud: first the voice menu speaks, then one agent."""
    start = 1_767_000_000_000

    def phrase(text, after, purpose):
        return {
            "text": text.lower(),
            "decoratedText": text,
            "startTimeMs": start + after,
            "duration": {"milliseconds": 900},
            "confidence": 0.8,
            "participantPurpose": purpose,
            "words": [],
        }

    def participant(purpose, begin, end, **more):
        times = {"startTimeMs": start + begin, "endTimeMs": start + end}
        return {"participantPurpose": purpose} | times | more

    return {
        "conversationId": "conv-g",
        "communicationId": "comm-g",
        "mediaType": "call",
        "participants": [
            participant("external", 0, 60_000),
            participant("ivr", 0, 5_000),
            participant("agent", 5_001, 60_000, userId="user-1", queueId="q-1", teamId="t-1"),
        ],
        "duration": {"milliseconds": 60_000},
        "transcripts": [
            {
                "language": "en-us",
                "phrases": [
                    phrase("Press one for orders.", 0, "internal"),
                    phrase("Solmar, this is Eva.", 6_000, "internal"),
                    phrase("My order is late.", 8_000, "external"),
                ],
                "analytics": {"sentiment": []},
            }
        ],
    } | changes


def twilio_sentences(**changes):
    """The sentences of a call as Twilio's API lists them."""
    said = [
        (1, "0.48", "2.10", "Thank you for calling Solmar, how can I help?"),
        (2, "2.60", "4.00", "Hi, I have a problem with my order."),
        (1, "4.10", "5.20", "Let me check that for you."),
    ]
    identity = "GT" + "0123456789abcdef" * 2
    url = f"https://intelligence.example.com/v2/Transcripts/{identity}/Sentences?PageSize=50"
    return {
        "sentences": [
            {
                "media_channel": channel,
                "sentence_index": index,
                "start_time": start,
                "end_time": end,
                "transcript": text,
                "sid": "GX" + "0" * 32,
                "confidence": "0.91",
                "words": None,
            }
            for index, (channel, start, end, text) in enumerate(said)
        ],
        "meta": {
            "key": "sentences",
            "page": 0,
            "page_size": 50,
            "url": url,
            "next_page_url": None,
        },
    } | changes


def deepgram_response(**changes):
    """Deepgram's answer for one channel with two diarised speakers."""
    said = [
        (0, 0.4, 2.0, "Thank you for calling Solmar. How can I help?"),
        (1, 2.4, 4.0, "Hi, I ordered a lamp."),
    ]

    def words(text, speaker, start):
        return [
            {
                "word": word.lower().strip(".,?"),
                "punctuated_word": word,
                "start": start + 0.1 * at,
                "end": start + 0.1 * at + 0.1,
                "speaker": speaker,
            }
            for at, word in enumerate(text.split())
        ]

    best = {
        "transcript": " ".join(text for *_, text in said),
        "confidence": 0.99,
        "words": [word for who, start, _, text in said for word in words(text, who, start)],
        "paragraphs": {
            "transcript": "",
            "paragraphs": [
                {
                    "sentences": [{"text": text, "start": start, "end": end}],
                    "start": start,
                    "end": end,
                    "speaker": who,
                }
                for who, start, end, text in said
            ],
        },
    }
    return {
        "metadata": {"request_id": "req-1", "duration": 5.5, "channels": 1, "models": ["m"]},
        "results": {
            "channels": [{"alternatives": [best], "detected_language": "en"}],
            "utterances": [
                {
                    "start": start,
                    "end": end,
                    "confidence": 0.9,
                    "channel": 0,
                    "transcript": text,
                    "words": [],
                    "speaker": who,
                    "id": "u",
                }
                for who, start, end, text in said
            ],
        },
    } | changes


def assemblyai_transcript(**changes):
    """A transcript of AssemblyAI with speaker labels."""
    said = [
        ("A", None, 2_000, "Thank you for calling Solmar. How can I help?"),
        ("B", 2_400, 4_000, "Hi, I ordered a lamp."),
    ]
    return {
        "id": "tr-1",
        "language_model": "m",
        "acoustic_model": "m",
        "language_code": "en_us",
        "status": "completed",
        "audio_url": "https://files.example.com/a.wav",
        "text": " ".join(text for *_, text in said),
        "words": [
            {"text": word, "start": start or 0, "end": end, "confidence": 0.9, "speaker": who}
            for who, start, end, text in said
            for word in text.split()
        ],
        "utterances": [
            {
                "speaker": who,
                "text": text,
                "start": start,
                "end": end,
                "confidence": 0.9,
                "words": [],
            }
            for who, start, end, text in said
        ],
        "audio_duration": 5,
    } | changes


def whisperx_result(**changes):
    """WhisperX after diarisation."""
    said = [
        ("SPEAKER_01", 0.4, 2.0, " Thank you for calling Solmar. How can I help?"),
        ("SPEAKER_00", 2.4, 4.0, " Hi, I ordered a lamp."),
    ]
    return {
        "segments": [
            {
                "start": start,
                "end": end,
                "text": text,
                "speaker": who,
                "words": [{"word": "x", "start": start, "end": end, "score": 0.9, "speaker": who}],
            }
            for who, start, end, text in said
        ],
        "word_segments": [],
        "language": "en",
    } | changes


def whisper_result(**changes):
    """Whisper itself, which does not say who speaks."""
    segments = [
        {"id": at, "seek": 0, "start": 2.0 * at, "end": 2.0 * at + 1.5, "text": text}
        | {"tokens": [1], "temperature": 0.0, "avg_logprob": -0.2, "no_speech_prob": 0.01}
        for at, text in enumerate([" Good morning.", " Hello."])
    ]
    return {"text": " Good morning. Hello.", "segments": segments, "language": "en"} | changes


@pytest.fixture(scope="session")
def exports():
    """Fixture name -> (format, builder of a document), one for every shape that is read."""
    return {
        "contact_lens_call": ("contact_lens", contact_lens_call),
        "contact_lens_chat": ("contact_lens", contact_lens_chat),
        "google_upload": ("google_insights", google_upload),
        "google_api": ("google_insights", google_api),
        "genesys": ("genesys", genesys_transcript),
        "twilio": ("twilio", twilio_sentences),
        "deepgram": ("deepgram", deepgram_response),
        "assemblyai": ("assemblyai", assemblyai_transcript),
        "whisperx": ("whisper", whisperx_result),
        "whisper": ("whisper", whisper_result),
    }


@pytest.fixture
def read_export(read_file, exports):
    """Read one export with changes; return its conversation and the rows about it.

    Without a conversation the first value is None, and the rows say why.
    """

    def run(name, /, *, speakers=None, file="in.json", **changes):
        _, build = exports[name]
        found, _, rows = read_file(file, json.dumps(build(**changes)), speakers=speakers)
        return (found[0] if found else None), {row["reason"]: row["message"] for row in rows}

    return run
