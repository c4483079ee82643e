"""The commands as people and programs call them: output, files, exit codes."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner, Result

from autoqa.cli.app import app
from autoqa.cli.console import progress_bar, table
from autoqa.errors import AutoqaError, EncoderError, MissingData
from autoqa.experiments.history import LoggedFigure, RunDetail, RunSummary
from autoqa.experiments.selecting import StatedRisk

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "conversations.jsonl"

CARD = """\
id: tiny
version: 2
sections:
  - id: all
    criteria:
      - id: greeting
        question: Did the agent greet the customer?
        levels: {0: no, 1: yes}
        weight: 100
        scorer: {use: rules, say: greeting, speaker: agent}
"""


def autoqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


def shell(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autoqa", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def conversation(key: str, text: str = "Good morning, how can I help?", **more) -> str:
    turns = [{"speaker": "agent", "text": text}, {"speaker": "customer", "text": "My line is down"}]
    return json.dumps(
        {"conversation_id": key, "channel": "chat", "language": "en", "turns": turns, **more}
    )


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever models, runs and settings this machine has, tests start without."""
    monkeypatch.setattr("autoqa.cli.scoring.default_models", lambda: None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("AUTOQA_HOME", raising=False)


def lines(path: Path, *content: str) -> Path:
    path.write_text("".join(line + "\n" for line in content), encoding="utf-8")
    return path


def commands(group: typer.core.TyperGroup, *before: str):
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *before, name)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return lines(tmp_path / "tiny.yaml", CARD)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Twelve of the sample's conversations, three per language, scored without models."""
    place = tmp_path_factory.mktemp("scored")
    content = SAMPLE.read_text(encoding="utf-8").splitlines()
    some = [line for first in (0, 16, 32, 48) for line in content[first : first + 3]]
    data = lines(place / "some.jsonl", *some)
    out = place / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoqa.cli.scoring.default_models", lambda: None)
        done = autoqa("score", data, "--scorecard", "support-core", "--out", out, "--json")
    return SimpleNamespace(data=data, out=out, done=done)


# Help and misuse


@pytest.mark.parametrize("names", [(), *commands(typer.main.get_command(app))], ids=" ".join)
def test_every_help_ends_with_something_to_copy(names: tuple[str, ...]):
    result = autoqa(*names, "--help")
    assert result.exit_code == 0
    assert f"\n    autoqa {' '.join(names)}" in result.stdout


def test_the_commands_are_those_that_other_tools_call():
    assert {" ".join(names) for names in commands(typer.main.get_command(app))} >= {
        "demo", "read", "scorecard lint", "scorecard show", "scorecard list", "train", "score",
        "compare", "experiment run", "experiment list", "experiment show", "benchmark",
    }  # fmt: skip


def test_help_loads_no_heavy_library():
    heavy = "matplotlib mlflow numpy onnxruntime openvino pandas pyarrow pydantic sklearn spacy"
    code = (
        "import sys, autoqa.cli\n"
        "sys.argv = ['autoqa', '--help']\n"
        "try: autoqa.cli.main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print([m for m in '{heavy} torch transformers'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("module", ["autoqa", "autoqa.cli"])
def test_the_command_also_runs_as_a_module(module: str):
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "autoqa 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("scorecrd list", "Did you mean 'scorecard'"),
        ("score x --scorcard support-core --out y", "--scorecard"),
        ("scorecard show suport-core", "Did you mean 'support-core'?"),
        ("scorecard show support-core --language fr", "no texts in 'fr'"),
        ("scorecard lint nowhere.yaml", "nowhere.yaml: no such file"),
        ("score nowhere --scorecard support-core --out y", "nowhere: no such file or folder"),
        ("score {data} --scorecard support-core --out y --format unifrm", "'uniform'?"),
        ("score {data} --scorecard support-core --out y --column txt=a", "Did you mean 'text'?"),
        ("score {data} --scorecard support-core --out y --column text", "is not NAME=COLUMN"),
        ("score {data} --scorecard support-core --out y --workers 0", "--workers"),
        ("score {data} --scorecard support-core --out y --precision int4", "--precision"),
        ("score {data} --scorecard support-core --out y --models nowhere", "nowhere"),
        ("score {data} --scorecard support-core --out y --models .", "no models.json there"),
        ("score {data} --scorecard support-core", "Missing option '--out'"),
        ("score {folder} --scorecard support-core --out {folder}/scored", "inside the input"),
        ("read {data} --out {data}", "inside the input"),
        ("read {data}", "Missing option '--out'"),
        ("compare --ratings nowhere --human {data} --out y", "nowhere"),
        ("compare --ratings {data} --human {data} --out y", "no automated ratings"),
        ("benchmark satisfacton {folder} --models .", "Did you mean 'satisfaction'?"),
        ("benchmark satisfaction nowhere --models .", "nowhere"),
        ("train --data nowhere --scorecard support-core --out m", "nowhere"),
        (
            "train --data {data} --scorecard support-core --out m --criteria greting",
            "Did you mean 'greeting'?",
        ),
        ("experiment show deadbeef", "No run begins with 'deadbeef'"),
        ("experiment run nowhere.yaml", "nowhere.yaml: no such experiment file"),
        ("models card nowhere", "nowhere"),
    ],
)
def test_unusable_arguments_end_with_2_and_say_what_to_change(
    arguments: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "data").mkdir()
    data = lines(tmp_path / "data" / "calls.jsonl", conversation("a"))
    monkeypatch.chdir(tmp_path)
    result = autoqa(*arguments.format(data=data, folder=data.parent).split())
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AutoqaError("calls.jsonl: cannot be used"), 2),
        (EncoderError("weights are not here; install them"), 1),
        (MissingData("the data folder is not there"), 1),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "/somewhere"), 1),
    ],
)
def test_an_error_is_one_message_and_a_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
):
    def run_demo(out: Path, *, shipped: object, progress: object) -> None:
        raise error

    give(monkeypatch, "autoqa.demo", run_demo=run_demo)
    result = autoqa("demo")
    assert result.exit_code == code
    assert result.stderr.startswith("autoqa: ")
    assert len(result.stderr.splitlines()) == 1


def test_messages_cannot_move_the_cursor():
    result = autoqa("scorecard", "show", "\x1b[2Jcard")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "[2Jcard" in result.stderr


def test_a_reader_that_goes_away_is_no_error_message():
    with subprocess.Popen(
        [sys.executable, "-m", "autoqa", "scorecard", "show", "support-core"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_text_that_the_terminal_cannot_show_is_escaped():
    narrow = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = shell("scorecard", "list", env=narrow, encoding="latin-1")
    assert done.returncode == 0
    assert "support-core.zh" in done.stdout
    assert "\\u" in done.stdout


# read


def test_read_writes_uniform_jsonl_and_redacts(tmp_path: Path):
    data = lines(tmp_path / "in.jsonl", conversation("a", "Write to ana@example.com please"))
    out = tmp_path / "out" / "calls.jsonl.gz"
    result = autoqa("read", data, "--out", out)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"1 of 1 conversations written to {out}.")
    assert "Write to [EMAIL_1] please" in gzip.decompress(out.read_bytes()).decode()
    assert (out.parent / "quarantine.jsonl").read_text() == ""


def test_read_keeps_personal_numbers_where_asked_to(tmp_path: Path):
    data = lines(tmp_path / "in.jsonl", conversation("a", "Write to ana@example.com please"))
    out = tmp_path / "calls.jsonl"
    result = autoqa("read", data, "--out", out, "--privacy", "keep")
    assert result.exit_code == 0
    assert "personal values stay" in result.stderr
    assert "ana@example.com" in out.read_text(encoding="utf-8")


def test_read_takes_a_table_with_columns_of_other_names(tmp_path: Path):
    data = lines(tmp_path / "t.csv", "call,who,said", "a,agent,Hello", "a,customer,Hi")
    out = tmp_path / "calls.jsonl"
    columns = ["--column", "conversation_id=call", "--column", "text=said"]
    assert autoqa("read", data, *columns, "--out", out).exit_code == 0
    assert [t["text"] for t in json.loads(out.read_text())["turns"]] == ["Hello", "Hi"]


def test_what_read_cannot_read_is_counted_listed_and_ends_with_1(tmp_path: Path):
    data = lines(tmp_path / "in.jsonl", conversation("a"), "{not json", conversation("a"))
    result = autoqa("read", data, "--out", tmp_path / "out.jsonl", "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["read"], said["written"], said["quarantined"]) == (3, 1, 2)
    assert said["reasons"] == {"bad_json": 1, "repeated": 1}
    assert "2 of 3 records could not be read" in result.stderr
    rows = (tmp_path / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(row)["line"] for row in rows] == [2, 3]


def test_an_input_without_conversations_is_not_done(tmp_path: Path):
    result = autoqa("read", lines(tmp_path / "in.jsonl"), "--format", "uniform", "--out",
                    tmp_path / "out.jsonl")  # fmt: skip
    assert result.exit_code == 1
    assert "holds no conversation" in result.stderr


# scorecard


def test_the_library_is_listed_for_people_and_programs():
    assert "support-core.es" in autoqa("scorecard", "list").stdout
    said = json.loads(autoqa("scorecard", "list", "support-core", "--json").stdout)
    assert [one["language"] for one in said] == ["en", "es", "it", "zh"]


def test_a_scorecard_is_shown_as_a_form_in_the_language_asked_for():
    result = autoqa("scorecard", "show", "support-core", "--language", "it")
    assert result.exit_code == 0
    assert "Valutatore" in result.stdout
    said = json.loads(autoqa("scorecard", "show", "support-core", "--json").stdout)
    assert said["id"] == "support-core"
    assert len(said["sha256"]) == 64


@pytest.mark.parametrize("name", ["support-core", "ai-agent-procedure", "support-core.zh"])
def test_the_librarys_scorecards_pass_their_own_check(name: str):
    result = autoqa("scorecard", "lint", name)
    assert result.exit_code == 0, result.stdout


def test_a_bad_scorecard_is_named_by_what_is_wrong(tmp_path: Path):
    bad = lines(tmp_path / "bad.yaml", CARD.replace("say: greeting", "say: greting"))
    result = autoqa("scorecard", "lint", bad)
    assert result.exit_code == 1
    assert "greting" in result.stdout
    said = json.loads(autoqa("scorecard", "lint", bad, "--json").stdout)
    assert said["errors"] == 1
    assert {"severity", "code", "where", "message"} == set(said["findings"][0])


def test_a_scorer_that_is_not_registered_is_an_error(tmp_path: Path):
    bad = lines(tmp_path / "bad.yaml", CARD.replace("use: rules, say: greeting", "use: ruls"))
    result = autoqa("scorecard", "lint", bad)
    assert result.exit_code == 1
    assert "rules" in result.stdout


def test_warnings_fail_only_where_asked_to(card: Path):
    assert "warnings" in autoqa("scorecard", "lint", card).stdout
    assert autoqa("scorecard", "lint", card).exit_code == 0
    assert autoqa("scorecard", "lint", card, "--strict").exit_code == 1


def test_events_of_the_scorecards_own_phrase_book_are_known(tmp_path: Path):
    book = lines(tmp_path / "own.yaml", "language: en", "events:", "  slogan: [we care]")
    text = CARD.replace("say: greeting", f"say: slogan, phrases: {book}")
    result = autoqa("scorecard", "lint", lines(tmp_path / "own-card.yaml", text))
    assert "slogan" not in result.stdout


# score


def test_score_writes_every_table_and_a_summary_that_reconciles(scored: SimpleNamespace):
    assert scored.done.exit_code == 0, scored.done.stderr
    said = json.loads(scored.done.stdout)
    assert said["read"] == said["scored"] + said["quarantined"] == 12
    assert json.loads((scored.out / "summary.json").read_text())["scored"] == 12
    assert {path.name for path in scored.out.iterdir()} >= {
        "evaluations.parquet", "ratings.parquet", "csat.parquet", "flags.parquet",
        "summary.json", "quarantine.jsonl",
    }  # fmt: skip


def test_progress_is_silent_where_nobody_watches(scored: SimpleNamespace):
    assert "conversations scored" not in scored.done.stderr


@pytest.mark.slow
def test_the_whole_sample_is_scored_in_a_process_of_its_own(tmp_path: Path):
    out = tmp_path / "out"
    done = shell("score", SAMPLE, "--scorecard", "support-core", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Scored 64 of 64 conversations on support-core version 1 in ")
    assert "Traceback" not in done.stderr


def test_a_record_that_cannot_be_read_does_not_stop_scoring_but_shows_in_the_code(
    tmp_path: Path, card: Path
):
    data = lines(tmp_path / "in.jsonl", conversation("a"), "{not json")
    out = tmp_path / "out"
    result = autoqa("score", data, "--scorecard", card, "--out", out, "--workers", 1)
    assert result.exit_code == 1
    assert "Scored 1 of 2 conversations on tiny version 2" in result.stdout
    assert f"1 of 2 records could not be read (bad_json 1); {out}" in result.stderr


def test_a_criterion_without_a_scorer_is_not_passed_over(tmp_path: Path):
    alone = CARD.replace("        scorer: {use: rules, say: greeting, speaker: agent}\n", "")
    card = lines(tmp_path / "card.yaml", alone)
    data = lines(tmp_path / "in.jsonl", conversation("a"))
    result = autoqa("score", data, "--scorecard", card, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "1 criteria have no scorer (greeting: " in result.stderr


# compare


def test_compare_takes_a_scored_folder_and_finds_its_scorecard_and_agents(
    scored: SimpleNamespace, tmp_path: Path
):
    out = tmp_path / "compared"
    result = autoqa(
        "compare", "--ratings", scored.out, "--human", scored.data, "--surveys", scored.data,
        "--out", out, "--resamples", 50, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said == json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert said["scorecard"] == "support-core version 1"
    assert said["clustered_by"] == "agent"
    assert said["n_human_raters"] == 2
    assert (out / "comparison.md").read_text(encoding="utf-8").startswith("# Automated against")
    assert {path.suffix for path in out.iterdir()} == {".json", ".md", ".png"}


def test_compare_reads_plain_csv_ratings(tmp_path: Path):
    head = "conversation_id,turn,rater,criterion,score,scale_lo,scale_hi"
    machine = lines(tmp_path / "a.csv", head, *(f"c{i},,m,greeting,{i % 2},0,1" for i in range(8)))
    human = lines(tmp_path / "h.csv", head, *(f"c{i},,ana,greeting,{i % 2},0,1" for i in range(8)))
    out = tmp_path / "out"
    result = autoqa(
        "compare", "--ratings", machine, "--human", human, "--out", out, "--resamples", 50
    )
    assert result.exit_code == 0, result.stderr
    assert "Written to" in result.stdout
    exact = json.loads((out / "comparison.json").read_text())["criteria"][0]["figures"]["exact"]
    assert exact["automated"]["value"] == 1.0  # all eight are the same


def test_ratings_that_compare_cannot_use_are_counted_and_listed(tmp_path: Path):
    head = "conversation_id,turn,rater,criterion,score,scale_lo,scale_hi"
    machine = lines(tmp_path / "a.csv", head, *(f"c{i},,m,greeting,{i % 2},0,1" for i in range(8)))
    human = lines(
        tmp_path / "h.csv", head, "c0,,ana,greeting,7,0,1",
        *(f"c{i},,ana,greeting,{i % 2},0,1" for i in range(1, 8)),
    )  # fmt: skip
    out = tmp_path / "out"
    result = autoqa(
        "compare", "--ratings", machine, "--human", human, "--out", out, "--resamples", 50
    )
    assert result.exit_code == 1
    assert "1 human records could not be used (bad_rating 1)" in result.stderr
    assert json.loads((out / "quarantine-human.jsonl").read_text())["line"] == 2
    assert not (out / "quarantine-ratings.jsonl").exists()


RATINGS = "conversation_id,turn,rater,criterion,score,scale_lo,scale_hi"
PLAIN = conversation("c0")
ANSWERS = "conversation_id,score,scale_lo,scale_hi"


def rated(criterion: str = "greeting", first: str = "c") -> list[str]:
    return [RATINGS, *(f"{first}{i},,ana,{criterion},{i % 2},0,1" for i in range(8))]


def compared(folder: Path, machine: list[str], human: list[str], *more: object) -> Result:
    """Run compare on files with this content."""
    kind = {True: "jsonl", False: "csv"}
    a = lines(folder / f"a.{kind[machine == [PLAIN]]}", *machine)
    h = lines(folder / f"h.{kind[human == [PLAIN]]}", *human)
    return autoqa("compare", "--ratings", a, "--human", h, "--out", folder / "out", *more,
                  "--resamples", 20)  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "human", "said"),
    [
        (rated(), rated("tone"), "a.csv with .*h.csv: .*Automated: greeting. Human: tone"),
        (rated(), rated(first="x"), "a.csv with .*h.csv: .*Automated: c0, c1.* Human: x0, x1"),
        ([], rated(), "a.csv: no automated ratings there, the file is empty; give a folder"),
        (rated(), [], "h.csv: no human ratings there, the file is empty; give a table"),
        (rated(), [RATINGS], "h.csv: no human ratings there, there are no rows below its header"),
        (
            rated(),
            ["conversation_id,rater,score", "c0,ana,1"],
            "h.csv: .*its columns are conversation_id, rater, score, without criterion; give a",
        ),
        (
            rated(),
            [RATINGS, "c0,,ana,greeting,7,0,1"],
            r"h.csv: .*cannot be used \(bad_rating 1; .*quarantine-human.jsonl says where\)",
        ),
        ([PLAIN], rated(), "a.jsonl: .*none of the 1 records in it has any; .*`autoqa score`"),
        (rated(), [PLAIN], "h.jsonl: .*none of the 1 records in it has any; .*`ratings`"),
        (
            rated(),
            [RATINGS, "c0,,ana,greeting,3,1,5"],
            "a.csv with .*h.csv: c0/greeting: level 0 .*not one of the levels 1, 2, 3, 4, 5",
        ),
    ],
)
def test_what_cannot_be_compared_names_the_file_what_it_holds_and_what_to_do(
    machine: list[str], human: list[str], said: str, tmp_path: Path
):
    result = compared(tmp_path, machine, human)
    assert result.exit_code == 2
    assert re.search(said, result.stderr)


def test_ratings_of_another_scorecard_than_the_one_named_are_refused(tmp_path: Path):
    result = compared(tmp_path, rated("tone"), rated("tone"), "--scorecard", "support-core")
    assert result.exit_code == 2
    assert "a.csv: rates tone, none of which is on support-core version 1" in result.stderr
    assert "give the scorecard of these ratings" in result.stderr


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([ANSWERS], "s.csv: no customer answers there, there are no rows below its header"),
        ([ANSWERS, "z0,4,1,5"], "s.csv: answers about z0; .*ratings of c0, c1, c2 and 5 more"),
    ],
)
def test_surveys_that_say_nothing_are_named_and_the_rest_is_compared(
    answers: list[str], said: str, tmp_path: Path
):
    surveys = lines(tmp_path / "s.csv", *answers)
    result = compared(tmp_path, rated(), rated(), "--surveys", surveys)
    assert result.exit_code == 1
    assert re.search(f"CSAT is left out. .*{said}", result.stderr)
    assert (tmp_path / "out" / "comparison.json").is_file()


@pytest.mark.parametrize("content", ["{half", "7"])
def test_a_damaged_summary_of_a_run_is_named(content: str, tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    lines(run / "ratings.csv", *rated())
    lines(run / "summary.json", content)
    human = lines(tmp_path / "h.csv", *rated())
    result = autoqa("compare", "--ratings", run, "--human", human, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "summary.json: damaged" in result.stderr
    assert "--scorecard" in result.stderr


# train, benchmark, demo, experiment: what they do is tested where it is done


def give(monkeypatch: pytest.MonkeyPatch, name: str, **content: object) -> None:
    """Put a module of stand-ins in the place of a real one."""
    module = ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


@dataclass
class Trained:
    """A stand-in for a training report."""

    skipped: dict[str, str] = field(default_factory=dict)
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        return {"skipped": self.skipped}

    def to_markdown(self) -> str:
        return "| criterion | answers |"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    called = SimpleNamespace(report=Trained())

    def train(
        data, card, out, *, reviewed, criteria, csat, stated_risk, start_from, seed, progress
    ):
        called.reviewed = reviewed
        called.data, called.card, called.out = data, card, out
        called.criteria, called.csat, called.seed = criteria, csat, seed
        called.stated_risk = stated_risk
        progress("learning greeting", 1, 2)
        return called.report

    give(monkeypatch, "autoqa.experiments.training", train=train)
    return called


def test_train_takes_several_paths_after_one_data_option(training: SimpleNamespace, tmp_path: Path):
    a, b, c = (lines(tmp_path / name) for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    result = autoqa(
        "train", "--data", a, b, "--scorecard", "support-core", "--data", c,
        "--out", tmp_path / "m", "--criteria", "greeting, recap", "--csat",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert sorted(training.data) == [a, b, c]
    assert training.reviewed is None
    assert training.card.id == "support-core"
    assert training.out == tmp_path / "m"
    assert training.criteria == ["greeting", "recap"]
    assert training.csat is True
    assert training.seed == 7


def test_train_learns_every_criterion_by_default(training: SimpleNamespace, tmp_path: Path):
    data = lines(tmp_path / "a.jsonl")
    autoqa("train", "--data", data, "--scorecard", "support-core", "--out", tmp_path / "m")
    assert training.criteria is None
    assert training.csat is False
    assert training.stated_risk is None


def test_train_takes_the_disagreement_to_keep_within(training: SimpleNamespace, tmp_path: Path):
    data = lines(tmp_path / "a.jsonl")
    usual = ("train", "--data", data, "--scorecard", "support-core", "--out", tmp_path / "m")
    autoqa(*usual, "--max-disagreement", "0.1")
    assert training.stated_risk == StatedRisk(0.1, 0.9)
    autoqa(*usual, "--max-disagreement", "0.2", "--confidence-level", "0.95")
    assert training.stated_risk == StatedRisk(0.2, 0.95)
    none = autoqa(*usual, "--max-disagreement", "0")
    assert none.exit_code == 2
    assert "--max-disagreement" in none.stderr


def test_what_train_skipped_ends_with_1(training: SimpleNamespace, tmp_path: Path):
    training.report = Trained({"recap": "3 ratings, needs 20"}, 2, {"bad_json": 2})
    data = lines(tmp_path / "a.jsonl")
    out = tmp_path / "m"
    result = autoqa("train", "--data", data, "--scorecard", "support-core", "--out", out, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"skipped": {"recap": "3 ratings, needs 20"}}
    assert "'recap' was not learned: 3 ratings, needs 20" in result.stderr
    assert "2 records could not be read (bad_json 2)" in result.stderr


def test_benchmark_prints_figures_and_writes_them_as_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    called = {}

    def run_benchmark(kind, models, datasets, **options):
        called.update(kind=kind, models=models, datasets=datasets, **options)
        return {"benchmark": kind, "datasets": {}}

    give(
        monkeypatch, "autoqa.experiments.benchmark", KINDS=("satisfaction", "empathy"),
        run_benchmark=run_benchmark, to_markdown=lambda result: f"## {result['benchmark']}",
    )  # fmt: skip
    one, two, models = (tmp_path / name for name in ("one", "two", "models"))
    for folder in (one, two, models):
        folder.mkdir()
    file = tmp_path / "figures.json"
    arguments = ("--models", models, one, two, "--json", file, "--deletion")
    result = autoqa("benchmark", "empathy", *arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "## empathy\n"
    assert json.loads(file.read_text()) == {"benchmark": "empathy", "datasets": {}}
    assert called["datasets"] == [one, two]
    assert (called["models"], called["n_resamples"], called["seed"]) == (models, 1000, 7)
    assert (called["deletion"], called["robustness"]) == (True, False)


def test_demo_prints_where_things_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def run_demo(out, *, shipped, progress):
        progress("training")
        return SimpleNamespace(to_text=lambda: f"everything is in {out}")

    give(monkeypatch, "autoqa.demo", run_demo=run_demo)
    result = autoqa("demo", "--out", tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"everything is in {tmp_path}\n")
    assert result.stderr == ""


def run_detail(run_id: str, title: str, status: str = "FINISHED", **more) -> RunDetail:
    summary = RunSummary(
        run_id=run_id, title=title, status=status, duration_s=12.0,
        started_at=datetime(2026, 3, 2, 9, 14, tzinfo=UTC), failure=more.pop("failure", ""),
    )  # fmt: skip
    figures = {"spearman": LoggedFigure(value=0.61, low=0.55, high=0.66, n=90)}
    nothing = {"params": {"seed": "7"}, "tags": {}, "undefined": (), "artifacts": ("report.md",)}
    return RunDetail(summary=summary, metrics=figures, **{**nothing, **more})


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    arms = (run_detail("d", "linear", "FAILED", failure="EncoderError: no weights"),)
    store = SimpleNamespace(detail=run_detail("abc123", "tone", arms=arms), failed=())
    store.list_runs = lambda: [store.detail.summary]
    store.show_run = lambda _: store.detail
    monkeypatch.setattr("autoqa.experiments.tracking.Tracker", lambda: store)

    def run_experiment(spec, *, progress):
        return SimpleNamespace(
            run_id="abc123",
            failed=store.failed,
            to_markdown=lambda: f"## {spec}",
            to_dict=lambda: {"run_id": "abc123"},
        )

    give(monkeypatch, "autoqa.experiments.run", run_experiment=run_experiment)
    return store


def test_an_experiment_prints_its_report_and_its_run(tracked: SimpleNamespace):
    result = autoqa("experiment", "run", "tone.yaml")
    assert result.exit_code == 0, result.stderr
    assert "## tone.yaml" in result.stdout
    assert "autoqa experiment show abc123" in result.stdout
    said = autoqa("experiment", "run", "tone.yaml", "--json").stdout
    assert json.loads(said) == {"run_id": "abc123"}


def test_an_arm_that_failed_shows_in_the_code(tracked: SimpleNamespace):
    tracked.failed = ("linear",)
    result = autoqa("experiment", "run", "tone.yaml")
    assert result.exit_code == 1
    assert "arm 'linear' failed: EncoderError: no weights" in result.stderr


def test_runs_are_listed_and_shown_with_intervals(tracked: SimpleNamespace):
    assert "abc123  tone        FINISHED  2026-03-02 09:14Z" in autoqa("experiment", "list").stdout
    said = json.loads(autoqa("experiment", "list", "--json").stdout)
    assert said[0]["started_at"] == "2026-03-02T09:14:00+00:00"
    shown = autoqa("experiment", "show", "abc")
    assert "spearman  0.610 [0.550, 0.660], n=90" in shown.stdout
    said = json.loads(autoqa("experiment", "show", "abc", "--json").stdout)
    assert said["arms"][0]["title"] == "linear"
    assert said["metrics"]["spearman"]["low"] == 0.55


def test_a_list_of_no_runs_says_how_to_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    result = autoqa("experiment", "list")
    assert result.exit_code == 0
    assert "autoqa experiment run" in result.stdout
    assert json.loads(autoqa("experiment", "list", "--json").stdout) == []


# Output


def test_progress_is_shown_on_a_terminal(terminal: Callable[[str], io.StringIO]):
    screen = terminal("stderr")
    with progress_bar() as progress:
        progress("learning [recap]", 1, 4)
    assert "learning [recap]" in screen.getvalue()
    assert "1/4" in screen.getvalue()


def test_columns_stay_aligned_where_characters_are_wide():
    assert table(("a", "b"), [("客户", "x"), ("yes", "y")]) == "a     b\n客户  x\nyes   y"
