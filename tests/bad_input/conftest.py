"""The corpus, written once, and a way to read it that counts everything."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoqa.readers import Quarantine, read


def _load():
    """The module beside this file, whatever else is called by its name."""
    path = Path(__file__).with_name("corpus.py")
    spec = importlib.util.spec_from_file_location("bad_input_corpus", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = _load()
CASES = corpus.cases()
BESIDE = ("unknown_format", "not_transcripts", "missing_column")  # files that folders may hold


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name[:40] for case in CASES])


@pytest.fixture(scope="session")
def cases():
    return CASES


@pytest.fixture(scope="session")
def evidence():
    """What the criterion `disclosure` rests on in the four-hour call."""
    return corpus.EVIDENCE


@pytest.fixture(scope="session")
def bad_files(tmp_path_factory):
    """The folder of all files, and each of them by its case."""
    folder = tmp_path_factory.mktemp("bad") / "corpus"
    return SimpleNamespace(folder=folder, paths={case.name: case.put(folder) for case in CASES})


@pytest.fixture(scope="session")
def in_all():
    """What has to come of the whole folder: kept, reasons, notes."""
    kept, reasons, notes = 0, Counter(), Counter()
    for case in CASES:
        kept += case.kept
        notes.update(case.notes)
        for reason, count in case.reasons.items():
            if reason in BESIDE:
                notes["skipped_file"] += count
            else:
                reasons[reason] += count
    return SimpleNamespace(kept=kept, reasons=dict(reasons), notes=dict(notes))


@pytest.fixture
def read_all(tmp_path):
    """Read, and return conversations, quarantine and its rows, which have to agree."""

    def run(*paths, **options):
        with Quarantine(tmp_path / "q.jsonl") as quarantine:
            found = list(read(paths, quarantine=quarantine, **options))
        rows = [json.loads(row) for row in (tmp_path / "q.jsonl").read_text().splitlines()]
        left_out = Counter(row["reason"] for row in rows if row["kept"] is False)
        assert quarantine.records_read == len(found) + quarantine.records_quarantined
        assert left_out == quarantine.counts
        assert (
            Counter(row["reason"] for row in rows if row["kept"] is not False) == quarantine.notes
        )
        return found, quarantine, rows

    return run
