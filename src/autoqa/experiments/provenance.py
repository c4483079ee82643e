"""Where a result comes from: code version, git state and the libraries that made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "autoqa-transcripts"
UNKNOWN = "unknown"
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "onnxruntime", "spacy", "mlflow")


def autoqa_version() -> str:
    """Return the installed version, or ``unknown`` when the code runs without being installed."""
    return _installed(DISTRIBUTION) or UNKNOWN


def software_tags() -> dict[str, str]:
    """Return versions of autoqa, Python and the libraries that shape results, as run tags."""
    tags = {"autoqa.version": autoqa_version(), "python.version": platform.python_version()}
    for library in _LIBRARIES:
        if found := _installed(library):
            tags[f"version.{library}"] = found
    return tags


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit that `folder` is at and whether tracked files differ from it.

    Empty outside a git work tree, or where git is not installed.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "git.commit": commit,
        "git.dirty": UNKNOWN if changed is None else str(bool(changed)).lower(),
        "mlflow.source.git.commit": commit,
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
