"""The benchmark of speed and memory: what it runs and what it prints, not how fast it is."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "bench_speed.py"
# Long enough to be sampled.
NOTHING = "{python} -c 'import time; time.sleep(0.3)' {input} {models} {out}"


@pytest.fixture(scope="module")
def bench():
    pytest.importorskip("psutil")
    spec = importlib.util.spec_from_file_location("bench_speed", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(bench, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["bench_speed.py", *map(str, arguments)])
    bench.main()


def test_memory_is_measured_by_rules_and_with_models_at_both_sizes(
    bench, monkeypatch, tmp_path, capsys
):
    seen = []
    once = bench.score_once

    def spy(template, path, models, threads):
        heads = json.loads((Path(models) / "models.json").read_text())["heads"]
        seen.append((len(path.read_text(encoding="utf-8").splitlines()), len(heads), template))
        return once(template, path, models, threads)

    monkeypatch.setattr(bench, "score_once", spy)
    models = tmp_path / "mine"
    models.mkdir()
    (models / "models.json").write_text('{"heads": {"csat": {}}}')
    out = tmp_path / "memory.json"
    run(bench, monkeypatch, "--part", "memory", "--conversations", 3, 6, "--models", models,
        "--score-command", NOTHING, "--threads", 1, "--json", out)  # fmt: skip
    command = f"{NOTHING} --workers 1"
    assert seen == [(3, 0, command), (6, 0, command), (3, 1, command), (6, 1, command)]
    found = json.loads(out.read_text())
    assert list(found) == ["rules only", str(models)]
    peaks = found["rules only"]["peak_mib"]
    assert found["rules only"]["ratio"] == pytest.approx(peaks["6"] / peaks["3"])
    printed = capsys.readouterr().out
    assert (
        "| scored by | peak MiB, 3 conversations | peak MiB, 6 conversations | ratio |" in printed
    )


def test_without_a_model_folder_rules_alone_are_measured(bench, monkeypatch, tmp_path, capsys):
    run(bench, monkeypatch, "--part", "memory", "--conversations", 1, 2, "--models",
        tmp_path / "none", "--score-command", NOTHING, "--threads", 1)  # fmt: skip
    captured = capsys.readouterr()
    assert "none: no model folder, so rules only" in captured.err
    assert "| rules only |" in captured.out


@pytest.mark.parametrize("sizes", [(5, 5), (6, 5), (0, 5)])
def test_sizes_that_compare_nothing_are_refused(bench, monkeypatch, capsys, sizes):
    with pytest.raises(SystemExit):
        run(bench, monkeypatch, "--part", "memory", "--conversations", *sizes)
    assert "a number above 0, then a greater one" in capsys.readouterr().err


def test_help_says_how_to_measure_memory(bench, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(bench, monkeypatch, "--help")
    assert "bench_speed.py --part memory" in capsys.readouterr().out
