"""The conversation view for notebooks."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

import autoqa
from autoqa.errors import DataError, RecordError, ScorecardError
from autoqa.records import (
    CSAT,
    Evaluation,
    Evidence,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Transcript,
    Turn,
)
from autoqa.review.inline import show_conversation
from autoqa.scorecard import evaluate

HOSTILE = "</iframe></style><script>alert(1)</script><b onclick='x'>\u202e&amp;"


def rating(criterion, level, *, rater="model", evidence=(), **more):
    kind = RaterKind.MODEL if rater == "model" else RaterKind.HUMAN
    return Rating(
        conversation_id="c 1", criterion=criterion, rater=rater, kind=kind,
        status=Status.RATED, level=level, evidence=evidence, **more,
    )  # fmt: skip


@pytest.fixture
def told():
    return Transcript(
        conversation_id="c 1",
        turns=(
            Turn(speaker=Speaker.AGENT, text="Good morning, how can I help?", start_s=0, end_s=2),
            Turn(speaker=Speaker.CUSTOMER, text=f"My card is [CARD_1]. {HOSTILE}"),
        ),
        agent=HOSTILE,
    )


@pytest.fixture
def automated(card):
    said = [Evidence(turn=0, start=0, end=12, contribution=0.5)]
    chances = (0.1, 0.9)
    first, second = [c.id for c in card.criteria if len(c.levels) == 2][:2]
    return evaluate(
        [rating(first, 1, evidence=said, probabilities=chances), rating(second, 0)], card
    )


def test_a_notebook_shows_it_in_a_frame_that_can_do_nothing(told, automated, card):
    frame = show_conversation(told, automated, card)._repr_html_()
    assert re.fullmatch(r'<iframe sandbox title="[^"]*" [^<>]*srcdoc="[^"<>]*"></iframe>', frame)
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page


def test_every_text_is_only_ever_a_text(told, automated, card):
    page = show_conversation(told, automated, card).page
    body = page.partition("</style>")[2]
    assert "<script" not in body
    assert "<b onclick" not in body
    assert "\u202e" not in page
    assert html.escape(HOSTILE.replace("\u202e", "\ufffd"), quote=False) in body.replace(
        "&#39;", "'"
    )
    assert re.search(r"(src|href)=\"(?!#|about:srcdoc)", body) is None
    assert "url(" not in page


def test_evidence_is_marked_and_leads_to_its_turn(told, automated, card):
    page = show_conversation(told, automated, card).page
    criterion = automated.ratings[0].criterion
    assert f'<mark class="evidence ev-{criterion}">Good morning</mark>' in page
    assert 'href="#turn-1"' in page
    assert '<span class="redacted">[CARD_1]</span>' in page
    place = [one.id for one in card.criteria].index(criterion)
    assert f'body:has(#answer-{place}[open]) .evidence[class~="ev-{criterion}"]' in page
    assert "confidence 90 %" in page
    assert "evidence: +0.50" in page


def test_other_raters_stand_beside_it_by_name(told, automated, card):
    criterion = automated.ratings[0].criterion
    human = evaluate([rating(criterion, 0, rater="ana <b>")], card)
    page = show_conversation(told, automated, card, others=[human]).page
    assert "<bdi>ana &lt;b&gt;</bdi> (person)" in page
    assert "<bdi>model</bdi> (automated)" in page


def test_predictions_after_single_turns_make_the_curve(told, automated, card):
    after = [
        rating(CSAT, 2, turn=turn, expected=expected) for turn, expected in enumerate((3.5, 2.0))
    ]
    page = show_conversation(told, automated, card, csat=[*after, rating(CSAT, 2)]).page
    assert "lowest 2.0, turn 2" in page
    assert '<polyline class="line"' in page
    assert "CSAT, predicted: <b>2</b>" in page
    assert "<svg" not in show_conversation(told, automated, card).page


def test_it_speaks_the_readers_language(told, automated, card):
    assert "Transcripción" in show_conversation(told, automated, card, language="es").page
    with pytest.raises(DataError, match="Languages"):
        show_conversation(told, automated, card, language="xx")


def test_what_does_not_belong_together_is_refused(told, automated, card):
    other = Transcript(conversation_id="other", turns=told.turns)
    with pytest.raises(RecordError, match="belongs together"):
        show_conversation(other, automated, card)
    strange = Evaluation(
        conversation_id="c 1", rater="m", kind=RaterKind.MODEL, scorecard="x",
        scorecard_version=1, total=None, critical_failed=(), coverage=0.0,
        ratings=(rating("no_such", 1),),
    )  # fmt: skip
    with pytest.raises(ScorecardError, match="no_such"):
        show_conversation(told, strange, card)


def test_of_ratings_those_of_the_conversation_are_taken(told, automated, card):
    elsewhere = replace(automated.ratings[0], conversation_id="other")
    ratings = [*automated.ratings, elsewhere, rating(CSAT, 4)]
    assert show_conversation(told, ratings, card) == show_conversation(told, automated, card)
    with pytest.raises(RecordError, match="no rating is of 'c 1'"):
        show_conversation(told, [elsewhere], card)


def test_it_is_part_of_the_public_surface():
    assert autoqa.show_conversation is show_conversation
