import math

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.quadrants import QUADRANTS, NotPlaced, agent_quadrants, place_agents

BETWEEN = np.array([[16.0, 0.4 * 4 * 0.08], [0.4 * 4 * 0.08, 0.0064]])  # sd 4 points, 0.08, r 0.4


def centre(n_agents, seed, *, between=BETWEEN, n=30, surveyed=0.5):
    """Agents with true means around 80 points and 0.7; half of the conversations are surveyed."""
    rng = np.random.default_rng(seed)
    true = rng.multivariate_normal([80, 0.7], between, size=n_agents)
    agent = np.repeat(np.arange(n_agents), 5 + rng.poisson(n - 5, n_agents))
    total = true[agent, 0] + 10 * rng.normal(size=agent.size)
    csat = true[agent, 1] + 0.3 * rng.normal(size=agent.size)
    csat[rng.random(agent.size) > surveyed] = np.nan
    return np.array([f"a{i:04}" for i in agent]), total, csat, true


def truly(true, lines):
    return QUADRANTS[2 * (true[1] < lines[1]) + (true[0] < lines[0])]


def test_agents_fall_in_four_quadrants_and_those_with_little_data_in_none():
    means = {"ann": (90, 1.0), "bo": (70, 1.0), "cy": (90, 0.0), "di": (70, 0.0)}
    totals, csat, agents = {}, {}, {}
    for agent, (qa, said) in means.items():
        for i in range(5):
            conversation = f"{agent}{i}"
            totals[conversation], csat[conversation] = qa, said
            agents[conversation] = agent
    totals["new0"], agents["new0"] = 50, "new"
    found = agent_quadrants(totals, csat, agents)
    assert (found.qa_line, found.csat_line) == (pytest.approx(80), pytest.approx(0.5))
    placed = {a.agent: a.quadrant for a in found.agents}
    assert placed == {"ann": "strong", "bo": "liked", "cy": "correct", "di": "struggling"}
    # Nobody's conversations differ, so the means are known and nothing is pulled in.
    assert [a.qa.value for a in found.agents] == pytest.approx([90, 70, 90, 70], abs=1e-3)
    assert all(a.probability > 0.9 for a in found.agents)
    assert found.not_placed == (NotPlaced("new", 1, 0),)
    strict = agent_quadrants(totals, csat, agents, qa_line=95)
    assert {a.quadrant for a in strict.agents} == {"liked", "struggling"}
    assert agent_quadrants({}, {}, {}).agents == ()


def test_too_few_agents_are_shown_unshrunk_and_without_probability():
    found = place_agents(["a"] * 5 + ["b"] * 5, [90] * 5 + [70] * 5, [1.0] * 5 + [0.0] * 5)
    assert [(a.qa.value, a.quadrant) for a in found.agents] == [(90, "strong"), (70, "struggling")]
    assert all(math.isnan(a.probability) for a in found.agents)
    assert not found.agents[0].qa.known
    assert math.isnan(found.qa_reliability)


def test_with_known_differences_shrinkage_is_the_textbook_one():
    # 500 agents with 20 conversations each, QA and CSAT unrelated: an observed mean keeps
    # 16 / (16 + 100 / 20) = 0.762 of its distance from the centre.
    rng = np.random.default_rng(0)
    true = rng.normal(80, 4, 500)
    agent = np.repeat(np.arange(500), 20)
    total = true[agent] + 10 * rng.normal(size=agent.size)
    found = place_agents(agent, total, rng.random(agent.size))
    observed = np.array([a.observed_qa for a in found.agents])
    shrunk = np.array([a.qa.value for a in found.agents])
    slope = np.polyfit(observed, shrunk, 1)[0]
    assert slope == pytest.approx(16 / 21, abs=0.03)
    assert found.qa_reliability == pytest.approx(16 / 21, abs=0.03)
    assert found.csat_reliability < 0.15  # agents do not differ in CSAT


def test_an_agent_with_fewer_surveys_is_pulled_in_further():
    agents, totals, csat, _ = centre(30, seed=4)
    few = (agents == "a0003") & np.isfinite(csat)
    csat[np.flatnonzero(few)[5:]] = np.nan
    found = {a.agent: a for a in place_agents(agents, totals, csat).agents}
    assert found["a0003"].n_csat == 5
    widths = {name: a.csat.high - a.csat.low for name, a in found.items()}
    assert widths["a0003"] == max(widths.values())


def test_probabilities_are_a_distribution_and_name_the_quadrant_shown():
    found = place_agents(*centre(15, seed=5)[:3], csat_line=0.75)
    for agent in found.agents:
        assert sum(agent.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert agent.probability == agent.probabilities[agent.quadrant]
        assert agent.csat.low < agent.csat.value < agent.csat.high
    assert found.csat_line == 0.75
    again = place_agents(*centre(15, seed=5)[:3], csat_line=0.75)
    assert found == again


@pytest.mark.parametrize(
    ("n_agents", "n_centres", "qa_line"), [(12, 50, None), (30, 25, None), (30, 25, 84.0)]
)
def test_probabilities_come_true(n_agents, n_centres, qa_line):
    claimed, right, shrunk, plain, inside = [], [], [], [], []
    for seed in range(n_centres):
        agents, totals, csat, true = centre(n_agents, seed)
        lines = (qa_line or true[:, 0].mean(), true[:, 1].mean())
        for agent in place_agents(agents, totals, csat, qa_line=qa_line).agents:
            is_really = true[int(agent.agent[1:])]
            claimed.append(agent.probability)
            right.append(agent.quadrant == truly(is_really, lines))
            shrunk.append((agent.qa.value - is_really[0]) ** 2)
            plain.append((agent.observed_qa - is_really[0]) ** 2)
            inside.append(agent.qa.low <= is_really[0] <= agent.qa.high)
    claimed, right = np.array(claimed), np.array(right)
    assert claimed.mean() == pytest.approx(right.mean(), abs=0.05)
    for low, high in ((0.25, 0.6), (0.6, 0.8), (0.8, 1.01)):
        within = (claimed >= low) & (claimed < high)
        assert claimed[within].mean() == pytest.approx(right[within].mean(), abs=0.09)
    assert np.mean(shrunk) < 0.95 * np.mean(plain)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_without_true_differences_nobody_is_placed_with_confidence():
    none = np.diag([1e-6, 1e-9])
    found = place_agents(*centre(40, seed=1, between=none)[:3])
    assert found.qa_reliability < 0.3
    assert np.mean([a.probability for a in found.agents]) < 0.45  # chance is 0.25


def test_arrays_must_fit():
    with pytest.raises(DataError, match="1 agents for 2"):
        place_agents(["a"], [1, 2], [1, 2])
