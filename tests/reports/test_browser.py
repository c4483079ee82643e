"""The page in a real browser, where one is installed: the script sorts, the policy holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from itertools import count

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
fcntl = pytest.importorskip("fcntl", reason="the browser is spoken to over inherited pipes")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

TABLE = "document.querySelector('#agreement table, #qa-and-csat table')"


class Browser:
    """Chromium spoken to in its DevTools protocol, over a pair of pipes."""

    def __init__(self, folder):
        self.numbers, self.events, self.session = count(1), [], None
        reads, self.out = os.pipe()
        self.answers, writes = os.pipe()
        # It reads what it is told from descriptor 3 and answers on 4, which may be in use here.
        ours = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (reads, writes)]

        def place():
            os.dup2(ours[0], 3)
            os.dup2(ours[1], 4)

        self.process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-pipe",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            preexec_fn=place,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        for one in (reads, writes, *ours):
            os.close(one)
        self.out = os.fdopen(self.out, "wb", buffering=0)
        self.answers = os.fdopen(self.answers, "rb")

    def ask(self, method, **parameters):
        number = next(self.numbers)
        said = {"id": number, "method": method, "params": parameters}
        if self.session:
            said["sessionId"] = self.session
        self.out.write(json.dumps(said).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
            self.events.append(found)

    def _next(self):
        held = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            assert byte, "the browser went away"
            held += byte
        return json.loads(held)

    def open(self, path):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self._next())

    def value(self, expression):
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.answers.close()


@pytest.fixture
def browser(tmp_path):
    opened = Browser(tmp_path / "profile")
    yield opened
    opened.close()


def column(place):
    return f"[...{TABLE}.tBodies[0].rows].map((row) => row.cells[{place}].dataset.sort ?? null)"


def press(place):
    return f"{TABLE}.tHead.rows[0].cells[{place}].querySelector('button').click()"


def state(place):
    return f"{TABLE}.tHead.rows[0].cells[{place}].getAttribute('aria-sort')"


@pytest.mark.slow
def test_a_click_sorts_a_table_by_value_and_the_policy_is_kept(browser, page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    browser.open(file)
    before = browser.value(column(2))
    assert len(before) == 3
    assert browser.value(state(2)) == "none"
    browser.value(press(2))
    assert browser.value(column(2)) == sorted(before, key=float)
    assert browser.value(state(2)) == "ascending"
    browser.value(press(2))
    assert browser.value(column(2)) == sorted(before, key=float, reverse=True)
    assert browser.value(state(2)) == "descending"
    browser.value(press(0))
    assert browser.value(state(2)) == "none"
    names = browser.value(f"[...{TABLE}.tBodies[0].rows].map((row) => row.cells[0].textContent)")
    assert names == sorted(names)
    assert browser.value("window.alerted") is None
    asked = [
        one["params"]["request"]["url"]
        for one in browser.events
        if one.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [file.as_uri()]
    logged = [one["params"] for one in browser.events if one.get("method") == "Log.entryAdded"]
    assert logged == []
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth")
