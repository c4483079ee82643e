"""What ``import autoqa`` offers, and what it must not load."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import autoqa

HEAVY = (
    "matplotlib mlflow numpy onnxruntime openvino pandas polars pyarrow pydantic scipy sklearn "
    "spacy torch transformers typer"
)


def test_importing_autoqa_loads_no_other_library():
    code = f"import sys, autoqa; print([m for m in '{HEAVY}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_autoqa_loads_none_of_its_own_modules():
    code = "import sys, autoqa; print([m for m in sys.modules if m.startswith('autoqa.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_is_sorted_and_names_nothing_twice():
    assert autoqa.__all__ == sorted(set(autoqa.__all__))


@pytest.mark.parametrize("name", autoqa.__all__)
def test_every_public_name_can_be_used(name: str):
    value = getattr(autoqa, name)
    assert name == "__version__" or value.__name__ == name


def test_every_sub_package_is_there_after_import_autoqa_alone():
    for module in pkgutil.iter_modules(autoqa.__path__):
        assert not module.ispkg or module.name in {*autoqa._PACKAGES, "cli"}
    code = "import autoqa; print(autoqa.simulate.simulate.__name__, autoqa.scorers.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["simulate", "autoqa.scorers"]


@pytest.mark.parametrize("package", ["evaluation", "scorers", "simulate"])
def test_every_name_of_a_sub_package_can_be_used(package: str):
    module = getattr(autoqa, package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert set(module.__all__) <= set(dir(module))


def test_importing_the_scorers_package_loads_no_scorer():
    code = "import sys, autoqa.scorers; print([m for m in sys.modules if 'autoqa.scorers.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_misspelt_scorer_gets_a_hint():
    with pytest.raises(AttributeError, match="Did you mean 'LinearScorer'"):
        autoqa.scorers.LinearScorrer  # noqa: B018


def test_type_checkers_see_the_same_names_as_programs():
    tree = ast.parse(Path(autoqa.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"autoqa.{home}" for name, home in autoqa._HOME.items()}
    assert {*seen, "__version__"} == set(autoqa.__all__)


def test_no_public_name_hides_a_module():
    # Importing autoqa.simulate would otherwise replace an attribute of that name.
    modules = {module.name for module in pkgutil.iter_modules(autoqa.__path__)}
    assert not modules & set(autoqa.__all__)


def test_star_import_and_dir_offer_what_all_names():
    assert set(autoqa.__all__) <= set(dir(autoqa))


def test_a_misspelt_name_gets_a_hint():
    with pytest.raises(AttributeError, match="Did you mean 'load_scorecard'"):
        autoqa.load_scorcard  # noqa: B018


def test_the_version_is_the_one_that_is_packaged():
    project = Path(__file__).parents[1] / "pyproject.toml"
    said = tomllib.loads(project.read_text(encoding="utf-8"))
    assert said["project"]["version"] == autoqa.__version__


def test_the_package_says_that_it_is_typed():
    spec = importlib.util.find_spec("autoqa")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("py.typed").is_file()
