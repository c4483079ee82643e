"""Where a result comes from: data, code version, git state and the libraries that made it."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "autoqa-transcripts"
UNKNOWN = "unknown"
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "onnxruntime", "spacy", "mlflow")


def dataset_files(folder: Path) -> list[Path]:
    """Return the files whose bytes say which dataset a folder in the uniform schema holds."""
    return sorted(folder.glob("*.jsonl")) + sorted(folder.glob("*.jsonl.gz"))


def files_digest(files: Iterable[Path]) -> str:
    """Return one SHA-256, in hexadecimal, over the contents of files in their order."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def named_source(name: str, sha256: str) -> str:
    """Return how models say which data they learned from."""
    return f"{name} sha256:{sha256[:16]}"


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
