"""A small scorecard, models that learned it, and files of conversations."""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoqa.csat import CsatModel, csat_criterion, survey_ratings
from autoqa.features.batch import Batch
from autoqa.records import CSAT, Rating, Survey
from autoqa.scorecard import Scorecard
from autoqa.scorers.folder import HeadCard, write_models
from autoqa.scorers.linear import TFIDF_SETTINGS, LinearScorer


@pytest.fixture(scope="session")
def small_spark():
    """Open a Spark session without a page of its own, for two cores and little data."""

    @contextmanager
    def opened(master, settings):
        from pyspark.sql import SparkSession

        from autoqa.batch.spark import spark_session

        small = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "2",
        }
        for name, value in (small | settings).items():
            SparkSession.builder.config(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            with spark_session(master) as session:
                yield session

    return opened


@pytest.fixture(scope="session")
def card():
    def criterion(name, levels, **more):
        return {"id": name, "question": f"{name}?", "levels": levels, "weight": 10, **more}

    yes = {0: "no", 1: "yes"}
    return Scorecard.model_validate(
        {
            "id": "small",
            "version": 3,
            "sections": [
                {
                    "id": "all",
                    "criteria": [
                        criterion("greeting", yes, scorer={"use": "rules", "say": "greeting"}),
                        criterion("mood", {0: "bad", 1: "fair", 2: "good"}),
                        criterion(
                            "disclosure",
                            yes,
                            applies_when={"channel": "voice"},
                            scorer={"use": "rules", "say": "recording_disclosure"},
                        ),
                    ],
                }
            ],
        }
    )


@pytest.fixture(scope="session")
def train(talks, card):
    """Write models for `mood` and CSAT that learned from simulated talk; return their folder."""

    def write(folder, *, encoders=None, languages=("en",), settings=TFIDF_SETTINGS, **more):
        transcripts, levels = [], []
        for i, language in enumerate(languages):
            some, truth = talks(60, seed=60 + i, language=language)
            transcripts += some
            levels += truth.tolist()
        batch = Batch(transcripts, encoders=encoders)
        mood = card.criterion("mood")
        ratings = [
            Rating(
                conversation_id=t.conversation_id,
                criterion="mood",
                rater="ana",
                kind="human",
                status="rated",
                level=level,
            )
            for t, level in zip(transcripts, levels, strict=True)
        ]
        surveys = [
            Survey(conversation_id=t.conversation_id, score=float(level + 1), scale=(1, 3))
            for t, level in zip(transcripts, levels, strict=True)
        ]
        linear = LinearScorer([mood], settings=settings).fit(batch, ratings)
        csat = CsatModel((1, 2, 3), settings=settings)
        csat.fit(batch, survey_ratings(surveys, (1, 2, 3)))
        write_models(
            folder,
            {"mood": linear.models["mood"], CSAT: csat.model},
            {"mood": HeadCard(mood), CSAT: HeadCard(csat_criterion((1, 2, 3)))},
            scorecard=card,
            **more,
        )
        return folder

    return write


@pytest.fixture(scope="session")
def models(train, tmp_path_factory):
    """Models that read words alone, so that no encoder is needed."""
    return train(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def line_of():
    def write(transcript, **labels):
        turns = [{"speaker": str(t.speaker), "text": t.text} for t in transcript.turns]
        return json.dumps(
            {
                "conversation_id": transcript.conversation_id,
                "channel": str(transcript.channel),
                "language": transcript.language,
                "turns": turns,
                **labels,
            }
        )

    return write


@pytest.fixture(scope="session")
def quick():
    """Return the module with a set-up that scores without loading anything."""
    path = Path(__file__).with_name("quick_run.py")
    spec = importlib.util.spec_from_file_location("quick_run", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["quick_run"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def quick_setup(quick):
    return quick.Quick(Scorecard.model_validate(quick.CARD))


@pytest.fixture(scope="session")
def jsonl():
    """Write conversations with the given ids, of a few words each."""

    def write(path, ids, text="hello"):
        said = [{"speaker": "agent", "text": text}, {"speaker": "customer", "text": "my parcel"}]
        rows = [json.dumps({"conversation_id": name, "turns": said}) + "\n" for name in ids]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(rows))
        return path

    return write
