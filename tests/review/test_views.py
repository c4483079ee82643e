"""Saved views: filters by a name, for oneself or for everybody."""

from __future__ import annotations

import pytest

from autoqa.review.access import InvalidError, NotAllowedError, NotFoundError
from autoqa.review.filters import Filters
from autoqa.review.views import MOST_VIEWS, delete_view, list_views, save_view

NIGHT = Filters(team="night", low=50.0)


def names(database, user):
    return [view.name for view in list_views(database, user)]


def test_a_view_keeps_its_filters(databases, add_people):
    people = add_people(databases)
    saved = save_view(databases, people["reviewer"], " Night  ", NIGHT)
    assert (saved.name, saved.filters, saved.mine, saved.shared) == ("Night", NIGHT, True, False)
    assert list_views(databases, people["reviewer"]) == (saved,)
    assert names(databases, people["lead"]) == []


def test_of_two_views_by_one_name_the_later_stays(database, people):
    save_view(database, people["reviewer"], "mine", NIGHT)
    save_view(database, people["reviewer"], "mine", Filters(agent="Ana"))
    (view,) = list_views(database, people["reviewer"])
    assert view.filters == Filters(agent="Ana")


def test_who_assigns_shares_views_with_everybody(database, people):
    shared = save_view(database, people["lead"], "for all", NIGHT, shared=True)
    (seen,) = list_views(database, people["analyst"])
    assert (seen.id, seen.mine, seen.owner) == (shared.id, False, "Lead")
    with pytest.raises(NotAllowedError):
        save_view(database, people["reviewer"], "for all", NIGHT, shared=True)
    with pytest.raises(NotAllowedError):
        list_views(database, people["agent"])


def test_only_ones_own_views_can_be_deleted(database, people):
    shared = save_view(database, people["lead"], "for all", NIGHT, shared=True)
    with pytest.raises(NotFoundError):
        delete_view(database, people["reviewer"], shared.id)
    delete_view(database, people["lead"], shared.id)
    assert names(database, people["lead"]) == []


def test_a_view_needs_a_name_and_there_is_an_end_to_them(database, people, monkeypatch):
    with pytest.raises(InvalidError, match="name"):
        save_view(database, people["lead"], " \0 ", NIGHT)
    monkeypatch.setattr("autoqa.review.views.MOST_VIEWS", 2)
    assert MOST_VIEWS > 2
    for name in ("a", "b"):
        save_view(database, people["lead"], name, NIGHT)
    with pytest.raises(InvalidError, match="delete one"):
        save_view(database, people["lead"], "c", NIGHT)
    save_view(database, people["lead"], "b", Filters())
