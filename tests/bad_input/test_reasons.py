"""Reason codes: all of them documented, none of them given without being known."""

from __future__ import annotations

import ast
from pathlib import Path

from autoqa.readers import REASONS

ROOT = Path(__file__).parents[2]
READERS = ROOT / "src" / "autoqa" / "readers"
GIVES_A_REASON = {"Problem", "problem", "refuse", "fail", "wrong", "_wrong"}


def test_the_page_on_bad_input_lists_every_reason():
    page = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    table = page.partition("| reason | meaning |\n|---|---|\n")[2].partition("\n\n")[0].strip()
    assert table.splitlines() == [f"| `{name}` | {text} |" for name, text in REASONS.items()]


def reasons_in(path):
    """Reason codes written out in a module, with their line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        given = [k.value for k in node.keywords if k.arg == "reason"]
        if name in GIVES_A_REASON and node.args:
            given.append(node.args[0])
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value, f"{path.name}:{node.lineno}"


def test_every_reason_that_a_reader_gives_is_known():
    given = {one: place for path in READERS.rglob("*.py") for one, place in reasons_in(path)}
    assert {one: place for one, place in given.items() if one not in REASONS} == {}
    assert len(given) > 20
