"""Take the pictures of docs/review.md: the review page on the fictional sample.

::

    .venv/bin/python docs/review/take_screenshots.py

What people did there is told by tests/review/story.py. Needs Chromium: apt-get install chromium.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page, sync_playwright

from autoqa.batch import ScoringSetup, score
from autoqa.readers import Quarantine, read
from autoqa.review.access import Role, User
from autoqa.review.database import Database, open_database
from autoqa.review.loading import load_run
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.users import CONSOLE, add_user
from autoqa.review.web.app import create_app
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard

HERE = Path(__file__).parent
STORY = HERE.parents[1] / "tests" / "review" / "story.py"
MODELS = HERE.parents[1] / "models" / "default"

PEOPLE = {
    "lead": ("noor", "Noor Haddad", Role.LEAD, None),
    "reviewer": ("ana", "Ana Ruiz", Role.REVIEWER, None),
    "other_reviewer": ("ben", "Ben Okoro", Role.REVIEWER, None),
    "third_reviewer": ("ida", "Ida Holm", Role.REVIEWER, None),
    "agent": ("maya", "Maya Okafor", Role.AGENT, "Maya Okafor"),
}

NARROW = {"viewport": {"width": 360, "height": 740}}
TALL = {"viewport": {"width": 1280, "height": 1040}}

PICTURES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("queue", "lead", "/queue", {}),
    ("conversation", "reviewer", "/conversation?id=brv-en-15&criterion=identification", {}),
    (
        "conversation-dark",
        "reviewer",
        "/conversation?id=brv-en-02&criterion=acknowledgement",
        {"color_scheme": "dark"},
    ),
    ("conversation-narrow", "agent", "/conversation?id=brv-en-01&criterion=recap", NARROW),
    ("calibration", "lead", "/calibrations/{discussed}", {}),
    ("agreement", "lead", "/calibrations/{closed}#agreement", {}),
    ("dispute", "third_reviewer", "/disputes/{disputed}", TALL),
    ("coaching", "lead", "/coaching/agent?name=Maya+Okafor", {}),
    ("criteria", "lead", "/dashboards/criteria?by=team", TALL),
    ("quadrants", "lead", "/dashboards/quadrants?totals=automated&csat=predicted", TALL),
)
"""Name of the picture, who looks, where, and how the browser differs from the usual."""


def main() -> None:
    """Score the sample, let the story happen, and take every picture."""
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "r.db") as database:
        people, told = fill(database, Path(folder))
        with Served(database) as address, sync_playwright() as playwright:
            chromium = os.environ.get("AUTOQA_CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, who, path, options in PICTURES:
                usual = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
                context = browser.new_context(base_url=address, **(usual | options))
                session = redeem(database, one_time_link(database, people[who]))
                context.add_cookies(
                    [{"name": "autoqa_session", "value": session.token, "url": address}]
                )
                page = context.new_page()
                page.goto(path.format(**vars(told)))
                take(page, HERE / f"{name}.png")
                context.close()
            browser.close()


def fill(database: Database, folder: Path) -> tuple[dict[str, User], object]:
    """Load the sample, as the models that come along score it, and let the story happen."""
    card = load_scorecard("support-core")
    setup = ScoringSetup(card, MODELS if MODELS.is_dir() else None, curve=True)
    score([sample_path()], folder / "scores", setup)
    with Quarantine() as quarantine:
        sample = list(read([sample_path()], quarantine=quarantine))
    surveys = [survey for one in sample for survey in one.surveys]
    load_run(database, folder / "scores", card, surveys=surveys)
    people = {
        part: add_user(database, CONSOLE, name, role=role, display_name=shown, agent=agent)
        for part, (name, shown, role, agent) in PEOPLE.items()
    }
    spec = importlib.util.spec_from_file_location("story", STORY)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{STORY}: not there; run this in a checkout")
    story = sys.modules["story"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(story)
    return people, story.tell(database, people, sample)


class Served:
    """The page on a port of its own, for as long as the block lasts."""

    def __init__(self, database: Database) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()  # who connects before the server is up waits for it
        config = uvicorn.Config(create_app(database), log_level="warning")
        self._server = uvicorn.Server(config)
        serve = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *raised: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._socket.close()


def take(page: Page, path: Path) -> None:
    """Write a picture of what fits into the window."""
    page.wait_for_load_state("networkidle")
    chosen = page.locator(".criterion.selected")
    if chosen.count():
        chosen.scroll_into_view_if_needed()
    page.screenshot(path=path)


if __name__ == "__main__":
    main()
