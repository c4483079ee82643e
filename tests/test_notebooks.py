"""The notebooks run, say what their scripts say, and define nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
MOST_BYTES = 500_000

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])


def sources(notebook):
    return [(cell.cell_type, cell.source.rstrip()) for cell in notebook.cells]


def committed(script):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_script_has_its_notebook_and_every_notebook_its_script():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert SCRIPTS
    assert [path.stem for path in notebooks] == [path.stem for path in SCRIPTS]


@each_script
def test_the_notebook_says_what_its_script_says(script):
    assert sources(committed(script)) == sources(jupytext.read(script))


@each_script
def test_the_notebook_defines_no_functions(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    found = [f"line {node.lineno}" for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]
    assert not found, f"{script.name} defines something at {', '.join(found)}; put it in src/autoqa"


@each_script
def test_the_committed_outputs_are_of_one_complete_run(script):
    cells = code_cells(committed(script))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds
    assert "display_data" in kinds or "execute_result" in kinds


@each_script
def test_the_committed_outputs_are_small_and_name_no_machine(script):
    stored = script.with_suffix(".ipynb")
    assert stored.stat().st_size < MOST_BYTES
    shown = [
        str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
        for cell in code_cells(committed(script))
        for output in cell.outputs
    ]
    assert not re.findall(r"/(?:home|Users|root|tmp|work)/\S+", "\n".join(shown))


@pytest.mark.slow
@each_script
def test_the_notebook_runs(script, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = jupytext.read(script)
    client = nbclient.NotebookClient(
        notebook,
        timeout=900,  # per cell; only stops what hangs
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}},
    )
    client.execute()
    assert all(cell.execution_count for cell in code_cells(notebook))
