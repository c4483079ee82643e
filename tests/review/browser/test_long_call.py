"""A call of thousands of turns: what a criterion rests on is found at once, at any width."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace

import pytest

from autoqa.batch import ScoringSetup, score
from autoqa.records import Transcript
from autoqa.review.database import open_database
from autoqa.review.loading import load_run
from autoqa.store import write_records

TURNS = 5000


@pytest.fixture(scope="module")
def site(serve, empty_file, sample, card, tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    told = [one.transcript for one in sample if one.transcript.language == "en"]
    turns = itertools.islice(itertools.cycle(turn for one in told for turn in one.turns), TURNS)
    turns = tuple(replace(turn, start_s=None, end_s=None) for turn in turns)
    write_records(
        folder / "call.jsonl", [replace(told[0], conversation_id="long", turns=turns)], Transcript
    )
    score([folder / "call.jsonl"], folder / "scored", ScoringSetup(card), workers=1)
    path = shutil.copy(empty_file, folder / "review.db")
    with open_database(path) as database:
        load_run(database, folder / "scored", card)
    return serve(path)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 360])
def test_evidence_anywhere_in_a_long_call_is_brought_into_sight(open_page, width):
    page = open_page("reviewer", "/conversation?id=long", viewport={"width": width, "height": 740})
    assert page.locator(".turn").count() == TURNS
    for link in page.locator(".criterion:has(.quotes) .pick").all():
        link.focus()  # as Tab does; a click does the same
        page.wait_for_function(
            """() => {
                const words = document.querySelector(".turn.current mark.lit");
                const pane = document.getElementById("transcript").getBoundingClientRect();
                const { top } = words?.getBoundingClientRect() ?? { top: NaN };
                return top >= pane.top && top < pane.bottom;
            }"""
        )
    last = page.locator(".turn").last
    page.goto(f"/conversation?id=long#turn-{TURNS}")
    assert last.evaluate(
        """(turn) => turn.getBoundingClientRect().bottom
            <= document.getElementById("transcript").getBoundingClientRect().bottom + 1"""
    )
