"""Batch scoring: many conversations in, evaluations, ratings, CSAT and flags out."""

from __future__ import annotations

from autoqa.batch.arrivals import Arrival, watch
from autoqa.batch.local import Engine, score
from autoqa.batch.manifest import Manifest, RunState, read_manifest
from autoqa.batch.summary import Summary, read_summary
from autoqa.batch.tally import Progress
from autoqa.batch.work import Scored, ScoringSetup, score_each, score_transcripts, setup_of

__all__ = [
    "Arrival",
    "Engine",
    "Manifest",
    "Progress",
    "RunState",
    "Scored",
    "ScoringSetup",
    "Summary",
    "read_manifest",
    "read_summary",
    "score",
    "score_each",
    "score_transcripts",
    "setup_of",
    "watch",
]
