from __future__ import annotations

import pytest

from autoqa.experiments import default_models
from autoqa.experiments.benchmark import run_benchmark
from autoqa.experiments.default_models import SOURCES, Source, main, train_default
from autoqa.experiments.measuring import CALIBRATION, NOT_HELD_OUT
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.scorers.folder import ModelFolder


@pytest.fixture
def sources(monkeypatch, fake_encoding, toy, dataset_of, tmp_path):
    """Two tasks with toy data: one marked train and valid, one not marked at all."""
    data = tmp_path / "data"
    marked = toy.procedure(40, split="train") + toy.procedure(12, split="valid", start=40)
    dataset_of(data / "marked", marked)
    dataset_of(data / "more", toy.procedure(30, start=60))
    dataset_of(data / "pairs", toy.empathy(40))
    monkeypatch.setattr(
        default_models,
        "SOURCES",
        (
            Source("procedure", ("marked", "more"), "MIT", "toys", "play", "work"),
            Source("empathy", ("pairs",), "research-only", "more toys", "play", "work"),
        ),
    )
    return data


def test_every_task_has_a_source_with_its_terms():
    assert [source.task for source in SOURCES] == list(TASKS)
    assert all(all(vars(source).values()) for source in SOURCES)


def test_heads_learn_from_train_parts_and_from_unmarked_data_whole(sources, tmp_path, capsys):
    folder = train_default(sources, tmp_path / "models")
    assert folder.verify() > 0
    assert set(folder.heads) == {
        "procedure_outcome",
        "emotional_reaction",
        "interpretation",
        "exploration",
    }
    head = folder.heads["procedure_outcome"]
    assert (head.n_items, head.licence, head.notes) == (40 + 30, "MIT", "toys")
    expected = tuple(
        f"{name} sha256:{load_dataset(sources / name).sha256[:16]}" for name in ("marked", "more")
    )
    assert head.trained_on == expected
    assert (head.languages, head.routes, head.seed) == (("en",), ("*",), 7)
    assert head.code.startswith("autoqa ")
    assert "procedure_outcome: 70 items" in capsys.readouterr().out


def test_heads_are_measured_on_what_was_held_out_and_cards_say_where_nothing_was(sources, tmp_path):
    folder = train_default(sources, tmp_path / "models", n_resamples=20)
    metrics = folder.heads["procedure_outcome"].metrics
    assert metrics["marked"]["n"] == 12
    assert metrics["marked"]["splits"] == ["valid"]
    assert set(metrics["marked"]["figures"]) == {"auc", "accuracy", CALIBRATION}
    assert metrics["more"] == {"not_measured": NOT_HELD_OUT}
    assert folder.heads["exploration"].metrics == {"pairs": {"not_measured": NOT_HELD_OUT}}


def test_the_figures_of_a_card_are_those_of_the_benchmark(sources, tmp_path):
    folder = train_default(sources, tmp_path / "models", only=["procedure"], n_resamples=20)
    told = run_benchmark("procedure", folder.path, [sources / "marked"], n_resamples=20)
    figures = folder.heads["procedure_outcome"].metrics["marked"]["figures"]
    for name, figure in told["datasets"]["marked"]["metrics"].items():
        assert figures[name] == {key: round(value, 3) for key, value in figure.items()}


def test_the_page_has_a_row_and_a_section_per_head(sources, tmp_path):
    train_default(sources, tmp_path / "models", n_resamples=20)
    page = (tmp_path / "models" / "README.md").read_text(encoding="utf-8")
    assert "| `exploration` | 0-2 | pairs | 40 | research-only | - |" in page
    for said in (
        "## `procedure_outcome`",
        "- **Data**: toys; 70 labelled items of marked sha256:",
        "- **Licence of the data**: MIT\n",
        "- **Intended use**: play\n",
        "- **Not for**: work; decisions about a person without a person;",
        "- **Languages**: learned from English, one shared model for every language",
        "Measured on marked: 12 items in 12 conversations that it did not learn from (split: valid",
        f"- **Measured on pairs**: {NOT_HELD_OUT}",
    ):
        assert said in page
    assert str(tmp_path) not in page


def test_benchmarks_know_what_the_heads_learned_from(sources, tmp_path):
    train_default(sources, tmp_path / "models", only=["procedure"])
    result = run_benchmark(
        "procedure",
        tmp_path / "models",
        [sources / "marked", sources / "more"],
        n_resamples=20,
    )
    found = result["datasets"]
    assert (found["marked"]["n"], found["marked"]["learned_from"]) == (12, False)
    assert (found["more"]["n"], found["more"]["learned_from"]) == (30, True)


def test_the_same_data_give_the_same_bytes(sources, tmp_path):
    one, two = (train_default(sources, tmp_path / name) for name in ("one", "two"))
    assert one.version == two.version


def test_the_command_trains_the_tasks_asked_for(sources, tmp_path, capsys):
    out = tmp_path / "models"
    assert main(["--data", str(sources), "--out", str(out), "--only", "empathy"]) == 0
    assert "procedure_outcome" not in ModelFolder(out).heads
    assert f"wrote {out}" in capsys.readouterr().out


def test_the_command_says_that_there_are_no_data(tmp_path, capsys):
    assert main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "models")]) == 2
    assert "no such folder; the shared datasets are needed" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_the_command_names_the_dataset_that_is_missing(sources, tmp_path, capsys):
    (sources / "pairs" / "transcripts.jsonl").unlink()
    assert main(["--data", str(sources), "--out", str(tmp_path / "models")]) == 1
    assert "pairs: no transcripts.jsonl" in capsys.readouterr().err


def test_the_command_refuses_a_task_that_is_not_one(sources, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--data", str(sources), "--only", "emphaty"])
    assert stopped.value.code == 2
    assert "emphaty" in capsys.readouterr().err
