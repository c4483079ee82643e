"""What people submitted on the review page, to learn from: back to training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoqa.errors import DataError, some_of
from autoqa.privacy import redact_labelled
from autoqa.readers.export import to_uniform
from autoqa.records import LabelledTranscript
from autoqa.scorecard import Scorecard
from autoqa.store.columns import dump_json


@dataclass(frozen=True)
class Reviewed:
    """Conversations with the ratings that people submitted; see `autoqa.review.exporting`."""

    name: str  # of the database, as models say what they learned from
    card: Scorecard  # that they were rated on
    conversations: tuple[LabelledTranscript, ...]

    @property
    def sha256(self) -> str:
        """Digest of all of it."""
        digest = hashlib.sha256()
        for one in self.conversations:
            digest.update(dump_json(to_uniform(one)).encode() + b"\n")
        return digest.hexdigest()

    def added_to(self, labelled: Sequence[LabelledTranscript]) -> list[LabelledTranscript]:
        """Return conversations with these ratings, and those that are only here.

        Where a person rated the same in both, what they submitted on the page counts.
        """
        found = list(labelled)
        place = {one.transcript.conversation_id: i for i, one in enumerate(found)}
        for new in map(redact_labelled, self.conversations):
            at = place.get(new.transcript.conversation_id)
            if at is None:
                found.append(new)
                continue
            known = found[at]
            both = {(r.criterion, r.turn, r.rater): r for r in (*known.ratings, *new.ratings)}
            found[at] = replace(
                known,
                ratings=tuple(both.values()),
                surveys=known.surveys or new.surveys,
                scales={**known.scales, **new.scales},
            )
        return found


def reviewed_in(place: str | Path, card: Scorecard | None = None) -> Reviewed:
    """Read what people submitted from a review database.

    Parameters
    ----------
    place : str or Path
        The SQLite file, or the URL of a PostgreSQL database.
    card : Scorecard, optional
        Whose ratings to take, of whatever version. Default: the one that was loaded last, as it
        was loaded.

    Raises
    ------
    ReviewError
        If the database cannot be opened.
    DataError
        If nobody submitted a rating on the scorecard.
    """
    from autoqa.review.cards import loaded_cards
    from autoqa.review.database import open_database
    from autoqa.review.exporting import labelled_conversations

    with open_database(place, create=False) as database:
        with database.reading() as connection:
            cards = loaded_cards(connection)
        name = Path(database.engine.url.database or "review").name
        if not cards:
            raise DataError(f"{name}: nothing was loaded for review there")
        card = card or cards[0]
        found = tuple(labelled_conversations(database, scorecard=card.id))
    if not found:
        known = some_of(dict.fromkeys(one.id for one in cards))
        raise DataError(
            f"{name}: nobody has submitted ratings on the scorecard {card.id} there (it has "
            f"{known}); review some conversations with `autoqa review serve`"
        )
    return Reviewed(name, card, found)
