"""Evaluations of other systems to ratings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autoqa.errors import ReadError
from autoqa.readers.base import Source
from autoqa.readers.documents import Document, documents
from autoqa.readers.evaluations.answers import (
    Answer,
    Importer,
    Names,
    Question,
    VendorEvaluation,
)
from autoqa.readers.evaluations.connect_api import CONNECT_API
from autoqa.readers.evaluations.connect_import import CONNECT_FILE
from autoqa.readers.evaluations.genesys_import import GENESYS
from autoqa.readers.evaluations.google_import import GOOGLE
from autoqa.readers.evaluations.mapping import CardMap
from autoqa.readers.evaluations.zendesk_import import ZENDESK
from autoqa.readers.quarantine import NoQuarantine, Place, Problem, Quarantine
from autoqa.readers.reading import files_below
from autoqa.readers.values import problem
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Scorecard

_IMPORTERS: tuple[tuple[str, Importer], ...] = (
    ("connect", CONNECT_FILE),
    ("connect", CONNECT_API),
    ("google", GOOGLE),
    ("genesys", GENESYS),
    ("zendesk", ZENDESK),
)
SYSTEMS = tuple(dict.fromkeys(system for system, _ in _IMPORTERS))
"""Systems whose evaluations can be read and written."""

BY_RULE = frozenset({"not_submitted", "retracted", "superseded", "unknown_questions"})
"""Reasons for which an evaluation is left out although it can be read."""

# Lists of evaluations as the systems' own interfaces return them.
_LISTS = ("conversations", "entities", "feedbackLabels", "rows")

_SUFFIXES = (".json", ".jsonl", ".ndjson")
_SUPERSEDED = Problem("superseded", "another version of the evaluation counts")
_LONGEST_WORDING = 120
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_Key = tuple[str, str, RaterKind, str]
"""Conversation, rater, kind, criterion: of these, a table of ratings has one each."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The ratings that evaluations hold, and what was not taken over.

    Attributes
    ----------
    ratings : tuple of Rating
        Of people and of the other system's models; one per conversation, rater and criterion.
    evaluations : mapping of str to int
        Evaluations taken, per system.
    unknown_questions : mapping of str to int
        Questions that are not on the scorecard, by wording (else by id), and their answers.
    off_scale : mapping of str to int
        Answers that are none of their criterion's levels, per criterion.
    calibrations, disputed : int
        Evaluations among those taken that were made to calibrate, or that are under review.
    unattributed : int
        Answers left out because nothing says whether a person or the system gave them.
    repeated : int
        Ratings left out because the same rater answered the same question about the same
        conversation in a later evaluation.
    """

    ratings: tuple[Rating, ...]
    evaluations: Mapping[str, int]
    unknown_questions: Mapping[str, int]
    off_scale: Mapping[str, int]
    calibrations: int
    disputed: int
    unattributed: int
    repeated: int


def import_evaluations(
    inputs: Iterable[str | Path],
    card: Scorecard,
    *,
    quarantine: Quarantine | None = None,
    system: str | None = None,
    person: str | None = None,
) -> Imported:
    """Return the ratings in evaluations of Amazon Connect, Google, Genesys Cloud and Zendesk QA.

    Of several versions of one evaluation, the last submitted counts; evaluations that are not
    submitted, were retracted, or have no question that is on the scorecard, are left out.
    Unanswered questions give no rating. Memory grows with the number of ratings.

    Parameters
    ----------
    inputs : iterable of str or Path
        JSON files, or folders: searched recursively in sorted order, without hidden files.
    card : Scorecard
        What the questions are: see `CardMap`.
    quarantine : Quarantine, optional
        Counts every evaluation as kept or left out. Without one, the first that cannot be used
        raises.
    system : str, optional
        Rater name of automated answers; default, a name for each system.
    person : str, optional
        Rater name of people where a file names nobody.

    Raises
    ------
    ReadError
        If an input does not exist, or, without a quarantine, an evaluation cannot be used.
    """
    held = NoQuarantine() if quarantine is None else quarantine
    names = Names(system, person)
    latest: dict[tuple[str, str], tuple[Place, VendorEvaluation]] = {}
    sources = [source for given in inputs for source in _sources(Path(given), held)]
    for source in sources:
        for document in _guarded(source):
            for vendor, found in _evaluations(document, names):
                if isinstance(found, Problem):
                    _leave_out(held, document.place, found)
                    continue
                place, key = document.place, (vendor, found.key)
                if key in latest:
                    known_at, known = latest[key]
                    newer = _when(found) > _when(known)
                    _leave_out(held, known_at if newer else place, _SUPERSEDED)
                    if not newer:
                        continue
                latest[key] = (place, found)
    return _Ratings(card, held).of(latest)


def _leave_out(quarantine: Quarantine, place: Place, why: Problem) -> None:
    if why.reason in BY_RULE:
        # Counted, but nothing that a reader who expects good data should stop at.
        Quarantine.reject(quarantine, place, why)
    else:
        quarantine.reject(place, why)


def _sources(path: Path, quarantine: Quarantine) -> Iterator[Source]:
    if path.is_dir():
        for file in files_below(path):
            source = Source(file, str(file), file.stem)
            if source.suffix in _SUFFIXES:
                yield source
            else:
                said = "only JSON files hold evaluations"
                quarantine.note_file(source.place, Problem("skipped_file", said))
    elif path.exists():
        yield Source(path, str(path), path.stem)
    else:
        raise ReadError(f"{path}: no such file or folder", reason="unreadable_file")


def _guarded(source: Source) -> Iterator[Document]:
    try:
        yield from documents(source)
    except OSError as error:
        said = f"reading stopped: {error.strerror or type(error).__name__}"
        yield Document(source.place, problem=Problem("unreadable_file", said))
    except ReadError as error:
        yield Document(source.place, problem=Problem(error.reason, str(error)))


def _evaluations(
    document: Document, names: Names
) -> Iterator[tuple[str, VendorEvaluation | Problem]]:
    """Yield every evaluation that a JSON value holds, or what is wrong with it."""
    if document.problem is not None:
        yield "", document.problem
        return
    waiting = [document.value]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, Mapping):
            yield "", Problem("wrong_type", "not a JSON object")
            continue
        known = next((pair for pair in _IMPORTERS if pair[1].recognises(value)), None)
        lists = [value[name] for name in _LISTS if isinstance(value.get(name), list)]
        if known is not None:
            vendor, importer = known
            for one in importer.split(value):
                yield vendor, _read(importer, one, names)
        elif lists:
            waiting.extend(item for held in reversed(lists) for item in reversed(held))
        else:
            yield "", Problem("unknown_format", f"no evaluation of {', '.join(SYSTEMS)}")


def _read(importer: Importer, given: Any, names: Names) -> VendorEvaluation | Problem:
    try:
        if not isinstance(given, Mapping):
            raise problem("wrong_type", "the evaluation is not a JSON object")
        return importer.read(given, names)
    except ReadError as error:
        return Problem(error.reason, str(error))


def _when(evaluation: VendorEvaluation) -> datetime:
    return evaluation.submitted or _LONG_AGO


@dataclass
class _Ratings:
    """Ratings being made, and counts of what is not."""

    card: Scorecard
    quarantine: Quarantine
    unknown: Counter[str] = field(default_factory=Counter)
    off_scale: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def __post_init__(self) -> None:
        self._maps = {vendor: CardMap(self.card, vendor) for vendor in SYSTEMS}
        self._ratings: dict[_Key, tuple[datetime, Rating]] = {}

    def of(self, latest: Mapping[tuple[str, str], tuple[Place, VendorEvaluation]]) -> Imported:
        taken: Counter[str] = Counter()
        evaluations = []
        for (vendor, _), (place, evaluation) in latest.items():
            if self._take(place, evaluation, self._maps[vendor]):
                taken[vendor] += 1
                evaluations.append(evaluation)
        return Imported(
            ratings=tuple(rating for _, rating in self._ratings.values()),
            evaluations=dict(taken),
            unknown_questions=dict(self.unknown.most_common()),
            off_scale=dict(self.off_scale.most_common()),
            calibrations=sum(one.calibration for one in evaluations),
            disputed=sum(one.disputed for one in evaluations),
            unattributed=sum(one.unattributed for one in evaluations),
            repeated=self.repeated,
        )

    def _take(self, place: Place, evaluation: VendorEvaluation, known: CardMap) -> bool:
        """Add an evaluation's ratings; False where none of its questions is known."""
        criteria = [known.criterion(answer.question) for answer in evaluation.answers]
        unknown = [
            answer.question
            for answer, criterion in zip(evaluation.answers, criteria, strict=True)
            if criterion is None
        ]
        self.unknown.update(map(_called, unknown))
        if unknown and len(unknown) == len(criteria):
            said = f"none of its {len(set(unknown))} questions is on the scorecard {self.card.id}"
            _leave_out(self.quarantine, place, Problem("unknown_questions", said))
            return False
        self.quarantine.keep()
        if unknown:
            said = f"{len(set(unknown))} questions are not on the scorecard {self.card.id}; dropped"
            self.quarantine.note(place, Problem("unknown_questions", said))
        off_scale = self.off_scale.total()
        for answer, criterion in zip(evaluation.answers, criteria, strict=True):
            if criterion is None:
                continue
            level = known.level(criterion, answer.said) if answer.status is Status.RATED else None
            if answer.status is Status.RATED and level is None:
                self.off_scale[criterion.id] += 1
            else:
                self._add(evaluation, answer, criterion.id, level)
        if lost := self.off_scale.total() - off_scale:
            said = f"{lost} answers are none of the levels of their criterion; dropped"
            self.quarantine.note(place, Problem("off_scale", said))
        return True

    def _add(
        self, evaluation: VendorEvaluation, answer: Answer, criterion: str, level: int | None
    ) -> None:
        key = (evaluation.conversation_id, answer.rater, answer.kind, criterion)
        when = _when(evaluation)
        if key in self._ratings:
            self.repeated += 1
            if when <= self._ratings[key][0]:
                return
        self._ratings[key] = (when, _rating(key, answer, level))


def _rating(key: _Key, answer: Answer, level: int | None) -> Rating:
    conversation_id, rater, kind, criterion = key
    return Rating(
        conversation_id=conversation_id,
        criterion=criterion,
        rater=rater,
        kind=kind,
        status=answer.status,
        level=level,
        reason=answer.reason,
    )


def _called(question: Question) -> str:
    wording = " ".join(question.wording.split())[:_LONGEST_WORDING]
    return wording or next(iter(question.refs), "without id or wording")
