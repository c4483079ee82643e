"""Damage and pickles in model folders are found by what files are, not by what they are called."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from autoqa.scorers.integrity import damaged, is_pickled
from autoqa.store import file_sha256


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_known_whatever_its_name(protocol, tmp_path):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(pickle.dumps({"weights": [1.0] * 50}, protocol=protocol))
    assert is_pickled(file)


@pytest.mark.parametrize("name", ["model.pkl", "model.PT", "pytorch_model.bin"])
def test_names_of_pickled_kinds_are_enough(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    assert is_pickled(tmp_path / name)


def test_an_archive_as_torch_writes_it_counts_as_pickled(tmp_path):
    (tmp_path / "weights").write_bytes(b"PK\x03\x04rest")
    assert is_pickled(tmp_path / "weights")


def test_safetensors_are_not_pickled_whatever_the_length_of_their_header(tmp_path):
    file = tmp_path / "weights.safetensors"
    starts = set()
    for length in range(1, 2000, 7):
        file.write_bytes(save({"w": np.zeros(2, np.float32)}, metadata={"k": "x" * length}))
        starts.add(file.read_bytes()[:2])
        assert not is_pickled(file)
    assert b"\x80\x04" in starts  # a header of 0x0480 bytes: begins as a pickle does


@pytest.mark.parametrize("content", [b"", b"\x80", b"{}", b"# Card\n"])
def test_small_plain_files_are_not_pickled(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    assert not is_pickled(tmp_path / "file")


def test_each_file_that_is_not_as_expected_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    expected = {"a": file_sha256(tmp_path / "a"), "b": "0" * 64, "c": "0" * 64}
    found = [str(problem) for problem in damaged(tmp_path, expected)]
    assert len(found) == 2
    assert "b: SHA-256 is" in found[0]
    assert "c: missing" in found[1]
