"""The page in Debian's Chromium: a real server, people logged in, and nothing unexpected.

Every page is watched while a test runs: no script error, no dialog, nothing that the content
security policy had to stop, and no request to another machine.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import delete

from autoqa.review.database import open_database, schema

CHROMIUM = os.environ.get("AUTOQA_CHROMIUM") or shutil.which("chromium")
WAIT_MS = 20_000  # for what a slow machine may take; waits end as soon as it is there
expect.set_options(timeout=WAIT_MS)

# A page tells what happened on it before its own scripts run.
WATCH = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`stopped by policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Site:
    """The review page, served by uvicorn from a thread on a port of its own."""

    def __init__(self, database, people, password, story=None):
        import uvicorn

        from autoqa.review.web.app import create_app

        self.database = database
        self.people = people
        self.password = password
        self._story = story
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()  # who connects before the server is up waits for it
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.app = create_app(database)
        config = uvicorn.Config(self.app, log_level="warning", lifespan="on", ws="none")
        self._server = uvicorn.Server(config)
        serve = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=serve, daemon=True)
        self._thread.start()
        self._logged_in = {}  # name: what a browser keeps

    def told(self, text):
        """Fill in numbers of what happened in the story."""
        return text.format(**asdict(self._story)) if self._story else text

    def log_in(self, page, name):
        """Fill in the form, as a person would."""
        page.goto(f"{self.url}/login")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Password", exact=True).fill(self.password)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(lambda url: "/login" not in url)

    def cookies_of(self, browser, name):
        """What somebody's browser keeps once they have logged in, by the form, once."""
        if name not in self._logged_in:
            with closing_context(browser) as context:
                self.log_in(context.new_page(), name)
                self._logged_in[name] = context.storage_state()
        return self._logged_in[name]

    def end_sessions(self, name):
        """Let somebody's sessions run out."""
        ended = delete(schema.sessions).where(schema.sessions.c.user_id == self.people[name].id)
        with self.database.housekeeping() as connection:
            connection.execute(ended)
        self._logged_in.pop(name, None)

    def stop(self):
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._socket.close()


@contextmanager
def closing_context(browser, **options):
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    try:
        yield context
    finally:
        context.close()


# Of a module each: Playwright's loop would be in the way of other tests' own in this process.


@pytest.fixture(scope="module")
def browser():
    """Chromium, without the sandbox that it cannot have as root."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium, or set AUTOQA_CHROMIUM to its path")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def serve(add_people, password, tmp_path_factory):
    """Serve a copy of a database file, with people in every role: ``serve(loaded_file)``.

    With what `told` gives, what the story left: ``serve(*told)``.
    """
    served = []

    def start(file, people=None, story=None):
        path = tmp_path_factory.mktemp("site") / "review.db"
        database = open_database(shutil.copy(file, path))
        site = Site(database, people or add_people(database), password, story)
        served.append(site)
        return site

    yield start
    for site in served:
        site.stop()
        site.database.close()


@pytest.fixture(scope="module")
def site(browser, serve, loaded_file):
    """The page with the sample's run, for all tests of a module."""
    return serve(loaded_file)


class Watcher:
    """What happened on the pages of a context that should not."""

    def __init__(self, context, url):
        self.seen = []
        self.expected = []  # parts of what a test means to happen
        self._home = urlsplit(url).netloc
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.append(f"script: {error.error}"))
        context.on("dialog", self._dialog)
        context.on("request", self._request)
        context.add_init_script(WATCH)

    def _console(self, message):
        if message.type == "error":
            self.seen.append(f"console: {message.text}")

    def _dialog(self, dialog):
        self.seen.append(f"dialog: {dialog.type} {dialog.message}")
        dialog.dismiss()

    def _request(self, request):
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self._home:
            self.seen.append(f"request: {request.url}")

    @property
    def unexpected(self):
        return [one for one in self.seen if not any(part in one for part in self.expected)]


@pytest.fixture
def open_page(browser, site):
    """Open a page as somebody: ``open_page("reviewer", "/queue", color_scheme="dark")``.

    ``page.watcher.expected.append(...)`` names what a test means to happen.
    """
    contexts = []

    def start(who=None, path="/", **options):
        if who is not None:
            options["storage_state"] = site.cookies_of(browser, who)
        context = browser.new_context(base_url=site.url, **options)
        context.set_default_timeout(WAIT_MS)
        watcher = Watcher(context, site.url)
        contexts.append((context, watcher))
        page = context.new_page()
        page.watcher = watcher
        page.goto(path)
        return page

    yield start
    unexpected = [one for _, watcher in contexts for one in watcher.unexpected]
    for context, _ in contexts:
        context.close()
    assert not unexpected, unexpected


@pytest.fixture(scope="session")
def axe():
    """What axe finds wrong on a page: a list of texts, each with the places."""
    # The PyPI package carries axe-core (MPL-2.0); tests alone use it.
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("no axe: pip install axe-playwright-python")
    script = Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(script)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: "
            + "; ".join(
                f"{node['target']} {node.get('failureSummary', '')}" for node in one["nodes"]
            )
            for one in found
        ]

    return violations
