"""Scale: speed and memory of `autoqa score` by rules, from few conversations to many."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from bench.processes import score_once
from bench.texts import simulated

_TURNS = 10
_DEFAULT = (1_000, 10_000, 100_000)


def measure(arguments: Any, folder: Path) -> dict[str, Any]:
    """Return seconds and peak MiB of each number of conversations, and those of one worker."""
    from autoqa.scorers.folder import write_models

    sizes = sorted(set(arguments.conversations or _DEFAULT))
    # Without --models the command takes models/default, so a folder without heads stands for none.
    models = write_models(folder / "none", {}, {}).path
    inputs, turns = _write(folder, sizes)
    print(f"simulated {sizes[-1]} conversations with {turns} turns", file=sys.stderr)
    by_workers: dict[str, dict[str, dict[str, float]]] = {}
    for workers in dict.fromkeys((arguments.threads, 1)):
        # One worker for few and for more: enough to tell its start-up from its speed.
        chosen = sizes if workers == arguments.threads else sizes[:2]
        template = f"{arguments.score_command} --workers {workers}"
        rows = by_workers.setdefault(str(workers), {})
        for n in chosen:
            seconds, peak = score_once(template, inputs[n], models, workers)
            rows[str(n)] = {"seconds": seconds, "peak_mib": peak}
            print(f"{n} conversations, {workers} workers: {seconds:.0f} s", file=sys.stderr)
    return {"turns": turns, "workers": by_workers}


def _write(folder: Path, sizes: list[int]) -> tuple[dict[int, Path], int]:
    """Write conversations of about ten turns; fewer are the first of more."""
    inputs = {n: folder / f"{n}.jsonl" for n in sizes}
    turns = 0
    with inputs[sizes[-1]].open("w", encoding="utf-8") as file:
        for row in simulated(sizes[-1]):
            said = row["turns"]
            if len(said) > _TURNS:  # the beginning and the end, where most criteria look
                said = said[: _TURNS // 2] + said[-_TURNS // 2 :]
            turns += len(said)
            file.write(json.dumps({**row, "turns": said}, ensure_ascii=False) + "\n")
    for n in sizes[:-1]:
        with inputs[sizes[-1]].open("rb") as most, inputs[n].open("wb") as few:
            few.writelines(islice(most, n))
    return inputs, turns


def report(results: dict[str, Any], arguments: Any) -> str:
    """Return the figures as Markdown."""
    rows = {int(n): row for n, row in results["workers"][str(arguments.threads)].items()}
    first = rows[min(rows)]
    lines = [
        "| conversations | seconds | conversations/s | ms each | ms each further | peak MiB "
        "| peak to smallest |",
        "|---" * 7 + "|",
    ]
    before: tuple[int, float] | None = None
    for n, row in rows.items():
        seconds = row["seconds"]
        further = "" if before is None else f"{_each(before, (n, seconds)):.2f}"
        lines.append(
            f"| {n:,} | {seconds:.1f} | {n / seconds:.0f} | {1000 * seconds / n:.2f} | {further} "
            f"| {row['peak_mib']:.0f} | {row['peak_mib'] / first['peak_mib']:.2f} |"
        )
        before = (n, seconds)
    notes = [
        f"* simulated conversations, {results['turns']:,} turns at the largest size; by rules on "
        f"support-core; {arguments.threads} workers of one thread each, all processes together, "
        "start-up included except in 'each further', which is the difference to the line above"
    ]
    return "\n".join([*lines, "", *notes, *_speed_up(results["workers"], arguments.threads)])


def _speed_up(by_workers: dict[str, dict[str, dict[str, float]]], threads: int) -> list[str]:
    """Compare workers by what further conversations take, so that start-up counts for neither."""
    if threads == 1 or len(by_workers["1"]) < 2:
        return []
    sizes = list(by_workers["1"])
    one, many = (
        _each(*((int(n), by_workers[str(workers)][n]["seconds"]) for n in sizes))
        for workers in (1, threads)
    )
    return [
        f"* each further conversation takes one worker {one:.2f} ms and {threads} workers "
        f"{many:.2f} ms: {one / many:.2f} times the speed"
    ]


def _each(few: tuple[int, float], more: tuple[int, float]) -> float:
    """Milliseconds for each conversation that `more` has and `few` has not."""
    return 1000 * (more[1] - few[1]) / (more[0] - few[0])
