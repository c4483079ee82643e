"""Redaction before anything is stored or logged."""

from __future__ import annotations

from autoqa.privacy.redaction import redact, redact_labelled, redact_survey, redact_text

__all__ = ["redact", "redact_labelled", "redact_survey", "redact_text"]
