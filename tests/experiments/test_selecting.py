from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments import selecting
from autoqa.experiments.selecting import N_FOLDS, StatedRisk, answers_out_of_fold, limit_for
from autoqa.features.batch import Batch
from autoqa.readers import Quarantine, read
from autoqa.scorecard.schema import Criterion, Level

WORDS = {"embeddings": (), "statistics": False}
RISK = StatedRisk(0.1)


def criterion(name="courtesy", **more):
    levels = {0: Level(label="no"), 1: Level(label="yes")}
    return Criterion(id=name, question="Did they?", levels=levels, weight=1, **more)


@pytest.fixture
def given(tmp_path, dataset_of):
    """A batch, people's ratings of a criterion, and each conversation's agent."""

    def load(records, name="courtesy"):
        folder = dataset_of(tmp_path / "data", records)
        with Quarantine() as quarantine:
            labelled = list(read([folder], quarantine=quarantine))
        ratings = [r for one in labelled for r in one.ratings if r.criterion == name]
        agents = [one.transcript.agent or one.transcript.conversation_id for one in labelled]
        return Batch([one.transcript for one in labelled]), ratings, agents

    return load


def test_every_conversation_is_answered_by_a_model_that_knows_none_of_its_agent(
    given, toy, monkeypatch
):
    batch, ratings, agents = given(toy.reviewed(100, agents=12))
    learned = []
    fit = selecting.LinearScorer.fit

    def spy(self, batch, ratings, groups=None):
        learned.append({r.conversation_id for r in ratings})
        return fit(self, batch, ratings, groups)

    monkeypatch.setattr(selecting.LinearScorer, "fit", spy)
    found = answers_out_of_fold(criterion(), batch, ratings, agents, settings=WORDS)
    assert sorted(a.transcript for a in found) == list(range(100))
    assert len(learned) == N_FOLDS
    agent_of = {t.conversation_id: a for t, a in zip(batch.transcripts, agents, strict=True)}
    for seen in learned:
        held = set(agent_of) - seen
        assert len(held) >= 16  # about a fifth, in whole agents of 8 or 9
        assert not {agent_of[c] for c in held} & {agent_of[c] for c in seen}


def test_people_who_disagree_with_each_other_disagree_in_part_with_the_model(given, toy):
    records = toy.reviewed(100)
    for record in records:
        first = record["ratings"][0]
        record["ratings"] += [first | {"rater": "b", "score": 1 - first["score"]}]
    batch, ratings, agents = given(records)
    found = answers_out_of_fold(criterion(), batch, ratings, agents, settings=WORDS)
    assert {a.disagreement for a in found} == {0.5}
    assert all(0.5 <= a.confidence <= 1 for a in found)
    limit = limit_for(criterion(), batch, ratings, agents, RISK, settings=WORDS)
    assert (limit.threshold, limit.coverage) == (None, 0.0)


def test_the_limit_lets_sure_answers_through_and_holds_the_rest_back(given, toy):
    records = toy.reviewed(300)
    # a third of the conversations has no words that tell: anything may have been said of them
    for record in records[::3]:
        for turn in record["turns"]:
            turn["text"] = "parcel invoice monday"
    batch, ratings, agents = given(records)
    limit = limit_for(criterion(), batch, ratings, agents, RISK, settings=WORDS)
    assert (limit.n, limit.n_clusters, limit.risk) == (300, 300, 0.1)
    assert limit.delta == 0.1
    assert 0.5 < limit.threshold < 1
    assert 0.4 < limit.coverage < 0.8
    assert limit.observed <= 0.1
    again = limit_for(criterion(), batch, ratings, agents, RISK, settings=WORDS)
    assert again == limit


def test_ratings_of_turns_are_compared_as_the_conversation_is_scored(given, toy):
    batch, ratings, agents = given(toy.listening(60), "question")
    asked = criterion("question", unit="turn")
    found = answers_out_of_fold(asked, batch, ratings, agents, settings=WORDS)
    assert sorted(a.transcript for a in found) == list(range(60))
    # A person's level of a conversation: the mean of three turns, 2 of 3 to the nearest is 1.
    levels = {}
    for rating in ratings:
        levels.setdefault(rating.conversation_id, []).append(rating.level)
    most = [np.mean(levels[t.conversation_id]) > 0.5 for t in batch.transcripts]
    assert 0.2 < np.mean(most) < 0.8
    assert {a.disagreement for a in found} == {0.0, 1.0}  # both raters say the same
    assert np.mean([a.disagreement for a in found]) < 0.3


def test_moments_of_one_conversation_count_once(given, toy):
    batch, ratings, agents = given(toy.reviewed(60))
    both = [*ratings, *(replace(r, turn=3) for r in ratings)]
    limit = limit_for(criterion(), batch, both, agents, RISK, settings=WORDS)
    assert (limit.n, limit.n_clusters) == (120, 60)


def test_with_too_little_to_learn_from_nothing_is_known_and_all_is_held_back(given, toy):
    batch, ratings, agents = given(toy.reviewed(22))
    limit = limit_for(criterion(), batch, ratings, agents, RISK, settings=WORDS)
    assert (limit.threshold, limit.n) == (None, 0)


@pytest.mark.parametrize("stated", [{"max_disagreement": 0.0}, {"confidence_level": 1.0}])
def test_a_risk_is_between_nothing_and_everything(stated):
    with pytest.raises(DataError, match="must be between 0 and 1"):
        StatedRisk(**{"max_disagreement": 0.1} | stated)
