"""Redaction on planted values: a small run of ``experiments/redaction.py``, held to its targets."""

import importlib.util
import json
from pathlib import Path

import pytest

from autoqa.privacy import redact
from autoqa.privacy.digits import luhn
from autoqa.privacy.kinds import Kind
from autoqa.privacy.planted import FAMILIES, LANGUAGES, Tally, measure, plant

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260
ENTITIES = 260  # about 20 of each kind, language and family


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("redaction", ROOT / "experiments/redaction.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tallies():
    return {
        language: [
            measure(plant(language, family, entities=ENTITIES, seed=SEED)) for family in FAMILIES
        ]
        for language in LANGUAGES
    }


def share(tallies, of, over, kinds):
    hits = sum(getattr(tally, of)[kind] for tally in tallies for kind in kinds)
    n = sum(getattr(tally, over)[kind] for tally in tallies for kind in kinds)
    return hits / n


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_promised_holds_on_both_families_of_templates(script, tallies, language):
    here = tallies[language]
    for kind, target in script.RECALL.items():
        if any(tally.planted[kind] for tally in here):
            assert share(here, "found", "planted", [kind]) >= target, kind
    found = {kind for tally in here for kind in tally.findings}
    for kind in found:
        assert share(here, "right", "findings", [kind]) >= script.PRECISION, kind
    assert share(here, "hidden", "planted", list(Kind)) >= 0.95


@pytest.mark.parametrize("language", LANGUAGES)
def test_planted_values_stand_where_they_are_said_to(language):
    planted = list(plant(language, "first", entities=60, seed=1))
    assert sum(len(one.planted) for one in planted) >= 60
    for one in planted:
        for value in one.planted:
            said = [one.transcript.turns[turn].text[a:b] for turn, a, b in value.places]
            assert all(said)
            digits = "".join(c for text in said for c in text if c.isdecimal())
            if value.kind is Kind.CARD and 13 <= len(digits) <= 19:
                assert luhn(digits)


def test_the_same_seed_plants_the_same_and_families_differ():
    def texts(family, seed):
        return [
            [turn.text for turn in one.transcript.turns]
            for one in plant("en", family, entities=20, seed=seed)
        ]

    assert texts("first", 1) == texts("first", 1) != texts("first", 2)
    assert texts("first", 1) != texts("second", 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_planted_conversations_are_redacted_once_and_for_all(language):
    for one in plant(language, "second", entities=40, seed=2):
        once = redact(one.transcript)
        assert redact(once) == once


def test_names_are_planted_apart():
    kinds = {v.kind for one in plant("en", "first", entities=20, seed=1, names=True)
             for v in one.planted}  # fmt: skip
    assert kinds == {Kind.NAME, Kind.ADDRESS}
    without = measure(plant("en", "first", entities=20, seed=1, names=True))
    assert without.found.total() == 0


def test_the_script_prints_both_families_and_what_misses_its_target(
    script, monkeypatch, capsys, tmp_path
):
    out = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", ["redaction.py", "--entities", "24", "--json", str(out)])
    script.main()
    printed = capsys.readouterr().out
    assert "first family" in printed
    assert "| CARD | en | " in printed
    assert "not measured, since no model was named" in printed
    rows = json.loads(out.read_text())
    assert {row["language"] for row in rows} == set(LANGUAGES)


def test_a_missed_target_is_named(script):
    tally = Tally()
    tally.planted[Kind.CARD], tally.found[Kind.CARD] = 100, 90
    tally.findings[Kind.PHONE], tally.right[Kind.PHONE] = 10, 5
    missed = list(script.below_target(list(script.figures(tally, "first", "en"))))
    assert [line.split(" 0.")[0] for line in missed] == ["en CARD recall", "en PHONE precision"]
