"""The scorecards that were loaded, newest first, and what their criteria ask."""

from __future__ import annotations

from sqlalchemy import Connection, select

from autoqa.review.access import InvalidError
from autoqa.review.database.schema import scorecards
from autoqa.scorecard import Scorecard
from autoqa.scorecard.schema import Criterion


def loaded_cards(connection: Connection) -> tuple[Scorecard, ...]:
    """Return every version of every scorecard, the one loaded last first."""
    documents = connection.execute(
        select(scorecards.c.document).order_by(
            scorecards.c.loaded_at.desc(), scorecards.c.version.desc(), scorecards.c.id
        )
    ).scalars()
    return tuple(Scorecard.model_validate(document) for document in documents)


def asked(connection: Connection) -> dict[str, Criterion]:
    """Return the criteria of all scorecards by id, each as it was asked last."""
    return {name: criterion for name, (_, criterion) in _asked_last(connection).items()}


def asked_in(connection: Connection) -> dict[str, str]:
    """Return the language (BCP 47) that each criterion is asked in, as it was asked last."""
    return {name: card.language for name, (card, _) in _asked_last(connection).items()}


def require_criterion(connection: Connection, criterion: str) -> None:
    """Raise `InvalidError` unless some scorecard has the criterion."""
    known = asked(connection)
    if criterion not in known:
        raise InvalidError(
            f"no scorecard has a criterion '{criterion}'; choose one of {', '.join(known)}"
        )


def _asked_last(connection: Connection) -> dict[str, tuple[Scorecard, Criterion]]:
    found: dict[str, tuple[Scorecard, Criterion]] = {}
    for card in loaded_cards(connection):
        for criterion in card.criteria:
            found.setdefault(criterion.id, (card, criterion))
    return found
