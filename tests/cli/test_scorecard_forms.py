"""``autoqa scorecard import`` and ``export``: files, reports, exit codes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.scorecard import load_scorecard

CARD = """\
id: calls
version: 1
title: Calls
sections:
  - id: tone
    title: Tone
    criteria:
      - id: greeting
        question: Did the agent greet the customer?
        levels: {0: no, 1: yes}
        weight: 60
      - id: recap
        question: Did the agent sum up?
        levels: {0: no, 1: yes}
        weight: 40
"""


def autoqa(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="autoqa")


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "calls.yaml"
    path.write_text(CARD)
    return path


@pytest.mark.parametrize("vendor", ["connect", "google", "genesys"])
def test_a_scorecard_goes_out_and_comes_in_again(vendor, card, tmp_path):
    form, back = tmp_path / "form.json", tmp_path / "back.yaml"
    done = autoqa("scorecard", "export", card, "--to", vendor, "--out", form)
    assert (done.exit_code, done.stdout) == (
        0,
        f"Nothing is lost.\n{form}: {card} as a form of {vendor}.\n",
    )
    done = autoqa("scorecard", "import", form, "--out", back)
    assert done.exit_code == 0
    assert f"{back}: scorecard calls, 2 criteria." in done.stdout
    assert [c.weight for c in load_scorecard(back).criteria] == [60, 40]


def test_losses_are_printed_and_do_not_fail_the_command(tmp_path):
    done = autoqa("scorecard", "export", "support-core", "--to", "google", "--out", tmp_path / "f")
    assert done.exit_code == 0
    assert "Critical questions:" in done.stdout
    assert "support-core.es.yaml" in done.stdout


def test_losses_are_json_for_programs(tmp_path):
    out = tmp_path / "form.json"
    done = autoqa("scorecard", "export", "support-core", "--to", "genesys", "--out", out, "--json")
    said = json.loads(done.stdout)
    assert (said["scorecard"], said["vendor"]) == ("support-core", "genesys")
    assert set(said["losses"][0]) == {"kind", "place", "what", "advice", "title"}
    done = autoqa("scorecard", "import", out, "--out", tmp_path / "back.yaml", "--json")
    assert json.loads(done.stdout) == {
        "scorecard": "customer-support-core",
        "criteria": 17,
        "out": str(tmp_path / "back.yaml"),
        "losses": [],
    }


def test_a_file_that_is_there_is_not_replaced_unless_asked(card, tmp_path):
    form = tmp_path / "form.json"
    form.write_text("mine")
    command = ("scorecard", "export", card, "--to", "connect", "--out", form)
    refused = autoqa(*command)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert form.read_text() == "mine"
    assert autoqa(*command, "--overwrite").exit_code == 0
    assert json.loads(form.read_text())["Title"] == "Calls"


def test_a_file_that_is_no_form_is_refused_and_nothing_written(card, tmp_path):
    out = tmp_path / "out.yaml"
    done = autoqa("scorecard", "import", card, "--out", out)
    assert done.exit_code == 2
    assert "calls.yaml:1: not JSON" in done.stderr
    assert not out.exists()
