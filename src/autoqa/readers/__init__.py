"""Raw files to transcripts: one module per source format, sniffing, quarantine.

A new format is one module that registers a `Format`; see `autoqa.readers.base`.
"""

from __future__ import annotations

from autoqa.readers.base import Format, Found, Source, formats, register_format
from autoqa.readers.export import to_uniform, write_uniform
from autoqa.readers.people import (
    HumanRatings,
    read_human_ratings,
    read_ratings,
    read_surveys,
)
from autoqa.readers.quarantine import REASONS, Place, Problem, Quarantine
from autoqa.readers.reading import read
from autoqa.readers.sniff import sniff
from autoqa.readers.stored import STORED
from autoqa.readers.table import FIELDS, TABLE
from autoqa.readers.text import TEXT
from autoqa.readers.uniform import UNIFORM

# The order in which files are offered to formats: plain text last, since it claims the most.
for _format in (STORED, UNIFORM, TABLE, TEXT):
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
    "formats",
    "read",
    "read_human_ratings",
    "read_ratings",
    "read_surveys",
    "register_format",
    "sniff",
    "to_uniform",
    "write_uniform",
]
