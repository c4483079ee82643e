"""The causal story of one conversation: who meets whom, what the agent does, what it does to them.

Skills and chance give the true criterion levels; levels, topic, mood and waiting give
satisfaction; satisfaction gives the tone of the customer's words, the CSAT answer, and whether
there is an answer at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from random import Random
from statistics import NormalDist

from autoqa.simulate.settings import (
    CRITERIA,
    HOLD_EFFECT,
    MOOD_EFFECT,
    REPEAT_EFFECT,
    SATISFACTION_CENTRE,
    SATISFACTION_NOISE,
    SLOWNESS_EFFECT,
    SOFT_CRITERIA,
    TOPICS,
    TRANSFER_EFFECT,
    UNRESOLVED_SOFT_SHARE,
    SimulationSettings,
    TopicPlan,
)
from autoqa.simulate.streams import stream
from autoqa.simulate.truth import AgentTruth, Centre, TopicTruth

_SKILL_SHARE = 0.75  # of a level's latent value that is skill; the rest is the day's chance
_RECENT = 300  # a returning customer was first seen among this many earlier conversations
_INTRODUCED = 0.75  # customers who give their name
_FINISHED = 0.3  # full answers after which nothing is left to do
_NEUTRAL_CSAT = 3.3  # what sounds like neither praise nor complaint
_CHANNEL_RESPONSE = {"voice": 0.85, "chat": 1.0}


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, the same in every conversation."""

    customer: str
    number: int
    language: str
    gender: str
    temper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """Everything about a conversation except its words."""

    number: int
    agent: AgentTruth
    customer: Customer
    topic: TopicTruth
    plan: TopicPlan
    channel: str
    asr: bool
    mood: float
    slowness: float
    rounds: int
    hold: bool
    transfer: bool
    repeat: bool
    abandoned: bool
    introduced: bool  # the customer gives a name
    details: bool  # the agent states account details
    levels: Mapping[str, int | None]
    agent_part: float
    topic_part: float
    situation_part: float
    noise_part: float
    satisfaction: float
    csat: int
    tone: int  # 0 angry .. 4 delighted: satisfaction as it sounds
    propensity: float


@lru_cache(maxsize=200_000)
def draw_customer(seed: int, number: int, languages: tuple[str, ...]) -> Customer:
    """Draw a customer by number; each has the language of the conversation that brought them."""
    rng = stream(seed, "customer", number)
    return Customer(
        customer=f"customer_{number + 1:05d}",
        number=number,
        language=rng.choice(languages),
        gender=rng.choice("fm"),
        temper=rng.gauss(0, 0.6),
    )


@lru_cache
def _thresholds(criterion: str) -> tuple[float, ...]:
    rates = CRITERIA[criterion].base_rates
    return tuple(NormalDist().inv_cdf(share) for share in list(accumulate(rates))[:-1])


def _draw_levels(
    agent: AgentTruth, topic: TopicTruth, mood: float, rng: Random
) -> dict[str, int | None]:
    levels: dict[str, int | None] = {}
    chance = math.sqrt(1 - _SKILL_SHARE**2)
    for name, criterion in CRITERIA.items():
        latent = _SKILL_SHARE * agent.skills[name] + chance * rng.gauss(0, 1)
        if criterion.factor == "soft":
            latent += 0.15 * mood  # it is easier to be kind to the kind
        if name == "answer":
            latent -= topic.difficulty
        step = sum(latent > threshold for threshold in _thresholds(name))
        levels[name] = criterion.scale[step]
    return levels


def _settle_applicability(
    levels: dict[str, int | None],
    *,
    plan: TopicPlan,
    channel: str,
    introduced: bool,
    abandoned: bool,
    rng: Random,
) -> bool:
    """Mark what does not apply, and return whether account details are stated."""
    details = plan.account
    finished = rng.random() < _FINISHED
    if levels["answer"] == 0:
        # Where nobody takes charge of the request, nothing can follow.
        levels["next_steps"] = levels["time_frame"] = 0
    elif levels["answer"] == 2 and finished:
        levels["next_steps"] = levels["time_frame"] = None
    if not introduced:
        levels["name_use"] = None
    if not plan.problem:
        levels["acknowledgement"] = None
    if channel != "voice":
        levels["disclosure"] = None
    if not plan.card:
        levels["no_card_read_back"] = 1
    if not plan.account:
        levels["identification"] = None
        levels["identity_before_details"] = None
    elif levels["identification"] == 0:
        details = rng.random() < 0.7
        levels["identity_before_details"] = 0 if details else None
    if abandoned:
        for name in ("recap", "further_help", "closing"):
            levels[name] = None
    return details


def behaviour_points(levels: Mapping[str, int | None]) -> float:
    """Satisfaction points of the agent's behaviour, 0 at the average level of each criterion."""
    soft_share = UNRESOLVED_SOFT_SHARE if levels["answer"] == 0 else 1.0
    total = 0.0
    for name, criterion in CRITERIA.items():
        level = levels[name]
        if level is None or not criterion.satisfaction:
            continue
        rates = zip(criterion.scale, criterion.base_rates, strict=True)
        average = sum(step * rate for step, rate in rates)
        points = criterion.satisfaction * (level - average)
        total += points * (soft_share if name in SOFT_CRITERIA and points > 0 else 1.0)
    return total


def _rounds(mean: float, slowness: float, rng: Random) -> int:
    """Draw a Poisson number of diagnostic questions, 0-5 (Knuth's product method)."""
    limit, product, count = math.exp(-mean * math.exp(slowness)), rng.random(), 0
    while product > limit and count < 5:
        product *= rng.random()
        count += 1
    return count


def _tone(satisfaction: float, rng: Random) -> int:
    """Return how satisfied the customer sounds, 0-4; some show little of what they feel."""
    shown = rng.uniform(0.2, 1.0) * (satisfaction - _NEUTRAL_CSAT)
    return min(4, max(0, round(_NEUTRAL_CSAT - 1 + shown + rng.gauss(0, 0.8))))


def survey_propensity(settings: SimulationSettings, csat: int, channel: str) -> float:
    """Return the probability that a customer with this CSAT answers a survey."""
    return settings.survey_response[csat - 1] * _CHANNEL_RESPONSE[channel]


@lru_cache
def _agents_of(centre_agents: tuple[str, ...], languages: tuple[str, ...]) -> dict[str, list[int]]:
    return {
        language: [i for i, spoken in enumerate(centre_agents) if spoken == language]
        for language in languages
    }


def draw_encounter(centre: Centre, number: int) -> Encounter:
    """Draw conversation `number` of the centre, without its words."""
    settings = centre.settings
    rng = stream(settings.seed, "encounter", number)
    repeat = number > 0 and rng.random() < settings.repeat_share
    who = rng.randrange(max(0, number - _RECENT), number) if repeat else number
    customer = draw_customer(settings.seed, who, settings.languages)
    spoken = tuple(agent.language for agent in centre.agents)
    agent = centre.agents[rng.choice(_agents_of(spoken, settings.languages)[customer.language])]
    topic = rng.choices(centre.topics, [t.share for t in centre.topics])[0]
    plan = TOPICS[topic.topic]
    channel = "voice" if rng.random() < settings.voice_share else "chat"
    mood = customer.temper + rng.gauss(0, 0.8)
    levels = _draw_levels(agent, topic, mood, rng)
    abandoned = rng.random() < settings.abandoned_share
    introduced = rng.random() < _INTRODUCED
    details = _settle_applicability(
        levels,
        plan=plan,
        channel=channel,
        introduced=introduced,
        abandoned=abandoned,
        rng=rng,
    )
    slowness = -0.2 * agent.factors["knowledge"] + rng.gauss(0, 0.35)
    hold = channel == "voice" and rng.random() < 0.2 + 0.1 * (levels["answer"] != 2)
    transfer = rng.random() < 0.08
    agent_part = behaviour_points(levels)
    situation_part = (
        MOOD_EFFECT * mood
        + SLOWNESS_EFFECT * slowness
        + HOLD_EFFECT * hold
        + TRANSFER_EFFECT * transfer
        + REPEAT_EFFECT * repeat
    )
    noise_part = rng.gauss(0, SATISFACTION_NOISE)
    satisfaction = (
        SATISFACTION_CENTRE + agent_part + topic.satisfaction_effect + situation_part + noise_part
    )
    csat = min(5, max(1, round(satisfaction)))
    return Encounter(
        number=number,
        agent=agent,
        customer=customer,
        topic=topic,
        plan=plan,
        channel=channel,
        asr=channel == "voice" and rng.random() < settings.asr_share,
        mood=mood,
        slowness=slowness,
        rounds=_rounds(plan.rounds, slowness, rng),
        hold=hold,
        transfer=transfer,
        repeat=repeat,
        abandoned=abandoned,
        introduced=introduced,
        details=details,
        levels=levels,
        agent_part=agent_part,
        topic_part=topic.satisfaction_effect,
        situation_part=situation_part,
        noise_part=noise_part,
        satisfaction=satisfaction,
        csat=csat,
        tone=_tone(satisfaction, rng),
        propensity=survey_propensity(settings, csat, channel),
    )
