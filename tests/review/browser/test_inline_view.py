"""The conversation view of notebooks, in the frame that a notebook puts it into."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from autoqa.features.batch import Batch
from autoqa.review.inline import show_conversation
from autoqa.scorers import RulesScorer

HOSTILE = "<script>top.hit = 1</script><img src=x onerror='top.hit = 1'>"


@pytest.fixture(scope="module")
def shown(sample, card):
    told = next(one.transcript for one in sample if one.transcript.conversation_id == "brv-en-01")
    told = replace(
        told, turns=tuple(replace(turn, text=f"{turn.text} {HOSTILE}") for turn in told.turns)
    )
    ratings = RulesScorer([card.criterion("greeting")]).rate(Batch([told]))
    return show_conversation(told, ratings, card)


def test_a_notebook_highlights_evidence_and_goes_to_it_without_scripts(browser, shown, card):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_content(f"<h1>A notebook</h1>{shown._repr_html_()}")
    frame = page.frame_locator("iframe")
    greeting = card.criterion("greeting").question
    frame.get_by_text(greeting).click()
    marks = frame.locator("mark.ev-greeting")
    assert (
        marks.first.evaluate("one => getComputedStyle(one).backgroundColor") != "rgba(0, 0, 0, 0)"
    )
    link = frame.locator("details[open] .quotes a").last
    turn = frame.locator(link.get_attribute("href"))
    link.click()
    expect(turn).to_be_in_viewport()
    assert page.url == "about:blank"
    assert page.evaluate("window.hit") is None
    page.close()
