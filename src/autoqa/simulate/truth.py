"""The planted truth of a simulated centre: what statistics should recover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from autoqa.simulate.settings import CRITERIA, SOURCE, TOPICS, SimulationSettings
from autoqa.simulate.streams import stream

if TYPE_CHECKING:
    import pyarrow as pa

FACTORS = ("soft", "compliance", "knowledge")
_LOADING = {"soft": 0.6, "compliance": 0.5, "knowledge": 0.6}  # of each factor on general skill
_CRITERION_LOADING = 0.85  # of a criterion's skill on its factor


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTruth:
    """Latent skills of one agent, each with mean 0 and variance 1 over agents."""

    agent: str
    team: str
    language: str
    gender: str
    general: float
    factors: Mapping[str, float]  # soft, compliance, knowledge
    skills: Mapping[str, float]  # per criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTruth:
    """One topic: how often it comes up and what it costs whatever the agent does."""

    topic: str
    queue: str
    system: bool
    share: float
    satisfaction_effect: float  # CSAT points
    difficulty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterTruth:
    """One human rater's habits; severity and noise are in levels of a 0-2 scale."""

    rater: str
    severity: float  # positive: rates lower than the truth
    noise: float
    na_habit: float  # probability of N/A where the behaviour was not shown
    lapse: float  # probability of any level of the scale, whatever happened


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationTruth:
    """What really happened in one conversation."""

    conversation_id: str
    agent: str
    team: str
    topic: str
    queue: str
    language: str
    channel: str
    customer: str
    levels: Mapping[str, int | None]  # None: the criterion does not apply
    turns: Mapping[str, int]  # criterion -> first turn whose words realise its level
    mood: float
    slowness: float  # log handle time that skill and chance add
    rounds: int
    hold: bool
    transfer: bool
    repeat: bool
    abandoned: bool
    handle_s: float
    agent_part: float  # satisfaction due to the agent's behaviour, in CSAT points
    topic_part: float
    situation_part: float  # mood, waiting, transfers, earlier contacts
    noise_part: float
    satisfaction: float  # centre + the four parts, unrounded
    csat: int  # what the customer would answer, 1-5
    propensity: float  # probability that this customer answers a survey
    surveyed: bool
    raters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """The parts of the truth that do not belong to one conversation."""

    settings: SimulationSettings
    agents: tuple[AgentTruth, ...]
    topics: tuple[TopicTruth, ...]
    raters: tuple[RaterTruth, ...]

    def to_json(self) -> dict[str, Any]:
        """Return settings, agents, topics, raters, criteria and effect sizes as plain values."""
        return {
            "source": SOURCE,
            "simulated": True,
            "settings": asdict(self.settings),
            "agents": [asdict(agent) for agent in self.agents],
            "topics": [asdict(topic) for topic in self.topics],
            "raters": [asdict(rater) for rater in self.raters],
            "criteria": {name: asdict(criterion) for name, criterion in CRITERIA.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationTruth:
    """Everything planted: the centre and one row per conversation, in order."""

    centre: Centre
    conversations: tuple[ConversationTruth, ...]

    @property
    def agents(self) -> tuple[AgentTruth, ...]:
        """Return the agents of the centre."""
        return self.centre.agents

    @property
    def topics(self) -> tuple[TopicTruth, ...]:
        """Return the topics of the centre."""
        return self.centre.topics

    @property
    def raters(self) -> tuple[RaterTruth, ...]:
        """Return the raters of the centre."""
        return self.centre.raters

    def to_table(self) -> pa.Table:
        """Return one row per conversation; see `truth_table`."""
        return truth_table(self.conversations)


def truth_table(conversations: Iterable[ConversationTruth]) -> pa.Table:
    """Return conversation truths as an Arrow table with columns ``level_*`` and ``turn_*``.

    A level is null where the criterion does not apply, a turn where no words realise the level.
    """
    import pyarrow as pa

    rows = list(conversations)
    columns: dict[str, Any] = {}
    for name in ConversationTruth.__dataclass_fields__:
        if name in ("levels", "turns"):
            continue
        values = [getattr(row, name) for row in rows]
        kind = _ARROW_TYPES.get(name, "string")
        columns[name] = pa.array(
            [list(v) for v in values] if name == "raters" else values,
            type=pa.list_(pa.string()) if name == "raters" else pa.type_for_alias(kind),
        )
    for criterion in CRITERIA:
        columns[f"level_{criterion}"] = pa.array([r.levels[criterion] for r in rows], pa.int8())
        columns[f"turn_{criterion}"] = pa.array([r.turns.get(criterion) for r in rows], pa.int16())
    return pa.table(columns)


_ARROW_TYPES = {
    **dict.fromkeys(("rounds", "csat"), "int8"),
    **dict.fromkeys(("hold", "transfer", "repeat", "abandoned", "surveyed"), "bool"),
    **dict.fromkeys(
        (
            "mood",
            "slowness",
            "handle_s",
            "agent_part",
            "topic_part",
            "situation_part",
            "noise_part",
            "satisfaction",
            "propensity",
        ),
        "float64",
    ),
}


def draw_centre(settings: SimulationSettings) -> Centre:
    """Draw agents, topics and raters; depends on the settings only."""
    return Centre(
        settings=settings,
        agents=_draw_agents(settings),
        topics=_draw_topics(settings),
        raters=_draw_raters(settings),
    )


def _mixed(loading: float, shared: float, rng: Random) -> float:
    return loading * shared + math.sqrt(1 - loading**2) * rng.gauss(0, 1)


def _draw_agents(settings: SimulationSettings) -> tuple[AgentTruth, ...]:
    agents = []
    for number in range(settings.agents):
        rng = stream(settings.seed, "agent", number)
        language = settings.languages[number % len(settings.languages)]
        general = rng.gauss(0, 1)
        factors = {name: _mixed(_LOADING[name], general, rng) for name in FACTORS}
        agents.append(
            AgentTruth(
                agent=f"agent_{number + 1:02d}",
                team=f"{language}-{1 + number // len(settings.languages) % 2}",
                language=language,
                gender=rng.choice("fm"),
                general=general,
                factors=factors,
                skills={
                    name: _mixed(_CRITERION_LOADING, factors[criterion.factor], rng)
                    for name, criterion in CRITERIA.items()
                },
            )
        )
    return tuple(agents)


def _draw_topics(settings: SimulationSettings) -> tuple[TopicTruth, ...]:
    rng = stream(settings.seed, "topics")
    weights = {name: rng.uniform(0.7, 1.3) for name in TOPICS}
    sums = {
        system: math.fsum(w for name, w in weights.items() if TOPICS[name].system == system)
        for system in (True, False)
    }
    topics = []
    for name, plan in TOPICS.items():
        part = settings.system_problem_share if plan.system else 1 - settings.system_problem_share
        effect = (
            settings.system_problem_effect * rng.uniform(0.7, 1.3)
            if plan.system
            else rng.gauss(0, 0.1)
        )
        topics.append(
            TopicTruth(
                topic=name,
                queue=plan.queue,
                system=plan.system,
                share=part * weights[name] / sums[plan.system],
                satisfaction_effect=effect,
                difficulty=plan.difficulty,
            )
        )
    return tuple(topics)


def _draw_raters(settings: SimulationSettings) -> tuple[RaterTruth, ...]:
    rng = stream(settings.seed, "raters")
    # Evenly spaced severities keep the planted order recoverable from a few hundred ratings.
    steps = max(settings.raters - 1, 1)
    severities = [
        settings.severity_spread * (2 * i / steps - 1) if settings.raters > 1 else 0.0
        for i in range(settings.raters)
    ]
    rng.shuffle(severities)
    return tuple(
        RaterTruth(
            rater=f"rater_{number + 1}",
            severity=severity,
            noise=rng.uniform(0.3, 0.5),
            na_habit=rng.uniform(0.0, 0.12),
            lapse=rng.uniform(0.02, 0.08),
        )
        for number, severity in enumerate(severities)
    )
