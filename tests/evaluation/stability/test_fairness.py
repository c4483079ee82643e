import json
import math

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.stability.counterfactual import SwapVerdict, swap_changes
from autoqa.evaluation.stability.fairness import GapVerdict, group_gaps


def centre(n_agents=60, per_agent=20, *, score_gap=0.0, error_gap=0.0, noise=0.0, seed=0):
    """Scores of calls in English and, one in three, in Spanish; agents take both."""
    rng = np.random.default_rng(seed)
    automated, human, language, agents = {}, {}, {}, {}
    for agent in range(n_agents):
        good = rng.normal(0, 6)  # agents differ
        for call in range(per_agent):
            key = f"a{agent}-{call}"
            spanish = call % 3 == 0
            truth = 70 + good + rng.normal(0, 8) + score_gap * spanish
            human[key] = truth
            wide = noise if spanish else 0.0
            automated[key] = truth + rng.normal(0, 4 + wide) + error_gap * spanish
            language[key] = "es" if spanish else "en"
            agents[key] = f"agent{agent}"
    return automated, human, language, agents


def gap_of(report, group, measure):
    (found,) = [g for g in report.of(measure) if g.group == group]
    return found


def test_groups_that_differ_are_no_unfairness_of_a_scorer_that_follows_people():
    automated, human, language, agents = centre(score_gap=-8)
    report = group_gaps(automated, language, human=human, agents=agents, attribute="language")
    assert gap_of(report, "es", "automated").verdict is GapVerdict.LOWER
    assert gap_of(report, "es", "human").verdict is GapVerdict.LOWER
    assert gap_of(report, "es", "error").verdict is GapVerdict.WITHIN_MARGIN
    assert "no gap that matters in automated minus human score" in report.summary()[1]


def test_a_scorer_that_is_severe_on_one_group_is_found():
    automated, human, language, agents = centre(error_gap=-6)
    report = group_gaps(automated, language, human=human, agents=agents, attribute="language")
    error = gap_of(report, "es", "error")
    assert error.verdict is GapVerdict.LOWER
    assert error.found.gap.low < -6 < error.found.gap.high
    assert error.found.n_group + error.found.n_reference == 1200
    assert "held against people, the scorer is more severe here" in error.sentence
    assert gap_of(report, "en", "error").verdict is GapVerdict.HIGHER


def test_a_scorer_that_is_only_noisier_on_one_group_is_found_too():
    automated, human, language, _ = centre(noise=6)
    report = group_gaps(automated, language, human=human)
    assert gap_of(report, "es", "error").verdict is GapVerdict.WITHIN_MARGIN
    assert gap_of(report, "es", "absolute_error").verdict is GapVerdict.HIGHER


def test_the_gap_is_the_difference_of_means():
    automated = {f"c{i}": float(i) for i in range(80)}
    groups = {key: "low" if i < 40 else "high" for i, key in enumerate(automated)}
    report = group_gaps(automated, groups, n_resamples=50)
    low = gap_of(report, "low", "automated").found
    assert (low.mean_group, low.mean_reference, low.gap.value) == (19.5, 59.5, -40.0)
    assert "nobody can tell whether the scorer or the conversations differ" in report.summary()[-1]


def test_small_groups_get_no_figure():
    automated, human, language, agents = centre()
    for key in list(automated)[:29]:
        language[key] = "it"
    report = group_gaps(automated, language, human=human, agents=agents, attribute="language")
    small = gap_of(report, "it", "error")
    assert small.verdict is GapVerdict.NOT_ENOUGH
    assert small.sentence == (
        "language it: not enough data (n=29 against 1171; each side needs 30 conversations "
        "of 10 agents)."
    )
    assert math.isnan(small.found.gap.value)
    assert math.isnan(small.adjusted_p_value)
    assert small.found.n_group == 29


def test_many_calls_of_few_agents_are_not_enough_either():
    automated, _, _, agents = centre()
    team = {key: "new" if agents[key] in ("agent1", "agent2") else "old" for key in automated}
    report = group_gaps(automated, team, agents=agents)
    assert gap_of(report, "new", "automated").found.n_group == 40
    assert {gap.verdict for gap in report.gaps} == {GapVerdict.NOT_ENOUGH}


def test_groups_without_human_scores_are_listed_as_not_enough_data():
    automated, human, language, _ = centre()
    human = {key: score for key, score in human.items() if language[key] == "en"}
    report = group_gaps(automated, language, human=human)
    assert {gap.group for gap in report.of("error")} == {"en", "es"}
    assert gap_of(report, "es", "error").verdict is GapVerdict.NOT_ENOUGH
    nobody = group_gaps(automated, language, human={})
    assert {gap.verdict for gap in nobody.of("error")} == {GapVerdict.NOT_ENOUGH}


def test_a_reference_group_is_what_the_others_are_compared_with():
    automated, _, language, _ = centre(score_gap=-8)
    for i, key in enumerate(automated):
        if i % 3 == 1:
            language[key] = "it"
    report = group_gaps(automated, language, reference="en")
    assert [gap.group for gap in report.gaps] == ["es", "it"]
    assert "than for en" in report.gaps[0].sentence


def test_unusable_input_is_refused_by_name():
    with pytest.raises(DataError, match="No scored conversation has a language"):
        group_gaps({"a": 1.0}, {"b": "en"}, attribute="language")
    with pytest.raises(DataError, match="group 'english'"):
        group_gaps({"a": 1.0}, {"a": "en"}, reference="english")
    with pytest.raises(DataError, match="a: the score is inf"):
        group_gaps({"a": math.inf}, {"a": "en"})


def test_the_report_is_json_and_html():
    automated, human, language, _ = centre(n_agents=10)
    groups = {key: f"<b>{name}" for key, name in language.items()}
    groups.pop("a0-0")
    groups["a0-1"] = "rare"
    report = group_gaps(automated, groups, human=human, n_resamples=50)
    assert report.ungrouped == 1
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["gaps"][0]["found"]["gap"]["n"] == 199
    page = report._repr_html_()
    assert "&lt;b&gt;es" in page
    assert "<b>es" not in page


@pytest.mark.slow
def test_false_discoveries_stay_at_the_stated_rate_and_intervals_cover():
    """200 centres without any gap, five groups of 12 agents: agents differ, groups do not."""
    rng = np.random.default_rng(5)
    agent = np.repeat(np.arange(60), 8)
    keys = [f"c{i}" for i in range(agent.size)]
    agents = {key: f"a{a}" for key, a in zip(keys, agent, strict=True)}
    groups = {key: f"g{a % 5}" for key, a in zip(keys, agent, strict=True)}
    false, covered, gaps = 0, 0, []
    for seed in range(200):
        scores = 70 + rng.normal(0, 6, 60)[agent] + rng.normal(0, 8, agent.size)
        named = dict(zip(keys, scores.tolist(), strict=True))
        report = group_gaps(named, groups, agents=agents, n_resamples=120, seed=seed)
        false += any(gap.verdict in (GapVerdict.LOWER, GapVerdict.HIGHER) for gap in report.gaps)
        first = report.gaps[0].found.gap
        covered += first.low <= 0 <= first.high
        gaps.append(first.value)
    assert false / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)
    # twelve agents in a group: percentile intervals are somewhat narrow, as documented
    assert 0.86 <= covered / 200 <= 0.98
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / math.sqrt(200)  # no bias


# counterfactual swaps


def swapped(change, n=60):
    before = {f"c{i}": 50.0 + i % 7 for i in range(n)}
    return before, {key: before[key] + change(i) for i, key in enumerate(before)}


def test_swaps_that_move_nothing_are_withstood():
    before, after = swapped(lambda i: 0.2 if i % 2 else -0.2)
    (found,) = swap_changes(before, {"names": after}).changes
    assert found.mean_absolute_change.value == pytest.approx(0.2)
    assert found.mean_change.value == pytest.approx(0.0)
    assert found.verdict is SwapVerdict.WITHSTANDS
    assert "On the whole" not in found.sentence


def test_swaps_that_move_scores_one_way_are_told_from_those_that_scatter_them():
    before, down = swapped(lambda i: -3.0 - i % 2)
    _, both = swapped(lambda i: 4.0 if i % 2 else -4.0)
    report = swap_changes(before, {"genders": down, "names": both})
    genders, names = report.changes
    assert genders.mean_change.value == pytest.approx(-3.5)
    assert genders.verdict is names.verdict is SwapVerdict.MOVES
    assert "lowers them" in genders.sentence
    assert "On the whole" not in names.sentence
    assert json.loads(json.dumps(report.to_dict()))["changes"][0]["kind"] == "genders"
    assert "genders" in report._repr_html_()


def test_few_conversations_are_not_enough_however_many_items_they_have():
    before, after = swapped(lambda _: 0.0)
    clusters = {key: f"conversation{i % 10}" for i, key in enumerate(before)}
    (found,) = swap_changes(before, {"names": after}, clusters=clusters).changes
    assert found.verdict is SwapVerdict.NOT_ENOUGH
    assert found.sentence == "names: not enough data (n=60, 10 independent)."
    assert found.mean_change.n_clusters == 10


def test_a_limit_inside_the_interval_decides_nothing():
    rng = np.random.default_rng(0)
    draws = rng.exponential(1.0, 60)
    before, after = swapped(lambda i: draws[i])
    (found,) = swap_changes(before, {"names": after}).changes
    assert found.verdict is SwapVerdict.UNCERTAIN
    assert "raises them" in found.sentence


def test_a_swap_without_its_original_is_refused():
    with pytest.raises(DataError, match="names: c9 has a score after the swap but none before"):
        swap_changes({"c1": 1.0}, {"names": {"c1": 1.0, "c9": 2.0}})
