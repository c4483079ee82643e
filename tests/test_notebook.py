"""What a notebook shows of records, and that no text of theirs becomes markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.batch import Scored
from autoqa.evaluation import Estimate
from autoqa.experiments.training import CriterionReport, TrainingReport
from autoqa.notebook import MOST_ROWS, html_table, markdown_table, safe_markdown
from autoqa.records import CSAT, Evaluation, Flag, Rating, Transcript, Turn

EVIL = "<img src=x onerror=alert(1)> & \"quoted\" 'text'"
PICTURE = "![x](https://example.com/pixel.png)"


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html, flags=re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]


def conversation(*texts, **more):
    turns = tuple(Turn(speaker="agent", text=text) for text in texts)
    return Transcript(**{"conversation_id": "c1", "turns": turns, **more})


def test_a_transcript_is_a_table_of_who_said_what_with_turns_from_1():
    html = conversation("hello", "bye", agent="ana", topic="refund")._repr_html_()
    assert "<caption>c1 · chat · en · ana · refund</caption>" in html
    assert cells(html) == [
        ["turn", "speaker", "text"],
        ["1", "agent", "hello"],
        ["2", "agent", "bye"],
    ]


@pytest.mark.parametrize(("n", "title"), [(30, "en</"), (31, "en (first 30 of 31)</")])
def test_a_long_transcript_shows_its_first_turns_and_how_many_there_are(n, title):
    html = conversation(*map(str, range(n)))._repr_html_()
    assert title in html
    assert len(cells(html)) == 1 + MOST_ROWS


def test_a_long_text_is_cut():
    (cell,) = cells(conversation("a" * 5000)._repr_html_())[1][2:]
    assert cell == "a" * 299 + "…"


@given(st.text(max_size=40), st.text(min_size=1, max_size=40))
def test_no_text_becomes_markup(text, name):
    plain = conversation("")._repr_html_()
    html = conversation(text, conversation_id=name, agent=text)._repr_html_()
    assert html.count("<") == plain.count("<")
    assert html.count(">") == plain.count(">")


def test_a_table_shows_dashes_for_nothing_and_no_caption_where_there_is_none():
    html = html_table(("a", EVIL), [(None, 1)], n_rows=1)
    assert cells(html)[1] == ["–", "1"]
    assert "<caption>" not in html
    assert "<img" not in html


def test_an_estimate_is_its_value_with_its_interval():
    estimate = Estimate(0.612, 0.55, 0.67, 952, 100)
    assert estimate._repr_html_() == "<span>0.61 [0.55, 0.67], n=952</span>"


def scored():
    who = {"conversation_id": EVIL, "rater": "autoqa", "kind": "model"}
    rating = Rating(**who, criterion="greeting", status="rated", level=1)
    csat = Rating(**who, criterion=CSAT, status="rated", level=2, expected=2.25)
    evaluation = Evaluation(
        **who,
        scorecard="s",
        scorecard_version=1,
        total=66.6,
        critical_failed=("identity",),
        coverage=0.5,
        ratings=(rating,),
    )
    flag = Flag(conversation_id=EVIL, reason="low_total", message="words", priority=0.5)
    return Scored((conversation("hello"),), (evaluation,), (csat,), (flag, flag))


def test_what_was_scored_is_a_table_of_totals_csat_and_flags():
    html = scored()._repr_html_()
    assert cells(html)[1][1:] == ["67", "identity", "50%", "2.2", "low_total"]
    assert "<img" not in html
    assert "Scored: 1 conversations, 1 ratings, 1 CSAT predictions, 2 flags" in html


def test_what_was_scored_prints_no_conversation():
    assert "hello" not in repr(scored())


def test_nothing_scored_is_an_empty_table():
    assert len(cells(Scored((), (), (), ())._repr_html_())) == 1


def test_a_training_report_is_markdown_without_links_and_pictures():
    found = CriterionReport("linear", 40, 0.5, None, 10)
    report = TrainingReport(EVIL, 40, {"tone": found}, {"recap": PICTURE}, csat=False)
    shown = report._repr_markdown_()
    assert "| tone | linear | 0.50 | - | 10 |" in shown
    assert "<img" not in shown
    assert "](" not in shown


def test_markdown_keeps_its_tables():
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert safe_markdown(table) == table


def test_a_markdown_table_holds_any_cell_on_one_line_and_as_text():
    assert markdown_table(["id", "n"], [["a|b\n<i>", "1"]]) == [
        "| id | n |",
        "|---|---|",
        "| a\\|b &lt;i&gt; | 1 |",
    ]
