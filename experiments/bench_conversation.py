"""How long until the evidence of a criterion is highlighted on the page of a very long call?

The sample's conversations, one after the other, make a call of four hours and more than 5,000
turns. It is scored by rules, loaded and opened in Chromium, as wide as a desk and as a phone. For
each criterion whose answer rests on words, the time is taken from the click until the browser has
drawn the page with the words highlighted and in sight.

Goal: a median of at most 150 ms.

    python experiments/bench_conversation.py
    python experiments/bench_conversation.py --turns 20000
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from bench_review import served
from playwright.sync_api import Page, sync_playwright

from autoqa.batch import ScoringSetup, score
from autoqa.readers import Quarantine, read
from autoqa.records import Transcript
from autoqa.review.access import Role
from autoqa.review.database import open_database
from autoqa.review.loading import load_run
from autoqa.review.logins import one_time_link, redeem
from autoqa.review.users import CONSOLE, add_user
from autoqa.review.web.links import conversation_link
from autoqa.review.web.security import SESSION
from autoqa.review.web.settings import Settings
from autoqa.sample import sample_path
from autoqa.scorecard import load_scorecard
from autoqa.store import write_records

HOURS = 4
WIDTHS = {"desk": (1280, 800), "phone": (360, 740)}

# Ends when the frame after the click has been drawn; says whether the words are in sight then.
CLICK = """async (link) => {
    const begun = performance.now();
    link.click();
    await new Promise((drawn) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = drawn;
        port2.postMessage(0);
    }));
    const taken = performance.now() - begun;
    await new Promise((drawn) => requestAnimationFrame(drawn));
    const words = document.querySelector(".turn.current mark.lit").getBoundingClientRect();
    const pane = document.getElementById("transcript").getBoundingClientRect();
    return [taken, words.top >= pane.top && words.top < pane.bottom];
}"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5000, help="turns of the call, at least")
    parser.add_argument("--repeats", type=int, default=5, help="clicks on every criterion")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "review.db"
        call = long_call(arguments.turns)
        load(call, Path(folder), path)
        with open_database(path) as database:
            reviewer = add_user(database, CONSOLE, "reviewer", role=Role.REVIEWER)
            token = redeem(database, one_time_link(database, reviewer)).token
        with served(path) as address, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            cookie = {"name": Settings().cookie(SESSION), "value": token, "url": address}
            for name, (width, height) in WIDTHS.items():
                context = chromium.new_context(viewport={"width": width, "height": height})
                context.add_cookies([cookie])
                begun = time.perf_counter()
                page = context.new_page()
                page.goto(address + conversation_link(call.conversation_id))
                loaded = time.perf_counter() - begun
                taken = highlight(page, arguments.repeats)
                print(
                    f"{name}, {width} px, {len(call.turns)} turns: loaded in {loaded:.1f} s; "
                    f"highlighted in {median(taken):.0f} ms (median), "
                    f"{quantiles(taken, n=20)[-1]:.0f} ms (95 %), n={len(taken)} clicks"
                )
                context.close()
            chromium.close()


def long_call(n_turns: int) -> Transcript:
    """Return the sample's English conversations as one, over and over."""
    with Quarantine() as quarantine:
        told = [one.transcript for one in read([sample_path()], quarantine=quarantine)]
    english = [one for one in told if one.language == "en"]
    some = itertools.islice(itertools.cycle(turn for one in english for turn in one.turns), n_turns)
    pace = HOURS * 3600 / n_turns
    turns = tuple(
        replace(turn, start_s=round(place * pace, 2), end_s=round((place + 1) * pace, 2))
        for place, turn in enumerate(some)
    )
    return replace(english[0], conversation_id="a long call", turns=turns)


def load(call: Transcript, folder: Path, path: Path) -> None:
    """Score the call by rules and load it into a review database."""
    card = load_scorecard("support-core")
    write_records(folder / "call.jsonl", [call], Transcript)
    score([folder / "call.jsonl"], folder / "scored", ScoringSetup(card), workers=1)
    with open_database(path) as database:
        load_run(database, folder / "scored", card)


def highlight(page: Page, repeats: int) -> Sequence[float]:
    """Return the milliseconds of each click on a criterion."""
    links = page.locator(".criterion:has(.quotes) .pick").element_handles()
    taken = []
    for link in links * repeats:
        milliseconds, in_sight = page.evaluate(CLICK, link)
        if not in_sight:
            raise RuntimeError("highlighted words are out of sight")
        taken.append(milliseconds)
    return taken


if __name__ == "__main__":
    main()
