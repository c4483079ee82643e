"""``autoqa score --watch``: files are scored as they arrive."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from autoqa.cli.console import finish, say, warn
from autoqa.cli.stopping import Stopped, stopped_by_signals

if TYPE_CHECKING:
    from autoqa.batch import Arrival, Engine


def watch_folder(
    engine: Engine,
    folder: Path,
    out: Path,
    settle: float,
    until_idle: float | None,
    *,
    as_json: bool,
) -> None:
    """Score files that arrive in a folder; print a line for each, or a line of JSON.

    Ctrl-C and SIGTERM are how a watch ends, and no failure.
    """
    from autoqa.batch import watch

    unsound: list[str] = []
    files = 0
    try:
        with stopped_by_signals():
            for arrival in watch(folder, out, engine, settle=settle, until_idle=until_idle):
                files += 1
                if arrival.left_out or arrival.message:
                    unsound.append(arrival.path)
                say(json.dumps(asdict(arrival)) if as_json else _in_words(arrival, out))
    except Stopped:
        warn(f"autoqa: stopped watching {folder}; the same command goes on where this one was")
    if not as_json:
        say(f"{files} files scored")
    if unsound:
        finish([f"{len(unsound)} of {files} files were not scored completely ({unsound[0]} ...)"])


def _in_words(arrival: Arrival, out: Path) -> str:
    if arrival.state == "failed":
        return f"{arrival.path}: not scored ({arrival.message})"
    left_out = f", {arrival.left_out} records quarantined" if arrival.left_out else ""
    return (
        f"{arrival.path}: {arrival.scored} conversations scored{left_out} ({out / arrival.results})"
    )
