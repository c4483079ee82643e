"""Batch scoring: many conversations in, evaluations, ratings, CSAT and flags out."""

from __future__ import annotations

from autoqa.batch.local import Summary, score
from autoqa.batch.work import Scored, ScoringSetup, score_transcripts

__all__ = ["Scored", "ScoringSetup", "Summary", "score", "score_transcripts"]
