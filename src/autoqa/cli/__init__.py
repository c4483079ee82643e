"""The command line: parse, call, print. Everything it does, the library does."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command ``autoqa`` and exit with its code: 0 done, 1 not all of it, 2 misused."""
    from autoqa.cli.app import app
    from autoqa.cli.console import prepare_streams, survive_closed_pipe

    prepare_streams()
    with survive_closed_pipe():
        app(prog_name="autoqa")
