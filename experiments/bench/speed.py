"""Speed: how many transcripts a second every variant encodes or scores, and their memory."""

from __future__ import annotations

import json
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.processes import score_once, watch
from bench.roofline import ROOFS, run_product, shares
from bench.texts import conversations, named, write_rows
from bench.variants import Variant, run_encoder, run_pipeline, run_sentence_transformers

ENTRY = Path(__file__).resolve().parents[1] / "bench_speed.py"
"""What fresh processes run."""

VARIANTS: dict[str, Variant] = {
    "sentence-transformers": run_sentence_transformers,
    "onnxruntime fp32": run_encoder("fp32"),
    "openvino bf16": run_encoder("bf16"),
    "pipelines": run_pipeline,
    "product fp32": run_product("f32"),
    "product bf16": run_product("bf16"),
}


def run_here(variant: str, input_file: Path, threads: int) -> None:
    """Run one variant in this process and print its seconds."""
    rows = [json.loads(line) for line in input_file.read_text(encoding="utf-8").splitlines()]
    texts = [turn["text"] for row in rows for turn in row["turns"]]
    print(json.dumps({"seconds": VARIANTS[variant](texts, threads)}))


def measure(arguments: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Return for each variant its medians, or why it was not measured."""
    rows = conversations(arguments.data, arguments.dialogues)
    few = min(arguments.start_up_dialogues, len(rows) - 1)
    part = min(arguments.pipeline_dialogues, len(rows))
    everything, first, subset = (folder / f"{n}.jsonl" for n in ("all", "few", "part"))
    n_all, n_few = write_rows(everything, rows), write_rows(first, rows[:few])
    n_part = write_rows(subset, rows[:part])
    rest = (n_all[0] - n_few[0], n_all[1] - n_few[1])
    plans: dict[str, tuple[tuple[int, int], int, Callable[[], dict[str, float]]]] = {
        name: (n_all, 1, lambda n=name: _measure_variant(n, everything, arguments.threads))
        for name in ("sentence-transformers", *ROOFS, *ROOFS.values())
    }
    plans["autoqa score"] = (
        rest,
        1,
        lambda: _measure_score(arguments.score_command, everything, first, arguments),
    )
    plans["pipelines"] = (
        n_part,
        arguments.criteria,
        lambda: _measure_variant("pipelines", subset, arguments.threads),
    )
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in plans}
    failed: dict[str, str] = {}
    for repeat in range(arguments.repeats):
        for name, (_, _, run) in plans.items():
            if name in failed:
                continue
            try:
                runs[name].append(run())
            except (RuntimeError, OSError, ValueError, LookupError) as error:
                failed[name] = str(error)
            print(f"repeat {repeat + 1}, {name}: done", file=sys.stderr)
    results: dict[str, dict[str, Any]] = {}
    for name, ((n_conversations, n_turns), times, _) in plans.items():
        if name in failed:
            results[name] = {"not_measured": failed[name]}
            continue
        median = {key: statistics.median(r[key] for r in runs[name]) for key in runs[name][0]}
        seconds = median["seconds"] * times
        results[name] = {
            **median,
            "n_conversations": n_conversations,
            "n_turns": n_turns,
            "scaled_by": times,
            "transcripts_per_s": n_conversations / seconds,
            "turns_per_s": n_turns / seconds,
        }
    return results


def report(results: dict[str, dict[str, Any]], arguments: Any) -> str:
    """Return the figures as Markdown."""
    said = "\n".join(f"* {note}" for note in _notes(results, arguments))
    return f"texts: {named(arguments.data)}\n\n{_table(results)}\n\n{said}"


def _measure_variant(variant: str, input_file: Path, threads: int) -> dict[str, float]:
    command = [sys.executable, str(ENTRY), "--worker", variant, "--input", str(input_file)]
    output, _, peak = watch([*command, "--threads", str(threads)], threads)
    return {"seconds": json.loads(output.splitlines()[-1])["seconds"], "peak_mib": peak}


def _measure_score(template: str, inputs: Path, few: Path, arguments: Any) -> dict[str, float]:
    """Time the whole command on all conversations and on a few; the rest is the difference."""
    seconds, peak = {}, 0.0
    for name, path in (("few", few), ("all", inputs)):
        seconds[name], reached = score_once(template, path, arguments.models, arguments.threads)
        peak = max(peak, reached)
    return {
        "seconds": seconds["all"] - seconds["few"],
        "start_up": seconds["few"],
        "peak_mib": peak,
    }


def _table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a Markdown table, with ratios to the two points of comparison."""

    def ratio(name: str, other: str) -> str:
        theirs = results[other].get("transcripts_per_s")
        return f"{results[name]['transcripts_per_s'] / theirs:.2f}" if theirs else "-"

    lines = [
        "| variant | transcripts/s | turns/s | peak MiB | x sentence-transformers | x pipelines |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        if name in ROOFS.values():
            continue
        if "not_measured" in row:
            lines.append(f"| {name} | not measured: {row['not_measured']} | | | | |")
            continue
        lines.append(
            f"| {name} | {row['transcripts_per_s']:.2f} | {row['turns_per_s']:.0f} "
            f"| {row['peak_mib']:.0f} | {ratio(name, 'sentence-transformers')} "
            f"| {ratio(name, 'pipelines')} |"
        )
    return "\n".join(lines)


def _notes(results: dict[str, dict[str, Any]], arguments: Any) -> list[str]:
    """Return what the table cannot say."""
    processor = platform.processor() or platform.machine()
    runs = f"medians of {arguments.repeats} runs in fresh processes"
    pipelines = f"1 of {arguments.criteria} measured, its time x {arguments.criteria}"
    said = [
        f"{arguments.threads} threads, {runs}, {processor}",
        f"pipelines: {pipelines}, on {arguments.pipeline_dialogues} conversations; memory of one",
    ]
    score = results["autoqa score"]
    if "not_measured" not in score:
        said.append(f"autoqa score: start-up of {score['start_up']:.1f} s apart")
        raw = [results[name].get("transcripts_per_s", 0.0) for name in ROOFS]
        if max(raw):
            said.append(
                f"autoqa score runs at {score['transcripts_per_s'] / max(raw):.0%} of the "
                f"speed of the faster encoder alone"
            )
    return [*said, *shares(results)]
