"""Import and export of forms, whoever the vendor is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoqa.errors import ScorecardError, near_miss
from autoqa.scorecard.load import find_scorecard, load_scorecard
from autoqa.scorecard.schema import Criterion, Scorecard
from autoqa.scorecard.vendors.connect.exporting import connect_ids, write_connect
from autoqa.scorecard.vendors.connect.importing import read_connect
from autoqa.scorecard.vendors.files import read_json
from autoqa.scorecard.vendors.forms import Form, scorecard_of
from autoqa.scorecard.vendors.genesys.exporting import write_genesys
from autoqa.scorecard.vendors.genesys.importing import read_genesys
from autoqa.scorecard.vendors.google.exporting import google_ids, write_google
from autoqa.scorecard.vendors.google.importing import read_google
from autoqa.scorecard.vendors.losses import Loss, Losses, LossKind
from autoqa.scorecard.vendors.naming import VendorIds, vendor_ids


@dataclass(frozen=True, slots=True)
class Imported:
    """A scorecard made from a form, and what of the form it does not say."""

    card: Scorecard
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A form made from a scorecard, as JSON, and what of the scorecard it does not say."""

    form: dict[str, Any]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class _Vendor:
    keys: frozenset[str]  # of which a form has one at its top
    read: Callable[..., Form]
    write: Callable[[Scorecard, Losses], dict[str, Any]]
    ids: Callable[[Scorecard], VendorIds]


_VENDORS = {
    "connect": _Vendor(
        frozenset({"EvaluationForm", "Items"}), read_connect, write_connect, connect_ids
    ),
    "google": _Vendor(
        frozenset({"qaQuestions", "qa_questions"}), read_google, write_google, google_ids
    ),
    "genesys": _Vendor(
        frozenset({"questionGroups", "question_groups"}), read_genesys, write_genesys, vendor_ids
    ),
}
VENDORS = tuple(_VENDORS)
"""Names of the systems whose forms can be read and written."""


def import_form(
    form: str | Path | Mapping[str, Any], *, vendor: str | None = None, language: str | None = None
) -> Imported:
    """Make a scorecard from an evaluation form of another system.

    Criteria, levels and sections keep the form's ids as `ref`. Levels come in the order of what
    they earn and weights sum to 100, so that totals are those of the other system wherever no loss
    says otherwise.

    Parameters
    ----------
    form : str, Path or mapping
        A JSON file, or what such a file holds: for ``connect`` a response of DescribeEvaluationForm
        or the form inside it, for ``google`` a QaScorecardRevision with its ``qaQuestions`` (or a
        list of QaQuestion), for ``genesys`` an evaluation form.
    vendor : str, optional
        One of `VENDORS`; by default found by the keys of the file.
    language : str, optional
        BCP 47 tag of the texts; by default what the form says, else ``en``.

    Raises
    ------
    ScorecardError
        If the file is no form that is known, a value in it has the wrong type (every one is named,
        with its path), or no question of it can be kept.
    """
    if isinstance(form, Mapping):
        return _imported(form, "form", vendor, language)
    path = Path(form)
    return _imported(read_json(path), path.name, vendor, language)


def export_form(card: Scorecard | str | Path, vendor: str) -> Exported:
    """Make an evaluation form of another system from a scorecard.

    Ids are what `ref` says where the vendor accepts it, else made from ours; see `form_ids`.

    Parameters
    ----------
    card : Scorecard, str or Path
        A scorecard, a name of the library, or a YAML file; of a name or file, texts in other
        languages beside it are reported as lost.
    vendor : str
        One of `VENDORS`.

    Raises
    ------
    ScorecardError
        If the scorecard cannot be loaded, the vendor is not known, or a form cannot hold so many
        questions.
    """
    losses = Losses()
    write = _vendor(vendor).write
    if not isinstance(card, Scorecard):
        path = find_scorecard(card)
        card = load_scorecard(path)
        _note_languages(path, card, losses)
    form = write(card, losses)
    _note_renamed(card, _imported(form, card.id, vendor, None).card, vendor, losses)
    return Exported(form, tuple(losses))


def form_ids(card: Scorecard, vendor: str) -> VendorIds:
    """Return the ids that sections, criteria and levels have in a vendor's form.

    They are the same for an import and for the export of a card that was written here, so answers
    can be matched by them both ways.
    """
    return _vendor(vendor).ids(card)


def _imported(data: Any, name: str, vendor: str | None, language: str | None) -> Imported:
    found = _vendor(vendor) if vendor else _recognised(data, name)
    wanted = (Mapping, Sequence) if found.read is read_google else (Mapping,)
    if not isinstance(data, wanted) or isinstance(data, str):
        raise ScorecardError(f"{name}: no JSON object; export one form of {vendor} into the file")
    losses = Losses()
    card = scorecard_of(found.read(data, losses, name=name), losses, name=name)
    if language:
        card = card.model_copy(update={"language": language})
    return Imported(card, tuple(losses))


def _recognised(data: Any, name: str) -> _Vendor:
    if isinstance(data, list) and any(isinstance(q, dict) and "questionBody" in q for q in data):
        return _VENDORS["google"]
    for vendor in _VENDORS.values():
        if isinstance(data, Mapping) and not vendor.keys.isdisjoint(data):
            return vendor
    wanted = "; ".join(f"{name}: {' or '.join(sorted(v.keys))}" for name, v in _VENDORS.items())
    raise ScorecardError(
        f"{name}: not an evaluation form that is known by its keys ({wanted}); export the form "
        "as JSON, or name the vendor"
    )


def _vendor(name: str) -> _Vendor:
    if name not in _VENDORS:
        raise ScorecardError(
            f"no vendor '{name}'.{near_miss(name, VENDORS)} Known: {', '.join(VENDORS)}."
        )
    return _VENDORS[name]


def _note_languages(path: Path, card: Scorecard, losses: Losses) -> None:
    """Report the files beside a scorecard that hold its texts in other languages."""
    original = path.with_name(f"{path.name.split('.')[0]}{path.suffix}")
    beside = sorted(path.parent.glob(f"{original.stem}.*{path.suffix}"))
    others = [file.name for file in (original, *beside) if file != path and file.is_file()]
    if others:
        losses.add(
            LossKind.LANGUAGES,
            card.id,
            f"texts in other languages ({', '.join(dict.fromkeys(others))})",
            "a form has one language; export each of these files as a form of its own",
        )


def _note_renamed(card: Scorecard, back: Scorecard, vendor: str, losses: Losses) -> None:
    """Report ids and numbers of levels that an import of the form gives differently."""
    ids = form_ids(card, vendor)
    sections = {section.ref: section.id for section in back.sections}
    renamed = [
        ("scorecard", card.id, back.id),
        *(
            ("section", section.id, sections[ids.sections[section.id]])
            for section in card.sections
            if section.criteria
        ),
    ]
    criteria = {criterion.ref: criterion for criterion in back.criteria}
    for criterion in card.criteria:
        again = criteria[ids.questions[criterion.id]]
        renamed.append(("criterion", criterion.id, again.id))
        _note_renumbered(criterion, again, losses)
    for what, before, after in renamed:
        if before != after:
            losses.add(
                LossKind.IDS,
                before,
                f"the {what} comes back as '{after}'",
                "forms keep no ids of ours; rename it after an import, or keep this scorecard",
            )


def _note_renumbered(criterion: Criterion, again: Criterion, losses: Losses) -> None:
    if criterion.scale != again.scale:
        losses.add(
            LossKind.IDS,
            criterion.id,
            f"levels {', '.join(map(str, criterion.scale))} come back as "
            f"{', '.join(map(str, again.scale))}",
            "forms do not number answers; ratings on one card need the other's numbers",
        )
