"""What a simulated contact centre is made of: settings, criteria, topics, and effect sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autoqa.errors import DataError, near_miss
from autoqa.scorecard import load_scorecard

SOURCE = "autoqa simulation"
SCORECARD = "support-core"
PHRASES = Path(__file__).parent / "phrases"


@dataclass(frozen=True, slots=True)
class SimulatedCriterion:
    """How one criterion of the scorecard behaves in the simulation."""

    scale: tuple[int, ...]  # the scorecard's levels, lowest first
    base_rates: tuple[float, ...]  # share of each level at average skill, lowest level first
    factor: str  # the agent's latent factor that drives it: soft, compliance or knowledge
    rater_noise: float  # 1: subjective wording, below 1: easy to check
    satisfaction: float = 0.0  # points of satisfaction per level


# Shares of the levels, what drives them, noise of the raters, satisfaction per level.
_BEHAVIOUR: Mapping[str, tuple[tuple[float, ...], str, float, float]] = {
    "courtesy": ((0.12, 0.38, 0.50), "soft", 1.0, 0.15),
    "no_rudeness": ((0.03, 0.05, 0.92), "soft", 0.7, 0.50),
    "greeting": ((0.10, 0.30, 0.60), "compliance", 0.6, 0.05),
    "name_use": ((0.35, 0.35, 0.30), "soft", 0.5, 0.04),
    "acknowledgement": ((0.28, 0.37, 0.35), "soft", 1.0, 0.25),
    "listening": ((0.22, 0.40, 0.38), "soft", 1.0, 0.20),
    "personalisation": ((0.60, 0.40), "soft", 1.0, 0.22),
    "identification": ((0.12, 0.28, 0.60), "compliance", 0.4, 0.0),
    "identity_before_details": ((0.12, 0.88), "compliance", 0.6, 0.0),
    "disclosure": ((0.15, 0.85), "compliance", 0.4, 0.0),
    "no_card_read_back": ((0.18, 0.82), "compliance", 0.4, 0.0),
    "recap": ((0.40, 0.30, 0.30), "compliance", 0.8, 0.04),
    "further_help": ((0.30, 0.70), "compliance", 0.4, 0.0),
    "closing": ((0.12, 0.88), "compliance", 0.4, 0.05),
    "answer": ((0.18, 0.30, 0.52), "knowledge", 0.8, 0.75),
    "next_steps": ((0.25, 0.75), "knowledge", 0.8, 0.15),
    "time_frame": ((0.35, 0.65), "knowledge", 0.6, 0.15),
}


def _on_the_scorecards_scales() -> Mapping[str, SimulatedCriterion]:
    """Join behaviour with the scorecard's scales, so that the two cannot drift apart."""
    card = load_scorecard(SCORECARD)
    joined = {}
    for criterion, (base_rates, factor, rater_noise, satisfaction) in _BEHAVIOUR.items():
        scale = card.criterion(criterion).scale
        if len(base_rates) != len(scale):
            raise DataError(
                f"simulation: {criterion} has {len(base_rates)} base rates, but {len(scale)}"
                f" levels in the scorecard '{SCORECARD}'; give one rate per level"
            )
        joined[criterion] = SimulatedCriterion(scale, base_rates, factor, rater_noise, satisfaction)
    return MappingProxyType(joined)


CRITERIA: Mapping[str, SimulatedCriterion] = _on_the_scorecards_scales()

SOFT_CRITERIA = tuple(name for name, c in CRITERIA.items() if c.factor == "soft")

SATISFACTION_CENTRE = 3.8
MOOD_EFFECT = 0.35
SLOWNESS_EFFECT = -0.20
HOLD_EFFECT = -0.15
TRANSFER_EFFECT = -0.25
REPEAT_EFFECT = -0.30
SATISFACTION_NOISE = 0.70
UNRESOLVED_SOFT_SHARE = 0.35
"""Soft skills lift a resolved contact; after no answer only this share of their effect remains."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """Fixed traits of a topic; the size of its system problem is drawn per centre."""

    queue: str
    system: bool = False  # a fault of the company that no agent can make good
    card: bool = False  # a card number comes up
    account: bool = True  # needs account details, hence identification
    problem: bool = True  # the customer reports a problem, which can be acknowledged
    difficulty: float = 0.0  # lowers `answer`, in standard deviations
    rounds: float = 1.5  # mean number of diagnostic questions


TOPICS: Mapping[str, TopicPlan] = MappingProxyType(
    {
        "outage": TopicPlan("technical", system=True, difficulty=0.5, rounds=2.0),
        "late_delivery": TopicPlan("orders", system=True, difficulty=0.2, rounds=1.5),
        "price_increase": TopicPlan("billing", system=True, difficulty=0.3, rounds=1.0),
        "double_charge": TopicPlan("billing", card=True, rounds=1.2),
        "payment_failed": TopicPlan("billing", card=True, difficulty=0.1, rounds=1.5),
        "slow_connection": TopicPlan("technical", difficulty=0.2, rounds=2.6),
        "address_change": TopicPlan("accounts", problem=False, difficulty=-0.4, rounds=1.2),
        "tariff_question": TopicPlan(
            "sales", account=False, problem=False, difficulty=-0.3, rounds=1.4
        ),
    }
)


def known_languages() -> tuple[str, ...]:
    """Return the languages that the simulation has wording for."""
    return tuple(sorted(path.stem for path in PHRASES.glob("*.yaml")))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """Everything that a simulated centre depends on; equal settings give equal bytes.

    Conversation ``i`` depends on the seed and on ``i``, not on how many follow, so a smaller
    simulation is the beginning of a larger one.

    Parameters
    ----------
    conversations, agents, raters : int
    seed : int
    languages : tuple of str
        Subset of `known_languages`; each needs at least one agent.
    review_share, double_review_share : float
        Share of conversations that a person rates, and share of those rated by a second person.
    voice_share : float
        Calls among the conversations; the others are chats.
    system_problem_share : float
        Conversations whose topic is a fault of the company.
    system_problem_effect : float
        Mean effect of such a fault on satisfaction, in CSAT points; negative.
    severity_spread : float
        Half the distance between the mildest and the strictest rater, in levels of a 0-2 scale.
    survey_response : tuple of five float
        Probability that a customer whose CSAT would be 1..5 answers the survey.
    repeat_share, abandoned_share : float
        Customers who come back, and customers who leave before the closing.
    asr_share : float
        Calls transcribed in lower case without punctuation.
    chat_typos : float
        Probability of a typing error per word of a customer's chat message.

    Raises
    ------
    DataError
        If a share is outside 0-1, a count too small, or a language unknown.
    """

    conversations: int = 2000
    seed: int = 7
    agents: int = 24
    languages: tuple[str, ...] = ("en", "es", "it", "zh")
    review_share: float = 0.2
    raters: int = 4
    double_review_share: float = 0.3
    voice_share: float = 0.5
    system_problem_share: float = 0.25
    system_problem_effect: float = -1.0
    severity_spread: float = 0.35
    survey_response: tuple[float, float, float, float, float] = (0.50, 0.28, 0.14, 0.16, 0.28)
    repeat_share: float = 0.15
    abandoned_share: float = 0.04
    asr_share: float = 0.7
    chat_typos: float = 0.03

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(self.languages))
        object.__setattr__(self, "survey_response", tuple(self.survey_response))
        for language in self.languages:
            if language not in known_languages():
                raise DataError(
                    f"simulation: no wording for language '{language}'."
                    f"{near_miss(language, known_languages())}"
                    f" There is {', '.join(known_languages())}."
                )
        if not self.languages or len(set(self.languages)) < len(self.languages):
            raise DataError(f"simulation: languages {self.languages} must be given, each once")
        for name, least in (("conversations", 0), ("agents", len(self.languages)), ("raters", 1)):
            if getattr(self, name) < least:
                raise DataError(
                    f"simulation: {name} is {getattr(self, name)}; at least {least} needed"
                )
        if self.double_review_share and self.raters < 2:
            raise DataError("simulation: a double review needs at least 2 raters")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"simulation: {name} is {getattr(self, name)}, not in 0-1")
        if len(self.survey_response) != 5 or not all(0 < p <= 1 for p in self.survey_response):
            raise DataError(
                "simulation: survey_response needs 5 probabilities above 0 and up to 1,"
                f" found {self.survey_response}"
            )


_SHARES = (
    "review_share",
    "double_review_share",
    "voice_share",
    "system_problem_share",
    "repeat_share",
    "abandoned_share",
    "asr_share",
    "chat_typos",
)
