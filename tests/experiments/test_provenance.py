from __future__ import annotations

import gzip
import shutil
import subprocess

import pytest

from autoqa.experiments.provenance import dataset_files, files_digest, git_tags, software_tags
from autoqa.experiments.tasks import load_dataset


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_recorded_and_whether_files_differ_from_it(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)

    def git(*arguments):
        settings = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        done = subprocess.run(
            ["git", "-C", tmp_path, *settings, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    assert git_tags(tmp_path) == {}
    git("init")
    (tmp_path / "a.txt").write_text("one")
    git("add", ".")
    git("commit", "--no-verify", "-m", "one")
    commit = git("rev-parse", "HEAD")
    clean = {"git.commit": commit, "git.dirty": "false", "mlflow.source.git.commit": commit}
    assert git_tags(tmp_path) == clean
    (tmp_path / "untracked.txt").write_text("no part of the commit")
    assert git_tags(tmp_path)["git.dirty"] == "false"
    (tmp_path / "a.txt").write_text("two")
    assert git_tags(tmp_path)["git.dirty"] == "true"


def test_a_missing_git_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_tags(tmp_path) == {}


def test_the_versions_that_shape_results_are_recorded():
    tags = software_tags()
    assert {"autoqa.version", "python.version", "version.numpy", "version.torch"} <= set(tags)


def test_the_digest_of_a_folders_files_is_that_of_the_dataset(tmp_path):
    line = '{{"conversation_id": "{}", "turns": [{{"speaker": "agent", "text": "hi"}}]}}\n'
    (tmp_path / "b.jsonl").write_text(line.format("b"), encoding="utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line.format("a").encode()))
    (tmp_path / "notes.txt").write_text("no part of it", encoding="utf-8")
    files = dataset_files(tmp_path)
    assert [file.name for file in files] == ["b.jsonl", "a.jsonl.gz"]
    assert files_digest(files) == load_dataset(tmp_path).sha256
    assert files_digest(files[::-1]) != files_digest(files)
