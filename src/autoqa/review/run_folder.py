"""A folder of results of `autoqa score`, read conversation by conversation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from autoqa.errors import ReviewError
from autoqa.records import CSAT, Evaluation, Flag, Rating, Transcript
from autoqa.store import file_sha256, read_records
from autoqa.store.tables import stored_table

CHUNK = 250
"""Conversations that are held in memory at once."""

_TABLES = ("transcripts", "evaluations", "ratings", "csat", "flags")
_SUMMARY = "summary.json"

One = TypeVar("One", Transcript, Evaluation, Rating, Flag)


@dataclass(frozen=True, slots=True)
class ScoredConversation:
    """What a run says of one conversation."""

    transcript: Transcript
    evaluation: Evaluation
    ratings: tuple[Rating, ...]  # of the whole conversation, predicted CSAT included
    curve: tuple[Rating, ...]  # predicted CSAT after single turns
    flags: tuple[Flag, ...]

    @property
    def name(self) -> str:
        """The conversation's id."""
        return self.transcript.conversation_id


class RunFolder:
    """A finished scoring run.

    Raises
    ------
    ReviewError
        If the folder holds none.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        found = {name: stored_table(self.folder, name) for name in _TABLES}
        self._tables = {name: path for name, path in found.items() if path is not None}
        try:
            self._summary: Mapping[str, Any] = json.loads((self.folder / _SUMMARY).read_bytes())
        except FileNotFoundError:
            self._tables = {}
        except ValueError as error:
            raise ReviewError(f"{self.folder / _SUMMARY}: damaged ({error}); score again") from None
        if len(self._tables) < len(_TABLES):
            raise ReviewError(
                f"{self.folder}: no finished scoring run; score with `autoqa score ... --out "
                f"{self.folder}`, or go on with --resume where it was interrupted"
            )

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def scorecard(self) -> tuple[str, int]:
        """Id and version of the scorecard that was answered."""
        return str(self._summary["scorecard"]), int(self._summary["scorecard_version"])

    @property
    def scorers(self) -> dict[str, Any]:
        """Version of the models, and who answered each criterion."""
        return {
            "models": self._summary.get("models"),
            "answered_by": self._summary.get("answered_by", {}),
        }

    def fingerprint(self) -> str:
        """Return a hash of all results: the same run has the same, wherever it lies."""
        digest = hashlib.sha256()
        for name in _TABLES:
            path = self._tables[name]
            files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
            digest.update("\n".join([name, *map(file_sha256, files), ""]).encode())
        return digest.hexdigest()

    def chunks(self) -> Iterator[list[ScoredConversation]]:
        """Yield all conversations, some at a time.

        Raises
        ------
        ReviewError
            If the tables do not belong together.
        StoreError
            If one cannot be read.
        """
        transcripts = read_records(self._tables["transcripts"], Transcript)
        evaluations = _Rows(self._tables["evaluations"], Evaluation)
        ratings = _Rows(self._tables["ratings"], Rating)
        csat = _Rows(self._tables["csat"], Rating)
        flags = _Rows(self._tables["flags"], Flag)
        while chunk := list(islice(transcripts, CHUNK)):
            names = {one.conversation_id for one in chunk}
            evaluated = evaluations.of(names)
            rated, predicted, flagged = ratings.of(names), csat.of(names), flags.of(names)
            if len(evaluated) < len(names):
                raise self._mixed(next(iter(names - evaluated.keys())))
            yield [
                ScoredConversation(
                    transcript,
                    evaluated[name][0],
                    tuple(
                        one
                        for one in (*rated.get(name, ()), *predicted.get(name, ()))
                        if one.turn is None
                    ),
                    tuple(one for one in predicted.get(name, ()) if one.turn is not None),
                    tuple(flagged.get(name, ())),
                )
                for transcript in chunk
                for name in (transcript.conversation_id,)
            ]
        for rest in (evaluations, ratings, csat, flags):
            if rest.next is not None:
                raise self._mixed(rest.next.conversation_id)

    def _mixed(self, name: str) -> ReviewError:
        return ReviewError(
            f"{self.folder}: the tables hold different conversations, or in another order "
            f"('{name}'); they have to be of one run, as `autoqa score` wrote them"
        )


class _Rows(Generic[One]):
    """A table whose rows come in the order of the conversations."""

    def __init__(self, path: Path, record_type: type[One]) -> None:
        self._rows: Iterator[One] = read_records(path, record_type)
        self.next: One | None = next(self._rows, None)

    def of(self, names: Container[str]) -> dict[str, list[One]]:
        """Return the next rows, by conversation, as long as they are about these."""
        found: dict[str, list[One]] = {}
        while self.next is not None and self.next.conversation_id in names:
            found.setdefault(self.next.conversation_id, []).append(self.next)
            self.next = next(self._rows, None)
        return found


def predicted_csat(conversation: ScoredConversation) -> float | None:
    """Return the predicted satisfaction in units of its scale."""
    for rating in conversation.ratings:
        if rating.criterion == CSAT and rating.level is not None:
            return float(rating.level) if rating.expected is None else rating.expected
    return None
