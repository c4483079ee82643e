"""A head that was trained for another scale, cut into the levels of a criterion."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import ScorerError
from autoqa.features.batch import Batch
from autoqa.records import RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.borrowed import BorrowedScorer
from autoqa.scorers.folder import HeadCard, write_models
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import Panel

WIDE = tuple(range(1, 10))


def criterion(name, scale, **scorer):
    levels = {level: Level(label=str(level)) for level in scale}
    more = {"scorer": {"use": "linear", **scorer}} if scorer else {}
    return Criterion(id=name, question="Did they?", levels=levels, weight=1, **more)


@pytest.fixture(scope="module")
def models(talks, fake_encoder_class, tmp_path_factory):
    """Heads ``tone``, 1-9, and ``mood``, 0-2, that learned the planted quality."""
    learned, cards = {}, {}
    for name, scale in (("tone", WIDE), ("mood", (0, 1, 2))):
        transcripts, levels = talks(120, seed=41, levels=scale)
        head = criterion(name, scale)
        ratings = [
            Rating(
                conversation_id=t.conversation_id,
                criterion=name,
                rater="ana",
                kind=RaterKind.HUMAN,
                status=Status.RATED,
                level=int(level),
            )
            for t, level in zip(transcripts, levels, strict=True)
        ]
        settings = {"link": "gaussian"} if len(scale) > 3 else {}
        batch = Batch(transcripts, encoders={"*": fake_encoder_class()})
        learned |= LinearScorer([head], settings=settings).fit(batch, ratings).models
        cards[name] = HeadCard(head)
    return write_models(tmp_path_factory.mktemp("models") / "m", learned, cards)


@pytest.fixture
def batch(talks, encoders):
    return Batch(talks(30, seed=42)[0], encoders=encoders)


def test_the_expected_level_is_cut_where_the_scorecard_says(models, batch):
    asked = criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6])
    ratings = BorrowedScorer([asked], models=models).rate(batch)
    wide = models.scorer("tone").rate(batch)
    assert {r.criterion for r in ratings} == {"kind"}
    expected = [0 if w.expected < 4 else 1 if w.expected < 6 else 2 for w in wide]
    assert [r.level for r in ratings] == expected
    assert len(set(expected)) > 1


def test_probabilities_are_those_of_the_levels_between_the_cuts(models, batch):
    asked = criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6])
    rating = BorrowedScorer([asked], models=models).rate(batch)[0]
    wide = np.array(models.scorer("tone").rate(batch)[0].probabilities)
    # 1-3 lie below 4, 4 and 5 below 6, the rest from there on
    low, middle, high = wide[:3].sum(), wide[3:5].sum(), wide[5:].sum()
    assert rating.probabilities == pytest.approx((low, middle, high))
    assert rating.expected == pytest.approx(middle + 2 * high)


def test_evidence_is_carried_to_the_units_of_the_scale(models, batch):
    asked = criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6])
    for mine, theirs in zip(
        BorrowedScorer([asked], models=models).rate(batch),
        models.scorer("tone").rate(batch),
        strict=True,
    ):
        # 0-2 is two steps wide where 1-9 is eight.
        assert [e.contribution for e in mine.evidence] == pytest.approx(
            [e.contribution * 2 / 8 for e in theirs.evidence]
        )


def test_equal_scales_need_no_cuts(models, batch):
    asked = criterion("kind", (0, 1, 2), model="mood")
    ratings = BorrowedScorer([asked], models=models).rate(batch)
    own = models.scorer("mood").rate(batch)
    assert [r.level for r in ratings] == [r.level for r in own]
    assert {r.criterion for r in ratings} == {"kind"}


@pytest.mark.parametrize("cuts", [[], [4], [6, 4], [5, 5], [2, 4, 6], 4, "4, 6"])
def test_cuts_that_do_not_make_the_levels_are_refused(models, cuts):
    asked = criterion("kind", (0, 1, 2), model="tone", cuts=cuts)
    with pytest.raises(ScorerError, match="give 2 rising `cuts` on its scale 1-9"):
        BorrowedScorer([asked], models=models)


def test_a_model_that_is_not_there_is_told_the_nearest(models):
    asked = criterion("kind", (0, 1, 2), model="tones", cuts=[4, 6])
    with pytest.raises(ScorerError, match=r"no model 'tones'.*Did you mean 'tone'"):
        BorrowedScorer([asked], models=models)


def test_several_criteria_come_by_transcript_and_in_order(models, batch):
    asked = [
        criterion("kind", (0, 1), model="tone", cuts=[5]),
        criterion("mood", (0, 1, 2), model="mood"),
    ]
    ratings = BorrowedScorer(asked, models=models).rate(batch)
    assert [r.criterion for r in ratings[:4]] == ["kind", "mood", "kind", "mood"]
    assert [r.conversation_id for r in ratings[::2]] == [
        t.conversation_id for t in batch.transcripts
    ]


def test_what_is_not_sure_enough_abstains_and_says_how_sure_it_was(models, batch):
    asked = criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6])
    sure = BorrowedScorer([asked], models=models).rate(batch)
    strict = BorrowedScorer([asked], models=models, abstain_below=0.6).rate(batch)
    for free, held in zip(sure, strict, strict=True):
        if free.probabilities[free.level] >= 0.6:
            assert held == free
        else:
            assert (held.status, held.level) == (Status.ABSTAINED, None)
            assert held.reason.endswith("is below 0.60")
    assert 0 < sum(r.status is Status.ABSTAINED for r in strict) < len(strict)


def test_the_version_names_models_cuts_and_the_limit(models):
    versions = {
        BorrowedScorer(
            [criterion("kind", (0, 1), model="tone", cuts=[cut])],
            models=models,
            abstain_below=limit,
        ).version
        for cut in (4, 5)
        for limit in (0.0, 0.6)
    }
    assert len(versions) == 4


def statuses(panel, batch, name):
    return [r.status for r in panel.rate(batch) if r.criterion == name]


def test_a_panel_abstains_below_its_limit_for_own_and_borrowed_heads(models, batch):
    asked = [
        criterion("mood", (0, 1, 2)),
        criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6]),
    ]
    card = Scorecard(id="card", version=1, sections=({"id": "all", "criteria": asked},))
    free, never = Panel(card, models), Panel(card, models, abstain_below=1.01)
    for name in ("mood", "kind"):
        assert set(statuses(free, batch, name)) == {Status.RATED}
        assert set(statuses(never, batch, name)) == {Status.ABSTAINED}
    assert free.version != never.version


def test_a_criterions_own_limit_comes_before_the_panels(models, batch):
    asked = [
        criterion("mood", (0, 1, 2), model="mood", abstain_below=0.0),
        criterion("kind", (0, 1, 2), model="tone", cuts=[4, 6], abstain_below=1.01),
    ]
    card = Scorecard(id="card", version=1, sections=({"id": "all", "criteria": asked},))
    assert set(statuses(Panel(card, models, abstain_below=1.01), batch, "mood")) == {Status.RATED}
    assert set(statuses(Panel(card, models), batch, "kind")) == {Status.ABSTAINED}


def test_rules_are_not_asked_how_sure_they_are(models, batch):
    asked = Criterion(
        id="greeting",
        question="Was there a greeting?",
        levels={0: Level(label="no"), 1: Level(label="yes")},
        scorer={"use": "rules", "say": "greeting"},
        weight=1,
    )
    card = Scorecard(id="card", version=1, sections=({"id": "all", "criteria": (asked,)},))
    panel = Panel(card, models, abstain_below=0.99)
    assert set(statuses(panel, batch, "greeting")) == {Status.RATED}
