"""From files and folders to conversations; what cannot be used goes to quarantine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from autoqa.errors import ReadError, near_miss
from autoqa.readers.base import Format, Found, Source, format_named
from autoqa.readers.quarantine import NoQuarantine, Problem, Quarantine
from autoqa.readers.sniff import format_of
from autoqa.readers.table import FIELDS
from autoqa.records import LabelledTranscript, Speaker

_NOT_CONVERSATIONS = ("unknown_format", "not_transcripts", "missing_column")


def read(
    inputs: Iterable[str | Path],
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    columns: Mapping[str, str] | None = None,
    speakers: Mapping[str, Speaker] | None = None,
    quarantine: Quarantine | None = None,
) -> Iterator[LabelledTranscript]:
    """Yield every usable conversation of files and folders, as a stream.

    Each record is counted in `quarantine`, either as kept or as left out, so that
    ``records_read == records_kept + records_quarantined`` whatever the files hold. Memory grows by
    a few dozen bytes per conversation, to notice ids that come twice.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, or folders: searched recursively in sorted order, without hidden files. Files in
        folders that hold no conversations are skipped with a row in the quarantine file.
    format : str, optional
        Read every file in this format instead of sniffing: ``stored``, ``uniform``, ``table``
        or ``text``.
    columns : mapping of str to str, optional
        For tables, our field name to the column's name: ``{"text": "utterance"}``.
    speakers : mapping of str to Speaker, optional
        A file's own label (a name, a channel, a number) to who that is: ``{"0": Speaker.AGENT}``.
    quarantine : Quarantine, optional
        Without one, the first record that cannot be used raises.

    Raises
    ------
    ReadError
        At once, when an input does not exist, the format or a field of `columns` is unknown, or
        a folder holds no file that can be read.
    """
    if quarantine is None:
        quarantine = NoQuarantine()
    mapping = dict(columns or {})
    for name in mapping:
        if name not in FIELDS:
            raise ReadError(
                f"columns: unknown field '{name}'.{near_miss(name, FIELDS)} "
                f"Fields: {', '.join(FIELDS)}.",
                reason="missing_column",
            )
    forced = None if format is None else format_named(format)
    if isinstance(inputs, str | Path):
        inputs = [inputs]
    named = {label.strip().lower(): speaker for label, speaker in (speakers or {}).items()}
    return _stream(_plan(inputs, mapping, named, forced, quarantine), quarantine)


def _plan(
    inputs: Iterable[str | Path],
    columns: Mapping[str, str],
    speakers: Mapping[str, Speaker],
    forced: Format | None,
    quarantine: Quarantine,
) -> list[tuple[Source, Format]]:
    """Find the files and their formats, before anything is read."""
    planned: list[tuple[Source, Format]] = []
    seen: set[Path] = set()
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            sources = [
                Source(file, str(file), _id_below(path, file), columns, speakers)
                for file in files_below(path)
            ]
        elif path.exists():
            sources = [Source(path, str(path), path.stem, columns, speakers)]
        else:
            raise ReadError(f"{path}: no such file or folder", reason="unreadable_file")
        usable = 0
        for source in sources:
            identity = source.path.resolve()
            if identity in seen:
                usable += 1
                continue
            seen.add(identity)
            try:
                chosen = forced or format_of(source)
            except ReadError as error:
                said = Problem(error.reason, str(error).removeprefix(f"{source.name}: "))
                if path.is_dir() and error.reason in _NOT_CONVERSATIONS:
                    quarantine.skip_file(source.place, said)
                else:
                    quarantine.reject(source.place, said)
            else:
                usable += 1
                # A copy, because the one that was sniffed holds on to the head of the file.
                planned.append((replace(source), chosen))
        if path.is_dir() and not usable:
            raise ReadError(
                f"{path}: none of its {len(sources)} files holds conversations; if they do, name "
                "their format and columns",
                reason="unknown_format",
            )
    return planned


def _id_below(folder: Path, file: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in sorted order, without hidden ones."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _stream(
    planned: list[tuple[Source, Format]], quarantine: Quarantine
) -> Iterator[LabelledTranscript]:
    ids: set[int] = set()
    for source, chosen in planned:
        for found in _guarded(source, chosen):
            if found.labelled is None:
                unknown = Problem("unreadable_file", "the record cannot be read")
                quarantine.reject(found.place, found.problem or unknown)
                continue
            key = _hashed(found.labelled.transcript.conversation_id)
            if key in ids:
                message = "an earlier conversation has the same id; that one is kept"
                quarantine.reject(found.place, Problem("duplicate_id", message))
                continue
            ids.add(key)
            quarantine.keep()
            for note in found.notes:
                quarantine.note(found.place, note)
            yield found.labelled


def _guarded(source: Source, chosen: Format) -> Iterator[Found]:
    """A file that the system stops giving out ends there, and the run goes on."""
    try:
        yield from chosen.read(source)
    except OSError as error:
        said = f"reading stopped: {error.strerror or type(error).__name__}"
        yield Found(source.place, problem=Problem("unreadable_file", said))


def _hashed(conversation_id: str) -> int:
    """64 bits stand for an id of any length; a clash among a million ids has odds of 1 in 10^7."""
    return int.from_bytes(hashlib.blake2b(conversation_id.encode(), digest_size=8).digest(), "big")
