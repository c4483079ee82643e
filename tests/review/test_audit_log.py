"""The audit log as admins read it: filtered, page by page, checked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from autoqa.review.access import InvalidError, NotAllowedError
from autoqa.review.audit_log import AuditFilters, check, list_actions, list_entries
from autoqa.review.users import CONSOLE

TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)


@pytest.fixture
def written(databases):
    """Ten entries of two people."""
    for i in range(10):
        with databases.writing("ana" if i % 2 else "bo") as write:
            write.audit("item.claim" if i < 5 else "rating.save", f"conversation:c_{i}", level=i)
    return databases


def numbers(database, filters=None, **more):
    return [one.number for one in list_entries(database, CONSOLE, filters, **more).entries]


def test_entries_are_read_newest_first_page_by_page(written):
    first = list_entries(written, CONSOLE, limit=4)
    assert [one.number for one in first.entries] == [10, 9, 8, 7]
    second = list_entries(written, CONSOLE, before=first.before, limit=4)
    last = list_entries(written, CONSOLE, before=second.before, limit=4)
    assert [one.number for one in last.entries] == [2, 1]
    assert last.before is None
    entry = first.entries[0]
    assert (entry.actor, entry.action, entry.subject) == ("ana", "rating.save", "conversation:c_9")
    assert entry.details == {"level": 9}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (AuditFilters(actor="ana"), [10, 8, 6, 4, 2]),
        (AuditFilters(actor="ana", action="item.claim"), [4, 2]),
        (AuditFilters(subject="c_3"), [4]),
        (AuditFilters(subject="%"), []),
        (AuditFilters(subject="conversation:c__"), []),
        (AuditFilters(since=TODAY - DAY, until=TODAY + DAY), list(range(10, 0, -1))),
        (AuditFilters(since=TODAY + 2 * DAY), []),
        (AuditFilters(until=TODAY - 2 * DAY), []),
    ],
)
def test_filters_select_entries(written, filters, expected):
    assert numbers(written, filters) == expected


def test_filters_go_into_an_address_and_come_back():
    filters = AuditFilters(actor="ana", subject="c&1", since=date(2026, 3, 9))
    assert filters.to_query() == {"actor": "ana", "subject": "c&1", "since": "2026-03-09"}
    assert AuditFilters.from_query(filters.to_query()) == filters
    with pytest.raises(InvalidError, match="'9 March' is no date: enter it as 2026-03-09"):
        AuditFilters.from_query({"until": "9 March"})


def test_actions_are_those_that_there_are(written):
    assert list_actions(written, CONSOLE) == ["item.claim", "rating.save"]


def test_a_check_tells_how_many_entries_hold_and_whether_a_noted_digest_is_among_them(written):
    verdict = check(written, CONSOLE)
    assert (verdict.entries, verdict.holds) == (10, True)
    noted = list_entries(written, CONSOLE, limit=5).entries[-1].digest
    assert check(written, CONSOLE, noted=noted).holds
    assert not check(written, CONSOLE, noted="f" * 64).holds


def test_only_admins_read_the_log(database, people):
    for name in ("lead", "reviewer", "agent", "analyst"):
        for read in (list_entries, list_actions, check):
            with pytest.raises(NotAllowedError, match="may not see audit"):
                read(database, people[name])
