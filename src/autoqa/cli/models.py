"""``autoqa models``: what model folders there are, what they were trained on, whether intact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoqa.cli.arguments import AsJson, default_models
from autoqa.cli.console import example, finish, say, say_json, say_markdown, table, warn
from autoqa.errors import ModelError

if TYPE_CHECKING:
    from autoqa.scorers.folder import HeadCard, ModelFolder

app = typer.Typer(
    help="List, explain and check model folders.",
    epilog=example("autoqa models card models/default"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

_INDEX = "models.json"


@app.command(name="list", epilog=example("autoqa models list", "autoqa models list models runs"))
def list_(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR",
            help="Model folders, or folders of them. Default: models/* and models/default.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List model folders: their heads, and how many may be used for anything."""
    from autoqa.scorers.folder import ModelFolder

    found, problems = [], []
    for place in _model_folders(folders or ()):
        try:
            found.append(_overview(ModelFolder(place)))
        except ModelError as error:
            problems.append(str(error))
    if as_json:
        say_json(found)
    elif found:
        say(table(_COLUMNS, [_cells(one) for one in found]))
    elif not problems:
        where = ", ".join(map(str, folders or [Path("models")]))
        say(f"No model folder in {where}; `autoqa train` makes one.")
    finish(problems)


@app.command(
    epilog=example(
        "autoqa models card models/default", "autoqa models card models/default politeness"
    )
)
def card(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A model folder.", exists=True, file_okay=False, show_default=False
        ),
    ],
    head: Annotated[
        str | None,
        typer.Argument(metavar="HEAD", help="Only this head.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what each head was trained on, under which licence, and how good it is."""
    from autoqa.experiments.model_cards import card_markdown, overview
    from autoqa.scorers.folder import ModelFolder

    models = ModelFolder(folder)
    if head is not None and head not in models.heads:
        raise ModelError(models.no_head(head))
    heads = models.heads if head is None else {head: models.heads[head]}
    if as_json:
        say_json({**_overview(models), "heads": {k: _plain(one) for k, one in heads.items()}})
        return
    cards = [card_markdown(name, one) for name, one in heads.items()]
    if head is None:
        cards.insert(0, f"# {folder} (version {models.version})\n\n{overview(heads)}")
    say_markdown("\n\n".join(cards))


@app.command(epilog=example("autoqa models verify models/default"))
def verify(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR",
            help="Model folders.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Check that every file of a model folder is the one that was written, and none is pickled.

    Exits with 1 if a file is missing, was changed, or may run code when loaded. Files that the
    index does not name are listed: nothing is known about them.
    """
    checked = [_checked(folder) for folder in folders]
    if as_json:
        say_json(checked)
    for one in checked:
        if not as_json and one["intact"]:
            say(
                f"{one['path']}: {one['files']} files, all as they were written, none pickled "
                f"(version {one['version']})."
            )
        if one["unlisted"]:
            warn(f"{one['path']}: not in the index, so not checked: {', '.join(one['unlisted'])}")
    finish([problem for one in checked for problem in one["problems"]])


def _checked(folder: Path) -> dict[str, Any]:
    from autoqa.scorers.folder import ModelFolder

    try:
        models = ModelFolder(folder)
        _ = models.heads
    except ModelError as error:
        if not (folder / _INDEX).is_file():
            raise  # no model folder at all: the argument is wrong, not a file
        said: dict[str, Any] = {"version": None, "files": 0, "unlisted": []}
        problems = [str(error)]
    else:
        files = len(models.index["files"])
        said = {"version": models.version, "files": files, "unlisted": models.unlisted()}
        problems = [str(problem) for problem in models.problems()]
    return {"path": str(folder), "intact": not problems, **said, "problems": problems}


def _model_folders(given: Sequence[Path]) -> Iterator[Path]:
    """Yield the model folders among some folders and right below them, each once."""
    shipped = default_models()
    places = [*given] or [Path("models"), *([shipped] if shipped else [])]
    seen = set()
    for place in places:
        for index in [place / _INDEX, *sorted(place.glob(f"*/{_INDEX}"))]:
            if index.is_file() and index.resolve() not in seen:
                seen.add(index.resolve())
                yield index.parent


_COLUMNS = ("folder", "version", "MB", "scorecard", "permissive", "heads")


def _overview(models: ModelFolder) -> dict[str, Any]:
    card = models.scorecard
    files = (models.path / name for name in models.index["files"])
    return {
        "path": str(models.path),
        "version": models.version,
        "bytes": sum(file.stat().st_size for file in files if file.is_file()),
        "scorecard": f"{card.id} version {card.version}" if card else None,
        "heads": sorted(models.heads),
        "permissive": sorted(name for name, one in models.heads.items() if one.permissive),
    }


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    return (
        one["path"],
        one["version"],
        f"{one['bytes'] / 1e6:.1f}",
        one["scorecard"] or "–",
        f"{len(one['permissive'])} of {len(one['heads'])}",
        ", ".join(one["heads"]),
    )


def _plain(head: HeadCard) -> dict[str, Any]:
    return {
        "question": head.criterion.question,
        "levels": list(head.criterion.scale),
        "use": head.use,
        "licence": head.licence,
        "permissive": head.permissive,
        "trained_on": list(head.trained_on),
        "n_items": head.n_items,
        "languages": list(head.languages),
        "routes": list(head.routes),
        "intended_use": head.intended_use,
        "out_of_scope": head.out_of_scope,
        "abstain_below": head.abstain_below,
        "risk": head.risk,
        "seed": head.seed,
        "code": head.code,
        "metrics": dict(head.metrics),
        "notes": head.notes,
    }
