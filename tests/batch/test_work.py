"""Scoring one chunk: redacted first, each conversation by itself, nothing lost."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from autoqa.batch import ScoringSetup, score_transcripts, setup_of
from autoqa.errors import ModelError
from autoqa.records import CSAT, RaterKind, Status
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models


@pytest.fixture
def setup(card, models):
    return ScoringSetup(card, models)


@pytest.fixture
def unseen(talks):
    return talks(7, seed=70, start=900)[0]


def close(one, other):
    """Equal but for the last digits of what was computed."""
    assert replace(one, probabilities=(), expected=None, evidence=()) == replace(
        other, probabilities=(), expected=None, evidence=()
    )
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert [(e.turn, e.start, e.end) for e in one.evidence] == [
        (e.turn, e.start, e.end) for e in other.evidence
    ]


def test_every_conversation_gets_one_evaluation_with_every_criterion(setup, card, unseen):
    done = setup.score(unseen)
    ids = [t.conversation_id for t in unseen]
    assert [t.conversation_id for t in done.transcripts] == ids
    assert [e.conversation_id for e in done.evaluations] == ids
    assert [(r.conversation_id, r.criterion) for r in done.ratings] == [
        (i, c.id) for i in ids for c in card.criteria
    ]
    assert [(r.conversation_id, r.criterion) for r in done.csat] == [(i, CSAT) for i in ids]
    for evaluation in done.evaluations:
        # Greeting and mood, 10 points each; the disclosure is for calls only.
        greeting, mood, disclosure = evaluation.ratings
        assert evaluation.total == pytest.approx((10 * greeting.level + 5 * mood.level) / 20 * 100)
        assert disclosure.status is Status.NOT_APPLICABLE
        assert (evaluation.scorecard, evaluation.scorecard_version) == ("small", 3)


def test_a_conversation_is_scored_the_same_in_any_company(setup, unseen):
    together = setup.score(unseen)
    for i, transcript in enumerate(unseen):
        alone = setup.score([transcript])
        assert alone.transcripts == (together.transcripts[i],)
        for one, other in zip(
            [*alone.ratings, *alone.csat],
            [*together.evaluations[i].ratings, together.csat[i]],
            strict=True,
        ):
            close(one, other)
        assert alone.evaluations[0].total == together.evaluations[i].total


def test_texts_are_redacted_before_anything_sees_them(setup, transcript_of, monkeypatch):
    seen = []
    rate = setup.panel.rate
    monkeypatch.setattr(
        setup.panel, "rate", lambda batch: seen.extend(batch.transcripts) or rate(batch)
    )
    secret = transcript_of("c", "customer: great, write to ana@example.com, thanks", "agent: ok")
    done = setup.score([secret])
    assert [t.turns[0].text for t in seen] == ["great, write to [EMAIL_1], thanks"]
    assert done.transcripts == tuple(seen)
    for rating in [*done.ratings, *done.csat]:
        for evidence in rating.evidence:
            assert evidence.end <= len(done.transcripts[0].turns[evidence.turn].text)


def test_the_curve_follows_the_whole_predictions_when_asked_for(card, models, unseen):
    plain = ScoringSetup(card, models).score(unseen)
    with_curve = ScoringSetup(card, models, curve=True).score(unseen)
    assert with_curve.csat[: len(unseen)] == plain.csat
    points = [(r.conversation_id, r.turn) for r in with_curve.csat[len(unseen) :]]
    assert points == [
        (t.conversation_id, i)
        for t in unseen
        for i, turn in enumerate(t.turns)
        if turn.speaker == "customer"
    ]


def test_without_models_rules_answer_and_the_rest_is_abstained_on(card, unseen):
    done = ScoringSetup(card).score(unseen)
    assert done.csat == ()
    statuses = [str(r.status) for r in done.ratings[:3]]
    assert statuses == ["rated", "abstained", "not_applicable"]
    assert done.evaluations[0].coverage == 0.5
    assert "not_sure" in {f.reason for f in done.flags}


def test_a_conversation_that_breaks_the_csat_model_costs_no_other_its_prediction(
    card, models, unseen, monkeypatch
):
    setup = ScoringSetup(card, models, curve=True)
    rate, bad = setup.csat.rate, unseen[2].conversation_id

    def breaks(batch):
        if any(t.conversation_id == bad for t in batch.transcripts):
            raise FloatingPointError
        return rate(batch)

    monkeypatch.setattr(setup.csat, "rate", breaks)
    done = setup.score(unseen)
    whole = done.csat[: len(unseen)]
    assert [r.status is Status.FAILED for r in whole] == [i == 2 for i in range(7)]
    assert whole[2].reason == "CsatModel broke: FloatingPointError"
    assert bad not in {r.conversation_id for r in done.csat[len(unseen) :]}
    assert len(done.evaluations) == 7


def test_no_conversations_give_nothing(setup):
    done = setup.score([])
    assert (done.transcripts, done.evaluations, done.csat, done.flags) == ((), (), (), ())


def test_a_setup_is_cheap_to_send(setup, unseen):
    sent = pickle.dumps(ScoringSetup(setup.card, setup.models))
    assert len(sent) < 20_000
    assert pickle.loads(sent).score(unseen) == setup.score(unseen)


def test_each_turn_is_encoded_once_for_all_criteria_and_csat(
    card, train, fake_encoder, tmp_path, unseen, monkeypatch
):
    encoders = {"*": fake_encoder}
    folder = train(tmp_path, encoders=encoders, settings={})
    monkeypatch.setattr("autoqa.scorers.folder.default_encoders", lambda *_, **__: encoders)
    fake_encoder.encoded = 0
    ScoringSetup(card, folder, curve=True).score(unseen)
    assert fake_encoder.encoded == sum(len(t.turns) for t in unseen)


def test_a_folder_is_enough_to_rate(models, card, unseen):
    found = score_transcripts(models, unseen)
    by_criterion = [r for r in found if r.criterion != CSAT]
    assert len(by_criterion) == len(unseen) * len(card.criteria)
    assert [r.conversation_id for r in found[len(by_criterion) :]] == [
        t.conversation_id for t in unseen
    ]
    assert {r.kind for r in found} == {RaterKind.MODEL}


def test_a_folder_without_a_scorecard_answers_with_its_heads(models, unseen, tmp_path):
    folder = ModelFolder(models)
    kept = {name: folder.model(name) for name in folder.heads}
    write_models(tmp_path, kept, folder.heads)
    found = score_transcripts(tmp_path, unseen)
    assert [(r.criterion, r.conversation_id) for r in found] == [
        (name, t.conversation_id) for name in ("mood", CSAT) for t in unseen
    ]


def test_a_folder_of_a_csat_model_alone_predicts_csat(models, unseen, tmp_path):
    folder = ModelFolder(models)
    write_models(tmp_path, {CSAT: folder.model(CSAT)}, {CSAT: folder.heads[CSAT]})
    found = score_transcripts(tmp_path, unseen)
    assert [(r.criterion, r.conversation_id) for r in found] == [
        (CSAT, t.conversation_id) for t in unseen
    ]
    assert setup_of(tmp_path).score(unseen).evaluations == ()


def test_an_empty_folder_says_how_to_train_one(tmp_path, unseen):
    write_models(tmp_path, {}, dict[str, HeadCard]())
    with pytest.raises(ModelError, match="no scorecard and no head; train with `autoqa train"):
        score_transcripts(tmp_path, unseen)


def test_words_alone_are_enough_for_languages_without_an_encoder(setup, transcript_of):
    swahili = transcript_of("sw", "customer: great perfect thanks", "agent: asante", language="sw")
    ratings = {r.criterion: r for r in setup.score([swahili]).ratings}
    assert ratings["mood"].status is Status.RATED
    assert ratings["greeting"].reason == "no phrase book for language 'sw'"


@pytest.mark.slow
def test_the_default_encoders_train_and_score_in_several_languages(card, train, talks, tmp_path):
    from autoqa.features.routing import default_encoders

    folder = train(tmp_path, encoders=default_encoders(), languages=("en", "es"), settings={})
    setup = ScoringSetup(card, folder, threads=1)
    assert set(setup.folder.model("mood").models) == {"en", "*"}
    english, spanish = talks(4, seed=71)[0], talks(4, seed=72, language="es")[0]
    chinese = talks(1, seed=73, language="zh")[0]
    mixed = [english[0], spanish[0], chinese[0], english[1], spanish[1]]
    together = setup.score(mixed)
    assert {r.status for r in together.ratings if r.criterion == "mood"} == {Status.RATED}
    for i, transcript in enumerate(mixed):
        alone = setup.score([transcript])
        for one, other in zip(
            [*alone.ratings, *alone.csat],
            [*together.evaluations[i].ratings, together.csat[i]],
            strict=True,
        ):
            assert (one.status, one.level) == (other.status, other.level)
            # bf16 rounds a text alone and among others a little differently
            assert one.probabilities == pytest.approx(other.probabilities, abs=5e-3)
