"""Whatever texts hold, browsers show it as text: nothing of it runs, nothing becomes markup.

Each line of ``payloads.txt`` tries to call ``xss()``. They stand in every field that comes from
outside: transcripts, ids, names of agents and files, scorecards, models' reasons, what people type.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from autoqa.evaluation.wording import without_controls
from autoqa.records import CSAT, Action, Evidence, Flag, Rating, Survey, Transcript, Turn
from autoqa.review.access import InvalidError, Permission
from autoqa.review.database import open_database
from autoqa.review.loading import load_run
from autoqa.review.users import CONSOLE, add_user
from autoqa.scorecard import Scorecard, evaluate
from autoqa.store import write_records

LINES = Path(__file__).parents[1].joinpath("payloads.txt").read_text(encoding="utf-8").splitlines()
CRITERIA = -(-len(LINES) // 4)  # each has a question, a guidance and two labels

# Markup that only a payload would bring, and links to elsewhere.
FOREIGN = """() => [...document.querySelectorAll("*")].filter((one) =>
    /^(iframe|object|embed|base|marquee|math|video|audio|style|template|x-y)$/i.test(one.tagName)
    || (one.tagName === "META" && one.httpEquiv)
    || (one.tagName === "SCRIPT" && !one.src.startsWith(`${location.origin}/static/`))
    || (one.tagName === "LINK" && !one.href.startsWith(`${location.origin}/static/`))
    || [...one.attributes].some(({ name, value }) => /^on|hx-on|^srcdoc$/i.test(name)
        || (/^(hx-(get|post)|href|xlink:href|src|action|formaction|data)$/i.test(name)
            && new URL(value, location.href).origin !== location.origin))
).map((one) => one.outerHTML.slice(0, 200))"""


def test_there_are_enough_payloads_and_all_differ():
    assert len(set(LINES)) == len(LINES) >= 40


def hostile_card():
    texts = iter([*LINES, *LINES])

    def criterion(number):
        question, guidance, low, high = (next(texts) for _ in range(4))
        described = {"label": low, "description": guidance}
        return {
            "id": f"criterion_{number}",
            "question": question,
            "guidance": guidance,
            "levels": {0: described, 1: {"label": high}},
            "weight": 1,
        }

    criteria = [criterion(number) for number in range(CRITERIA)]
    sections = [{"id": "all", "title": LINES[0], "criteria": criteria}]
    title = {"title": LINES[12], "description": LINES[1]}
    return Scorecard.model_validate({"id": "hostile", "version": 1, **title, "sections": sections})


def hostile_run(folder, card):
    """Write a run as `autoqa score` would, with a payload wherever a text may stand."""
    transcripts, evaluations, csat, flags, surveys = [], [], [], [], []
    for place, line in enumerate(LINES):
        turns = (
            Turn(speaker="agent", text=line, actions=(Action(name=line, result=line),)),
            Turn(speaker="customer", text=f"{line} {line}"),
            Turn(speaker="bot", text=line),
        )
        about = {"agent": line[:200], "team": line[:200], "queue": line[:200], "topic": line[:200]}
        said = Transcript(
            conversation_id=f"{place} {line}", turns=turns, language="en", channel="chat", **about
        )

        def rated(criterion, said=said, line=line, **more):
            return Rating(
                conversation_id=said.conversation_id,
                criterion=criterion,
                rater="autoqa",
                kind="model",
                status="rated",
                level=1,
                reason=line,
                evidence=(
                    Evidence(turn=0, start=0, end=len(line), contribution=0.5),
                    Evidence(turn=1, start=1, end=len(line) + 1, contribution=-0.5),
                ),
                **more,
            )

        transcripts.append(said)
        evaluations.append(evaluate([rated(one.id) for one in card.criteria], card))
        csat.append(rated(CSAT, probabilities=(0.4, 0.6)))
        csat += [rated(CSAT, probabilities=(0.4, 0.6), turn=turn) for turn in (1, 2)]
        flags.append(
            Flag(
                conversation_id=said.conversation_id,
                reason=line[:60],
                message=line,
                priority=0.9,
                criterion=card.criteria[0].id,
            )
        )
        surveys.append(
            Survey(conversation_id=said.conversation_id, score=1, scale=(1, 5), comment=line)
        )
    folder.mkdir(parents=True)
    ratings = [rating for one in evaluations for rating in one.ratings]
    for name, records, kind in (
        ("transcripts", transcripts, Transcript),
        ("evaluations", evaluations, type(evaluations[0])),
        ("ratings", ratings, Rating),
        ("csat", csat, Rating),
        ("flags", flags, Flag),
    ):
        write_records(folder / f"{name}.parquet", records, kind)
    said = {"scorecard": card.id, "scorecard_version": card.version, "models": LINES[12]}
    (folder / "summary.json").write_text(json.dumps(said))
    return surveys


def names_of_users(database):
    """Add a user for each payload that may be a name; return how many were taken."""
    taken = 0
    for place, line in enumerate(LINES):
        try:
            add_user(
                database,
                CONSOLE,
                f"u{place}",
                role="agent",
                display_name=line,
                team=line,
                agent=f"{line[:200]}",
            )
            taken += 1
        except InvalidError:
            continue
    return taken


@pytest.fixture(scope="module")
def site(browser, serve, empty_file, tmp_path_factory):
    file = tmp_path_factory.mktemp("hostile") / "review.db"
    file.write_bytes(empty_file.read_bytes())
    folder = tmp_path_factory.mktemp("runs") / "<img src=x onerror=xss()>"
    card = hostile_card()
    with open_database(file) as database:
        load_run(database, folder, card, surveys=hostile_run(folder, card), audit_share=1.0)
        assert names_of_users(database) > 60
    return serve(file)


class Trap:
    """A page that knows whether anything ran, and whether anything became markup."""

    def __init__(self, page):
        self.page = page
        self.ran = []
        page.context.expose_binding("xss", lambda source: self.ran.append(source["page"].url))

    def look(self, path):
        self.page.goto(path)
        self.check(path)

    def check(self, where):
        self.page.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true"
        )
        assert self.page.evaluate(FOREIGN) == [], where
        assert self.ran == [], where

    def send(self, action, form):
        """Send a form as the page would, and look at what comes back."""
        token = self.page.locator("body").get_attribute("data-csrf")
        with self.page.expect_navigation():
            self.page.evaluate(
                """([action, fields]) => {
                    const form = document.createElement("form");
                    form.method = "post";
                    form.action = action;
                    for (const [name, value] of fields) {
                        const field = document.createElement("textarea");
                        field.name = name;
                        field.value = value;
                        form.append(field);
                    }
                    document.body.append(form);
                    form.submit();
                }""",
                [action, [["csrf", token], *form.items()]],
            )
        self.check(f"POST {action}")


def test_the_trap_would_notice(open_page):
    page = open_page("admin", "/account")
    trap = Trap(page)
    page.evaluate("xss()")
    assert trap.ran
    page.watcher.expected.append("")
    main = "document.querySelector('main').innerHTML"
    for line in LINES:
        found = page.evaluate(f"(line) => {{ {main} = line; return ({FOREIGN})() }}", line)
        if line.startswith(("<img", "<svg o", "<iframe", "<body", "<details", "<input", "<a h")):
            assert found or line.startswith("<body"), line


@pytest.fixture
def trap(open_page):
    page = open_page("admin", "/account")
    page.watcher.expected += [f"status of {status}" for status in (400, 401, 403, 404, 409, 422)]
    return Trap(page)


@pytest.mark.slow
def test_nothing_runs_in_any_conversation(trap):
    for place, line in enumerate(LINES):
        trap.look(f"/conversation?id={quote(f'{place} {line}', safe='')}&criterion=criterion_0")
        shown = trap.page.locator("#turn-1 .said").text_content()
        assert shown.strip() == without_controls(line).strip()


def test_nothing_runs_in_lists_and_figures(trap):
    for path in (
        "/queue?state=all",
        "/queue/rules",
        "/users",
        "/coaching",
        "/examples",
        "/disputes/new",
        "/calibrations/new?pick=1&n=50",
        "/dashboards?by=agent",
        "/dashboards?by=team",
        "/dashboards/criteria?by=agent",
        "/dashboards/quadrants",
        "/dashboards/agreement",
        "/dashboards/yield",
        "/dashboards/reviewers",
        "/audit",
    ):
        trap.look(path)


@pytest.mark.slow
def test_nothing_runs_from_an_address(trap):
    for line in LINES[::3]:
        sent = quote(line, safe="")
        trap.look(f"/queue?q={sent}&team={sent}&agent={sent}&reason={sent}")
        if line in LINES[::9]:
            trap.look(f"/{sent}")
            trap.look(f"/coaching/agent?name={sent}&text={sent}&conversation={sent}&turn={sent}")
            trap.look(f"/examples?criterion={sent}&title={sent}&conversation={sent}")
            trap.look(f"/conversation?id={sent}&criterion={sent}&turn={sent}")
            trap.look(f"/calibrations/new?team={sent}&agent={sent}&topic={sent}")
            trap.look(f"/users/edit?name={sent}")
            trap.look(f"/login?next={sent}")
            trap.look(f"/login/link?token={sent}")


@pytest.mark.slow
def test_nothing_runs_of_what_people_type(trap, site):
    here = f"0 {LINES[0]}"
    agent = LINES[0][:200]
    trap.look(f"/conversation?id={quote(here, safe='')}")
    trap.page.get_by_role("button", name="Claim", exact=True).click()
    others = [one.name for one in site.people.values() if one.may(Permission.REVIEW)][:2]
    for place, line in enumerate(LINES):
        about = {"id": here, "criterion": f"criterion_{place % CRITERIA}"}
        turns = [
            ("/conversation/comment", {**about, "text": line, "turn": "1"}),
            ("/conversation/answer", {**about, "answer": "0", "reason": line, "based_on": "0"}),
            (f"/views/save?team={quote(line, safe='')}", {"name": f"{place} {line}"[:100]}),
            ("/queue/rules/add", {"name": line[:100], "team": line, "reviews": "1"}),
            ("/queue/rules/add", {"name": line, "team": line, "reviews": line}),
            ("/coaching/add", {"agent": agent, "text": line, "goal": line, "conversation": here}),
            ("/coaching/add", {"agent": agent, "text": line, "follow_up_on": line}),
            (
                "/examples/add",
                {"conversation": here, "criterion": "criterion_0", "kind": "good", "title": line},
            ),
            ("/examples/add", {"conversation": line, "criterion": line, "kind": line}),
            ("/users/add", {"name": line, "role": line, "display_name": line, "agent": line}),
            ("/calibrations/new", {"name": line, "more": line, "rater": others[0]}),
            ("/conversation/answer", {**about, "answer": line, "reason": line, "turns": line}),
        ]
        if place % 2:  # a page for each would take a minute
            trap.send(*turns[place // 2 % len(turns)])
        comment = {"id": here, "text": line, "turn": 1}
        assert trap.page.request.post(
            "/api/v1/conversation/comments",
            data=comment,
            headers={"X-CSRF-Token": trap.page.locator("body").get_attribute("data-csrf")},
        ).ok
    for path in (
        f"/conversation?id={quote(here, safe='')}",
        "/queue",
        "/views",
        "/queue/rules",
        f"/coaching/agent?name={quote(agent, safe='')}",
        "/coaching",
        "/examples",
        "/audit",
    ):
        trap.look(path)
