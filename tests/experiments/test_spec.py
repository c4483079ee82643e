from __future__ import annotations

from pathlib import Path

import pytest

from autoqa.errors import DataError, ExperimentError, MissingData
from autoqa.experiments.spec import ArmSpec, find_specs, load_spec

MINIMAL = """
question: Do QA ratings predict CSAT beyond handle time?
task: qa_vs_csat
data: calls
split: {group_by: customer}
arms: [mean, automated_qa+handle_time]
"""


def write(folder: Path, text: str, name: str = "qa_vs_csat.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fault(folder: Path, text: str) -> str:
    with pytest.raises(ExperimentError) as caught:
        load_spec(write(folder, text))
    return str(caught.value)


def test_a_minimal_spec_gets_five_folds_a_thousand_resamples_and_seed_seven(tmp_path):
    spec = load_spec(write(tmp_path, MINIMAL))
    assert (spec.split.mode, spec.split.folds, spec.split.seed) == ("folds", 5, 7)
    assert (spec.n_resamples, spec.seed) == (1000, 7)
    assert spec.data == ("calls",)
    assert spec.title == "qa_vs_csat"


def test_a_bare_word_and_a_mapping_name_arms_alike(tmp_path):
    text = MINIMAL.replace("[mean,", "[mean, {name: tuned, use: linear, alpha: 0.5},")
    spec = load_spec(write(tmp_path, text))
    assert [arm.name for arm in spec.arms] == ["mean", "tuned", "automated_qa+handle_time"]
    assert spec.arms[0] == ArmSpec(name="mean", use="mean")
    assert spec.arms[1].use == "linear"
    assert spec.arms[1].settings == {"alpha": 0.5}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("metrcis: [spearman]", "qa_vs_csat.yaml: metrcis: unknown key. Did you mean 'metrics'?"),
        ("n_resamples: many", "qa_vs_csat.yaml: n_resamples: found 'many'"),
        ("seed: 1.5", "qa_vs_csat.yaml: seed: found 1.5"),
        ("metrics: [mae, mae]", "metric 'mae' is given twice"),
        ("task: qa_vs_csat", "duplicate key 'task'"),
        ("curve: {}", "'curve' has no effect with task: qa_vs_csat"),
        ("curve: {sizes: [10, 10]}", "give rising numbers of conversations"),
        ("curve: {sizes: [0, 10]}", "give rising numbers of conversations"),
        ("curve: {repeats: 1}", "curve.repeats"),
    ],
)
def test_a_wrong_line_is_named_with_what_to_do(tmp_path, wrong, says):
    assert says in fault(tmp_path, MINIMAL + wrong)


def test_a_misspelt_key_of_the_split_is_found(tmp_path):
    text = MINIMAL.replace("{group_by: customer}", "{group_by: customer, flods: 3}")
    assert "split.flods: unknown key. Did you mean 'folds'?" in fault(tmp_path, text)


def test_an_unknown_task_suggests_the_nearest(tmp_path):
    assert "Did you mean 'politeness'?" in fault(
        tmp_path, MINIMAL.replace("qa_vs_csat", "politness")
    )


def test_every_fault_is_reported_at_once(tmp_path):
    said = fault(tmp_path, "task: empathy\narms: []\n")
    for key in ("question", "data", "split", "arms"):
        assert f"qa_vs_csat.yaml: {key}" in said


def test_two_arms_of_one_name_are_refused(tmp_path):
    assert "arm 'mean' is given twice" in fault(
        tmp_path, MINIMAL.replace("automated_qa+handle_time", "mean")
    )


def test_folds_without_effect_are_refused(tmp_path):
    text = MINIMAL.replace("{group_by", "{mode: holdout, folds: 3, group_by")
    assert "'folds' has no effect with mode: holdout" in fault(tmp_path, text)


@pytest.mark.parametrize("text", ["", "- a\n", "just words"])
def test_a_file_without_keys_is_no_spec(tmp_path, text):
    assert "holds no keys" in fault(tmp_path, text)


def test_broken_yaml_is_reported_with_its_line(tmp_path):
    assert "qa_vs_csat.yaml:" in fault(tmp_path, "question: [unclosed\n")


def test_a_file_that_is_not_there_suggests_its_neighbour(tmp_path):
    write(tmp_path, MINIMAL)
    with pytest.raises(ExperimentError, match=r"Did you mean 'qa_vs_csat\.yaml'"):
        load_spec(tmp_path / "qa_vs_cast.yaml")


def test_data_is_found_beside_the_spec_before_the_repository_root(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    experiments = tmp_path / "experiments"
    experiments.mkdir()
    (tmp_path / "calls").mkdir()
    spec = load_spec(write(experiments, MINIMAL))
    assert spec.data_folders() == (tmp_path / "calls",)
    (experiments / "calls").mkdir()
    assert spec.data_folders() == (experiments / "calls",)


def test_a_variable_names_the_shared_folder(tmp_path, monkeypatch):
    text = MINIMAL.replace("calls", "['${AUTOQA_DATA:-../shared/data}/a']")
    shared, elsewhere = tmp_path / "shared/data/a", tmp_path / "elsewhere/a"
    for folder in (shared, elsewhere, tmp_path / "repo"):
        folder.mkdir(parents=True)
    spec = load_spec(write(tmp_path / "repo", text))
    monkeypatch.delenv("AUTOQA_DATA", raising=False)
    assert spec.data_folders() == (shared,)
    monkeypatch.setenv("AUTOQA_DATA", str(tmp_path / "elsewhere"))
    assert spec.data_folders() == (elsewhere,)


def test_missing_data_says_where_it_looked_and_how_to_set_it(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOQA_DATA", raising=False)
    spec = load_spec(write(tmp_path, MINIMAL.replace("calls", "${AUTOQA_DATA:-nowhere}/a")))
    with pytest.raises(MissingData, match="set AUTOQA_DATA") as caught:
        spec.data_folders()
    assert str(tmp_path / "nowhere/a") in str(caught.value)
    assert isinstance(caught.value, DataError)


def test_a_variable_without_value_or_default_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOQA_DATA", raising=False)
    spec = load_spec(write(tmp_path, MINIMAL.replace("calls", "${AUTOQA_DATA}/a")))
    with pytest.raises(ExperimentError, match="AUTOQA_DATA is not set"):
        spec.data_folders()


def test_other_variables_of_the_environment_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("BANK_PASSWORD", "hunter2")
    spec = load_spec(write(tmp_path, MINIMAL.replace("calls", "${BANK_PASSWORD}")))
    with pytest.raises(ExperimentError, match="BANK_PASSWORD") as caught:
        spec.data_folders()
    assert "hunter2" not in str(caught.value)


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path):
    one = load_spec(write(tmp_path, MINIMAL)).content_hash
    same = load_spec(write(tmp_path, "# why\n" + MINIMAL + "seed: 7\n", "other.yaml"))
    changed = load_spec(write(tmp_path, MINIMAL + "seed: 8\n", "third.yaml"))
    assert same.content_hash == one
    assert changed.content_hash != one


def test_specs_of_a_folder_come_by_name_and_nothing_else_does(tmp_path):
    for name in ("b.yaml", "a.yml", "RESULTS.md"):
        write(tmp_path, MINIMAL, name)
    assert [path.name for path in find_specs(tmp_path)] == ["a.yml", "b.yaml"]
    with pytest.raises(ExperimentError, match="no such folder"):
        find_specs(tmp_path / "none")


def test_a_curve_has_the_sizes_and_repeats_that_are_usual(tmp_path):
    text = MINIMAL.replace("qa_vs_csat", "listening")
    assert load_spec(write(tmp_path, text)).curve is None
    curve = load_spec(write(tmp_path, text + "curve: {}")).curve
    assert (curve.sizes, curve.repeats) == ((10, 25, 50, 100, 200, 400), 5)
