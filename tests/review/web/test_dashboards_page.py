"""The dashboards, as a browser without scripts sees them."""

from __future__ import annotations

import re

import pytest

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.quadrants import place_agents
from autoqa.review.web import charts
from autoqa.review.web.pages.dashboards import PARTS

API = ("over-time", "criteria", "quadrants", "agreement", "yield", "reviewers")
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def centre(database, centres):
    return centres.Centre(database)


@pytest.fixture
def filled(centre, people):
    """Two teams with six agents; people reviewed some of it."""
    good, bad = {"greeting": 1, "tone": 2}, {"greeting": 0, "tone": 1}
    rows = [
        {
            "name": f"{agent}-{i}",
            "agent": agent,
            "team": "north" if number < 3 else "south",
            "levels": good if (i + number) % 3 else bad,
            "survey": float(i % 2),
            "flags": ["low_total"] if i % 2 else ["random_audit"],
            "days_ago": i,
        }
        for number, agent in enumerate(("Ana", "Ben", "Cem", "Dora", "Eve", "Flo"))
        for i in range(12)
    ]
    centre.conversations(rows)
    for row in rows[:26]:
        centre.review(row["name"], people["reviewer"], bad, blind=True)
        centre.review(row["name"], people["other_reviewer"], row["levels"])
    return centre


def test_every_dashboard_says_so_where_nothing_is_loaded(client):
    analyst = client("analyst")
    for path in PARTS:
        answer = analyst.get(path)
        assert answer.status_code == 200
        assert ("No run is loaded yet" in answer.text) != (path == "/dashboards/reviewers")


def test_dashboards_are_for_those_who_may_see_them(client, filled):
    agent, analyst, nobody = client("agent"), client("analyst"), client()
    for path in (*PARTS, *(f"/api/v1/dashboards/{name}" for name in API)):
        assert agent.get(path).status_code == 403, path
        assert analyst.get(path).status_code == 200, path
        assert nobody.get(path).status_code in (303, 401), path


def test_automated_and_human_scores_have_columns_of_their_own(client, filled):
    lead = client("lead")
    text = lead.get("/dashboards").text
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', text)
    assert heads[:4] == ["Team", "Automated", "Human", "Automated, reviewed ones only"]
    assert text.count("<svg") == 2
    assert 'class="mark automated"' in text
    assert 'class="mark human"' in text
    criteria = lead.get("/dashboards/criteria").text
    assert "Automated: all conversations" in criteria
    assert "Human: conversations that people reviewed" in criteria
    assert "Did the agent greet?" in criteria


def test_every_chart_has_a_label_and_its_figures_in_a_table(client, filled):
    lead = client("lead")
    for path in ("/dashboards", "/dashboards/quadrants?csat=predicted"):
        text = lead.get(path).text
        drawn = re.findall(r'<svg class="chart[^>]*>', text)
        assert drawn
        assert all('role="img"' in one and "in the table below" in one for one in drawn)
        assert text.count("<table") >= len(drawn)


def test_pages_hold_no_inline_style_or_script(client, filled):
    lead = client("lead")
    for path in PARTS:
        text = lead.get(path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?! src=)", text), path


def test_agreement_names_its_coefficient_the_ceiling_and_n(client, filled):
    text = client("lead").get("/dashboards/agreement").text
    assert "Quadratic kappa, model with people" in text
    assert "Ceiling: people with people" in text
    assert "With people who answered blind" in text
    assert "nobody rated twice" in text
    assert "Too few conversations: 10 are needed." in text  # nobody rated identity


def test_yield_compares_what_was_flagged_with_what_was_drawn(client, filled):
    text = client("lead").get("/dashboards/yield").text
    assert "Low total" in text
    assert re.search(r"flagged minus drawn at random: [+−]?\d+", text)


def test_filters_stay_from_page_to_page_and_narrow_the_figures(client, filled):
    browser = client("lead")
    text = browser.get("/dashboards?team=north&by=agent").text
    assert "Ana" in text
    assert "Dora" not in text
    assert 'href="/dashboards/criteria?card=small%401&amp;team=north"' in text
    for path in ("/dashboards?card=none", "/dashboards?from=soon", "/dashboards?by=nothing"):
        assert browser.get(path).status_code == 422


def test_many_agents_come_in_pages(client, centre):
    centre.conversations(
        [
            {"name": f"{agent}-{i}", "agent": f"agent {agent:02}"}
            for agent in range(14)
            for i in range(10)
        ]
    )
    browser = client("lead")
    first = browser.get("/dashboards?by=agent")
    assert "agent 11" in first.text
    assert "agent 12" not in first.text
    (older,) = re.findall(r'rel="next" href="([^"]*)"', first.text)
    second = browser.get(older.replace("&amp;", "&")).text
    assert "agent 13" in second
    assert "agent 11" not in second
    assert "rel=" in second


def test_names_are_text_wherever_they_come_from(client, centre):
    centre.conversations(
        [
            {
                "name": f"c-{agent}-{i}",
                "agent": f"{HOSTILE} {agent}",
                "team": HOSTILE,
                "survey": i % 2,
            }
            for agent in range(5)
            for i in range(12)
        ]
    )
    browser = client("lead")
    for path in (*PARTS, "/dashboards?by=agent", "/dashboards/criteria?by=agent"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", text)
    assert "&lt;script&gt;" in browser.get("/dashboards/quadrants").text


def test_a_lead_of_a_team_finds_no_other_teams_names(client, centre):
    centre.conversations(
        [{"name": f"a-{i}", "team": "harbour", "agent": "Mine"} for i in range(12)]
        + [{"name": f"b-{i}", "team": "meridian", "agent": "Theirs"} for i in range(12)]
    )
    browser = client("team_lead")
    paths = [*PARTS, *(f"/api/v1/dashboards/{name}" for name in API)]
    for path in [*paths, "/dashboards?by=agent", "/dashboards?team=meridian&agent=Theirs"]:
        text = browser.get(path).text
        if "team=meridian" not in path:  # what was typed stays in its field
            assert "meridian" not in text
            assert "Theirs" not in text
        else:
            assert "There are no conversations here." in text


def test_the_api_gives_automated_and_human_figures_under_own_names(client, filled):
    browser = client("analyst")
    found = browser.get("/api/v1/dashboards/over-time?by=team").json()
    overall = found["lines"][0]["overall"]
    assert overall["automated"]["n"] == 36
    assert overall["human"]["estimate"].keys() == {"value", "low", "high", "n", "n_clusters"}
    cells = browser.get("/api/v1/dashboards/criteria?by=agent").json()["cells"]
    assert {"criterion", "name", "automated", "human"} == cells[0].keys()
    assert browser.get("/api/v1/dashboards/yield").json()["random"]["reason"] == "random_audit"
    assert browser.get("/api/v1/dashboards/over-time?card=x").status_code == 422
    assert browser.get("/api/v1/dashboards/over-time?period=day").status_code == 422


# Charts by themselves.


def test_too_few_conversations_break_a_line_and_leave_no_mark():
    from datetime import date

    known = Estimate(80.0, 70.0, 90.0, 12, 12)
    marks = [
        charts.Mark(date(2026, 1, 5 + 7 * i), estimate)
        for i, estimate in enumerate((known, known, None, known))
    ]
    drawn = charts.over_time([("automated", marks)], label='A "label" & more')
    assert drawn.count('class="mark automated"') == 3
    assert drawn.count("<polyline") == 1
    assert "A &#34;label&#34; &amp; more" in drawn


def test_a_chart_of_nothing_is_drawn_all_the_same():
    assert "<svg" in charts.over_time([("human", [])], label="nothing")
    empty = place_agents([], [], [])
    assert "<svg" in charts.quadrant_chart(
        empty, label="x", x_name="x", y_name="y", corners=("a", "b", "c", "d")
    )
    assert charts.interval(None).count("<path") == 0


def test_agents_have_the_shape_of_their_quadrant_and_names_do_not_cover_each_other():
    agents = [f"agent {i}" for i in range(30) for _ in range(10)]
    totals = [60 + i % 30 + (j % 5) for i in range(30) for j in range(10)]
    csat = [0.02 * i + 0.05 * (j % 3) for i in range(30) for j in range(10)]
    found = place_agents(agents, totals, csat)
    drawn = charts.quadrant_chart(
        found, label="x", x_name="x", y_name="y", corners=("a", "b", "c", "d"), y_scale=100
    )
    assert drawn.count('<g class="agent ') == 30
    assert "nan" not in drawn
    places = re.findall(r'<text class="name \w+" x="([\d.]+)" y="([\d.]+)"', drawn)
    assert 1 < len(places) == len(set(places)) <= 14


def test_shades_go_from_lost_to_earned():
    assert [charts.shade(v) for v in (0.0, 0.05, 0.55, 0.999, 1.0)] == [
        "heat-0",
        "heat-0",
        "heat-5",
        "heat-9",
        "heat-9",
    ]
