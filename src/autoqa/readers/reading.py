"""From files and folders to conversations; what cannot be used goes to quarantine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autoqa.errors import ReadError, near_miss
from autoqa.readers.base import Format, Found, Source, format_named
from autoqa.readers.checks import checked
from autoqa.readers.quarantine import NoQuarantine, Place, Problem, Quarantine
from autoqa.readers.sniff import format_of
from autoqa.readers.table import FIELDS
from autoqa.readers.values import identifier
from autoqa.records import LabelledTranscript, Speaker, Transcript

_NOT_CONVERSATIONS = ("unknown_format", "not_transcripts", "missing_column", "skipped_file")


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation that can be used, and where it was found."""

    place: Place
    labelled: LabelledTranscript


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
    some two hundred bytes per file and per conversation, to notice ids that come twice.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, or folders: searched recursively in sorted order, without hidden files and linked
        folders. Files in folders that hold no conversations are skipped with a row in the
        quarantine file.
    format : str, optional
        Read every file in this format instead of looking inside: a key of
        `autoqa.readers.formats`.
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
    held = NoQuarantine() if quarantine is None else quarantine
    files = find_files(inputs, held, format=format, columns=columns, speakers=speakers)
    return (kept.labelled for kept in read_files(files, held))


def find_files(
    inputs: Iterable[str | Path],
    quarantine: Quarantine,
    *,
    format: str | None = None,  # noqa: A002 - the word that the command line uses
    columns: Mapping[str, str] | None = None,
    speakers: Mapping[str, Speaker] | None = None,
) -> list[tuple[Source, Format]]:
    """Return the files that hold conversations, each with its format; the first half of `read`."""
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
    return _plan(inputs, mapping, named, forced, quarantine)


def _plan(
    inputs: Iterable[str | Path],
    columns: Mapping[str, str],
    speakers: Mapping[str, Speaker],
    forced: Format | None,
    quarantine: Quarantine,
) -> list[tuple[Source, Format]]:
    planned: list[tuple[Source, Format]] = []
    seen: set[int] = set()
    for given in inputs:
        path = Path(given)
        is_folder = path.is_dir()
        files = [(path, readable_name(path.stem))]
        if is_folder:
            beside: list[tuple[Place, Problem]] = []
            files = [(file, _id_below(path, file)) for file in files_below(path, beside)]
            for place, said in beside:
                _set_aside(place, said, quarantine, in_folder=True)
        elif not os.path.lexists(path):
            raise ReadError(f"{path}: no such file or folder", reason="unreadable_file")
        usable = 0
        for file, default_id in files:
            source = Source(file, str(file), default_id, columns, speakers)
            chosen = _format(source, forced, seen)
            if isinstance(chosen, Problem):
                _set_aside(source.place, chosen, quarantine, in_folder=is_folder)
            elif chosen is not None:
                # A copy, because the one that was sniffed holds on to the head of the file.
                planned.append((replace(source), chosen))
            usable += not (isinstance(chosen, Problem) and chosen.reason in _NOT_CONVERSATIONS)
        if is_folder and not usable:
            raise ReadError(
                f"{path}: none of its {len(files)} files holds conversations; if they do, name "
                "their format and columns",
                reason="unknown_format",
            )
    return planned


def _format(source: Source, forced: Format | None, seen: set[int]) -> Format | Problem | None:
    """Return the format of a file, why it has none, or nothing for a file that was met before."""
    try:
        identity = _hashed(os.fsencode(source.path.resolve(strict=True)))
    except (OSError, RuntimeError) as error:  # a loop of links is either
        said = error.strerror if isinstance(error, OSError) else None
        return Problem("unreadable_file", said or "links lead in a circle")
    if identity in seen:
        return None
    seen.add(identity)
    try:
        return format_of(source, forced)
    except ReadError as error:
        return Problem(error.reason, str(error).removeprefix(f"{source.name}: "))
    except Exception as error:
        return _broken_reader(error)


def _set_aside(place: Place, said: Problem, quarantine: Quarantine, *, in_folder: bool) -> None:
    """Account for a file that is not read: as a record, or as one that holds none."""
    if said.reason == "empty_file":
        quarantine.note_file(place, said)
    elif in_folder and said.reason in _NOT_CONVERSATIONS:
        quarantine.note_file(place, Problem("skipped_file", said.message))
    else:
        quarantine.reject(place, said)


def _id_below(folder: Path, file: Path) -> str:
    return readable_name(file.relative_to(folder).with_suffix("").as_posix())


def readable_name(name: str) -> str:
    """Return a file's name as an id: bytes that are not UTF-8 as escapes, line ends as spaces."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return " ".join((identifier(text) or "unnamed").split())


def files_below(folder: Path, beside: list[tuple[Place, Problem]] | None = None) -> Iterator[Path]:
    """Yield the files below a folder in sorted order, without hidden ones.

    `beside` takes what is not looked into: links to folders, and folders that the system refuses.
    """

    def refused(error: OSError) -> None:
        said = Problem("unreadable_file", f"the folder: {error.strerror}")
        told.append((Place(str(error.filename)), said))

    told = [] if beside is None else beside
    for place, folders, names in os.walk(folder, onerror=refused):
        visible = sorted(name for name in folders if not name.startswith("."))
        links = {name for name in visible if Path(place, name).is_symlink()}
        for name in visible:
            if name in links:
                said = Problem("skipped_file", "a link to a folder, which is not followed")
                told.append((Place(str(Path(place, name))), said))
        folders[:] = [name for name in visible if name not in links]
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def read_files(files: Iterable[tuple[Source, Format]], quarantine: Quarantine) -> Iterator[Kept]:
    """Yield every usable conversation of files; the second half of `read`."""
    earlier: dict[int, int] = {}  # hash of an id -> hash of what was said
    for planned, chosen in _joined(files):
        source = replace(planned)
        empty = True
        for found in _guarded(source, chosen):
            empty = False
            usable = _usable(found, earlier)
            if isinstance(usable, Problem):
                quarantine.reject(found.place, usable)
                continue
            labelled, notes = usable
            quarantine.keep()
            for place, remark in source.take_remarks():
                quarantine.note(place, remark)
            for note in notes:
                quarantine.note(found.place, note)
            yield Kept(found.place, labelled)
        if empty:
            quarantine.note_file(source.place, Problem("empty_file", "the file holds no record"))


def _joined(files: Iterable[tuple[Source, Format]]) -> Iterator[tuple[Source, Format]]:
    """Put files together that may share conversations, at the place of the first of them."""
    listed = list(files)
    together: dict[str, list[Source]] = {}
    for source, chosen in listed:
        if chosen.across_files:
            together.setdefault(chosen.name, []).append(source)
    for source, chosen in listed:
        if not chosen.across_files:
            yield source, chosen
        elif chosen.name in together:
            first, *others = together.pop(chosen.name)
            yield replace(first, others=tuple(others)), chosen


def _guarded(source: Source, chosen: Format) -> Iterator[Found]:
    """A file that cannot be read on ends there, and the run goes on."""
    try:
        yield from chosen.read(source)
    except OSError as error:
        said = f"reading stopped: {error.strerror or type(error).__name__}"
        yield Found(source.place, problem=Problem("unreadable_file", said))
    except ReadError as error:
        yield Found(source.place, problem=Problem(error.reason, str(error)))
    except Exception as error:
        yield Found(source.place, problem=_broken_reader(error))


def _broken_reader(error: Exception) -> Problem:
    # The message of an error that nobody foresaw may quote the file.
    return Problem("reader_failed", f"the reader broke ({type(error).__name__}); please report it")


def _usable(
    found: Found, earlier: dict[int, int]
) -> tuple[LabelledTranscript, list[Problem]] | Problem:
    """Return a checked conversation with its notes, or why it is left out."""
    if found.labelled is None:
        return found.problem or Problem("unreadable_file", "the record cannot be read")
    notes = list(found.notes)
    try:
        labelled = checked(found.labelled, notes)
    except ReadError as error:
        return Problem(error.reason, str(error))
    transcript = labelled.transcript
    words = hash_of_words(transcript)
    key = _hashed(transcript.conversation_id.encode())
    if key not in earlier:
        earlier[key] = words
        return labelled, notes
    return duplicate(same_words=earlier[key] == words)


def hash_of_words(transcript: Transcript) -> int:
    """Return 64 bits that stand for who said what."""
    return _hashed("\n".join(f"{t.speaker}:{t.text}" for t in transcript.turns).encode())


def duplicate(*, same_words: bool) -> Problem:
    """Return why a conversation whose id came before is left out."""
    if same_words:
        return Problem("repeated", "the same conversation came before; it is kept once")
    message = "an earlier conversation with other words has the same id; that one is kept"
    return Problem("duplicate_id", message)


def _hashed(content: bytes) -> int:
    """64 bits stand for content of any length; a clash among a million has odds of 1 in 10^7."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
