"""The linear scorer: from people's ratings to calibrated ratings with evidence."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.linear import (
    TFIDF_SETTINGS,
    LinearScorer,
    gather_labels,
    level_shares,
)


def criterion(name="mood", scale=(0, 1, 2), **more):
    levels = {level: Level(label=str(level)) for level in scale}
    return Criterion(id=name, question="How good?", levels=levels, **more)


def rated(transcript, level, *, name="mood", rater="ana", turn=None):
    return Rating(
        conversation_id=transcript.conversation_id,
        criterion=name,
        rater=rater,
        kind=RaterKind.HUMAN,
        status=Status.RATED,
        level=int(level),
        turn=turn,
    )


@pytest.fixture(scope="module")
def data(talks):
    return talks(120, seed=11)


@pytest.fixture
def batch(data, encoders):
    return Batch(data[0], encoders=encoders)


@pytest.fixture
def ratings(data):
    return [rated(t, level) for t, level in zip(*data, strict=True)]


def by_turn(data):
    """Every customer turn rated as its conversation is."""
    return [
        rated(transcript, level, name="turns", turn=turn)
        for transcript, level in zip(*data, strict=True)
        for turn, said in enumerate(transcript.turns)
        if said.speaker == "customer"
    ]


def test_it_learns_what_people_rated(batch, ratings, talks, encoders):
    scorer = LinearScorer([criterion()]).fit(batch, ratings)
    unseen, levels = talks(80, seed=12, start=500)
    found = scorer.rate(Batch(unseen, encoders=encoders))
    expected = np.array([r.expected for r in found])
    assert expected[levels == 2].mean() > expected[levels == 0].mean() + 0.4
    assert all(r.status is Status.RATED and r.rater == "linear" for r in found)


def test_without_an_encoder_it_reads_words(data, ratings, talks):
    scorer = LinearScorer([criterion()], settings=TFIDF_SETTINGS).fit(Batch(data[0]), ratings)
    unseen, levels = talks(80, seed=12, start=500)
    expected = np.array([r.expected for r in scorer.rate(Batch(unseen))])
    assert expected[levels == 2].mean() > expected[levels == 0].mean() + 0.4


def test_raters_who_disagree_are_learned_in_shares(data):
    batch = Batch(data[0][:1])
    first = data[0][0]
    labels = gather_labels(batch, [rated(first, 2), rated(first, 0, rater="ben"), rated(first, 2)])
    items, levels, raters = labels["mood"]
    assert (items, levels, raters.tolist()) == ([Item(0)], [[2, 0, 2]], [3.0])
    assert level_shares(levels, (0, 1, 2)).tolist() == [[1 / 3, 0.0, 2 / 3]]


def test_ratings_without_a_level_and_of_other_conversations_are_passed_over(data, talks):
    unsure = Rating(
        conversation_id=data[0][0].conversation_id,
        criterion="mood",
        rater="ana",
        kind="human",
        status="abstained",
        reason="not sure",
    )
    stranger = rated(talks(1, language="zz")[0][0], 1)
    assert gather_labels(Batch(data[0]), [unsure, stranger]) == {}


@pytest.mark.parametrize("turn", [99, -1])
def test_a_rating_of_a_turn_that_is_not_there_is_refused(batch, data, turn):
    first = data[0][0]
    with pytest.raises(DataError, match=f"en-0/mood: turn index {turn} is not one of"):
        gather_labels(batch, [rated(first, 1, turn=turn)])


def test_what_could_not_be_learned_is_said(batch, ratings):
    scorer = LinearScorer([criterion(), criterion("other")]).fit(batch, ratings)
    assert set(scorer.models) == {"mood"}
    assert scorer.problems_ == ("other: no ratings",)
    with pytest.raises(ModelError, match="has not learned 'other'; train it first"):
        scorer.rate(batch)
    with pytest.raises(DataError, match="no criterion could be learned: other: no ratings"):
        LinearScorer([criterion("other")]).fit(batch, ratings)
    with pytest.raises(DataError, match=r"level 2 is not on the scale \(0, 1\)"):
        LinearScorer([criterion(scale=(0, 1))]).fit(batch, ratings)


def test_it_abstains_below_the_chosen_confidence(batch, ratings):
    fitted = LinearScorer([criterion()]).fit(batch, ratings)
    confidence = np.array([max(r.probabilities) for r in fitted.rate(batch)])
    bound = float(np.median(confidence))
    careful = LinearScorer([criterion()], abstain_below=bound, models=fitted.models)
    found = careful.rate(batch)
    np.testing.assert_array_equal([r.status is Status.ABSTAINED for r in found], confidence < bound)
    unsure = next(r for r in found if r.status is Status.ABSTAINED)
    assert unsure.level is None
    assert unsure.reason.startswith("not sure: confidence 0.")
    assert unsure.probabilities  # still there for whoever wants to know how unsure
    assert careful.version != fitted.version


def test_a_criterion_of_turns_gives_the_conversation_the_mean_of_its_turns(batch, data):
    mood = criterion("turns", unit="turn", speaker="customer")
    scorer = LinearScorer([mood]).fit(batch, by_turn(data))
    (first, *_) = scorer.rate(batch)
    customer = [i for i, t in enumerate(data[0][0].turns) if t.speaker == "customer"]
    turns = scorer.rate_items(mood, batch, [Item(0, t) for t in customer])
    assert [r.turn for r in turns] == customer
    assert first.turn is None
    assert first.expected == pytest.approx(np.mean([r.expected for r in turns]))
    np.testing.assert_allclose(
        first.probabilities, np.mean([r.probabilities for r in turns], axis=0), atol=1e-9
    )
    assert first.level == round(first.expected)
    # a turn adds its distance from the mean, as its share of the turns
    for evidence in first.evidence:
        own = turns[customer.index(evidence.turn)].expected
        assert evidence.contribution == pytest.approx((own - first.expected) / len(customer))


def test_without_turns_of_the_judged_side_it_abstains(batch, data, transcript_of, encoders):
    mood = criterion("turns", unit="turn", speaker="customer")
    scorer = LinearScorer([mood]).fit(batch, by_turn(data))
    (found,) = scorer.rate(Batch([transcript_of("x", "agent: hello")], encoders=encoders))
    assert (found.status, found.reason) == (Status.ABSTAINED, "no customer turns")


def test_evidence_is_the_strongest_turns_first_and_leaves_out_what_hardly_counts(batch, ratings):
    for found in LinearScorer([criterion()]).fit(batch, ratings).rate(batch):
        shares = [abs(e.contribution) for e in found.evidence]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) <= 3
        assert all(share >= 0.1 * shares[0] for share in shares)


def test_the_vocabulary_never_sees_conversations_without_ratings(data, ratings, transcript_of):
    held_out = [transcript_of(f"x{i}", "customer: unheard word") for i in range(50)]
    both = [criterion(), criterion("again")]
    again = [rated(t, level, name="again") for t, level in zip(*data, strict=True)]
    batch = Batch([*held_out, *data[0]])
    scorer = LinearScorer(both, settings=TFIDF_SETTINGS).fit(batch, ratings + again)
    vocabularies = {id(m.models["*"].ngrams_) for m in scorer.models.values()}
    assert len(vocabularies) == 1  # shared by both criteria
    assert not {"unheard", "word"} & set(scorer.models["mood"].models["*"].ngrams_.vocabulary)


def test_groups_are_given_by_conversation(batch, ratings, monkeypatch):
    seen = []
    from autoqa.scorers.text_model import TextModel

    held_out = TextModel._held_out
    monkeypatch.setattr(
        TextModel, "_held_out", lambda self, g: seen.append(list(g)) or held_out(self, g)
    )
    groups = [f"customer-{i // 3}" for i in range(120)]
    LinearScorer([criterion()]).fit(batch, ratings, groups)
    assert seen == [groups]


def test_the_version_follows_weights_and_settings(batch, ratings):
    fitted = LinearScorer([criterion()]).fit(batch, ratings)
    again = LinearScorer([criterion()]).fit(batch, ratings)
    assert fitted.version == again.version
    other = LinearScorer([criterion()], settings={"penalty": 9.0}).fit(batch, ratings)
    fewer = LinearScorer([criterion()]).fit(batch, ratings[:-5])
    assert len({fitted.version, other.version, fewer.version}) == 3


def test_it_is_saved_by_criterion(batch, ratings, tmp_path):
    LinearScorer([criterion()]).fit(batch, ratings).save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mood", "vocabularies"]
