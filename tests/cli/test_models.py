"""``autoqa models``, and ``--licence``: what people and programs read, and the exit codes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoqa.cli.app import app
from autoqa.cli.console import say_markdown
from autoqa.scorers.folder import FORMAT

Make = Callable[..., Path]


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def said(*arguments: object) -> object:
    return json.loads(autoqa(*arguments, "--json").stdout)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever models this machine has, tests start without."""
    monkeypatch.setattr("autoqa.cli.models.default_models", lambda: None)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a folder with the heads `greeting` (permissive) and `recap` (not)."""

    def write(name: str = "models/mine") -> Path:
        folder = tmp_path / name
        (folder / "heads").mkdir(parents=True)
        (folder / "heads" / "weights").write_bytes(b"0123")
        levels = {0: "no", 1: "yes"}
        heads = {
            head: {
                "criterion": {"id": head, "question": f"{head}?", "levels": levels},
                "licence": licence,
                "trained_on": ["simulated"],
                "n_items": 90,
                "metrics": {"kappa_learned": 0.5},
            }
            for head, licence in (("greeting", "Apache-2.0"), ("recap", "research-only"))
        }
        files = {"heads/weights": hashlib.sha256(b"0123").hexdigest()}
        index = {"format": FORMAT, "heads": heads, "files": files, "scorecard": None}
        (folder / "models.json").write_text(json.dumps(index))
        return folder

    return write


# list


def test_model_folders_are_found_in_a_folder_of_them_or_named(make: Make):
    one, two = make("models/one"), make("elsewhere/two")
    found = said("models", "list", one.parent, two)
    assert [(Path(each["path"]).name, each["heads"]) for each in found] == [
        ("one", ["greeting", "recap"]),
        ("two", ["greeting", "recap"]),
    ]
    assert found[0]["permissive"] == ["greeting"]
    assert found[0]["bytes"] == 4


def test_by_default_models_here_and_the_shipped_ones_are_listed_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    make("models/default")
    shipped = make("checkout/models/default")
    for folder, paths in (
        (Path("models/default"), ["models/default"]),
        (shipped, ["models/default", str(shipped)]),
    ):
        monkeypatch.setattr("autoqa.cli.models.default_models", lambda folder=folder: folder)
        assert [one["path"] for one in said("models", "list")] == paths


def test_the_list_says_how_many_heads_may_be_used_for_anything(make: Make):
    make()
    assert "1 of 2" in autoqa("models", "list").stdout


def test_no_folder_is_no_error_and_says_what_makes_one(tmp_path: Path):
    result = autoqa("models", "list", tmp_path)
    assert result.exit_code == 0
    assert f"No model folder in {tmp_path}; `autoqa train` makes one." in result.stdout
    assert said("models", "list", tmp_path) == []


def test_a_damaged_folder_does_not_hide_the_others(make: Make):
    make("models/good")
    (make("models/bad") / "models.json").write_text("{")
    result = autoqa("models", "list")
    assert result.exit_code == 1
    assert "models/good" in result.stdout
    assert "bad/models.json: damaged" in result.stderr


# card


def test_a_card_is_markdown_with_terms_and_figures(make: Make):
    folder = make()
    text = autoqa("models", "card", folder).stdout
    assert "| `recap` | 0-1 | simulated | 90 | research-only | - |" in text
    assert "## `greeting`" in text
    assert "- **Licence of the data**: Apache-2.0\n" in text
    assert "- **kappa_learned**: 0.500" in text


def test_one_head_has_a_card_of_its_own(make: Make):
    folder = make()
    result = autoqa("models", "card", folder, "recap")
    assert result.stdout.startswith("## `recap`")
    assert "greeting" not in result.stdout
    heads = said("models", "card", folder, "recap")["heads"]
    assert list(heads) == ["recap"]
    assert (heads["recap"]["permissive"], heads["recap"]["levels"]) == (False, [0, 1])


def test_a_head_that_is_not_there_is_answered_with_the_nearest(make: Make):
    result = autoqa("models", "card", make(), "recp")
    assert result.exit_code == 2
    assert "no head 'recp'. Did you mean 'recap'?" in result.stderr


def test_on_a_terminal_markdown_is_set_for_reading(terminal: Callable[[str], io.StringIO]):
    screen = terminal("stdout")
    say_markdown("- **Data**: a\x1b[2Jb\n\n| head |\n|---|\n| tone |")
    shown = screen.getvalue()
    assert "**" not in shown
    assert "|---|" not in shown
    assert "\x1b[2J" not in shown
    assert "tone" in shown


# verify


def test_a_folder_as_it_was_written_passes(make: Make):
    one, two = make("models/one"), make("models/two")
    result = autoqa("models", "verify", one, two)
    assert result.exit_code == 0
    assert result.stdout.count("1 files, all as they were written, none pickled") == 2
    assert [each["intact"] for each in said("models", "verify", one, two)] == [True, True]


def test_every_file_that_is_wrong_is_named_and_the_other_folders_are_checked(make: Make):
    bad, good = make("models/bad"), make("models/good")
    (bad / "heads" / "weights").write_bytes(b"0124")
    (bad / "more.pkl").write_bytes(b"")
    result = autoqa("models", "verify", bad, good)
    assert result.exit_code == 1
    assert "weights: SHA-256 is" in result.stderr
    assert "the file was changed: restore it or train the models again" in result.stderr
    assert "more.pkl: may run code when loaded (pickled); remove it" in result.stderr
    assert result.stdout.startswith(f"{good}: 1 files")
    found = said("models", "verify", bad, good)
    assert [(one["intact"], len(one["problems"])) for one in found] == [(False, 2), (True, 0)]


def test_files_that_the_index_does_not_name_are_listed_but_not_wrong(make: Make):
    folder = make()
    (folder / "README.md").write_text("# Card\n")
    (folder / "heads" / "old.json").write_text("{}")
    result = autoqa("models", "verify", folder)
    assert result.exit_code == 0
    assert f"{folder}: not in the index, so not checked: heads/old.json\n" in result.stderr
    assert said("models", "verify", folder)[0]["unlisted"] == ["heads/old.json"]


def test_a_damaged_index_is_a_wrong_file_but_a_missing_one_a_wrong_argument(
    make: Make, tmp_path: Path
):
    folder = make()
    index = {"format": FORMAT, "heads": {"x": {}}, "files": {}}
    (folder / "models.json").write_text(json.dumps(index))
    result = autoqa("models", "verify", folder)
    assert result.exit_code == 1
    assert "models.json: damaged" in result.stderr
    result = autoqa("models", "verify", tmp_path)
    assert result.exit_code == 2
    assert "no models.json there" in result.stderr


# score --licence


CARD = """\
id: tiny
version: 1
sections:
  - id: all
    criteria:
      - id: greeting
        question: Did the agent greet the customer?
        levels: {0: no, 1: yes}
        weight: 100
        scorer: {use: rules, say: greeting, speaker: agent}
"""


@pytest.mark.parametrize(
    ("more", "left_out"),
    [((), {}), (("--licence", "permissive"), {"greeting": "unstated", "recap": "research-only"})],
)
def test_score_names_the_heads_that_it_did_not_use(
    more: tuple[str, ...], left_out: dict[str, str], make: Make, tmp_path: Path
):
    folder = make()
    index = json.loads((folder / "models.json").read_text())
    index["heads"]["greeting"] |= {"licence": "unstated", "use": "rules"}
    (folder / "models.json").write_text(json.dumps(index))
    (tmp_path / "tiny.yaml").write_text(CARD)
    turns = [{"speaker": "agent", "text": "Good morning"}]
    one = {"conversation_id": "a", "channel": "chat", "language": "en", "turns": turns}
    (tmp_path / "in.jsonl").write_text(json.dumps(one) + "\n")
    options = ("--scorecard", "tiny.yaml", "--models", folder, "--out", "out", "--workers", 1)
    result = autoqa("score", "in.jsonl", *options, *more)
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["left_out"] == left_out
    shown = "left out greeting (unstated); recap (research-only): --licence permissive"
    assert (shown in result.stdout) is bool(left_out)


def test_a_licence_that_is_no_choice_is_refused(make: Make):
    result = autoqa("score", "x", "--scorecard", "support-core", "--out", "y", "--licence", "MIT")
    assert result.exit_code == 2
    assert "--licence" in result.stderr
