"""What is drawn, read back from the axes, equals the figures of the part."""

import math
from dataclasses import replace

import numpy as np
import pytest

from autoqa.evaluation import plots
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.plots.csat import SURE
from autoqa.evaluation.raters import ReplacementVerdict


def points(axes, marker=None):
    """Places of the markers of single points, in the order they were drawn."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() not in ("None", "")
        and line.get_marker() in (marker or line.get_marker())
        and len(line.get_xdata()) == 1
    ]


def spans(axes):
    """Ends of the horizontal lines between two points."""
    return [
        tuple(map(float, line.get_xdata()))
        for line in axes.lines
        if len(line.get_xdata()) == 2 and len(set(line.get_ydata())) == 1
    ]


def words(figure):
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    below = figure.get_supxlabel()
    named = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    return " ".join([*texts, below, *named]).replace("\n", " ")


def labels(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_agreement_stands_beside_its_ceiling_the_closest_first(parts):
    comparison = parts["agreement"]
    figure = plots.plot_agreement(comparison)
    (axes,) = figure.axes
    ordered = sorted(
        comparison.criteria, key=lambda c: -c.figures["quadratic_kappa"].automated.value
    )
    assert labels(axes) == [f"{c.criterion} (n={c.n_items})" for c in ordered]
    kappas = [c.figures["quadratic_kappa"] for c in ordered]
    assert [x for x, _ in points(axes, "o")] == [k.automated.value for k in kappas]
    ceilings = [k.ceiling.value for k in kappas if k.ceiling is not None]
    assert [x for x, _ in points(axes, "s")] == ceilings
    assert (kappas[0].automated.low, kappas[0].automated.high) in spans(axes)
    assert "no second human" in words(figure)
    assert comparison.plot_agreement().axes[0].get_xlabel() == "Quadratic kappa, 95 % interval"


def test_an_agreement_figure_that_is_not_defined_is_named(parts):
    comparison = parts["agreement"]
    first = comparison.criteria[0]
    without = {k: v for k, v in first.figures.items() if k != "within_one"}
    changed = replace(
        comparison, criteria=(replace(first, figures=without), *comparison.criteria[1:])
    )
    figure = plots.plot_agreement(changed, figure="within_one")
    assert len(labels(figure.axes[0])) == 2
    assert f"Not defined for: {first.criterion}." in words(figure)


def test_quadrants_fill_the_markers_of_sure_agents(parts):
    quadrants = parts["quadrants"]
    (axes,) = plots.plot_quadrants(quadrants).axes
    drawn = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0])): line.get_markerfacecolor()
        for line in axes.lines
        if len(line.get_xdata()) == 1 and line.get_marker() != "None"
    }
    assert len(drawn) == len(quadrants.agents) == 30
    for one in quadrants.agents:
        filled = drawn[one.qa.value, 100 * one.csat.value] != "white"
        assert filled == (one.probability >= SURE)
    assert "Not shown, with fewer than 5 totals or surveys: 1." in words(axes.figure)


def test_labels_of_agents_cover_neither_each_other_nor_a_marker(parts):
    quadrants = parts["quadrants"]
    figure = plots.plot_quadrants(quadrants)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    named = {text.get_text(): text for text in axes.texts if text.get_text().startswith("agent")}
    assert 3 <= len(named) <= 10
    boxes = [text.get_window_extent() for text in named.values()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        for one in quadrants.agents:
            assert not box.contains(*axes.transData.transform((one.qa.value, 100 * one.csat.value)))
    surest = max(quadrants.agents, key=lambda one: one.probability)
    assert surest.agent in named


def test_few_agents_are_shown_without_intervals_and_it_is_said(parts):
    quadrants = parts["quadrants"]
    bare = [
        replace(
            one,
            qa=replace(one.qa, low=math.nan, high=math.nan),
            csat=replace(one.csat, low=math.nan, high=math.nan),
            probability=math.nan,
        )
        for one in quadrants.agents[:3]
    ]
    figure = plots.plot_quadrants(replace(quadrants, agents=tuple(bare)))
    assert "3 agents are too few to estimate intervals" in words(figure)
    assert not figure.legends


def test_drivers_are_drawn_with_verdict_and_asymmetry(parts):
    drivers = parts["drivers"]
    figure = plots.plot_drivers(drivers)
    left, right = figure.axes
    known = [c for c in drivers.criteria if c.effect.known]
    assert [x for x, _ in points(left)] == pytest.approx([100 * c.effect.value for c in known])
    assert [x for x, _ in points(right, "v")] == pytest.approx(
        [100 * c.prevents.value for c in known]
    )
    assert [x for x, _ in points(right, "^")] == pytest.approx([100 * c.lifts.value for c in known])
    (reversed_one,) = points(left, "v")
    assert reversed_one[0] == pytest.approx(-14)
    said = [(text.get_text(), text.get_position()[1]) for text in right.texts]
    assert said == [("prevents bad", 0), ("lifts good", 1), ("not known", 5)]
    band = left.patches[0].get_extents().transformed(left.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-5, 5))


def test_shares_of_r2_are_ordered_and_the_unknown_one_is_last(parts):
    figure = plots.plot_dominance(parts["dominance"])
    (axes,) = figure.axes
    values = [x for x, _ in points(axes)]
    assert values == sorted(values, reverse=True)
    assert labels(axes)[-1] == "closing (n=400)"
    assert "All criteria together explain 20.0 [15.0, 25.0] %" in words(figure)


def test_weights_go_from_now_to_suggested_above_their_floors(parts):
    realignment = parts["weights"]
    figure = plots.plot_weights(realignment)
    (axes,) = figure.axes
    assert [x for x, _ in points(axes, "o")] == [20, 30, 25, 25]
    assert [x for x, _ in points(axes, "D")] == [41, 12, 25, 22]
    assert points(axes, "|") == [(25, 2)]
    assert [t.get_text() for t in axes.texts[:4]] == ["+21.0", "−18.0", "0.0", "−3.0"]
    assert "Worth a change." in words(figure)


def test_the_yield_curve_says_what_a_tenth_of_the_reviews_finds(parts):
    curve = parts["review_yield"]
    figure = plots.plot_review_yield(curve)
    (axes,) = figure.axes
    found, random = axes.lines[:2]
    np.testing.assert_allclose(found.get_ydata(), curve.found)
    np.testing.assert_allclose(random.get_ydata(), curve.random)
    np.testing.assert_allclose(found.get_xdata(), 100 * curve.reviews / curve.n)
    at = next(asked for asked in curve.at if asked.reviews == curve.n // 10)
    assert f"{at.enrichment.value:.1f} [{at.enrichment.low:.1f}," in words(figure)
    assert axes.get_ylabel() == f"bad conversations found ({curve.n_bad} in all)"


def test_policies_without_known_chances_have_a_mark_of_their_own(parts):
    results = parts["policies"]
    found, bias = plots.plot_policies(results).axes
    assert [x for x, _ in points(found)] == [one.found.value for one in results]
    assert [x for x, _ in points(bias)] == [one.bias.value for one in results]
    (crossed,) = points(found, "X")
    assert results[int(crossed[1])].policy == "flagged"
    assert labels(found)[0] == "at random"


def test_reliability_has_a_panel_for_each_criterion_with_intervals(parts):
    tables = parts["reliability"]
    figure = plots.plot_reliability(tables)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "empathy, n=300",
        "recap, n=40",
        "none, n=0",
    ]
    filled = [b for b in tables["empathy"] if b.n]
    at = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(at[:, 1], [100 * b.correct for b in filled])
    intervals = [line.get_ydata() for line in figure.axes[0].lines[1:]]
    for one, (low, high) in zip(filled, intervals, strict=True):
        assert low - 1e-9 <= 100 * one.correct <= high + 1e-9
    assert "no predictions" in words(figure)


def test_of_many_criteria_the_worst_calibrated_are_shown(parts):
    good, bad = parts["reliability"]["empathy"], parts["reliability"]["recap"]
    tables = {f"good {i}": good for i in range(12)} | {"bad": bad}
    figure = plots.plot_reliability(tables)
    assert len(figure.axes) == 12
    assert figure.axes[0].get_title(loc="left") == "bad, n=40"
    assert "Better calibrated criteria, not shown: 1." in figure.get_supxlabel()


def test_curves_of_arms_are_drawn_with_their_area(parts):
    curves = parts["risk_coverage"]
    figure = plots.plot_risk_coverage(curves, risk=0.1, name="courtesy")
    (axes,) = figure.axes
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    areas = [f"{arm}: {curve.in_short}" for arm, curve in curves.items()]
    assert said == [*areas, "stated risk 10 %"]
    assert axes.get_title(loc="left") == "courtesy"
    kept = curves["arm 0"].coverage >= 0.05
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 100 * curves["arm 0"].risk[kept])


def test_a_curve_of_one_confidence_is_a_point(parts):
    (curve,) = list(parts["risk_coverage"].values())[:1]
    one = replace(curve, thresholds=np.ones(1), coverage=np.ones(1), risk=np.array([0.3]))
    (axes,) = plots.plot_risk_coverage({"one": one}).axes
    assert points(axes, "o") == [(100, 30)]


def test_of_many_curves_the_best_and_the_worst_are_drawn(parts):
    (curve,) = list(parts["risk_coverage"].values())[:1]
    curves = {f"c{i}": replace(curve, aurc=Estimate(i / 20, 0, 1, 9, 9)) for i in range(11)}
    figure = plots.plot_risk_coverage(curves)
    said = [text.get_text().split(":")[0] for text in figure.legends[0].get_texts()]
    assert said == ["c0", "c1", "c2", "c3", "c7", "c8", "c9", "c10"]
    assert "Not shown, between the best and the worst: 3." in words(figure)


def test_raters_who_need_a_session_are_marked_with_why(parts):
    report = parts["rater_severity"]
    figure = plots.plot_rater_severity(report)
    (axes,) = figure.axes
    assert [y for _, y in points(axes, "D")] == [0, 3]
    assert [x for x, _ in points(axes)] == [0.41, 0.05, -0.02, -0.44]
    assert "severe; uses the ends of the scale" in words(figure)
    assert "not known" in words(figure)
    assert labels(axes)[-1] == "ed (n=3)"


def test_of_sixty_raters_the_most_and_the_least_severe_are_shown(parts):
    report = parts["rater_severity"]
    (one,) = report.raters[1:2]
    many = tuple(replace(one, rater=f"r{i}") for i in range(60))
    figure = plots.plot_rater_severity(replace(report, raters=many))
    shown = labels(figure.axes[0])
    assert len(shown) == 40
    assert (shown[0], shown[19], shown[20], shown[-1]) == (
        "r0 (n=60)",
        "r19 (n=60)",
        "r40 (n=60)",
        "r59 (n=60)",
    )
    assert "20 more in between" in words(figure)
    assert figure.get_figheight() < 15


def test_replacement_is_shown_against_its_thresholds(parts):
    replacement = parts["replacement"]
    figure = plots.plot_replacement(replacement)
    wins, nearer = figure.axes
    assert [x for x, _ in points(wins)] == [75, 25, 0]
    assert [x for x, _ in points(nearer, "|")] == pytest.approx([-15] * 4)
    assert [x for x, _ in points(nearer) if x > -15 or x < -20] == pytest.approx([2, -6, -30])
    verdicts = [t.get_text() for t in nearer.texts if t.get_text() != "not known"]
    assert verdicts == [str(v) for v in ReplacementVerdict]
    assert labels(wins)[-1] == "rare (1 people)"


def test_team_means_stand_beside_those_of_reviews_alone(parts):
    means = sorted(parts["team_means"], key=lambda one: -one.estimate.value)
    figure = plots.plot_team_means(parts["team_means"])
    (axes,) = figure.axes
    assert [x for x, _ in points(axes, "o")] == [one.estimate.value for one in means]
    assert [x for x, _ in points(axes, "s")] == [one.human_only.value for one in means]
    assert [x for x, _ in points(axes, "x")] == [one.automated_mean for one in means]
    assert labels(axes)[0] == f"{means[0].group} ({means[0].estimate.n} of 80 reviewed)"
    assert axes.get_xlim()[1] <= 102
    assert "no interval" in words(figure)
    assert "Fewer than 10 reviews, a rough interval" in words(figure)


def test_survey_figures_are_shown_before_and_after_with_bounds(parts):
    truth = parts["survey_truth"]
    figure = plots.plot_survey_truth(truth)
    for axes, found in zip(figure.axes, truth.figures.values(), strict=True):
        assert points(axes, "s") == [(pytest.approx(100 * found.before.value), 0)]
        assert points(axes, "o") == [(pytest.approx(100 * found.after.value), 1)]
        bounds = [bound for bound in found.sensitivity if bound.odds_ratio > 1]
        bars = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
        assert bars == [pytest.approx((100 * b.low, 100 * b.high)) for b in bounds]
    assert f"{truth.overlap.n_answered} of 800 customers answered" in words(figure)


def test_satisfaction_marks_the_turns_that_moved_it_most(parts):
    path = parts["satisfaction"]
    figure = plots.plot_satisfaction(path)
    (axes,) = figure.axes
    assert points(axes, "v") == [(3, 1.9)]
    rises = next(line for line in axes.lines if line.get_marker() == "^")
    assert list(rises.get_xdata()) == [5, 7]
    assert "Turn 3 (-1.3): “nobody answers,”" in words(figure)
    assert "the customer's own answer: 2" in words(figure)
    silent = plots.plot_satisfaction(replace(path, surveyed=None))
    assert "This customer gave no answer." in words(silent)


def test_gaps_are_drawn_where_there_are_enough_data(parts):
    report = parts["gaps"]
    figure = plots.plot_gaps(report)
    (axes,) = figure.axes
    gaps = report.of("error")
    assert labels(axes) == [f"{gap.group} (n={gap.found.n_group})" for gap in gaps]
    known = [gap for gap in gaps if gap.found.gap.known]
    assert [x for x, _ in points(axes)] == [gap.found.gap.value for gap in known]
    assert len(points(axes, "D")) == sum(gap.verdict in ("lower", "higher") for gap in gaps) > 0
    assert "not enough data" in words(figure)
    human = plots.plot_gaps(report, measure="human").axes[0]
    assert human.get_xlabel().startswith("the human score: gap to all others")


def test_windows_out_of_control_are_crossed(parts):
    chart = parts["control_chart"]
    figure = plots.plot_control_chart(chart)
    (axes,) = figure.axes
    crossed = next(line for line in axes.lines if line.get_marker() == "X")
    assert list(crossed.get_ydata()) == [p.plotted for p in chart.points if p.signal]
    assert len(chart.signals) == 3
    assert axes.get_xlabel() == "windows of 7 days, n=400"
    assert "limits" in words(figure)
    short = replace(
        chart, points=tuple(replace(p, centre=math.nan) for p in chart.points), too_small=2
    )
    assert "Too few windows for limits." in words(plots.plot_control_chart(short))
    average = plots.plot_control_chart(replace(chart, method="ewma"))
    assert average.axes[0].get_ylabel() == "QA total, moving average"


def test_agreement_over_time_names_windows_with_too_few_items(parts):
    history = parts["agreement_history"]
    figure = plots.plot_agreement_history(history)
    (axes,) = figure.axes
    used = [w for w in history.windows if w.kappa is not None]
    assert [y for _, y in points(axes, "o")] == [w.kappa.automated.value for w in used]
    assert [y for _, y in points(axes, "s")] == [w.kappa.ceiling.value for w in used]
    assert axes.get_xticklabels()[0].get_text() == "2025-01-06\nn=40"
    assert words(figure).count("too few items") == len(history.windows) - len(used) == 1
    long = replace(history, windows=history.windows * 7)
    assert "Earlier windows, not shown: 4." in words(plots.plot_agreement_history(long))


def test_totals_are_drawn_by_answer_or_one_by_one():
    totals = np.array([60.0, 70.0, 80.0, 90.0])
    few = plots.plot_totals_and_csat(totals, [0, 0, 1, 1]).axes[0]
    assert points(few) == [(0, 65), (1, 85)]
    # Student's t with one degree of freedom: 12.706 * 7.071 / sqrt(2).
    assert list(few.lines[0].get_ydata()) == pytest.approx([65 - 63.53, 65 + 63.53], abs=0.01)
    assert [t.get_text() for t in few.get_xticklabels()] == ["0\nn=2", "1\nn=2"]
    many = plots.plot_totals_and_csat(np.arange(12), np.arange(12), name="mine").axes[0]
    assert list(many.lines[0].get_ydata()) == list(range(12))
    assert many.get_ylabel() == "mine"
    assert "No surveyed conversation" in words(plots.plot_totals_and_csat([], []))
