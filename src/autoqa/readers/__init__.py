"""Raw files to transcripts: one module per source format, sniffing, quarantine.

A new format is one module that registers a `Format`; see `autoqa.readers.base`.
"""

from __future__ import annotations

from autoqa.readers.assemblyai import ASSEMBLYAI
from autoqa.readers.base import Format, Found, Source, formats, register_format
from autoqa.readers.contact_lens import CONTACT_LENS
from autoqa.readers.deepgram import DEEPGRAM
from autoqa.readers.email_threads import EMAIL
from autoqa.readers.export import to_uniform, write_uniform
from autoqa.readers.genesys import GENESYS
from autoqa.readers.google_insights import GOOGLE_INSIGHTS
from autoqa.readers.intercom import INTERCOM
from autoqa.readers.people import (
    HumanRatings,
    read_human_ratings,
    read_ratings,
)
from autoqa.readers.quarantine import REASONS, Place, Problem, Quarantine
from autoqa.readers.reading import read
from autoqa.readers.sniff import sniff
from autoqa.readers.stored import STORED
from autoqa.readers.subtitles import SRT, WEBVTT
from autoqa.readers.survey_files import read_survey_answers, read_surveys
from autoqa.readers.survey_report import SurveyReport
from autoqa.readers.table import FIELDS, TABLE
from autoqa.readers.text import TEXT
from autoqa.readers.twilio import TWILIO
from autoqa.readers.uniform import UNIFORM
from autoqa.readers.whisper import WHISPER
from autoqa.readers.zendesk import ZENDESK, ZENDESK_QA

_VOICE = (CONTACT_LENS, GOOGLE_INSIGHTS, GENESYS, TWILIO, DEEPGRAM, ASSEMBLYAI, WHISPER)
_WRITTEN = (ZENDESK, ZENDESK_QA, INTERCOM, WEBVTT, SRT, EMAIL)

# The order in which files are offered to formats: exports of other systems before our own lines,
# which any .jsonl is taken for; plain text last, since it claims the most.
for _format in (STORED, *_VOICE, *_WRITTEN, UNIFORM, TABLE, TEXT):
    register_format(_format)

__all__ = [
    "FIELDS",
    "REASONS",
    "STORED",
    "TABLE",
    "TEXT",
    "UNIFORM",
    "Format",
    "Found",
    "HumanRatings",
    "Place",
    "Problem",
    "Quarantine",
    "Source",
    "SurveyReport",
    "formats",
    "read",
    "read_human_ratings",
    "read_ratings",
    "read_survey_answers",
    "read_surveys",
    "register_format",
    "sniff",
    "to_uniform",
    "write_uniform",
]
