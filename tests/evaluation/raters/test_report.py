import math

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.raters.effects import fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable
from autoqa.evaluation.raters.report import rater_report
from autoqa.evaluation.raters.session_rule import SessionRule, TraitTest, findings, trait_test
from autoqa.evaluation.raters.traits import drift, not_applicable_habits, spread_and_agreement
from autoqa.records import RaterKind, Rating, Status

LEVELS = range(1, 8)


def rating(conversation, rater, level):
    return Rating(
        conversation_id=conversation,
        criterion="tone",
        rater=rater,
        kind=RaterKind.HUMAN,
        status=Status.RATED if level is not None else Status.NOT_APPLICABLE,
        level=level,
    )


def team(seed, *, n_items=250, n_raters=10, per_item=4, change=lambda _rater, _time, value: value):
    """Ratings 1-7 of a team without faults, but for what `change` makes of a reading."""
    rng = np.random.default_rng(seed)
    ratings = []
    for i in range(n_items):
        truth = rng.normal(4, 1.2)
        for j in rng.choice(n_raters, per_item, replace=False):
            read = change(j, i / n_items, truth + rng.normal(0, 0.6))
            level = None if read is None else int(np.clip(round(read), 1, 7))
            ratings.append(rating(f"c{i:04d}", f"r{j}", level))
    return ratings


def when(rating):
    return float(rating.conversation_id[1:])


def report(ratings, **more):
    return rater_report(ratings, levels=LEVELS, when=when, n_resamples=200, **more)


def only(found, rater):
    return next(p for p in found.raters if p.rater == rater)


def test_a_team_without_faults_needs_no_session():
    found = report(team(1))
    assert found.need_session == ()
    assert found.n_items == 250
    assert found.severity_share < 0.05
    # each interval misses in one case of twenty, so not all of ten need to hold
    assert sum(p.severity.low < 0 < p.severity.high for p in found.raters) >= 8
    assert sum(p.spread.low < 1 < p.spread.high for p in found.raters) >= 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda j, _t, x: x - 1.2 * (j == 0), "severe"),
        (lambda j, _t, x: x + 1.2 * (j == 0), "lenient"),
        (lambda j, _t, x: 4 + 0.3 * (x - 4) if j == 0 else x, "keeps to the middle of the scale"),
        (lambda j, _t, x: 4 + 2.5 * (x - 4) if j == 0 else x, "uses the ends of the scale"),
        (lambda j, t, x: x + 3.0 * (t - 0.5) * (j == 0), "became milder"),
        (lambda j, t, x: x - 3.0 * (t - 0.5) * (j == 0), "became more severe"),
        (lambda j, _t, x: 8 - x if j == 0 else x, "agrees little with the others"),
    ],
)
def test_a_planted_fault_is_found_in_its_rater_alone(change, words):
    found = report(team(2, change=change))
    assert found.need_session == ("r0",)
    assert only(found, "r0").findings[0] == words


def test_answering_not_applicable_more_often_is_found():
    rng = np.random.default_rng(3)
    skip = lambda j, _t, x: None if rng.random() < (0.4 if j == 0 else 0.05) else x  # noqa: E731
    found = report(team(3, change=skip))
    own = only(found, "r0")
    assert found.need_session == ("r0",)
    assert own.findings == ("answers 'not applicable' more often",)
    assert own.not_applicable == pytest.approx(0.4, abs=0.1)
    assert own.excess_not_applicable.low > 0.05
    assert only(report(team(3)), "r0").excess_not_applicable is None


def test_severity_is_in_units_of_the_scale_and_severe_is_above_zero():
    found = report(team(4, change=lambda j, _t, x: x - 1.0 * (j == 0)))
    own = only(found, "r0")
    assert found.raters[0] is own
    # 1.0 below nine others, so 0.9 below the average of all ten; shrinkage takes a little
    assert own.severity.value == pytest.approx(0.88, abs=0.15)
    assert own.mean < found.mean


@pytest.mark.slow
def test_without_faults_few_teams_have_anybody_named():
    """A tolerance beyond the truth makes the false discovery rate an upper bound."""
    named = sum(bool(report(team(100 + s, n_items=120)).need_session) for s in range(30))
    assert named <= 3


@pytest.mark.slow
def test_intervals_of_spread_agreement_and_drift_cover():
    """30 teams of 10: 95 % intervals cover 90-99 % (variance ratio 1; drift 0)."""
    spread, moved = [], []
    for seed in range(30):
        table = RatingTable.from_ratings(team(200 + seed, n_items=200), when=when)
        effects = fit_rater_effects(table)
        ratios, _ = spread_and_agreement(table, effects, n_resamples=200, seed=seed)
        spread += [e.low <= 1 <= e.high for e in ratios]
        moved += [e.low <= 0 <= e.high for e in drift(table, effects)]
    assert 0.90 <= np.mean(spread) <= 0.99
    assert 0.90 <= np.mean(moved) <= 0.99


def test_planted_drift_is_recovered():
    def moved(seed):
        table = RatingTable.from_ratings(
            team(seed, change=lambda j, t, x: x + 2.0 * (t - 0.5) * (j == 0)), when=when
        )
        return drift(table, fit_rater_effects(table))[0].value

    # one run has a standard error of about 0.28, the mean of eight one of 0.10
    assert np.mean([moved(seed) for seed in range(300, 308)]) == pytest.approx(2.0, abs=0.25)


def test_agreement_is_the_correlation_with_the_mean_of_the_others():
    items = [f"i{i}" for i in range(8)]
    values = {
        "a": [1, 2, 3, 4, 5, 6, 7, 8],
        "b": [2, 1, 4, 3, 6, 5, 8, 7],
        "c": [1, 1, 2, 3, 3, 4, 6, 9],
    }
    table = RatingTable.from_arrays(
        items * 3, np.repeat(list("abc"), 8), [v for given in values.values() for v in given]
    )
    effects = fit_rater_effects(table)
    spread, agreement = spread_and_agreement(table, effects, n_resamples=50)
    others = (np.array(values["b"]) + np.array(values["c"])) / 2
    assert agreement[0].value == pytest.approx(np.corrcoef(values["a"], others)[0, 1], abs=1e-9)
    adjusted = np.array([values["b"], values["c"]]) - effects.effect[1:, None]
    expected = np.var(values["a"]) / np.var(adjusted)
    assert spread[0].value == pytest.approx(expected, abs=1e-9)
    assert agreement[0].n == 8


def test_drift_needs_times_and_is_the_slope_from_first_to_last():
    table = RatingTable.from_ratings(team(5, n_items=40), when=when)
    effects = fit_rater_effects(table)
    own = table.rater == 0
    left = (table.value - effects.mean - effects.effect[table.rater] - effects.without_own)[own]
    time = table.time[own]
    expected = np.polyfit(time, left, 1)[0] * np.ptp(time)
    assert drift(table, effects)[0].value == pytest.approx(expected, abs=1e-9)
    untimed = RatingTable.from_ratings(team(5, n_items=40))
    assert drift(untimed, effects) == [None] * 10


def test_raters_with_few_ratings_are_described_but_not_tested():
    ratings = team(6) + [rating(f"c{i:04d}", "new", 1) for i in range(5)]
    own = only(report(ratings), "new")
    assert own.n_ratings == 5
    assert own.severity.value > 0
    assert own.p_values == {}
    assert not own.needs_session


def test_a_trait_is_tested_against_its_tolerance_not_against_zero():
    settings = {"tolerance": 0.5, "above": "high", "below": "low"}
    assert trait_test("a", "x", 0.4, 0.01, **settings).p_value > 0.99
    assert trait_test("a", "x", 0.5, 0.1, **settings).p_value == pytest.approx(0.5)
    assert trait_test("a", "x", -0.696, 0.1, **settings).p_value == pytest.approx(0.025, abs=1e-3)
    assert trait_test("a", "x", -0.7, 0.1, **settings).words == "low"
    assert trait_test("a", "x", math.nan, 0.1, **settings) is None
    assert trait_test("a", "x", 1.0, math.inf, **settings) is None


def test_many_tests_are_corrected_together():
    def tests(*p_values):
        return [
            TraitTest(rater=str(i), trait="x", p_value=p, words="w") for i, p in enumerate(p_values)
        ]

    # Benjamini-Hochberg at 5 % of 4: limits .0125, .025, .0375, .05; the second largest passes
    words, p_values = findings([*tests(0.01, 0.02, 0.037, 0.2), None], SessionRule())
    assert set(words) == {"0", "1", "2"}
    assert p_values["3"] == {"x": 0.2}
    assert findings(tests(0.03, 0.9, 0.9, 0.9), SessionRule())[0] == {}
    assert findings([], SessionRule()) == ({}, {})


def test_the_rule_can_be_changed_and_says_what_it_is():
    ratings = team(7, change=lambda j, _t, x: x - 0.9 * (j == 0))
    assert report(ratings).need_session == ("r0",)
    lax = report(ratings, rule=SessionRule(severity=0.3))
    assert lax.need_session == ()
    assert "severity beyond 30% of the scale" in str(lax.rule)


def test_the_report_is_a_table_and_escapes_names():
    found = report([*team(8, n_items=60), rating("c0001", "<b>", 3)])
    frame = found.to_frame()
    assert list(frame["rater"]) == [p.rater for p in found.raters]
    assert frame["severity"].is_monotonic_decreasing
    assert frame["drift_low"].notna().sum() == 10
    assert "&lt;b&gt;" in found._repr_html_()


def test_not_applicable_habits_without_variation_are_shares_only():
    always = [rating(f"c{i}", name, None) for i in range(3) for name in "ab"]
    habits = not_applicable_habits(always)
    assert habits["a"].share == 1.0
    assert habits["a"].excess is None


def test_nothing_to_report_is_refused():
    with pytest.raises(DataError, match="severity needs at least 2 raters"):
        rater_report([rating("c1", "ann", 1)])
    assert isinstance(only(report(team(9, n_items=60)), "r1").severity, Estimate)
