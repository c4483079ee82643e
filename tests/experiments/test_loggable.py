from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.errors import DataError, ExperimentError
from autoqa.experiments import loggable


@dataclass
class Interval:
    value: float
    low: float
    high: float
    n: int = 12


def test_a_figure_is_logged_with_its_bounds_and_n():
    values, undefined = loggable.metric_values({"kappa": Interval(0.6, 0.5, 0.7)})
    assert values == {"kappa": 0.6, "kappa_low": 0.5, "kappa_high": 0.7, "kappa_n": 12.0}
    assert undefined == []


def test_figures_without_a_value_are_listed_and_never_zero():
    metrics = {"auc": None, "rho": {"value": float("nan"), "low": 0.1}, "mae": 2}
    values, undefined = loggable.metric_values(metrics)
    assert values == {"rho_low": 0.1, "mae": 2.0}
    assert undefined == ["auc", "rho"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("accuracy@1", "accuracy_1"),
        ("qa+time", "qa_time"),
        ("politeness/spearman", "politeness/spearman"),
        ("share 95%", "share_95percent"),
        ("../../etc", "etc"),
        ("满意度", "满意度"),
    ],
)
def test_names_become_names_that_mlflow_takes(name, safe):
    assert loggable.safe_name(name) == safe


@given(st.text(max_size=300))
def test_every_name_is_refused_or_made_safe(name):
    try:
        safe = loggable.safe_name(name)
    except ExperimentError:
        return
    assert len(safe) <= 250
    assert all(part not in ("", ".", "..") for part in safe.split("/"))
    assert loggable._NOT_IN_NAMES.search(safe) is None


def test_two_figures_under_one_name_are_refused():
    with pytest.raises(ExperimentError, match="a second figure is named 'f_1'"):
        loggable.metric_values({"f@1": 0.1, "f+1": 0.2})


def test_an_estimate_without_value_is_refused():
    with pytest.raises(ExperimentError, match="metric 'x': dict has no 'value'"):
        loggable.metric_values({"x": {"low": 0.1}})


def test_nested_settings_are_flattened_and_secrets_masked():
    params = {
        "arm": {"api_key": "abc", "alpha": 1, "max_tokens": 20},
        "url": "https://me:pw@host/x",
        "judges": [{"name": "a", "password": "abc"}],
    }
    assert loggable.flat_params(params) == {
        "arm.api_key": "***",
        "arm.alpha": "1",
        "arm.max_tokens": "20",
        "url": "https://***@host/x",
        "judges": "[{'name': 'a', 'password': '***'}]",
    }


@pytest.mark.parametrize("column", ["text", "Text", "customer_text", "turns", "transcript_json"])
def test_columns_that_may_hold_words_are_refused(column):
    with pytest.raises(ExperimentError, match=f"column '{column}'"):
        loggable.refuse_text_columns(["conversation_id", column], "predictions.parquet")


def test_words_are_refused_in_json_but_counts_of_the_same_name_are_not():
    loggable.refuse_text_keys({"turns": 12, "rows": [{"comment": None}]}, "x.json")
    with pytest.raises(ExperimentError, match=r"key 'rows\.0\.comment'"):
        loggable.refuse_text_keys({"rows": [{"comment": "never again"}]}, "x.json")


@pytest.mark.parametrize("path", ["/etc/x.json", "../x.json", "a/../../x.json", "x.pkl", "x"])
def test_artifacts_stay_in_their_run_and_of_a_known_kind(path):
    with pytest.raises(ExperimentError, match="cannot be logged"):
        loggable.artifact_name(path, (".json",))


def test_only_own_errors_are_quoted_since_others_may_quote_the_data():
    assert loggable.failure_reason(DataError("no labels in 'x'")) == "no labels in 'x'"
    try:
        int("the customer's words")
    except ValueError as error:
        reason = loggable.failure_reason(error)
    assert reason.startswith("ValueError at test_loggable.py:")
    assert "customer" not in reason
