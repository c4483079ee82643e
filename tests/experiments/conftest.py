"""Small datasets in the uniform schema, one kind per task, and models that learned from them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autoqa.experiments import provenance
from autoqa.experiments.fitting import fit_head
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.experiments.tracking import Tracker
from autoqa.features.batch import Batch
from autoqa.scorers.folder import HeadCard, write_models

WARM = ["glad", "sorry", "understand", "together", "kindly", "welcome"]
COLD = ["whatever", "wrong", "hurry", "pointless", "nonsense", "stop"]
PLAIN = ["parcel", "invoice", "monday", "shelf", "garden", "ticket", "page", "colour"]


def write_dataset(folder, records, points=None, name="transcripts.jsonl"):
    """Write conversations (and evaluation points) as a dataset folder; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / name).write_text(lines, encoding="utf-8")
    if points is not None:
        with (folder / "eval_points.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["conversation_id", "turn", "label3"])
            writer.writerows(["" if cell is None else cell for cell in row] for row in points)
    return folder


def make_record(conversation_id, *lines, **more):
    """A conversation of lines such as ``"agent: hello"``."""
    said = [line.partition(":") for line in lines]
    turns = [{"speaker": who, "text": text.strip()} for who, _, text in said]
    return {"conversation_id": conversation_id, "channel": "chat", "language": "en"} | {
        "turns": turns,
        **more,
    }


def make_rating(criterion, score, scale, *, turn=None, rater="r1", **more):
    return {
        "rater": rater,
        "criterion": criterion,
        "score": score,
        "scale": list(scale),
        "turn": turn,
        **more,
    }


class Toy:
    """Datasets whose words lean towards warmth as their labels rise."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)

    def words(self, lean):
        mood = [str(self.rng.choice(WARM if self.rng.random() < lean else COLD)) for _ in range(3)]
        return " ".join([*mood, *map(str, self.rng.choice(PLAIN, 2))])

    def satisfaction(self, n, *, split=None, start=0, raters=3):
        """Six customer turns; the fourth to sixth count, and the whole."""
        found = []
        for i in range(start, start + n):
            label = int(self.rng.integers(3))
            lines = [
                f"{'agent' if turn % 2 else 'customer'}: {self.words(label / 2)}"
                for turn in range(11)
            ]
            ratings = [
                make_rating(
                    "satisfaction_overall" if turn is None else "satisfaction_turn",
                    int(np.clip(2 + label + self.rng.integers(-1, 2), 1, 5)),
                    (1, 5),
                    turn=turn,
                    rater=f"pos{rater}",
                )
                for turn in (None, *range(0, 11, 2))
                for rater in range(raters)
            ]
            more = {"split": split} if split else {}
            found.append(make_record(f"sat-{i}", *lines, ratings=ratings, **more))
        return found

    def politeness(self, n, *, split=None, start=0):
        found = []
        for i in range(start, start + n):
            level = int(self.rng.integers(3, 24))
            ratings = [
                make_rating(
                    "politeness",
                    int(np.clip(level + self.rng.integers(-2, 3), 1, 25)),
                    (1, 25),
                    turn=0,
                    rater=f"r{k}",
                )
                for k in range(5)
            ]
            more = {"split": split} if split else {}
            source = f"Toy/{'wiki-talk' if i % 2 else 'forum'}"
            text = f"agent: {self.words((level - 3) / 20)}"
            found.append(make_record(f"pol-{i}", text, ratings=ratings, source=source, **more))
        return found

    def empathy(self, n, *, split=None, start=0):
        found = []
        for i in range(start, start + n):
            ratings, said = [], []
            for name in ("emotional_reaction", "interpretation", "exploration"):
                level = int(self.rng.integers(3))
                phrase = f"{name} {self.words(level / 2)}"
                said.append(f"{phrase}.")
                quoted = {"rationale": [phrase]} if level else {}
                ratings.append(make_rating(name, level, (0, 2), turn=1, rater="label1", **quoted))
            more = {"split": split} if split else {}
            lines = ("customer: my week was long", f"agent: {' '.join(said)}")
            found.append(make_record(f"emp-{i}", *lines, ratings=ratings, **more))
        return found

    def listening(self, n, *, split=None, start=0):
        found = []
        for i in range(start, start + n):
            good = int(self.rng.random() < 0.5)
            lines, ratings = [], [make_rating("mi_quality", good, (0, 1))]
            for turn in range(6):
                if turn % 2 == 0:
                    lines.append(f"customer: {self.words(0.5)}")
                    continue
                does = "reflection" if self.rng.random() < 0.3 + 0.4 * good else "question"
                lines.append(f"agent: {does} {self.words(good)}")
                for name in ("reflection", "question", "therapist_input"):
                    value = int(name == does or (name == "therapist_input" and turn == 5))
                    ratings += [
                        make_rating(name, value, (0, 1), turn=turn, rater=rater)
                        for rater in ("a1", "a2")
                    ]
            more = {"split": split} if split else {}
            found.append(make_record(f"lis-{i}", *lines, ratings=ratings, **more))
        return found

    def procedure(self, n, *, split=None, start=0):
        found = []
        for i in range(start, start + n):
            passed = int(self.rng.random() < 0.5)
            lines = [
                f"{'agent' if turn % 2 else 'customer'}: {self.words(passed)}" for turn in range(6)
            ]
            more = {"split": split} if split else {}
            ratings = [make_rating("procedure_outcome", passed, (0, 1), rater="database")]
            outcome = {"task_id": i // 3}
            found.append(make_record(f"pro-{i}", *lines, ratings=ratings, outcome=outcome, **more))
        return found

    def reviewed(self, n, *, agents=8, criteria=("courtesy",), surveyed=True):
        """Conversations with a reviewer's levels 0-1 and surveys 1-5."""
        found = []
        for i in range(n):
            level = int(self.rng.integers(2))
            lines = [
                f"{'agent' if turn % 2 else 'customer'}: {self.words(level)}" for turn in range(6)
            ]
            more = {"csat": {"score": 2 + 2 * level, "scale": [1, 5]}} if surveyed else {}
            if agents:
                more["agent"] = f"agent {i % agents}"
            ratings = [make_rating(name, level, (0, 1), rater="qa") for name in criteria]
            found.append(make_record(f"rev-{i}", *lines, ratings=ratings, **more))
        return found


KINDS = ("satisfaction", "politeness", "empathy", "listening", "procedure")


@pytest.fixture(scope="session")
def dataset_of():
    return write_dataset


@pytest.fixture(scope="session")
def record_of():
    return make_record


@pytest.fixture(scope="session")
def rating_of():
    return make_rating


@pytest.fixture(scope="session")
def toy_class():
    return Toy


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory):
    """A folder per task with a train and a valid part; the other fixtures read it."""
    root = tmp_path_factory.mktemp("toy")
    for kind in KINDS:
        make = getattr(Toy(), kind)
        records = make(60, split="train") + make(24, split="valid", start=60)
        write_dataset(root / f"toy_{kind}", records)
    return root


@pytest.fixture(scope="session")
def toy_models(tmp_path_factory, toy_data, fake_encoder_class):
    """A model folder with every task's heads, learned from the train parts."""
    encoders = {"*": fake_encoder_class()}
    models, cards = {}, {}
    for kind in KINDS:
        task = TASKS[kind]
        dataset = load_dataset(toy_data / f"toy_{kind}")
        train = dataset.where(lambda one: one.split == "train")
        batch = Batch(train.transcripts, encoders=encoders)
        for name, examples in task.examples(train).items():
            models[name] = fit_head(task, name, batch, examples)
            cards[name] = HeadCard(
                criterion=task.head(name),
                trained_on=(f"{dataset.name} sha256:{dataset.sha256[:16]}",),
                n_items=len(examples),
            )
    folder = tmp_path_factory.mktemp("models") / "toy"
    write_models(folder, models, cards)
    return folder


@pytest.fixture(scope="session")
def tracker(tmp_path_factory):
    """One database for all: a fresh one takes several seconds. Tests differ in their questions."""
    return Tracker(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}")


@pytest.fixture
def fake_encoding(monkeypatch, fake_encoder_class):
    """Every module of the experiments reads texts through an encoder without weights."""
    encoder = fake_encoder_class()

    def encoders(*_, **__):
        return {"*": encoder}

    places = [f"experiments.{name}" for name in ("run", "training", "centre", "default_models")]
    for module in (*places, "scorers.folder"):
        monkeypatch.setattr(f"autoqa.{module}.default_encoders", encoders)
    return encoder


@pytest.fixture(scope="session")
def python():
    """Start a fresh Python process on a piece of code."""

    def run(code: str, **environment: str) -> subprocess.Popen[str]:
        source = str(Path(provenance.__file__).parents[2])
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": source, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run
