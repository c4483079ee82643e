"""Conversations to measure with: of a dataset, or simulated."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def conversations(data: Path | None, limit: int) -> list[dict[str, Any]]:
    """Return lines of the uniform schema, without labels: from a dataset, or simulated."""
    rows: list[dict[str, Any]] = []
    for row in _dataset(data) if data is not None else simulated(limit):
        if len(rows) == limit:
            break
        turns = [{"speaker": t["speaker"], "text": t["text"]} for t in row["turns"]]
        keep = ("conversation_id", "channel", "language")
        rows.append({**{key: row[key] for key in keep}, "turns": turns})
    return rows


def named(data: Path | None) -> str:
    """Return what a report calls the conversations."""
    return data.name if data else "simulated contact centre"


def simulated(limit: int) -> Iterator[dict[str, Any]]:
    """Yield simulated conversations in English, in the uniform schema, without labels."""
    from autoqa.simulate import iter_simulated

    for conversation in iter_simulated(conversations=limit, languages=("en",)):
        transcript = conversation.labelled.transcript
        yield {
            "conversation_id": transcript.conversation_id,
            "channel": str(transcript.channel),
            "language": transcript.language,
            "turns": [{"speaker": str(t.speaker), "text": t.text} for t in transcript.turns],
        }


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Write conversations; return how many, and how many turns they have."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(rows), sum(len(row["turns"]) for row in rows)


def _dataset(folder: Path) -> Iterator[dict[str, Any]]:
    path = next(iter(sorted(folder.glob("transcripts.jsonl*"))))
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)
