"""Every page: what axe finds on it, in two widths, dark and light; zoomed; in each language."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

# Address, and who sees most on it. Names in braces are of the story.
PAGES = [
    (None, "/login"),
    (None, "/login/link?token=gone"),
    ("lead", "/queue"),
    ("lead", "/queue?team=harbour&state=all"),
    ("reviewer", "/queue?q=nothing+of+that+kind"),
    ("lead", "/queue/rules"),
    ("lead", "/views"),
    ("reviewer", "/conversation?id=brv-en-15&criterion=greeting"),  # being answered
    ("reviewer", "/conversation?id=brv-en-01&criterion=acknowledgement"),  # submitted
    ("other_reviewer", "/conversation?id=brv-en-11"),  # blind
    ("agent", "/conversation?id=brv-en-01"),
    ("reviewer", "/conversation?id=brv-en-14&occasion=calibration:{rated}"),
    ("lead", "/calibrations"),
    ("lead", "/calibrations/new?pick=1&n=3"),
    ("reviewer", "/calibrations/{rated}"),
    ("lead", "/calibrations/{discussed}"),
    ("lead", "/calibrations/{discussed}/answers"),
    ("lead", "/calibrations/{discussed}/answer?conversation=brv-en-02&criterion=greeting"),
    ("lead", "/calibrations/{closed}"),
    ("lead", "/calibrations/history"),
    ("agent", "/disputes"),
    ("agent", "/disputes/new"),
    ("agent", "/disputes/new?id=brv-en-01"),
    ("other_reviewer", "/disputes/{disputed}"),
    ("agent", "/disputes/{decided}"),
    ("lead", "/coaching"),
    ("lead", "/coaching/agent?name=Maya+Okafor"),
    ("lead", "/coaching/agent?name=Nobody"),
    ("lead", "/examples"),
    ("lead", "/dashboards"),
    ("lead", "/dashboards/criteria"),
    ("lead", "/dashboards/quadrants"),
    ("lead", "/dashboards/agreement"),
    ("lead", "/dashboards/yield"),
    ("lead", "/dashboards/reviewers"),
    ("admin", "/users"),
    ("admin", "/users/edit?name=analyst"),
    ("admin", "/audit"),
    ("admin", "/audit/check"),
    ("reviewer", "/account"),
    ("lead", "/no/such/page"),
]


@pytest.fixture(scope="module")
def site(browser, serve, told):
    return serve(*told)


@pytest.fixture
def opened(open_page, site):
    def start(who, path, **options):
        return open_page(who, site.told(path), **options)

    return start


def parts_open(page):
    """Open what can be folded, so that nothing stays unseen."""
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


def narrow_enough(page):
    """Whether nothing but what scrolls by itself is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_axe_finds_nothing_in_two_widths_and_the_page_fits(opened, axe, who, path):
    page = opened(who, path, viewport=WIDE, color_scheme="light")
    page.watcher.expected += ["404", "401"]
    parts_open(page)
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    assert axe(page) == []
    assert narrow_enough(page), path


def test_every_page_of_the_menu_is_among_them(opened, site):
    page = opened("admin", "/")
    menu = page.get_by_role("navigation", name="Main menu").get_by_role("link")
    linked = {link.get_attribute("href") for link in menu.all()}
    assert linked <= {path for _, path in PAGES}


@pytest.mark.parametrize("path", ["/queue", "/conversation?id=brv-en-01", "/dashboards"])
def test_pages_work_at_200_percent(opened, path):
    # Twice as large on a screen of 1280 pixels is a window of 640.
    page = opened("lead", path, viewport={"width": 640, "height": 400}, device_scale_factor=2)
    assert narrow_enough(page)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()


def test_the_look_that_somebody_chose_is_kept_whatever_the_device_says(opened):
    page = opened("third_reviewer", "/account", color_scheme="light")

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = paper()
    page.get_by_label("Colours").select_option(label="Dark")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    dark = paper()
    assert dark != light
    page.goto("/queue")
    assert paper() == dark
    page.goto("/account")
    page.get_by_label("Colours").select_option(label="As the device")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert paper() == light


@pytest.mark.parametrize(
    ("language", "queue"), [("es", "Cola"), ("it", "Coda"), ("zh", "队列"), ("en", "Queue")]
)
def test_pages_speak_the_language_that_was_chosen(opened, language, queue):
    page = opened("analyst", "/account")
    page.locator("select[name=language]").select_option(language)
    page.locator("main form").first.get_by_role("button").first.click()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
    page.goto("/queue")
    expect(page.get_by_role("heading", level=1, name=queue)).to_be_visible()
    page.goto("/conversation?id=brv-es-01")
    expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
    # The conversation stays in its own language, and says so.
    expect(page.locator("#turn-1 .said")).to_have_attribute("lang", "es")
