"""Ratings put into the conversations that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from autoqa.records import LabelledTranscript, Rating
from autoqa.scorecard.schema import Scorecard


def with_ratings(
    conversations: Iterable[LabelledTranscript],
    ratings: Iterable[Rating],
    card: Scorecard,
    missing: set[str] | None = None,
) -> Iterator[LabelledTranscript]:
    """Yield every conversation with its ratings, and the scales of their criteria.

    A rating takes the place of the one that the same rater gave the conversation before.

    Parameters
    ----------
    conversations : iterable of LabelledTranscript
    ratings : iterable of Rating
        Of whole conversations; held in memory.
    card : Scorecard
        Whose scales the ratings are on.
    missing : set of str, optional
        Ids of conversations that there are ratings of; those that are met are taken out.
    """
    of: dict[str, list[Rating]] = {}
    for rating in ratings:
        of.setdefault(rating.conversation_id, []).append(rating)
    scales = {c.id: (float(c.scale[0]), float(c.scale[-1])) for c in card.criteria}
    for one in conversations:
        name = one.transcript.conversation_id
        if missing is not None:
            missing.discard(name)
        new = {(r.rater, r.kind, r.criterion): r for r in of.get(name, ())}
        kept = [
            r
            for r in one.ratings
            if r.turn is not None or (r.rater, r.kind, r.criterion) not in new
        ]
        rated = {criterion: scales[criterion] for _, _, criterion in new}
        yield replace(one, ratings=(*kept, *new.values()), scales={**one.scales, **rated})
