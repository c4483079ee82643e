"""Precision: how far apart the answers of fp32 and bf16 are."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from bench.processes import watch
from bench.texts import conversations, named, write_rows


def measure(arguments: Any, folder: Path) -> dict[str, dict[str, float]]:
    """Return per criterion how far scores of fp32 and bf16 are apart, in points of 100."""
    import pandas as pd

    path = folder / "some.jsonl"
    write_rows(path, conversations(arguments.data, arguments.dialogues))
    tables = {}
    for precision in ("fp32", "bf16"):
        out = folder / precision
        command = arguments.score_command.format(
            python=sys.executable, input=path, models=arguments.models, out=out
        )
        watch(shlex.split(f"{command} --precision {precision}"), arguments.threads)
        found = [pd.read_parquet(out / f"{name}.parquet") for name in ("ratings", "csat")]
        keys = ["conversation_id", "criterion", "turn"]
        answers = pd.concat(found)[[*keys, "expected", "probabilities"]].set_index(keys)
        tables[precision] = answers.add_suffix(f"_{precision}")
    both = tables["fp32"].join(tables["bf16"]).dropna()
    widths = both["probabilities_fp32"].map(len) - 1
    both["points"] = 100 * (both["expected_fp32"] - both["expected_bf16"]).abs() / widths
    return {
        name: {"n": len(rows), "mean": rows.mean(), "worst": rows.max()}
        for name, rows in both.groupby("criterion")["points"]
    }


def report(results: dict[str, dict[str, float]], arguments: Any) -> str:
    """Return the distances as Markdown."""
    about = "points of 100 of the scale, between answers in fp32 and in bf16"
    return f"texts: {named(arguments.data)}\n\n{_table(results)}\n\n* {about}"


def _table(results: dict[str, dict[str, float]]) -> str:
    """Return the distances as a Markdown table."""
    lines = ["| criterion | n | mean distance | largest |", "|---|---|---|---|"]
    for name, row in results.items():
        lines.append(f"| {name} | {row['n']} | {row['mean']:.3f} | {row['worst']:.3f} |")
    return "\n".join(lines)
