"""What every scorer promises, whichever it is: each registered one, and what is built of them."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autoqa.scorers.linear
import autoqa.scorers.rules
import autoqa.scorers.zero_shot  # noqa: F401 - all register themselves
from autoqa.csat import CsatModel
from autoqa.features.batch import Batch
from autoqa.records import CSAT, Rating, Status, Transcript, Turn
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.base import registered_scorers, scorer_factory
from autoqa.scorers.panel import Panel

RULES = {
    "greeting": {"say": "greeting"},
    "calm": {"never": {"say": "rude"}},
    "ending": {"levels": {2: {"say": "closing", "last_turns": 2}, 1: {"say": "thanks"}}},
}


def criterion(name, scale=(0, 1, 2), **more):
    levels = {level: Level(label=str(level)) for level in scale}
    return Criterion(id=name, question="How was it?", levels=levels, weight=1, **more)


def of_rules():
    return [
        criterion(name, (0, 1, 2) if "levels" in rule else (0, 1), scorer={"use": "rules", **rule})
        for name, rule in RULES.items()
    ]


def learned_ratings(transcripts, levels, criteria):
    return [
        Rating(
            conversation_id=t.conversation_id,
            criterion=c.id,
            rater="ana",
            kind="human",
            status="rated",
            level=c.scale[min(int(level), len(c.scale) - 1)],
            turn=turn,
        )
        for t, level in zip(transcripts, levels, strict=True)
        for c in criteria
        for turn in (range(0, len(t.turns), 2) if c.unit == "turn" else (None,))
    ]


@pytest.fixture(scope="module")
def scorers(talks, fake_encoder_class):
    """One fitted example of every scorer; build each once, since tests only rate."""
    transcripts, levels = talks(80, seed=41)
    encoders = {"*": fake_encoder_class()}
    batch = Batch(transcripts, encoders=encoders)
    criteria = [
        criterion("mood"),
        criterion("turns", unit="turn", speaker="customer"),
        criterion("passed", (0, 1)),
    ]
    ratings = learned_ratings(transcripts, levels, criteria)

    def linear(**settings):
        return scorer_factory("linear")(criteria, **settings).fit(batch, ratings)

    fitted = linear()
    csat = CsatModel((1, 2, 3))
    surveys = learned_ratings(transcripts, levels + 1, [csat.criterion])
    assert {r.criterion for r in surveys} == {CSAT}
    mixed = Scorecard(
        id="card", version=1, sections=({"id": "all", "criteria": [*of_rules(), criterion("no")]},)
    )
    return {
        "rules": scorer_factory("rules")(of_rules()),
        "linear": fitted,
        "zero_shot": scorer_factory("zero_shot")([*criteria, criterion("long", range(5))]),
        "linear, n-grams alone": linear(settings={"embeddings": ()}),
        "linear, unsure": scorer_factory("linear")(
            criteria, abstain_below=0.6, models=fitted.models
        ),
        "csat": csat.fit(batch, surveys),
        "panel": Panel(mixed),
    }


BUILT = ("linear, n-grams alone", "linear, unsure", "csat", "panel")


@pytest.fixture(params=sorted({*registered_scorers(), *BUILT}))
def scorer(request, scorers):
    assert request.param in scorers, f"add a fitted '{request.param}' to the scorers fixture"
    return scorers[request.param]


@pytest.fixture
def odd(transcript_of):
    """Conversations at the edges of what a transcript may be."""
    return [
        transcript_of("empty"),
        transcript_of("agent alone", "agent: good morning, how can I help?"),
        transcript_of("customer alone", "customer: where is my parcel"),
        transcript_of("system alone", "system: call recorded"),
        transcript_of("silent", "agent: ", "customer:   "),
        transcript_of("bot", "bot: hello", "customer: agent please", "bot: goodbye"),
        transcript_of("unknown", "agent: habari", "customer: asante", language="sw"),
        transcript_of("no language", "agent: ???", "customer: ...", language="xx"),
        transcript_of("script", "agent: 您好，感谢来电", "customer: 谢谢", language="zh-Hans"),
        transcript_of("html", "agent: <b>hi</b> {{x}} \u200b\u202e =1+1", "customer: 👍🏽\x00"),
    ]


def rate(scorer, transcripts, encoder_class):
    return scorer.rate(Batch(transcripts, encoders={"*": encoder_class()}))


def check(rating, criterion, transcript):
    """Everything that must hold for one rating of a whole conversation."""
    assert (rating.conversation_id, rating.criterion) == (transcript.conversation_id, criterion.id)
    assert rating.turn is None
    assert rating.kind == "model"
    if rating.status is Status.RATED:
        assert rating.level in criterion.scale
    else:
        assert rating.reason
    if rating.probabilities:
        assert len(rating.probabilities) == len(criterion.scale)
        assert sum(rating.probabilities) == pytest.approx(1, abs=1e-6)
        mean = sum(
            p * level for p, level in zip(rating.probabilities, criterion.scale, strict=True)
        )
        assert rating.expected == pytest.approx(mean)
    for evidence in rating.evidence:
        assert evidence.turn < len(transcript.turns)
        assert evidence.end <= len(transcript.turns[evidence.turn].text)
        assert evidence.start < evidence.end


def test_there_is_one_rating_per_transcript_and_criterion_in_that_order(
    scorer, talks, odd, fake_encoder_class
):
    transcripts = [*talks(5, seed=42)[0], *odd]
    found = rate(scorer, transcripts, fake_encoder_class)
    pairs = [(t, c) for t in transcripts for c in scorer.criteria]
    for rating, (transcript, criterion_) in zip(found, pairs, strict=True):
        check(rating, criterion_, transcript)


def test_a_rating_does_not_depend_on_the_company(scorer, talks, odd, fake_encoder_class):
    transcripts = [*talks(6, seed=43)[0], *odd]
    width = len(scorer.criteria)
    together = rate(scorer, transcripts, fake_encoder_class)
    reversed_ = rate(scorer, transcripts[::-1], fake_encoder_class)
    for i, transcript in enumerate(transcripts):
        ours = together[i * width : (i + 1) * width]
        back = (len(transcripts) - 1 - i) * width
        for others in (
            rate(scorer, [transcript], fake_encoder_class),
            reversed_[back : back + width],
        ):
            for one, other in zip(ours, others, strict=True):
                assert (one.status, one.level, one.reason) == (
                    other.status,
                    other.level,
                    other.reason,
                )
                assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
                spans = [(e.turn, e.start, e.end) for e in one.evidence]
                assert spans == [(e.turn, e.start, e.end) for e in other.evidence]


def test_nothing_is_mutated(scorer, talks, odd, fake_encoder_class):
    transcripts = [*talks(3, seed=44)[0], *odd]
    before, version = copy.deepcopy(transcripts), scorer.version
    first = rate(scorer, transcripts, fake_encoder_class)
    assert transcripts == before
    assert rate(scorer, transcripts, fake_encoder_class) == first
    assert scorer.version == version != ""


def test_a_conversation_without_turns_is_not_rated(scorer, transcript_of, fake_encoder_class):
    for rating in rate(scorer, [transcript_of("empty")], fake_encoder_class):
        assert rating.status in (Status.ABSTAINED, Status.NOT_APPLICABLE)
        assert rating.reason
        assert rating.evidence == ()


@pytest.mark.parametrize("speaker", ["agent", "customer", "bot", "system"])
def test_a_conversation_of_one_turn_is_rated_or_says_why_not(
    scorer, transcript_of, fake_encoder_class, speaker
):
    transcript = transcript_of("one", f"{speaker}: good morning, thanks, goodbye")
    found = rate(scorer, [transcript], fake_encoder_class)
    assert len(found) == len(scorer.criteria)
    for rating, criterion_ in zip(found, scorer.criteria, strict=True):
        check(rating, criterion_, transcript)
        assert rating.status is not Status.FAILED


@pytest.mark.parametrize("language", ["xx", "sw", "de-AT"])
def test_an_unknown_language_is_rated_or_says_why_not(
    scorer, transcript_of, fake_encoder_class, language
):
    transcript = transcript_of(
        "t", "agent: habari ya asubuhi", "customer: nzuri", language=language
    )
    for rating, criterion_ in zip(
        rate(scorer, [transcript], fake_encoder_class), scorer.criteria, strict=True
    ):
        check(rating, criterion_, transcript)
        assert rating.status is not Status.FAILED


def test_no_transcripts_give_no_ratings(scorer, fake_encoder_class):
    assert rate(scorer, [], fake_encoder_class) == []


texts = st.text(max_size=40) | st.sampled_from(["hello", "thank you, goodbye", "你好！", "great"])
turns = st.builds(Turn, speaker=st.sampled_from(["agent", "customer", "bot", "system"]), text=texts)
transcripts = st.builds(
    Transcript,
    conversation_id=st.just("c"),
    turns=st.lists(turns, max_size=6).map(tuple),
    language=st.sampled_from(["en", "es", "it", "zh", "xx"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(transcripts)
def test_whatever_is_said_a_rating_is_valid(scorer, fake_encoder_class, transcript):
    found = rate(scorer, [transcript], fake_encoder_class)
    for rating, criterion_ in zip(found, scorer.criteria, strict=True):
        check(rating, criterion_, transcript)
        assert rating.status is not Status.FAILED
