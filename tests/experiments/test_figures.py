from __future__ import annotations

import io

from autoqa.experiments.figures import plot_arms


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
