"""Back to training: what people submitted on the page becomes models."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from autoqa.cli.app import app
from autoqa.errors import DataError, ReviewError
from autoqa.experiments.reviewed import reviewed_in
from autoqa.experiments.training import train
from autoqa.review.database import schema
from autoqa.sample import sample_path
from autoqa.scorers.folder import ModelFolder

PLAIN = {"encoders": {}, "settings": {"embeddings": (), "statistics": False}}


@pytest.fixture
def reviewed(loaded, people, sample, card):
    """The database, with what one reviewer of the sample said as submitted evaluations."""
    now = datetime.now(UTC)
    with loaded.housekeeping() as connection:
        for one in sample:
            talk = one.transcript.conversation_id
            evaluation = connection.execute(
                insert(schema.evaluations)
                .values(
                    conversation_id=talk,
                    rater="reviewer",
                    kind="human",
                    user_id=people["reviewer"].id,
                    scorecard=card.id,
                    scorecard_version=card.version,
                    purpose="review",
                    state="submitted",
                    blind=False,
                    started_at=now,
                    submitted_at=now,
                )
                .returning(schema.evaluations.c.id)
            ).scalar_one()
            connection.execute(
                insert(schema.ratings),
                [
                    {
                        "evaluation_id": evaluation,
                        "criterion": rating.criterion,
                        "version": 1,
                        "status": str(rating.status),
                        "level": rating.level,
                        "reason": rating.reason,
                        "at": now,
                    }
                    for rating in one.ratings
                    if rating.rater == "qa_ana"
                ],
            )
    return loaded


def place(database):
    return database.engine.url.database


def test_submitted_ratings_come_with_their_conversations_and_surveys(reviewed, sample, card):
    found = reviewed_in(place(reviewed))
    assert found.card.content_hash == card.content_hash
    assert len(found.conversations) == len(sample)
    own = {
        (r.conversation_id, r.criterion): r.level
        for one in sample
        for r in one.ratings
        if r.rater == "qa_ana"
    }
    assert {
        (r.conversation_id, r.criterion): r.level
        for one in found.conversations
        for r in one.ratings
    } == own
    assert sum(len(one.surveys) for one in found.conversations) == sum(
        len(one.surveys) for one in sample
    )


def test_a_model_folder_is_learned_from_the_review_and_says_so(reviewed, card, tmp_path):
    found = reviewed_in(place(reviewed))
    report = train([], card, tmp_path / "models", reviewed=found, criteria=["courtesy"], **PLAIN)
    assert report.n_conversations == len(found.conversations)
    assert report.criteria["courtesy"].n_conversations > 50
    (source,) = ModelFolder(tmp_path / "models").heads["courtesy"].trained_on
    assert source == f"review.db sha256:{found.sha256[:16]}"


def test_files_and_review_are_learned_from_together(reviewed, sample):
    found = reviewed_in(place(reviewed))
    both = found.added_to(list(sample))
    assert len(both) == len(sample)
    assert {r.rater for one in both for r in one.ratings} == {"qa_ana", "qa_ben", "reviewer"}
    assert [one.transcript for one in both] == [one.transcript for one in sample]


def test_what_is_said_again_on_the_page_counts(reviewed):
    found = reviewed_in(place(reviewed))
    again = found.added_to(found.conversations)
    assert [len(one.ratings) for one in again] == [len(one.ratings) for one in found.conversations]


def test_an_empty_review_or_another_file_is_refused_in_words(loaded, card, tmp_path, empty_file):
    with pytest.raises(DataError, match="nobody has submitted ratings on the scorecard"):
        reviewed_in(place(loaded))
    with pytest.raises(DataError, match="nothing was loaded for review"):
        reviewed_in(empty_file)
    with pytest.raises(ReviewError):
        reviewed_in(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


def test_the_command_learns_from_the_review(reviewed, tmp_path, monkeypatch, fake_encoder):
    monkeypatch.setattr("autoqa.experiments.training.default_encoders", lambda: {"*": fake_encoder})
    out = tmp_path / "models"
    done = CliRunner().invoke(
        app,
        ["train", "--from-review", place(reviewed), "--out", str(out), "--criteria", "courtesy"],
    )
    assert done.exit_code == 0, done.output
    assert "courtesy" in done.output
    assert set(ModelFolder(out).heads) == {"courtesy"}


def test_the_command_asks_for_something_to_learn_from(tmp_path):
    done = CliRunner().invoke(app, ["train", "--out", str(tmp_path / "models")])
    assert done.exit_code == 2
    assert "--from-review" in done.output
    given = ["train", "--out", str(tmp_path / "models"), "--data", str(sample_path())]
    assert "name a scorecard" in CliRunner().invoke(app, given).output


def test_scored_again_the_change_can_be_compared(reviewed, sample):
    """The file that `autoqa compare --human` takes holds the same ratings."""
    from autoqa.review.exporting import submitted_ratings

    with reviewed.reading() as connection:
        stored = connection.execute(
            select(schema.ratings.c.id)
            .join(schema.evaluations, schema.evaluations.c.id == schema.ratings.c.evaluation_id)
            .where(schema.evaluations.c.kind == "human")
        ).all()
    assert len(list(submitted_ratings(reviewed))) == len(stored)
