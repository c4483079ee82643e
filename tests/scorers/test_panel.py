"""The panel: who answers what, and what becomes of a scorer that breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoqa.errors import EncoderError, ModelError, ScorecardError, ScorerError
from autoqa.features.batch import Batch
from autoqa.records import Action, RaterKind, Rating, Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers import base
from autoqa.scorers.applicability import Applies
from autoqa.scorers.borrowed import BorrowedScorer
from autoqa.scorers.folder import HeadCard, write_models
from autoqa.scorers.linear import LinearScorer
from autoqa.scorers.panel import PANEL_RATER, Panel
from autoqa.scorers.rules import RulesScorer

GREETING = {"use": "rules", "say": "greeting"}


def criterion(name="greeting", scale=(0, 1), **more):
    levels = {level: Level(label=str(level)) for level in scale}
    return Criterion(id=name, question="Did they?", levels=levels, weight=1, **more)


def card(*criteria):
    return Scorecard(id="card", version=1, sections=({"id": "all", "criteria": criteria},))


@pytest.fixture
def folder(talks, encoders, tmp_path):
    """Write heads, by name and scale, that learned the planted quality."""

    def write(use="linear", head=None, **scales):
        models, cards = {}, {}
        for name, scale in scales.items():
            transcripts, levels = talks(80, seed=31, levels=scale)
            learned = criterion(name, scale)
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
            scorer = LinearScorer([learned], settings=settings)
            models |= scorer.fit(Batch(transcripts, encoders=encoders), ratings).models
            cards[name] = HeadCard(learned, use=use, **(head or {}))
        return write_models(tmp_path / "models", models, cards)

    return write


@pytest.fixture
def batch(talks, encoders):
    return Batch(talks(6, seed=32)[0], encoders=encoders)


class Stub:
    """Gives everything level 0, and breaks on conversations whose id starts with ``bad``."""

    version = "stub"

    def __init__(self, criteria):
        self.criteria = tuple(criteria)
        self.seen = []

    def rate(self, batch):
        self.seen.append(len(batch))
        if any(t.conversation_id.startswith("bad") for t in batch.transcripts):
            raise ZeroDivisionError("secret words of the customer")
        return [
            Rating(
                conversation_id=t.conversation_id,
                criterion=c.id,
                rater="stub",
                kind=RaterKind.MODEL,
                status=Status.RATED,
                level=0,
            )
            for t in batch.transcripts
            for c in self.criteria
        ]


@pytest.fixture
def register(monkeypatch):
    def add(name, factory):
        monkeypatch.setitem(base._REGISTRY, name, factory)

    return add


# who answers


def test_a_head_trained_for_the_criterion_wins_over_the_scorecards_rules(folder):
    ruled = card(criterion("mood", scorer=GREETING), criterion(scorer=GREETING))
    assert Panel(ruled).answered_by == {"mood": "RulesScorer", "greeting": "RulesScorer"}
    panel = Panel(ruled, folder(mood=(0, 1)))
    assert panel.answered_by == {"mood": "LinearScorer", "greeting": "RulesScorer"}


def test_a_head_that_lost_against_rules_in_training_stays_on_the_bench(folder):
    lost = folder(use="rules", mood=(0, 1))
    assert Panel(card(criterion("mood", scorer=GREETING)), lost).answered_by["mood"] == (
        "RulesScorer"
    )
    with_fallback = criterion("mood", scorer={"use": "linear", "fallback": GREETING})
    assert Panel(card(with_fallback), lost).answered_by["mood"] == "RulesScorer"
    without = criterion("mood", scorer={"use": "linear"})
    assert Panel(card(without), lost).answered_by["mood"] == "BorrowedScorer"


def test_a_head_for_another_scale_is_not_taken_for_this_criterion(folder):
    panel = Panel(card(criterion("mood", scorer=GREETING)), folder(mood=(0, 1, 2)))
    assert panel.answered_by == {"mood": "RulesScorer"}


def test_without_the_model_the_fallback_answers(folder):
    courtesy = criterion(
        "courtesy", scorer={"use": "linear", "model": "politeness", "fallback": GREETING}
    )
    assert Panel(card(courtesy)).answered_by == {"courtesy": "RulesScorer"}
    assert Panel(card(courtesy), folder(mood=(0, 1))).answered_by == {"courtesy": "RulesScorer"}
    with_model = Panel(card(courtesy), folder(politeness=(0, 1)))
    assert with_model.answered_by == {"courtesy": "BorrowedScorer"}


def test_a_criterion_that_nobody_can_rate_is_abstained_on(batch):
    panel = Panel(card(criterion("a"), criterion("b", scorer={"use": "linear", "model": "m"})))
    assert panel.answered_by == {"a": "nobody", "b": "nobody"}
    assert panel.unserved == {
        "a": "the scorecard names no scorer and no model was trained",
        "b": "no model 'm' in the model folder",
    }
    found = panel.rate(batch)
    assert len(found) == 2 * 6
    assert {r.status for r in found} == {Status.ABSTAINED}
    assert found[1].reason == "no model 'm' in the model folder"


def test_an_unknown_scorer_fails_before_anything_is_scored():
    with pytest.raises(ScorerError, match=r"No scorer named 'ruls'. Did you mean 'rules'\?"):
        Panel(card(criterion(scorer={"use": "ruls"})))


def test_all_rules_share_one_scorer_and_ratings_come_in_scorecard_order(folder, batch):
    mixed = card(
        criterion("a", scorer=GREETING),
        criterion("mood"),
        criterion("none"),
        criterion("b", scorer={"use": "rules", "say": "closing"}),
    )
    panel = Panel(mixed, folder(mood=(0, 1)))
    assert [type(s) for s in panel._scorers] == [RulesScorer, LinearScorer]
    found = panel.rate(batch)
    assert [(r.conversation_id, r.criterion) for r in found] == [
        (t.conversation_id, c) for t in batch.transcripts for c in ("a", "mood", "none", "b")
    ]
    assert {(r.rater, r.kind) for r in found} == {(PANEL_RATER, RaterKind.MODEL)}


def test_the_version_names_every_scorer(folder):
    mixed = card(criterion("a", scorer=GREETING), criterion("mood"))
    without, with_model = Panel(mixed).version, Panel(mixed, folder(mood=(0, 1))).version
    assert with_model.startswith(f"{without}+")


# heads of other scales


def test_a_head_of_a_longer_scale_is_cut_into_the_criterions_levels(folder, batch):
    ten = tuple(range(1, 11))
    models = folder(politeness=ten)
    asked = criterion(
        "courtesy", (0, 1, 2), scorer={"use": "linear", "model": "politeness", "cuts": [4, 7]}
    )
    carried = BorrowedScorer([asked], models=models).rate(batch)
    for original, found in zip(models.scorer("politeness").rate(batch), carried, strict=True):
        p = np.array(original.probabilities)
        assert found.criterion == "courtesy"
        assert found.level == int(original.expected >= 4) + int(original.expected >= 7)
        # 1-3, 4-6, 7-10
        folded = [p[:3].sum(), p[3:6].sum(), p[6:].sum()]
        np.testing.assert_allclose(found.probabilities, folded)
        assert found.expected == pytest.approx(folded[1] + 2 * folded[2])
        for was, is_now in zip(original.evidence, found.evidence, strict=True):
            assert is_now.contribution == pytest.approx(was.contribution * 2 / 9)


def test_a_head_of_the_same_scale_keeps_its_own_choice_of_level(folder, batch):
    models = folder(politeness=(0, 1, 2))
    asked = criterion("courtesy", (0, 1, 2), scorer={"use": "linear", "model": "politeness"})
    found = BorrowedScorer([asked], models=models).rate(batch)
    original = models.scorer("politeness").rate(batch)
    assert found == [replace(r, criterion="courtesy") for r in original]


@pytest.mark.parametrize("cuts", [None, [4], [7, 4], [1, 2, 3]])
def test_cuts_that_do_not_fit_fail_before_anything_is_scored(folder, cuts):
    scorer = {"use": "linear", "model": "politeness"} | ({"cuts": cuts} if cuts else {})
    with pytest.raises(ScorerError, match="give 2 rising `cuts` on its scale 1-5"):
        Panel(
            card(criterion("courtesy", (0, 1, 2), scorer=scorer)),
            folder(politeness=(1, 2, 3, 4, 5)),
        )


# how sure a head must be


def panel_of(models, **own):
    asked = criterion("mood", (0, 1, 2), **({"scorer": {"use": "linear", **own}} if own else {}))
    return lambda **more: Panel(card(asked), models, **more)


def test_a_head_keeps_within_the_risk_it_was_trained_for(folder, batch):
    sure = sorted(max(r.probabilities) for r in panel_of(folder(mood=(0, 1, 2)))().rate(batch))
    limit = (sure[2] + sure[3]) / 2
    models = folder(mood=(0, 1, 2), head={"abstain_below": limit, "risk": {"risk": 0.1}})
    found = panel_of(models)().rate(batch)
    assert sorted(str(r.status) for r in found) == ["abstained"] * 3 + ["rated"] * 3
    assert any(r.reason.endswith(f"is below {limit:.2f}") for r in found)
    # the scorecard's own limit comes first, then the one given, then the head's
    assert {r.status for r in panel_of(models, abstain_below=0)().rate(batch)} == {Status.RATED}
    given = panel_of(models)(abstain_below=0.01)
    assert {r.status for r in given.rate(batch)} == {Status.RATED}
    both = panel_of(models, abstain_below=0)(abstain_below=0.99)
    assert {r.status for r in both.rate(batch)} == {Status.RATED}


def test_a_head_that_reaches_the_risk_at_no_confidence_always_abstains_and_says_why(
    folder, batch, transcript_of, encoders
):
    free = panel_of(folder(mood=(0, 1, 2)))().version
    models = folder(mood=(0, 1, 2), head={"abstain_below": None, "risk": {"risk": 0.1}})
    assert panel_of(models)().version != free
    for panel in (panel_of(models)(), panel_of(models, model="mood")()):
        found = panel.rate(batch)
        assert {(str(r.status), r.reason) for r in found} == {
            ("abstained", "no confidence reaches 10% disagreement")
        }
        assert all(r.evidence and r.probabilities and r.level is None for r in found)
        (empty,) = panel.rate(Batch([transcript_of("empty")], encoders=encoders))
        assert empty.reason == "no turns"


def test_a_risk_measured_on_another_scale_says_nothing_of_the_cut_one(folder, batch):
    models = folder(politeness=tuple(range(1, 6)), head={"abstain_below": None})
    scorer = {"use": "linear", "model": "politeness", "cuts": [2, 4]}
    panel = Panel(card(criterion("courtesy", (0, 1, 2), scorer=scorer)), models)
    assert {r.status for r in panel.rate(batch)} == {Status.RATED}


# where it applies


def test_where_a_criterion_does_not_apply_it_says_so_whoever_would_have_answered(transcript_of):
    voice = {"channel": ["voice"]}
    panel = Panel(
        card(
            criterion("ruled", scorer=GREETING, applies_when=voice),
            criterion("unserved", applies_when=voice),
            criterion("always", scorer=GREETING),
        )
    )
    chat = transcript_of("chat", "agent: good morning", channel="chat")
    call = transcript_of("call", "agent: good morning", channel="voice")
    found = panel.rate(Batch([chat, call]))
    assert [str(r.status) for r in found] == [
        *("not_applicable", "not_applicable", "rated"),
        *("rated", "abstained", "rated"),
    ]
    assert found[0].reason == "applies_when of the criterion does not hold"
    assert found[0].level is None


def test_a_condition_looks_at_actions_mentions_and_turns(transcript_of):
    panel = Panel(
        card(
            criterion("acted", scorer=GREETING, applies_when={"action": "refund_*"}),
            criterion("spoken", scorer=GREETING, applies_when={"mentions": "apology"}),
            criterion("long", scorer=GREETING, applies_when={"min_turns": 3}),
        )
    )
    plain = transcript_of("plain", "agent: hello", "customer: hi")
    acted = replace(plain, closing_actions=(Action(name="refund_order"),))
    sorry = transcript_of("sorry", "customer: hi", "agent: I am sorry", "customer: fine")

    def applies(transcript):
        return [r.status is not Status.NOT_APPLICABLE for r in panel.rate(Batch([transcript]))]

    assert applies(plain) == [False, False, False]
    assert applies(acted) == [True, False, False]
    assert applies(sorry) == [False, True, True]


# what breaks


def test_a_conversation_that_breaks_a_scorer_costs_no_other_its_rating(register, transcript_of):
    register("stub", Stub)
    panel = Panel(
        card(
            criterion("stubbed", scorer={"use": "stub"}),
            criterion(scorer=GREETING),
        )
    )
    transcripts = [
        transcript_of(name, "agent: good morning") for name in ("ok-1", "bad-1", "ok-2", "bad-2")
    ]
    found = panel.rate(Batch(transcripts))
    stubbed = [r for r in found if r.criterion == "stubbed"]
    assert [str(r.status) for r in stubbed] == ["rated", "failed", "rated", "failed"]
    assert stubbed[1].reason == "Stub broke: ZeroDivisionError"  # without the error's words
    assert {r.status for r in found if r.criterion == "greeting"} == {Status.RATED}


def test_a_model_that_cannot_be_used_stops_the_run(register, batch):
    class NoWeights(Stub):
        def rate(self, _):
            raise EncoderError("the weights are not installed")

    register("stub", NoWeights)
    with pytest.raises(ModelError, match="not installed"):
        Panel(card(criterion(scorer={"use": "stub"}))).rate(batch)


def test_a_scorer_that_gives_too_few_ratings_has_failed(register, batch):
    class Lazy(Stub):
        def rate(self, _):
            return []

    register("stub", Lazy)
    found = Panel(card(criterion(scorer={"use": "stub"}))).rate(batch)
    assert [r.reason for r in found] == ["Lazy broke: ScorerError"] * 6


def test_a_condition_that_breaks_fails_its_own_conversation_only(monkeypatch, transcript_of):
    from autoqa.scorers import panel as module

    def breaks(criterion, batch):
        if any(t.conversation_id == "bad" for t in batch.transcripts):
            raise RuntimeError
        return [Applies(True)] * len(batch)

    monkeypatch.setattr(module, "applicability", breaks)
    panel = Panel(card(criterion(scorer=GREETING)))
    found = panel.rate(Batch([transcript_of(n, "agent: hello") for n in ("a", "bad", "b")]))
    assert [str(r.status) for r in found] == ["rated", "failed", "rated"]
    assert found[1].reason == "applies_when broke: RuntimeError"


def test_a_condition_on_an_event_that_no_book_has_fails_before_anything_is_scored():
    wrong = criterion(scorer=GREETING, applies_when={"mentions": "apolgy"})
    with pytest.raises(ScorecardError, match=r"'greeting'.*'apolgy'.*Did you mean 'apology'"):
        Panel(card(wrong))


def test_a_rating_that_may_not_apply_is_abstained_on_and_a_failed_one_stays(
    register, transcript_of
):
    register("stub", Stub)
    sorry = {"mentions": "apology"}
    panel = Panel(card(criterion(scorer={"use": "stub"}, applies_when=sorry)))
    said = (("en", "en"), ("fi", "fi"), ("bad", "fi"))
    batch = Batch([transcript_of(n, "agent: I am sorry", language=lang) for n, lang in said])
    found = panel.rate(batch)
    assert [(str(r.status), r.reason) for r in found] == [
        ("rated", ""),
        ("abstained", "cannot tell whether it applies: no phrase book for language 'fi'"),
        ("failed", "Stub broke: ZeroDivisionError"),
    ]
    assert {r.rater for r in found} == {PANEL_RATER}


def test_an_event_of_the_users_own_book_serves_as_a_condition(tmp_path, transcript_of):
    own = tmp_path / "own.yaml"
    own.write_text("language: en\nevents: {bonus: {phrases: [bonus points]}}\n")
    ruled = criterion(scorer={**GREETING, "phrases": str(own)}, applies_when={"mentions": "bonus"})
    batch = Batch(
        [
            transcript_of("a", "agent: hello, you have bonus points"),
            transcript_of("b", "agent: hello"),
            transcript_of("c", "agent: hola, tiene puntos", language="es"),
        ]
    )
    found = Panel(card(ruled)).rate(batch)
    assert [str(r.status) for r in found] == ["rated", "not_applicable", "abstained"]
    assert (
        found[2].reason == "cannot tell whether it applies: the phrase book for 'es' has no 'bonus'"
    )


def test_an_empty_batch_has_no_ratings():
    assert Panel(card(criterion(scorer=GREETING))).rate(Batch([])) == []
