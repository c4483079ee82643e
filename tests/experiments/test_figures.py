from __future__ import annotations

import io

from autoqa.experiments.figures import plot_arms, plot_learning_curves


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def arm(ceiling=None, **metrics):
    return {"n": 30, "n_conversations": 9, "metrics": metrics, "human_ceiling": ceiling}


def test_every_metric_has_a_panel_with_a_row_per_arm():
    arms = {
        "mean": arm(auc=figure(0.5), kappa=figure(0.1, 0.0, 0.2)),
        "linear": arm(auc=figure(0.7, 0.6, 0.8), kappa=figure(0.3, 0.2, 0.4)),
    }
    drawn = plot_arms(arms, title="Which is better")
    assert [axes.get_title() for axes in drawn.axes] == ["auc", "kappa"]
    assert [tick.get_text() for tick in drawn.axes[0].get_yticklabels()] == ["mean", "linear"]
    assert "Which is better (n = 30" in drawn.get_suptitle()


def test_only_the_metrics_asked_for_are_drawn():
    arms = {"mean": arm(auc=figure(0.5), kappa=figure(0.1))}
    assert len(plot_arms(arms, title="t", metrics=("kappa",)).axes) == 1


def test_people_are_a_band_where_they_agreed_and_open_figures_are_left_out():
    ceiling = {"auc": figure(0.8, 0.7, 0.9), "f1": figure(None)}
    arms = {"linear": arm(ceiling, auc=figure(None), f1=figure(0.4, 0.3, 0.5))}
    drawn = plot_arms(arms, title="t")
    band, open_ceiling = drawn.axes
    assert len(band.patches) == 1
    assert len(open_ceiling.patches) == 0
    assert len(band.lines) == 1  # people alone
    drawn.savefig(io.BytesIO(), format="png")


def curve(rows, ceiling=None):
    return {
        "n": 30,
        "human_ceiling": ceiling,
        "curve": [{"evaluations": size, "metrics": metrics} for size, metrics in rows],
    }


def test_a_curve_is_a_line_with_a_band_and_what_learns_nothing_is_dashed():
    arms = {
        "rules": curve([(0, {"auc": figure(0.6, 0.5, 0.7)})], {"auc": figure(0.8, 0.7, 0.9)}),
        "linear": curve(
            [
                (10, {"auc": figure(None)}),
                (25, {"auc": figure(0.6, 0.55, 0.65)}),
                (50, {"auc": figure(0.7, 0.65, 0.75)}),
            ]
        ),
    }
    drawn = plot_learning_curves(arms, title="How many")
    (axes,) = drawn.axes
    rules, linear = axes.lines
    assert rules.get_linestyle() == "--"
    assert list(linear.get_xdata()) == [25, 50]  # no point where there is no figure
    assert len(axes.collections) == 1
    assert [t.get_text() for t in axes.get_xticklabels()] == ["10", "25", "50"]
    assert "How many (judged on n = 30)" in drawn.get_suptitle()
    drawn.savefig(io.BytesIO(), format="png")


def test_curves_of_arms_that_learn_nothing_can_be_drawn_alone():
    arms = {"rules": curve([(0, {"auc": figure(0.6), "f1": figure(None)})])}
    drawn = plot_learning_curves(arms, title="t", metrics=("auc",))
    drawn.savefig(io.BytesIO(), format="png")
    assert len(drawn.axes) == 1
