"""Whether files of a model folder are those that were written, and none runs code on loading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from autoqa.errors import ModelError
from autoqa.store import file_sha256

PICKLED_KINDS = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".skops"})
"""Suffixes of files that may run code when they are loaded."""

_ZIP = b"PK\x03\x04"  # what torch.save writes: pickles in an archive
_PICKLE_PROTOCOLS = range(2, 6)


def files_below(folder: Path) -> dict[str, Path]:
    """Return every file by its name relative to the folder, sorted."""
    return {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def damaged(folder: Path, expected: Mapping[str, str]) -> Iterator[ModelError]:
    """Yield what is wrong with files that should be there, given their SHA-256 by name."""
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            yield ModelError(f"{path}: missing; restore it or train the models again")
            continue
        found = file_sha256(path)
        if found != digest:
            yield ModelError(
                f"{path}: SHA-256 is {found[:12]}..., the index says {digest[:12]}...; the "
                "file was changed: restore it or train the models again"
            )


def is_pickled(file: Path) -> bool:
    """Whether a file is, by its name or its first bytes, one that may run code when loaded."""
    if file.suffix.lower() in PICKLED_KINDS:
        return True
    with file.open("rb") as stream:
        start = stream.read(9)
    if start.startswith(_ZIP):
        return True
    # The length of a safetensors header may look like a pickle's first bytes; "{" follows it.
    return (
        len(start) > 1
        and start[0] == 0x80
        and start[1] in _PICKLE_PROTOCOLS
        and (start[8:] != b"{")
    )
