"""The benchmark of speed and memory: what it runs and what it prints, not how fast it is."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "bench_speed.py"
# Long enough to be sampled.
NOTHING = "{python} -c 'import time; time.sleep(0.3)' {input} {models} {out}"


@pytest.fixture(scope="module")
def bench():
    """The script with its parts, which lie beside it."""
    pytest.importorskip("psutil")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        yield importlib.import_module("bench_speed")


def run(bench, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["bench_speed.py", *map(str, arguments)])
    bench.main()


def test_memory_is_measured_by_rules_and_with_models_at_both_sizes(
    bench, monkeypatch, tmp_path, capsys
):
    seen = []
    once = bench.memory.score_once

    def spy(template, path, models, threads):
        heads = json.loads((Path(models) / "models.json").read_text())["heads"]
        seen.append((len(path.read_text(encoding="utf-8").splitlines()), len(heads), template))
        return once(template, path, models, threads)

    monkeypatch.setattr(bench.memory, "score_once", spy)
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
    assert "a number above 0, then greater ones" in capsys.readouterr().err


def test_statistics_are_timed_apart_from_making_what_they_rest_on(
    bench, monkeypatch, tmp_path, capsys
):
    asked = []

    def watch(command, threads):
        asked.append((command[-4:], threads))
        rows = [
            {"part": "making", "n": 5, "seconds": 9.0, "cpu_seconds": 8.0, "peak_mib": 100.0},
            {"part": "compare", "n": 5, "seconds": 40.0, "cpu_seconds": 50.0, "peak_mib": 900.0},
            {"part": "icc", "n": 4, "seconds": 15.0, "cpu_seconds": 15.0, "peak_mib": 950.0},
        ]
        if "one panel" in command:
            rows[-1]["peak_mib"] = 3000.0
        return f"a warning\n{json.dumps(rows)}\n", 70.0, 950.0

    monkeypatch.setattr(bench.analyses, "watch", watch)
    out = tmp_path / "statistics.json"
    run(bench, monkeypatch, "--part", "statistics", "--ratings", 500, "--json", out)
    assert asked == [(["--worker", case, "--ratings", "500"], 2) for case in bench.analyses.CASES]
    assert json.loads(out.read_text())["sampled"][1]["part"] == "compare"
    printed = capsys.readouterr().out
    assert "| sampled | compare | 5 | 40.0 | 50.0 | 900 |" in printed
    assert "* sampled: statistics 55.0 s, 950 MiB with everything they rest on" in printed
    assert printed.count("within 60 s and 2048 MiB") == 2
    assert "one panel: statistics 55.0 s, 3000 MiB" in printed
    assert "OVER 60 s and 2048 MiB" in printed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("case", "n"), [("sampled", 6000), ("one panel", 2000)])
def test_every_part_of_the_statistics_runs_on_few_ratings(bench, monkeypatch, capsys, case, n):
    run(bench, monkeypatch, "--worker", case, "--ratings", n)
    made, *parts = json.loads(capsys.readouterr().out)
    assert made["part"].startswith("making")
    assert len(parts) >= 9
    assert all(part["seconds"] >= 0 and part["peak_mib"] > 0 for part in parts)


def test_help_says_how_to_measure_memory(bench, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(bench, monkeypatch, "--help")
    assert "bench_speed.py --part memory" in capsys.readouterr().out


def test_speed_is_told_beside_both_points_of_comparison(bench, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)  # no dataset there, so conversations are simulated
    seconds = {"product fp32": 1.0, "product bf16": 2.0}
    asked = []

    def watch(command, threads):
        variant = command[command.index("--worker") + 1]
        asked.append((variant, Path(command[1]), threads))
        said = json.dumps({"seconds": seconds.get(variant, 4.0)})
        return f"a warning\n{said}\n", 9.0, 100.0

    def score_once(template, path, models, threads):
        n = len(path.read_text(encoding="utf-8").splitlines())
        return 1.0 + n, 200.0 + n  # a second to start, and one per conversation

    monkeypatch.setattr(bench.speed, "watch", watch)
    monkeypatch.setattr(bench.speed, "score_once", score_once)
    out = tmp_path / "speed.json"
    run(bench, monkeypatch, "--dialogues", 8, "--start-up-dialogues", 2, "--pipeline-dialogues", 2,
        "--repeats", 2, "--threads", 1, "--json", out)  # fmt: skip
    assert set(asked) == {(variant, SCRIPT, 1) for variant in bench.speed.VARIANTS}
    assert len(asked) == 2 * len(bench.speed.VARIANTS)
    found = json.loads(out.read_text())
    assert found["sentence-transformers"]["transcripts_per_s"] == 2.0  # 8 in 4 s
    assert found["autoqa score"]["transcripts_per_s"] == 1.0  # 6 more in 6 s more
    assert found["pipelines"]["transcripts_per_s"] == 0.05  # 2 in 4 s, ten times over
    printed = capsys.readouterr().out
    assert printed.startswith("texts: simulated contact centre\n\n| variant |")
    assert re.search(r"\| autoqa score \| 1\.00 \| \d+ \| 208 \| 0\.50 \| 20\.00 \|", printed)
    assert "* autoqa score: start-up of 3.0 s apart\n" in printed
    assert "* onnxruntime fp32 reaches 25% of the speed of plain matrix products" in printed
    assert "* openvino bf16 reaches 50% of the speed of plain matrix products" in printed
    assert "| product" not in printed


def test_variants_that_cannot_run_are_named_with_the_reason(bench, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)

    def broken(*_):
        raise RuntimeError("no such module")

    monkeypatch.setattr(bench.speed, "watch", broken)
    monkeypatch.setattr(bench.speed, "score_once", broken)
    run(bench, monkeypatch, "--dialogues", 2, "--repeats", 1)
    printed = capsys.readouterr().out
    assert "| autoqa score | not measured: no such module | | | | |" in printed


def test_precisions_are_compared_in_points_of_100_of_the_scale(
    bench, monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)

    def watch(command, threads):
        folder, precision = Path(command[0]), command[-1]
        folder.mkdir()
        expected = {"fp32": [1.0, 2.0], "bf16": [1.01, 1.97]}[precision]
        ratings = {
            "conversation_id": ["a", "b"],
            "criterion": "mood",
            "turn": None,
            "expected": expected,
            "probabilities": [[0.2, 0.6, 0.2]] * 2,
        }
        pd.DataFrame(ratings).to_parquet(folder / "ratings.parquet")
        pd.DataFrame(ratings | {"criterion": "csat"}).to_parquet(folder / "csat.parquet")
        return "", 1.0, 100.0

    monkeypatch.setattr(bench.precision, "watch", watch)
    run(bench, monkeypatch, "--part", "precision", "--dialogues", 2, "--score-command", "{out}")
    printed = capsys.readouterr().out
    # On a scale of three levels 0.01 is 0.5 points, and 0.03 is 1.5.
    assert "| mood | 2 | 1.000 | 1.500 |" in printed
    assert "| csat | 2 | 1.000 | 1.500 |" in printed
    assert "* points of 100 of the scale, between answers in fp32 and in bf16" in printed
