"""The page of the audit log."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from autoqa.review.database import schema


@pytest.fixture
def admin(client):
    return client("admin")


def numbers(answer):
    assert answer.status_code == 200, answer.text
    return [int(number) for number in re.findall(r'<th scope="row">(\d+)</th>', answer.text)]


@pytest.fixture
def many(database):
    """More entries than a page shows."""
    for i in range(120):
        with database.writing("ana") as write:
            write.audit("rating.save", f"conversation:<c{i}>", level=i % 3)


def test_entries_are_read_page_by_page(admin, many):
    first = admin.get("/audit?actor=ana")
    assert len(numbers(first)) == 100
    older = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    assert "actor=ana" in older
    rest = admin.get(older)
    assert len(numbers(rest)) == 20
    assert numbers(first)[-1] == numbers(rest)[0] + 1
    assert 'rel="next"' not in rest.text
    assert "&lt;c119&gt;" in first.text
    assert "<c119>" not in first.text


def test_filters_select_and_stay_in_their_fields(admin, many):
    shown = admin.get("/audit?action=rating.save&subject=c11&since=2020-01-01&until=")
    assert len(numbers(shown)) == 11  # c11, c110 to c119
    assert '<option value="rating.save" selected>' in shown.text
    assert 'value="c11"' in shown.text
    assert "No entries." in admin.get("/audit?until=2020-01-01").text


@pytest.mark.parametrize("query", ["since=yesterday", "before=x", "before=0", "before=" + "9" * 40])
def test_what_is_no_filter_is_refused(admin, query):
    assert admin.get(f"/audit?{query}").status_code == 422


def test_a_check_says_that_all_holds_and_gives_the_digest_to_note(admin, database):
    good = admin.get("/audit/check")
    with database.reading() as connection:
        log = schema.audit_log
        last = connection.execute(log.select().order_by(log.c.number.desc()).limit(1)).one()
    assert f"All {last.number} entries are as they were written." in good.text
    assert last.digest in good.text
    assert "are as they were written" in admin.get(f"/audit/check?noted={last.digest}").text
    lacking = admin.get(f"/audit/check?noted={'f' * 64}").text
    assert "The digest that you noted is in no entry" in lacking


def test_a_check_names_where_the_chain_is_broken(admin, database):
    with database.housekeeping() as connection:
        connection.execute(text("DROP TRIGGER audit_log_no_update"))
        connection.execute(text("UPDATE audit_log SET actor = 'bo' WHERE number = 3"))
    assert "The chain is broken at entry 3" in admin.get("/audit/check").text


@pytest.mark.parametrize("name", ["lead", "reviewer", "agent", "analyst"])
def test_others_do_not_read_the_log(client, name):
    browser = client(name)
    for path in ("/audit", "/audit/check"):
        assert browser.get(path).status_code == 403
