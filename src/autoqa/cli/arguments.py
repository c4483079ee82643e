"""Arguments that several commands take, and what their values mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from autoqa.cli.console import warn
from autoqa.records import Speaker

if TYPE_CHECKING:
    from autoqa.privacy import Mode, Redaction

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT",
        help="Files, or folders of them: uniform JSONL (.gz too), CSV/TSV/Parquet turn tables, "
        "plain-text conversations, exports of other systems.",
        show_default=False,
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="Read every file in this format instead of looking inside: stored, uniform, table, "
        "text, or an export such as contact_lens, genesys, zendesk, webvtt or email.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=COLUMN",
        help="For tables: our field name and the table's column name; may be repeated.",
    ),
]
SpeakerNames = Annotated[
    list[str] | None,
    typer.Option(
        "--speaker",
        metavar="LABEL=ROLE",
        help="Who a file's own speaker label, channel or number is: agent, customer, bot or "
        "system; may be repeated.",
    ),
]
CardName = Annotated[
    str,
    typer.Option(
        "--scorecard",
        metavar="NAME_OR_FILE",
        help="A scorecard of the library (see `autoqa scorecard list`) or a YAML file.",
        show_default=False,
    ),
]
ScaleGiver = Annotated[
    str | None,
    typer.Option(
        "--scorecard",
        metavar="NAME_OR_FILE",
        help="Gives scales and weights. Default: the one that A was scored on, where it is in the "
        "library; else levels are taken from the data, and criteria count alike.",
        show_default=False,
    ),
]
PrivacyMode = Annotated[
    Literal["mask", "hash", "keep"],
    typer.Option(
        "--privacy",
        help="What becomes of personal values: mask, [CARD_1], numbered in each conversation; "
        "hash, [CARD_9f3a2c41d07b], the same value the same tag in all of them, for who has the "
        "key; keep, nothing.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--redaction-key-file",
        metavar="FILE",
        help="For --privacy hash: a file that holds the key. Default: the environment variable "
        "AUTOQA_REDACTION_KEY.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
NameModels = Annotated[
    list[str] | None,
    typer.Option(
        "--names",
        metavar="LANGUAGE=MODEL",
        help="Find names and postal addresses as well, with a spaCy model (package or folder) for "
        "a language; needs the extra 'pii'. May be repeated.",
    ),
]
OutFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for the results.",
        file_okay=False,
        show_default=False,
    ),
]
UniformFile = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Uniform JSONL to write; compressed if the name ends in .gz.",
        dir_okay=False,
        show_default=False,
    ),
]
ReviewDatabase = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="PLACE",
        envvar="AUTOQA_REVIEW_DATABASE",
        help="Where reviews are kept: a file, or postgresql://USER:PASSWORD@HOST/NAME.",
    ),
]
LicenceName = Annotated[
    Literal["any", "permissive"],
    typer.Option(
        "--licence",
        help="With permissive, models that learned from data whose licence restricts its use, or "
        "is not known, are as good as absent.",
    ),
]
Resamples = Annotated[
    int, typer.Option("--resamples", min=1, help="Bootstrap resamples behind each interval.")
]
IntervalSeed = Annotated[int, typer.Option("--seed", help="Same seed, same intervals.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON to standard output.")
]


def existing(flag: str, metavar: str, text: str) -> Any:
    """Return an option that names a file or folder, which has to be there."""
    return typer.Option(flag, metavar=metavar, help=text, exists=True, show_default=False)


AUTOMATED = existing(
    "--ratings",
    "A",
    "Automated ratings: a folder that `autoqa score` wrote, or a file of ratings.",
)
HUMAN_TABLE = "Human ratings: Parquet, JSONL, CSV, or conversations that hold them."
SURVEY_TABLE = "Customers' answers: Parquet, JSON, CSV, or conversations that hold them."
SurveyScale = Annotated[
    str | None,
    typer.Option(
        "--survey-scale",
        metavar="LOW-HIGH",
        help="Scale of the answers in S that do not state theirs, for example 0-10. Default: the "
        "smallest of 0-1, 1-5, 1-10 and 0-10 that they fit.",
        show_default=False,
    ),
]

DEFAULT_MODELS = Path("models", "default")
DEFAULT_REVIEW_DATABASE = "review.db"


def columns_from(given: Sequence[str] | None) -> dict[str, str]:
    """Return ``{"text": "utterance"}`` for ``--column text=utterance``."""
    mapping: dict[str, str] = {}
    for pair in given or ():
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise typer.BadParameter(
                f"'{pair}' is not NAME=COLUMN, for example text=utterance", param_hint="--column"
            )
        if name in mapping:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint="--column")
        mapping[name] = column
    return mapping


def survey_scale_from(given: str | None) -> tuple[float, float] | None:
    """Return ``(0.0, 10.0)`` for ``--survey-scale 0-10``."""
    if given is None:
        return None
    from autoqa.readers.survey_scores import scale_in_text

    found = scale_in_text(given)
    if found is None:
        raise typer.BadParameter(
            f"'{given}' is not LOW-HIGH, for example 1-5", param_hint="--survey-scale"
        )
    return found


def speakers_from(given: Sequence[str] | None) -> dict[str, Speaker]:
    """Return ``{"0": Speaker.AGENT}`` for ``--speaker 0=agent``."""
    named: dict[str, Speaker] = {}
    for pair in given or ():
        label, _, role = pair.rpartition("=")
        label, role = label.strip().lower(), role.strip().lower()
        if not label or role not in tuple(Speaker):
            raise typer.BadParameter(
                f"'{pair}' is not LABEL=ROLE with a role of {', '.join(Speaker)}, for example "
                "0=agent",
                param_hint="--speaker",
            )
        if label in named:
            raise typer.BadParameter(f"'{label}' is given twice", param_hint="--speaker")
        named[label] = Speaker(role)
    return named


def redaction_from(mode: Mode, key_file: Path | None, names: Sequence[str] | None) -> Redaction:
    """Return how to redact for ``--privacy``, ``--redaction-key-file`` and ``--names``."""
    from autoqa.privacy import redaction_from as settings_from

    models: dict[str, str] = {}
    for pair in names or ():
        language, equals, model = pair.partition("=")
        if not (language and equals and model):
            raise typer.BadParameter(
                f"'{pair}' is not LANGUAGE=MODEL, for example en=en_core_web_lg",
                param_hint="--names",
            )
        models[language.lower()] = model
    if mode == "keep":
        warn("--privacy keep: personal values stay in everything that is written.")
    return settings_from(mode, key_file=key_file, names=models)


def refuse_inside(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse results that would overwrite an input, or be read as one by the next run."""
    target = out.resolve()
    for given in inputs:
        source = given.resolve()
        if target == source or (source.is_dir() and target.is_relative_to(source)):
            raise typer.BadParameter(
                f"{out} is inside the input {given}, so results would be read as conversations; "
                "name a place outside of it",
                param_hint="--out",
            )


def default_models() -> Path | None:
    """Return ``models/default`` of the working directory or of the checkout, if it is there."""
    checkout = Path(__file__).resolve().parents[3]
    for folder in (DEFAULT_MODELS, checkout / DEFAULT_MODELS):
        if (folder / "models.json").is_file():
            return folder
    return None
