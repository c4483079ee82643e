"""Files that are either the old one or the complete new one, never half of one."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from autoqa.errors import StoreError


@contextmanager
def atomic_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`, which takes its place when the block ends well.

    The content is on disk (fsync) before the rename. After an exception the temporary file is
    removed and `path` is as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are readable by their owner only, whatever the umask says.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text so that readers see the old file or the whole new one.

    Raises
    ------
    StoreError
        If the text holds half of a surrogate pair, which UTF-8 cannot store.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{path}: character {error.start} is half of a surrogate pair, which UTF-8 cannot "
            "store; replace it before writing"
        ) from None
    with atomic_file(path) as stream:
        stream.write(content)


def atomic_write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON with sorted keys, atomically: same value, same bytes.

    Raises
    ------
    StoreError
        If `value` holds something JSON cannot say, such as NaN.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path}: not JSON: {error}") from error
    atomic_write_text(path, text + "\n")


def sync_file(path: Path) -> None:
    """Make a closed file durable, before something is made to depend on it."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse
        pass
    finally:
        os.close(descriptor)
