from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
import yaml

import autoqa.evaluation.plots
import autoqa.reports
from autoqa.errors import DataError
from autoqa.reports.labels import LANGUAGES, catalogue, labels
from autoqa.reports.names import FINDINGS, named_elsewhere

TRANSLATED = [code for code in LANGUAGES if code != "en"]
PLACES = [Path(package.__file__).parent for package in (autoqa.reports, autoqa.evaluation.plots)]
IN_TEMPLATE = re.compile(r"\bsay\(\s*\"([^\"]*)\"")


def said_in(source):
    """Texts given to `say` as they stand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value


@pytest.fixture(scope="module")
def everything_said():
    found = set(named_elsewhere())
    for folder in PLACES:
        for file in folder.rglob("*.py"):
            found |= set(said_in(file.read_text(encoding="utf-8")))
        for file in folder.rglob("*.j2"):
            found |= set(IN_TEMPLATE.findall(file.read_text(encoding="utf-8")))
    return found


def placeholders(text):
    return sorted(
        (name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_text_and_no_stale_one(language, everything_said):
    held = catalogue(language).keys()
    assert sorted(everything_said - held) == []
    assert sorted(held - everything_said) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(language):
    for text, translation in catalogue(language).items():
        assert placeholders(translation) == placeholders(text), text
        assert translation.strip(), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_translated_twice(language):
    file = PLACES[0] / "labels" / f"{language}.yaml"
    pairs = yaml.compose(file.read_text(encoding="utf-8")).value
    keys = [key.value for key, _ in pairs]
    assert len(keys) == len(set(keys))


def test_findings_of_raters_are_those_of_the_rule():
    folder = Path(autoqa.evaluation.plots.__file__).parents[1] / "raters"
    said = "".join((folder / name).read_text() for name in ("report.py", "session_rule.py"))
    written = set(re.findall(r"(?:above|below|words)=\"([^\"]+)\"", said))
    assert written == set(FINDINGS)


def test_labels_fill_in_values_and_leave_unknown_texts_english():
    assert labels("es")("{n} reviewers", n=4) == "4 evaluadores"
    assert labels("it")("never translated {n}", n=1) == "never translated 1"
    assert labels("en")("people") == "people"


def test_a_text_from_data_may_hold_braces():
    assert labels("zh")("{unmatched") == "{unmatched"


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(DataError, match=r"no labels in 'zz'.*en \(English\), es \(español\)"):
        labels("zz")
