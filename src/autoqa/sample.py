"""Where the embedded sample conversations are."""

from __future__ import annotations

from pathlib import Path

from autoqa.errors import DataError

_NAME = "conversations.jsonl"


def sample_path() -> Path:
    """Return the fictional sample conversations: beside the package, or in the repository.

    Raises
    ------
    DataError
        If the installation lacks them.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "sample" / _NAME, package.parents[1] / "data" / "sample" / _NAME):
        if place.is_file():
            return place
    raise DataError("the sample conversations are not installed; install autoqa-transcripts again")
