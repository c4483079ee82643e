from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from autoqa.errors import ScorerError
from autoqa.features.batch import Batch
from autoqa.features.views import Item
from autoqa.records import Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.base import scorer_factory
from autoqa.scorers.panel import Panel
from autoqa.scorers.zero_shot import NEUTRAL, Statements, ZeroShotScorer


class AxisEncoder:
    """Texts that mention warmth lie on one axis, those that mention frost on another."""

    name, version, dimension = "axes", "axes-1", 3

    def __init__(self):
        self.seen = []

    def encode(self, texts):
        self.seen += texts
        return np.array([self._vector(text) for text in texts], np.float32).reshape(-1, 3)

    def _vector(self, text):
        if "warm" in text:
            return (1.0, 0.0, 0.0)
        return (0.0, 1.0, 0.0) if "frost" in text else (0.0, 0.0, 1.0)


class AxisConversations(AxisEncoder):
    """The same for whole conversations; counts how long they are."""

    encode = None

    def __init__(self):
        super().__init__()
        self.lengths = []

    def encode_conversations(self, conversations):
        self.lengths += [len(turns) for turns in conversations]
        return [
            np.array([self._vector(t.text) for t in turns], np.float32) for turns in conversations
        ]


def criterion(levels=(0, 1), question="Was it warm?", describe=None, **settings):
    return Criterion(
        id="tone",
        question=question,
        levels={
            level: Level(label=str(level), description=describe[level] if describe else "")
            for level in levels
        },
        unit=settings.pop("unit", "conversation"),
        weight=100,
        scorer={"use": "zero_shot", **settings},
    )


def rate(one, *transcripts, encoder=None, items=None):
    batch = Batch(transcripts, encoders={"*": encoder or AxisEncoder()})
    scorer = ZeroShotScorer([one])
    if items is None:
        return scorer.rate(batch)
    return scorer.rate_items(one, batch, items)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_a_question_is_held_against_neutral_sentences(transcript_of):
    warm = transcript_of("w", "agent: a warm word")
    cold = transcript_of("c", "agent: plain")
    # cosine with the question 1 against 0, times 20; then 0 against 1
    yes, no = rate(criterion(), warm, cold)
    assert yes.probabilities[1] == pytest.approx(sigmoid(20))
    assert no.probabilities[1] == pytest.approx(sigmoid(-20))
    assert (yes.level, no.level) == (1, 0)


def test_described_levels_are_compared_with_each_other(transcript_of):
    card = criterion((0, 1, 2), describe={0: "frost", 1: "neither", 2: "warm"})
    (rating,) = rate(card, transcript_of("c", "agent: plain"))
    total = 2 + math.exp(20)
    assert rating.probabilities == pytest.approx((1 / total, math.exp(20) / total, 1 / total))
    assert rating.level == 1


def test_levels_without_sentences_lie_between_those_that_have_some(transcript_of):
    card = criterion(range(1, 6), statements={1: "frost", 5: "warm"})
    # as near to one end as to the other: the middle, as a binomial of four halves
    (rating,) = rate(card, transcript_of("c", "agent: plain"))
    assert rating.probabilities == pytest.approx(np.array([1, 4, 6, 4, 1]) / 16)
    assert (rating.level, rating.expected) == (3, pytest.approx(3.0))


def test_several_sentences_of_a_level_count_by_their_mean(transcript_of):
    card = criterion(statements={0: ["frost", "neither"], 1: ["warm"]})
    (rating,) = rate(card, transcript_of("c", "agent: plain"))
    assert rating.probabilities[1] == pytest.approx(sigmoid(20 * (0 - 0.5)))


def test_a_statement_of_the_lowest_level_alone_leaves_neutral_ones_to_the_highest():
    found = Statements.of(criterion(range(3), statements={0: "frost"}))
    assert dict(found.by_level) == {0: ("frost",), 2: None}
    assert found.texts("it") == [("frost",), NEUTRAL["it"]]
    assert found.texts("sw") == [("frost",), NEUTRAL["en"]]


def test_a_conversation_rests_on_its_three_most_telling_turns(transcript_of):
    lines = [f"agent: {word}" for word in ("plain", "warm", "plain", "plain", "plain", "warm")]
    (rating,) = rate(criterion(), transcript_of("c", *lines))
    s = sigmoid(20)
    assert rating.expected == pytest.approx((2 * s + (1 - s)) / 3)
    assert [e.turn for e in rating.evidence][:2] == [1, 5]
    # what the turns add is how far the score is from the middle of the scale
    assert sum(e.contribution for e in rating.evidence) == pytest.approx(
        rating.expected - 0.5, abs=3e-6
    )


def test_criteria_of_turns_take_the_mean_of_all(transcript_of):
    lines = [f"agent: {word}" for word in ("plain", "warm", "plain", "plain")]
    (rating,) = rate(criterion(unit="turn"), transcript_of("c", *lines))
    assert rating.expected == pytest.approx((sigmoid(20) + 3 * sigmoid(-20)) / 4)
    assert rating.level == 0


def test_only_the_judged_speaker_counts(transcript_of):
    said = transcript_of("c", "customer: warm words", "bot: plain", "agent: plain")
    (rating,) = rate(criterion(), said)
    assert rating.level == 0
    assert {e.turn for e in rating.evidence} == {1, 2}  # bots speak for the company


def test_items_see_nothing_of_what_comes_later(transcript_of):
    said = transcript_of("c", "agent: plain", "customer: hm", "agent: warm")
    items = [Item(0, 0), Item(0, 2)]
    levels = [r.level for r in rate(criterion(unit="turn"), said, items=items)]
    whole = [r.level for r in rate(criterion(), said, items=[Item(0, 1)])]
    assert (levels, whole) == ([0, 1], [0])


def test_silence_is_not_rated(transcript_of):
    silent = transcript_of("c", "customer: warm", "agent:  ")
    (rating,) = rate(criterion(), silent)
    assert (rating.status, rating.reason) == (Status.ABSTAINED, "no words of the agent")


def test_a_hesitant_rating_is_withheld_where_the_criterion_asks_for_that(transcript_of):
    card = criterion((0, 1), statements={0: "frost", 1: "warm"}, abstain_below=0.6)
    (rating,) = rate(card, transcript_of("c", "agent: plain"))
    assert rating.status is Status.ABSTAINED
    assert rating.probabilities == (0.5, 0.5)


def test_sentences_are_encoded_once_per_batch(transcript_of):
    encoder = AxisEncoder()
    rate(criterion(), *(transcript_of(f"{i}", "agent: hi") for i in range(5)), encoder=encoder)
    assert encoder.seen.count("Was it warm?") == 1


def test_an_encoder_of_conversations_reads_each_sentence_alone(transcript_of):
    encoder = AxisConversations()
    (rating,) = rate(criterion(), transcript_of("c", "agent: warm", "agent: x"), encoder=encoder)
    assert rating.expected == pytest.approx((sigmoid(20) + sigmoid(-20)) / 2)
    assert sorted(encoder.lengths) == [1] * (len(NEUTRAL["en"]) + 1) + [2]


@pytest.mark.parametrize("language", NEUTRAL)
def test_every_language_has_as_many_neutral_sentences(language):
    assert len(set(NEUTRAL[language])) == len(NEUTRAL["en"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statment": {1: "warm"}}, r"scorer\.statment: unknown.*Did you mean 'statements'"),
        ({"statements": "warm"}, "give sentences by level"),
        ({"statements": {}}, "give sentences by level"),
        ({"statements": {3: "warm"}}, r"level 3 is not one of its scale \(0, 1\)"),
        ({"statements": {"x": "warm"}}, "level 'x' is not one of its scale"),
        ({"statements": {1: []}}, r"statements\.1: give a sentence or a list"),
        ({"statements": {1: ["  "]}}, r"statements\.1: give a sentence or a list"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings, message):
    with pytest.raises(ScorerError, match=f"criterion 'tone'.*{message}"):
        ZeroShotScorer([criterion(**settings)])


def test_the_version_follows_what_is_compared():
    versions = {
        ZeroShotScorer([one]).version
        for one in (
            criterion(),
            criterion(question="Was it frosty?"),
            criterion(statements={1: "warm"}),
            criterion(unit="turn"),
            criterion(abstain_below=0.9),
        )
    }
    assert len(versions) == 5
    scorer = ZeroShotScorer([criterion()])
    assert pickle.loads(pickle.dumps(scorer)).version == scorer.version


def test_scorecards_may_name_it(transcript_of):
    card = Scorecard(
        id="card", version=1, sections=({"id": "all", "criteria": [criterion(range(3))]},)
    )
    batch = Batch([transcript_of("c", "agent: warm")], encoders={"*": AxisEncoder()})
    panel = Panel(card)
    assert panel.answered_by == {"tone": "ZeroShotScorer"}
    assert panel.rate(batch)[0].level == 2
    assert scorer_factory("zero_shot") is ZeroShotScorer


def test_the_panel_withholds_what_is_less_sure_than_asked(transcript_of):
    def statuses(**settings):
        one = criterion((0, 1), statements={0: "frost", 1: "warm"}, **settings)
        card = Scorecard(id="card", version=1, sections=({"id": "all", "criteria": [one]},))
        batch = Batch([transcript_of("c", "agent: plain")], encoders={"*": AxisEncoder()})
        return Panel(card, abstain_below=0.6).rate(batch)[0].status

    assert statuses() is Status.ABSTAINED
    assert statuses(abstain_below=0.4) is Status.RATED  # the criterion's own word comes first
