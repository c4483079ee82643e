"""A seeded generator of a whole contact centre, with the planted truth beside it.

Agents with latent skills, topics with system problems, raters with severity and habits, and
customers whose answer to a survey depends on how satisfied they are. Everything that it makes is
labelled as simulated.
"""

from __future__ import annotations

from autoqa.simulate.files import SimulationFiles, write_simulation
from autoqa.simulate.generate import (
    SimulatedCentre,
    SimulatedConversation,
    iter_simulated,
    simulate,
)
from autoqa.simulate.settings import CRITERIA, SimulationSettings, known_languages
from autoqa.simulate.truth import (
    AgentTruth,
    Centre,
    ConversationTruth,
    RaterTruth,
    SimulationTruth,
    TopicTruth,
    draw_centre,
)

__all__ = [
    "CRITERIA",
    "AgentTruth",
    "Centre",
    "ConversationTruth",
    "RaterTruth",
    "SimulatedCentre",
    "SimulatedConversation",
    "SimulationFiles",
    "SimulationSettings",
    "SimulationTruth",
    "TopicTruth",
    "draw_centre",
    "iter_simulated",
    "known_languages",
    "simulate",
    "write_simulation",
]
