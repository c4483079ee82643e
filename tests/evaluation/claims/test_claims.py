"""Each claim where it is planted to hold, where it is not, and where nothing is known."""

from dataclasses import replace

import numpy as np
import pytest

from autoqa.evaluation.claims import CLAIMS, ClaimData, Part, Verdict, claim_data
from autoqa.evaluation.claims.base import Settings
from autoqa.evaluation.claims.handling import tail_share
from autoqa.evaluation.claims.parts import SERVICE_PARTS
from autoqa.scorecard import load_scorecard
from autoqa.simulate import SimulationSettings, draw_centre, simulate
from autoqa.simulate.behaviour import draw_encounter

YES, NO, OPEN = Verdict.SUPPORTED, Verdict.NOT_SUPPORTED, Verdict.NOT_ENOUGH_DATA
BY_ID = {claim.id: claim for claim in CLAIMS}


def outcome(claim: str, data: ClaimData):
    return BY_ID[claim].run(data, Settings(n_resamples=100))


def shuffled(values, seed=0):
    return np.random.default_rng(seed).permutation(values)


@pytest.fixture(scope="module")
def centre() -> ClaimData:
    """A simulated centre where everybody answers the survey and a person rates every contact."""
    made = simulate(
        conversations=1500,
        seed=3,
        agents=60,
        languages=("en",),
        review_share=1.0,
        double_review_share=0.0,
        survey_response=(1.0,) * 5,
    )
    each = made.conversations
    return claim_data(
        [rating for one in each for rating in one.ratings],
        [survey for one in each for survey in one.surveys],
        each,
        card=load_scorecard("support-core"),
        failure_topics=("outage", "late_delivery", "price_increase"),
    )


def encounters(made, n=3000, **changes) -> ClaimData:
    """Simulated satisfaction with its topic and agent, without words or ratings."""
    plan = draw_centre(SimulationSettings(conversations=n, languages=("en",), agents=40, **changes))
    drawn = [draw_encounter(plan, number) for number in range(n)]
    return made(
        n,
        csat=[(one.csat - 1) / 4 for one in drawn],
        agent=[one.agent.agent for one in drawn],
        topic=[one.topic.topic for one in drawn],
    )


# High QA, high CSAT


def test_qa_that_drives_satisfaction_is_found_and_its_shuffle_is_not(centre: ClaimData):
    # Without the rule that a critical failure makes a total 0, which customers do not feel.
    felt = replace(centre, total=100 * centre.mean_share(list(centre.shares)))
    found = outcome("high_qa_high_csat", felt)
    assert found.verdict is YES
    assert found.findings[0].estimate.low > 0.3
    assert found.findings[0].estimate.n_clusters == 60  # agents are resampled
    assert [f.name for f in found.findings][-1] == "Spearman between agents' means"
    told = found.sentence
    assert told.startswith("Supported. Over 1")
    blind = replace(centre, total=shuffled(centre.total))
    assert outcome("high_qa_high_csat", blind).verdict is NO


def test_ninety_nine_and_ninety_two_percent_are_recognised(made):
    # 99 of 100 at QA 97, 920 of 1000 at QA 80, twenty times over
    happy = np.tile([*[1.0] * 99, 0.0, *[1.0] * 920, *[0.0] * 80], 20)
    total = np.tile([*[97.0] * 100, *[80.0] * 1000], 20)
    found = outcome("excellent_qa_99_positive", made(happy.size, csat=happy, total=total))
    assert found.verdict is YES
    high, below, gap = (f.estimate for f in found.findings)
    assert (high.value, high.n) == (0.99, 2000)
    assert (below.value, below.n) == (0.92, 20_000)
    assert gap.value == pytest.approx(0.07)


def test_a_centre_with_other_shares_is_told_apart(centre: ClaimData):
    found = outcome("excellent_qa_99_positive", centre)
    assert found.verdict is NO
    assert "the claim says 99 % and 92 %" in found.sentence


# Pass/fail


def graded(made, seed=0, n=3000):
    """Satisfaction that follows one criterion on five levels closely."""
    rng = np.random.default_rng(seed)
    share = rng.integers(5, size=n) / 4
    csat = np.clip(share + rng.normal(scale=0.3, size=n), 0, 1)
    return share, made(n, csat=csat, shares={"tone": share}, n_levels={"tone": 5})


def test_pass_fail_loses_what_five_levels_tell(made):
    _, data = graded(made)
    found = outcome("pass_fail_loses_nuance", data)
    assert found.verdict is YES
    lost, with_grades, with_passes = (f.estimate for f in found.findings)
    assert lost.value == pytest.approx(with_grades.value - with_passes.value)
    assert [row["different values"] for row in found.tables["distinct scores"]] == [5, 2]


def test_pass_fail_loses_nothing_where_only_passing_counts(made):
    share, data = graded(made)
    rng = np.random.default_rng(1)
    passing = (share > 0.5) * 0.6 + rng.normal(scale=0.2, size=share.size)
    assert (
        outcome("pass_fail_loses_nuance", replace(data, csat=np.clip(passing, 0, 1))).verdict is NO
    )


# Soft skills


def soft_world(made, lift, rescue, *, known=True, n=4000):
    """CSAT that rises with soft skills by `lift` when resolved and by `rescue` when not."""
    rng = np.random.default_rng(2)
    soft, resolved = rng.uniform(size=n), rng.integers(2, size=n)
    effect = np.where(resolved == 1, 0.5 + lift * soft, 0.2 + rescue * soft)
    csat = np.round(4 * np.clip(effect + rng.normal(scale=0.1, size=n), 0, 1)) / 4
    return made(
        n,
        csat=csat,
        resolved=resolved if known else np.full(n, np.nan),
        shares={"tone": soft},
        parts={Part.SOFT_SKILLS: ("tone",)},
    )


def test_soft_skills_that_only_lift_are_told_from_those_that_also_rescue(made):
    found = outcome("soft_skills_lift_not_rescue", soft_world(made, 0.4, 0.05))
    assert found.verdict is YES
    assert found.findings[0].estimate.value == pytest.approx(0.4, abs=0.03)
    assert found.findings[2].estimate.value == pytest.approx(0.05, abs=0.03)
    assert outcome("soft_skills_lift_not_rescue", soft_world(made, 0.4, 0.4)).verdict is NO
    assert outcome("soft_skills_lift_not_rescue", soft_world(made, 0.0, 0.0)).verdict is NO


def test_the_simulated_centre_where_half_answered_contacts_are_rescued_refutes_it(
    centre: ClaimData,
):
    assert outcome("soft_skills_lift_not_rescue", centre).verdict is NO


def test_without_resolution_two_thresholds_of_csat_are_compared(made):
    found = outcome("soft_skills_lift_not_rescue", soft_world(made, 0.5, 0.0, known=False))
    assert "Without resolution" in found.sentence
    assert found.findings[0].verdict is YES


# Resolution


def four_cells(made, cells, times=20):
    """Counts of resolved and satisfied, resolved only, satisfied only, neither."""
    resolved = np.repeat([1, 1, 0, 0], np.asarray(cells) * times)
    csat = np.repeat([1.0, 0.0, 1.0, 0.0], np.asarray(cells) * times)
    return made(resolved.size, resolved=resolved, csat=csat)


def test_the_four_cells_decide_whether_resolution_is_satisfaction(made):
    found = outcome("resolution_is_satisfaction", four_cells(made, (97, 3, 1, 24)))
    assert found.verdict is YES
    assert found.findings[0].estimate.value == 0.97
    assert found.findings[1].estimate.value == 0.04  # unresolved, but satisfied: 1 of 25
    cells = {row["cell"]: row["conversations"] for row in found.tables["four cells"]}
    assert cells["unresolved, satisfied"] == 20
    assert outcome("resolution_is_satisfaction", four_cells(made, (70, 30, 1, 24))).verdict is NO


def test_one_side_of_resolution_alone_decides_nothing(made):
    found = outcome("resolution_is_satisfaction", four_cells(made, (97, 3, 0, 0)))
    assert found.verdict is OPEN
    assert "0 of 2000 conversations are unresolved" in found.sentence


def recovery_world(made, after, without, n=1200):
    rng = np.random.default_rng(3)
    failure, resolved = rng.integers(2, size=n), rng.integers(2, size=n)
    mean = np.where(failure == 1, after, without)
    csat = np.clip(mean + rng.normal(scale=0.15, size=n), 0, 1)
    return made(n, csat=csat, failure=failure, resolved=resolved)


def test_the_recovery_paradox_is_seen_where_recovered_customers_are_happier(made):
    found = outcome("service_recovery_paradox", recovery_world(made, 0.7, 0.6))
    assert found.verdict is YES
    assert found.findings[0].estimate.value == pytest.approx(0.1, abs=0.03)


def test_a_centre_whose_failures_cost_satisfaction_refutes_the_paradox(centre: ClaimData):
    assert outcome("service_recovery_paradox", centre).verdict is NO


# Handling


def handling_world(made, slope, n=1500):
    """Two issue types: the long one is dissatisfying whoever handles it."""
    rng = np.random.default_rng(4)
    hard = rng.integers(2, size=n)
    skill = rng.normal(size=n)
    seconds = np.exp(5 + hard + 0.3 * skill)
    csat = np.clip(0.6 - 0.3 * hard + 0.15 * (slope * skill + rng.normal(size=n)), 0, 1)
    return made(n, handle_s=seconds, csat=csat, topic=np.where(hard == 1, "fault", "question"))


def test_time_is_compared_within_issue_types(made):
    found = outcome("longer_is_better", handling_world(made, slope=0.5))
    assert found.verdict is YES
    within, over_all = (f.estimate.value for f in found.findings)
    assert within > 0.3
    assert over_all < 0  # the long issue type hides it
    by_type = {row["issue type"]: row for row in found.tables["by issue type"]}
    assert by_type.keys() == {"question", "fault"}
    assert outcome("longer_is_better", handling_world(made, slope=-0.5)).verdict is NO


def test_turns_stand_in_where_most_times_are_unknown(made):
    rng = np.random.default_rng(5)
    turns = rng.integers(4, 40, size=200)
    found = outcome("longer_is_better", made(200, n_turns=turns, csat=turns / 40))
    assert found.verdict is YES
    assert "number of turns" in found.sentence


def test_the_longest_tenths_share_of_time_is_a_sum():
    # the longest 1 of 10 takes 91 of 100 seconds; 2 of 11 take 92 of 101
    assert tail_share(np.array([91.0, *[1.0] * 9])) == pytest.approx(0.91)
    assert tail_share(np.array([91.0, *[1.0] * 10])) == pytest.approx(92 / 101)
    assert np.isnan(tail_share(np.zeros(10)))


def test_a_long_tail_is_a_quarter_to_a_third_only_where_times_spread_so(made):
    # log-normal: the share of the longest tenth is 1 - Phi(1.2816 - sigma); 0.28 at sigma 0.70
    rng = np.random.default_rng(6)
    wide = made(20_000, handle_s=np.exp(rng.normal(5, 0.70, size=20_000)))
    found = outcome("long_tail_of_talk_time", wide)
    assert found.verdict is YES
    assert found.findings[0].estimate.value == pytest.approx(0.2804, abs=0.01)
    even = made(500, handle_s=rng.uniform(200, 220, size=500))
    assert outcome("long_tail_of_talk_time", even).verdict is NO


# The system or the agents


def test_dissatisfaction_planted_in_topics_is_the_systems(made):
    faulty = encounters(made, system_problem_effect=-2.5, system_problem_share=0.4)
    found = outcome("dissatisfaction_is_the_systems", faulty)
    assert found.verdict is YES
    worst = {row["topic"] for row in found.tables["dissatisfied by topic"][:3]}
    assert worst == {"outage", "late_delivery", "price_increase"}


def test_dissatisfaction_planted_in_agents_is_not(made):
    sound = encounters(made, system_problem_effect=0.0)
    found = outcome("dissatisfaction_is_the_systems", sound)
    assert found.verdict is NO
    assert found.findings[1].estimate.high < 0


def test_agents_of_different_skill_answer_alike_only_when_shuffled(centre: ClaimData):
    found = outcome("agents_answer_differently", centre)
    assert found.verdict is YES
    assert "the rating of answer" in found.sentence
    mixed = centre.agent.copy()
    for topic in np.unique(centre.topic):
        mixed[centre.topic == topic] = shuffled(mixed[centre.topic == topic])
    alike = outcome("agents_answer_differently", replace(centre, agent=mixed))
    assert alike.verdict is NO
    assert abs(alike.findings[0].estimate.value) < 0.04  # what chance alone leaves


# Top box


def loyal_world(made, gap, n=2000):
    rng = np.random.default_rng(7)
    csat = rng.choice([0.5, 0.75, 1.0], size=n)
    return made(n, csat=csat, loyalty=rng.normal(size=n) + gap * (csat == 1.0))


def test_top_box_customers_differ_where_their_loyalty_does(made):
    found = outcome("top_box_differs", loyal_world(made, 0.8))
    assert found.verdict is YES
    # two normals 0.8 apart: Phi(0.8 / sqrt(2)) = 0.714
    assert found.findings[0].estimate.value == pytest.approx(0.714, abs=0.03)
    assert outcome("top_box_differs", loyal_world(made, 0.0)).verdict is NO


def test_qa_stands_in_for_loyalty_and_says_so(centre: ClaimData):
    found = outcome("top_box_differs", centre)
    assert found.findings[0].name == "AUC of QA total, top box against second"
    assert "QA stands in for it" in found.sentence


# Parts of service quality, and ratings to review


def test_parts_of_service_go_with_satisfaction_until_one_is_noise(made):
    rng = np.random.default_rng(9)
    felt = rng.normal(size=1500)
    parts = {part: (part.value,) for part in SERVICE_PARTS}
    shares = {part.value: felt + rng.normal(size=1500) for part in parts}
    data = made(1500, csat=felt, shares=shares, parts=parts)
    found = outcome("parts_of_service_quality", data)
    assert found.verdict is YES
    # two normals that share half of their variance: Spearman 6 / pi * asin(0.7071 / 2) = 0.690
    assert found.findings[0].estimate.value == pytest.approx(0.690, abs=0.03)
    noise = shares | {"reliability": shuffled(shares["reliability"])}
    broken = outcome("parts_of_service_quality", replace(data, shares=noise))
    assert broken.verdict is NO
    assert [f.verdict for f in broken.findings] == [NO, YES, YES, YES]


def test_of_the_simulated_centres_parts_solutions_matter_most(centre: ClaimData):
    found = outcome("parts_of_service_quality", centre)
    values = {f.name: f.estimate.value for f in found.findings}
    assert max(values, key=lambda name: values[name]) == "Spearman of solutions"


def test_high_scores_of_dissatisfied_customers_send_the_ratings_to_review(made):
    rng = np.random.default_rng(8)
    total, csat = rng.uniform(50, 100, size=2000), rng.choice([0.0, 1.0], size=2000, p=[0.2, 0.8])
    found = outcome("ratings_need_review", made(2000, total=total, csat=csat))
    assert found.verdict is YES  # half of them are above the median, as chance has it
    listed = found.tables["ratings to review first"]
    assert len(listed) == 25
    assert listed[0]["QA total"] == round(total[csat == 0].max(), 1)
    sound = np.where(csat == 0, total * 0.7, total)
    assert outcome("ratings_need_review", made(2000, total=sound, csat=csat)).verdict is NO


# Missing data


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_what_is_missing_is_named_and_planned_for(claim, made):
    found = claim.run(made(50))
    assert found.verdict is OPEN
    assert found.sentence.startswith("Not enough data. Missing: ")
    assert found.needed == claim.planned.n
    assert str(found.needed) in found.sentence
    assert found.findings == ()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize("n", [0, 1, 12])
def test_a_handful_of_conversations_decides_nothing(claim, n, centre: ClaimData):
    keep = np.arange(len(centre.conversations)) < n
    columns = {
        name: getattr(centre, name)[keep]
        for name in ("conversations", "total", "csat", "resolved", "failure", "loyalty")
    } | {name: getattr(centre, name)[keep] for name in ("handle_s", "n_turns", "agent", "team")}
    shares = {name: share[keep] for name, share in centre.shares.items()}
    few = replace(centre, **columns, topic=centre.topic[keep], shares=shares)
    assert claim.run(few, Settings(n_resamples=20)).verdict is OPEN


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_values_that_are_all_alike_are_no_error(claim, made):
    same = np.ones(60)
    data = made(
        60,
        total=same,
        csat=same,
        resolved=same,
        failure=same,
        loyalty=same,
        handle_s=same,
        agent=np.repeat(["ann", "bo"], 30),
        topic=np.tile(["a", "b"], 30),
        shares={"tone": same, "answer": same, "reliability": same},
        n_levels={"tone": 3},
        parts={
            Part.SOFT_SKILLS: ("tone",),
            Part.RESOLUTION: ("answer",),
            Part.RELIABILITY: ("reliability",),
            Part.SOLUTIONS: ("answer",),
        },
    )
    assert claim.run(data, Settings(n_resamples=20)).verdict in (OPEN, NO)
