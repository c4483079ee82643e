"""``autoqa models``: what model folders there are, what they were trained on, whether intact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoqa.cli.arguments import AsJson
from autoqa.cli.console import example, finish, say, say_json, table

if TYPE_CHECKING:
    from autoqa.scorers.folder import HeadCard, ModelFolder

app = typer.Typer(
    help="List, explain and check model folders.",
    epilog=example("autoqa models card models/default"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="A model folder.", exists=True, file_okay=False, show_default=False
    ),
]


@app.command(name="list", epilog=example("autoqa models list"))
def list_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Where model folders are.", exists=True, file_okay=False
        ),
    ] = Path("models"),
    as_json: AsJson = False,
) -> None:
    """List the model folders in a folder."""
    from autoqa.scorers.folder import ModelFolder

    places = sorted(index.parent for index in folder.glob("*/models.json"))
    found = [_overview(ModelFolder(place)) for place in places]
    if as_json:
        say_json(found)
    elif found:
        rows = [
            (str(one["path"]), one["version"], one["scorecard"] or "–", ", ".join(one["heads"]))
            for one in found
        ]
        say(table(("folder", "version", "scorecard", "heads"), rows))
    else:
        say(f"No model folder in {folder}; `autoqa train` makes one.")


@app.command(epilog=example("autoqa models card models/default"))
def card(folder: Folder, as_json: AsJson = False) -> None:
    """Print what each head was trained on, under which licence, and how good it is."""
    from autoqa.scorers.folder import ModelFolder

    models = ModelFolder(folder)
    if as_json:
        heads = {name: _card(head) for name, head in models.heads.items()}
        say_json({**_overview(models), "heads": heads})
        return
    readme = folder / "README.md"
    if readme.is_file():
        say(readme.read_text(encoding="utf-8").rstrip())
        return
    for name, head in models.heads.items():
        say(f"{name}: {head.criterion.question}")
        for key, value in _card(head).items():
            if key != "question" and value not in ("", [], {}):
                say(f"  {key}: {value}")


@app.command(epilog=example("autoqa models verify models/default"))
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Check that every file of a model folder is the one that was written."""
    from autoqa.errors import ModelError
    from autoqa.scorers.folder import ModelFolder

    models = ModelFolder(folder)
    try:
        checked, problem = models.verify(), ""
    except ModelError as error:
        checked, problem = 0, str(error)
    if as_json:
        said = {"path": str(folder), "version": models.version, "intact": not problem}
        say_json({**said, "problem": problem})
    elif not problem:
        say(f"{folder}: {checked} files, all as they were written (version {models.version}).")
    finish([problem] if problem else [])


def _overview(models: ModelFolder) -> dict[str, Any]:
    card = models.scorecard
    return {
        "path": str(models.path),
        "version": models.version,
        "scorecard": f"{card.id} version {card.version}" if card else None,
        "heads": sorted(models.heads),
    }


def _card(head: HeadCard) -> dict[str, Any]:
    return {
        "question": head.criterion.question,
        "levels": list(head.criterion.scale),
        "use": head.use,
        "licence": head.licence,
        "trained_on": list(head.trained_on),
        "n_items": head.n_items,
        "metrics": dict(head.metrics),
        "notes": head.notes,
    }
