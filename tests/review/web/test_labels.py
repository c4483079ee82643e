from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest
import yaml
from jinja2 import nodes

import autoqa.review
from autoqa.review.web.labels import LANGUAGES, catalogue, labels, preferred
from autoqa.review.web.rendering import _environment
from autoqa.review.web.shortcuts import SHORTCUTS

TRANSLATED = [code for code in LANGUAGES if code != "en"]
REVIEW = Path(autoqa.review.__file__).parent
SAYS = {"say", "later"}


def called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def said_in_code(tree):
    """Texts given to `say`, `later` or as `said=`, as they stand."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = [word.value for word in node.keywords if word.arg == "said"]
        if called(node) in SAYS:
            given += node.args[:1]
        for text in given:
            for part in ast.walk(text):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def said_in_template(file):
    parsed = _environment().parse(file.read_text(encoding="utf-8"), filename=str(file))
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "say":
            first = call.args[0]
            if isinstance(first, nodes.Const):
                yield first.value
            elif isinstance(first, nodes.CondExpr):
                yield from (one.value for one in first.find_all(nodes.Const))


@pytest.fixture(scope="module")
def code():
    return [ast.parse(file.read_text(encoding="utf-8")) for file in REVIEW.rglob("*.py")]


@pytest.fixture(scope="module")
def everything_said(code):
    found = {text for _, text in SHORTCUTS.values()}
    for tree in code:
        found |= set(said_in_code(tree))
    for file in (REVIEW / "web" / "templates").glob("*.j2"):
        found |= set(said_in_template(file))
    return found - {""}


@pytest.fixture(scope="module")
def everything_written(code, everything_said):
    """What is said, and every text in the code: services raise sentences that pages translate."""
    return everything_said | {
        node.value
        for tree in code
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def placeholders(text):
    return sorted(
        (name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_pages_is_translated(language, everything_said):
    missing = sorted(everything_said - catalogue(language).keys())
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_of_a_text_that_is_gone(language, everything_written):
    gone = sorted(catalogue(language).keys() - everything_written)
    assert not gone, "\n".join(gone)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(language):
    for text, translation in catalogue(language).items():
        assert placeholders(translation) == placeholders(text), text
        assert translation.strip(), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_translated_twice(language):
    file = REVIEW / "web" / "labels" / f"{language}.yaml"
    keys = [key.value for key, _ in yaml.compose(file.read_text(encoding="utf-8")).value]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


def test_texts_in_scripts_come_from_templates():
    """Scripts hold no words: they would stay English."""
    for file in (REVIEW / "web" / "static").glob("*.js"):
        if file.name != "htmx.min.js":
            assert "say(" not in file.read_text(encoding="utf-8"), file.name


def test_what_a_browser_asks_for_first_is_what_it_gets():
    assert preferred("it;q=0.5,es;q=0.8", "en") == "es"
    assert preferred("zh-Hans-CN, en;q=0.9", "en") == "zh"
    assert preferred("de, fr;q=0.3", "it") == "it"
    assert preferred("es;q=0", "en") == "en"
    assert preferred("es;q=nonsense", "en") == "en"
    assert preferred("", "en") == "en"


def test_words_are_those_of_the_language():
    assert labels("it")("Log out") == "Esci"
    assert labels("en")("Log out") == "Log out"
    assert labels("zh")("Save") == "保存"
