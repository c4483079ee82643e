"""Simulate a contact centre, as a whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from autoqa.records import Channel, LabelledTranscript, Status, Transcript
from autoqa.simulate.behaviour import Encounter, draw_encounter
from autoqa.simulate.dialogue import Dialogue
from autoqa.simulate.labels import answer_survey, draw_reviewers, rate
from autoqa.simulate.phrasing import load_wording
from autoqa.simulate.settings import CRITERIA, SOURCE, SimulationSettings
from autoqa.simulate.streams import stream
from autoqa.simulate.surface import transcribe
from autoqa.simulate.truth import Centre, ConversationTruth, SimulationTruth, draw_centre

_FIRST_DAY = datetime(2025, 1, 6, 8, tzinfo=UTC)
_CONVERSATIONS_PER_DAY = 200
_OPEN_MINUTES = 12 * 60
SCALES = {name: (float(c.scale[0]), float(c.scale[-1])) for name, c in CRITERIA.items()}


class SimulatedConversation(NamedTuple):
    """One conversation with its labels, and the truth about it."""

    labelled: LabelledTranscript
    truth: ConversationTruth


@dataclass(frozen=True, slots=True)
class SimulatedCentre:
    """A simulated contact centre: what would be recorded, and the truth behind it."""

    conversations: list[LabelledTranscript]
    truth: SimulationTruth


def simulate(settings: SimulationSettings | None = None, **changes: Any) -> SimulatedCentre:
    """Simulate a whole contact centre.

    Parameters
    ----------
    settings : SimulationSettings, optional
    **changes
        Fields of `SimulationSettings` instead of `settings`, for example
        ``simulate(conversations=500, seed=3, languages=("en",))``.

    Returns
    -------
    SimulatedCentre
        Marked as simulated in every transcript (``source`` and ``attributes["simulated"]``).

    Raises
    ------
    DataError
        If a setting cannot be used.
    """
    centre = draw_centre(_settings(settings, changes))
    pairs = list(_conversations(centre))
    return SimulatedCentre(
        conversations=[pair.labelled for pair in pairs],
        truth=SimulationTruth(centre=centre, conversations=tuple(pair.truth for pair in pairs)),
    )


def iter_simulated(
    settings: SimulationSettings | None = None, **changes: Any
) -> Iterator[SimulatedConversation]:
    """Yield the same conversations as `simulate`, one at a time, in constant memory.

    The agents, topics and raters behind them are ``draw_centre(settings)``.
    """
    return _conversations(draw_centre(_settings(settings, changes)))


def _settings(settings: SimulationSettings | None, changes: dict[str, Any]) -> SimulationSettings:
    if settings is not None and changes:
        raise TypeError(f"give settings or single fields, not both (got {', '.join(changes)})")
    return settings if settings is not None else SimulationSettings(**changes)


def _conversations(centre: Centre) -> Iterator[SimulatedConversation]:
    for number in range(centre.settings.conversations):
        yield _converse(centre, draw_encounter(centre, number))


def _started_at(number: int, rng: Random) -> datetime:
    day, place = divmod(number, _CONVERSATIONS_PER_DAY)
    minutes = (place + rng.random()) * _OPEN_MINUTES / _CONVERSATIONS_PER_DAY
    return _FIRST_DAY + timedelta(days=day, seconds=int(minutes * 60))


def _converse(centre: Centre, encounter: Encounter) -> SimulatedConversation:
    settings = centre.settings
    wording = load_wording(encounter.customer.language)
    turns, realised, handle_s = transcribe(
        Dialogue(encounter, wording, settings.seed).write(),
        encounter,
        wording,
        typos=settings.chat_typos,
        seed=settings.seed,
    )
    name = f"sim-{settings.seed}-{encounter.number:06d}"
    started_at = _started_at(encounter.number, stream(settings.seed, "time", encounter.number))
    rng = stream(settings.seed, "labels", encounter.number)
    survey = answer_survey(
        name, encounter, wording, started_at + timedelta(seconds=int(handle_s)), rng
    )
    reviewers = draw_reviewers(settings, centre.raters, rng)
    ratings = tuple(r for who in reviewers for r in rate(name, encounter.levels, who, rng))
    transcript = Transcript(
        conversation_id=name,
        turns=turns,
        channel=Channel(encounter.channel),
        language=encounter.customer.language,
        agent=encounter.agent.agent,
        team=encounter.agent.team,
        queue=encounter.plan.queue,
        topic=encounter.topic.topic,
        customer=encounter.customer.customer,
        source=SOURCE,
        started_at=started_at,
        attributes={
            "simulated": True,
            "handle_s": handle_s,
            "transferred": encounter.transfer,
            "held": encounter.hold,
        },
    )
    labelled = LabelledTranscript(
        transcript=transcript,
        ratings=ratings,
        surveys=(survey,) if survey else (),
        scales={r.criterion: SCALES[r.criterion] for r in ratings if r.status is Status.RATED},
        outcome={"resolved": encounter.levels["answer"] == 2, "abandoned": encounter.abandoned},
    )
    truth = ConversationTruth(
        conversation_id=name,
        agent=encounter.agent.agent,
        team=encounter.agent.team,
        topic=encounter.topic.topic,
        queue=encounter.plan.queue,
        language=encounter.customer.language,
        channel=encounter.channel,
        customer=encounter.customer.customer,
        levels=encounter.levels,
        turns=realised,
        mood=encounter.mood,
        slowness=encounter.slowness,
        rounds=encounter.rounds,
        hold=encounter.hold,
        transfer=encounter.transfer,
        repeat=encounter.repeat,
        abandoned=encounter.abandoned,
        handle_s=handle_s,
        agent_part=encounter.agent_part,
        topic_part=encounter.topic_part,
        situation_part=encounter.situation_part,
        noise_part=encounter.noise_part,
        satisfaction=encounter.satisfaction,
        csat=encounter.csat,
        propensity=encounter.propensity,
        surveyed=survey is not None,
        raters=tuple(who.rater for who in reviewers),
    )
    return SimulatedConversation(labelled, truth)
