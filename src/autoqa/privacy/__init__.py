"""Redaction before anything is stored or logged."""

from __future__ import annotations

from autoqa.privacy.kinds import without_tags
from autoqa.privacy.redaction import (
    redact,
    redact_details,
    redact_labelled,
    redact_survey,
    redact_text,
)
from autoqa.privacy.settings import MASK, Mode, Redaction, redaction_from

__all__ = [
    "MASK",
    "Mode",
    "Redaction",
    "redact",
    "redact_details",
    "redact_labelled",
    "redact_survey",
    "redact_text",
    "redaction_from",
    "without_tags",
]
