"""Review: which conversations a person should look at, and why."""

from __future__ import annotations

from autoqa.review.flags import flag

__all__ = ["flag"]
