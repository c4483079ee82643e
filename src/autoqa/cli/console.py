"""What every command shares: output, exit codes, errors as one message, progress."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import typer
from typer.core import TyperGroup

from autoqa.errors import AutoqaError, EncoderError, MissingData, RunStopped

INCOMPLETE = 1
"""Exit code where something that was asked for was not done."""

MISUSED = 2
"""Exit code for arguments, or files they name, that cannot be used."""

INTERRUPTED = 130

_NOT_THE_ARGUMENTS = (EncoderError, MissingData, RunStopped)
"""Errors about what is at hand on this machine: the same arguments may work on another."""

_QUIET = {
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}

# Names and ids come from files that may try to move the terminal's cursor.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Progress(Protocol):
    """Shows how far long work is. `total` is 0 where nobody knows it."""

    def __call__(self, text: str, done: int = 0, total: int = 0) -> None:
        """Show `text` and that `done` of `total` steps are behind."""


class Commands(TyperGroup):
    """The root of all commands: turns errors raised on purpose into one message and a code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            return super().invoke(ctx)
        except AutoqaError as error:
            warn(f"autoqa: {error}")
            code = INCOMPLETE if isinstance(error, _NOT_THE_ARGUMENTS) else MISUSED
            raise typer.Exit(code) from None
        except KeyboardInterrupt:
            warn("autoqa: interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            warn(f"autoqa: {_about(error)}")
            raise typer.Exit(INCOMPLETE) from None


def _about(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    return f"{error.filename}: {said}" if error.filename else said


def say(text: str) -> None:
    """Print a result."""
    typer.echo(_CONTROL.sub("", text))


def say_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a result for programs: one JSON value, keys in the order given."""
    say(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def say_markdown(text: str) -> None:
    """Print Markdown: set for reading on a terminal, as it is anywhere else."""
    if not sys.stdout.isatty():
        say(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(_CONTROL.sub("", text), hyperlinks=False))


def warn(text: str) -> None:
    """Print a message for people, to stderr."""
    typer.echo(_CONTROL.sub("", text), err=True)


def finish(left_undone: Sequence[str]) -> None:
    """Name what was not done, one sentence each, and exit with 1; return if there is nothing."""
    for sentence in left_undone:
        warn(f"autoqa: {sentence}")
    if left_undone:
        raise typer.Exit(INCOMPLETE)


def example(*commands: str) -> str:
    """Return the end of a command's help: lines to copy, not wrapped."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    return f"{title}\n\n\b\n" + "\n".join(f"  {command}" for command in commands)


def counted(counts: Mapping[str, int]) -> str:
    """Return ``bad_json 3, no_turns 1``."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns of plain text, as wide as they need to be."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(_columns(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _unshown(text: str, done: int = 0, total: int = 0) -> None:
    """Progress where nobody is looking."""


@contextmanager
def progress_bar(*, share: bool = False) -> Iterator[Progress]:
    """Show progress on stderr; say nothing where stderr is not a terminal.

    With `share`, steps are no numbers for people: their share and the time left are shown instead.
    """
    if not sys.stderr.isatty():
        yield _unshown
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    with Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *([TaskProgressColumn()] if share else [MofNCompleteColumn()]),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if share else []),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task("starting", total=None)

        def show(text: str, done: int = 0, total: int = 0) -> None:
            bars.update(
                task, description=_CONTROL.sub("", text), completed=done, total=total or None
            )

        yield show


def step_lines() -> Callable[[str], None]:
    """Return what shows each step as a line on stderr, where that is a terminal."""
    return warn if sys.stderr.isatty() else _unshown


def prepare_streams() -> None:
    """Let any text be printed: what the terminal's encoding lacks is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def survive_closed_pipe() -> Iterator[None]:
    """End quietly where the reader of our output went away, as in ``autoqa ... | head``."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Python flushes once more on its way out; give it somewhere to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(INCOMPLETE)
