"""The one interface that every scorer keeps, and the registry that finds scorers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from autoqa.errors import ScorerError, near_miss
from autoqa.features.batch import Batch
from autoqa.records import Rating
from autoqa.scorecard.schema import Criterion


class Scorer(Protocol):
    """Rates transcripts on the criteria it was built for."""

    criteria: tuple[Criterion, ...]

    @property
    def version(self) -> str:
        """Changes with code, weights, patterns or prompt; part of every cache key and manifest."""

    def rate(self, batch: Batch) -> list[Rating]:
        """Return one rating per transcript and criterion, in that order. Mutate nothing.

        A rating must not depend on which other transcripts are in the batch.
        """


ScorerFactory = Callable[..., Scorer]
_Factory = TypeVar("_Factory", bound=ScorerFactory)
_REGISTRY: dict[str, ScorerFactory] = {}


def register_scorer(name: str) -> Callable[[_Factory], _Factory]:
    """Register ``factory(criteria, **settings) -> Scorer`` under the name scorecards use."""

    def register(factory: _Factory) -> _Factory:
        _REGISTRY[name] = factory
        return factory

    return register


def scorer_factory(name: str) -> ScorerFactory:
    """Return the registered factory, or raise ScorerError with the nearest name."""
    try:
        return _REGISTRY[name]
    except KeyError:
        known = ", ".join(sorted(_REGISTRY))
        raise ScorerError(
            f"No scorer named '{name}'.{near_miss(name, _REGISTRY)} Registered: {known}."
        ) from None


def registered_scorers() -> tuple[str, ...]:
    """Return the names that scorecards may use, sorted."""
    return tuple(sorted(_REGISTRY))
