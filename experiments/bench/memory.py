"""Memory: whether that of `autoqa score` grows with the number of conversations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.processes import score_once
from bench.texts import simulated

_DEFAULT = (400, 4000)


def measure(arguments: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Return, by rules and with models, the peak of each number of conversations."""
    from autoqa.scorers.folder import write_models

    # Without --models the command takes models/default, so a folder without heads stands for none.
    scorers = {"rules only": write_models(folder / "none", {}, {}).path}
    if (Path(arguments.models) / "models.json").is_file():
        scorers[str(arguments.models)] = Path(arguments.models)
    else:
        print(f"{arguments.models}: no model folder, so rules only", file=sys.stderr)
    sizes = sorted(set(arguments.conversations or _DEFAULT))
    inputs = {n: folder / f"{n}.jsonl" for n in sizes}
    for n, path in inputs.items():
        with path.open("w", encoding="utf-8") as file:
            for row in simulated(n):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    # The same number of workers at every size, so that only the conversations differ.
    template = f"{arguments.score_command} --workers {arguments.threads}"
    results: dict[str, dict[str, Any]] = {}
    for name, models in scorers.items():
        peaks: dict[str, float] = {}
        for n, path in inputs.items():
            seconds, peaks[str(n)] = score_once(template, path, models, arguments.threads)
            print(f"{name}, {n} conversations: {seconds:.0f} s", file=sys.stderr)
        results[name] = {
            "peak_mib": peaks,
            "ratio": peaks[str(sizes[-1])] / peaks[str(sizes[0])],
        }
    return results


def report(results: dict[str, dict[str, Any]], arguments: Any) -> str:
    """Return the peaks as Markdown."""
    run = f"simulated conversations, {arguments.threads} workers, each in fresh processes"
    return f"{_table(results)}\n\n* {run}"


def _table(results: dict[str, dict[str, Any]]) -> str:
    """Return the peaks as a Markdown table."""
    sizes = list(next(iter(results.values()))["peak_mib"])
    heads = [f"peak MiB, {n} conversations" for n in sizes]
    lines = [f"| scored by | {' | '.join(heads)} | ratio |", "|---" * (len(sizes) + 2) + "|"]
    for name, row in results.items():
        peaks = " | ".join(f"{row['peak_mib'][n]:.0f}" for n in sizes)
        lines.append(f"| {name} | {peaks} | {row['ratio']:.2f} |")
    return "\n".join(lines)
