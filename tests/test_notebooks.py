"""The notebooks run, say what their scripts say, hold no outputs, and define nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])


def sources(notebook):
    return [(cell.cell_type, cell.source.rstrip()) for cell in notebook.cells]


def committed(script):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def test_every_script_has_its_notebook_and_every_notebook_its_script():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert SCRIPTS
    assert [path.stem for path in notebooks] == [path.stem for path in SCRIPTS]


@each_script
def test_the_notebook_says_what_its_script_says(script):
    assert sources(committed(script)) == sources(jupytext.read(script)), "run `make notebooks`"


@each_script
def test_the_notebook_is_cleared(script):
    cells = [cell for cell in committed(script).cells if cell.cell_type == "code"]
    assert cells
    left = [
        number
        for number, cell in enumerate(cells, start=1)
        if cell.outputs or cell.execution_count is not None or cell.metadata
    ]
    assert not left, f"code cells {left} hold outputs; run `make notebooks` before committing"


@each_script
def test_the_notebook_defines_no_functions(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    found = [f"line {node.lineno}" for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]
    assert not found, f"{script.name} defines something at {', '.join(found)}; put it in src/autoqa"


@each_script
def test_the_notebook_ends_with_what_to_do_next(script):
    kind, text = sources(committed(script))[-1]
    assert kind == "markdown"
    assert "## Next" in text


@pytest.mark.slow
@each_script
def test_the_notebook_runs(script, tmp_path):
    pytest.importorskip("nbmake")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--nbmake", "--nbmake-timeout=900"),  # per cell; only stops what hangs
            str(script.with_suffix(".ipynb")),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(tmp_path),
            "IPYTHONDIR": str(tmp_path / "ipython"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
