from __future__ import annotations

import socket
from pathlib import Path

import pytest

from autoqa.errors import ReviewError
from autoqa.review.logins import redeem, session_of
from autoqa.review.users import CONSOLE, LOCAL_ADMIN, add_user
from autoqa.review.web import serving
from autoqa.review.web.serving import Place, serve


@pytest.fixture
def started(monkeypatch):
    """What a server was told when it began; it ends at once."""
    told = []
    monkeypatch.setattr(serving, "answer_requests", lambda *_, **settings: told.append(settings))
    return told


def start(database, place):
    said = []
    serve(database, place, started=lambda address, link: said.append((address, link)))
    return said[0]


@pytest.fixture
def with_password(database):
    add_user(database, CONSOLE, "ana", role="admin", password="a long password for tests")
    return database


@pytest.mark.parametrize(
    ("place", "local", "https"),
    [
        (Place(), True, False),
        (Place(host="::1"), True, False),
        (Place(host="LOCALHOST", certificate=Path("c.pem")), True, True),
        (Place(proxies=("127.0.0.1",)), False, True),
        (Place(proxies=("127.0.0.1",), plain_http=True), False, False),
        (Place(host="10.0.0.5"), False, False),
        (Place(host="0.0.0.0"), False, False),
    ],
)
def test_who_can_reach_a_place_and_how(place, local, https):
    assert (place.is_local, place.https) == (local, https)


def test_only_names_that_were_told_are_answered_to():
    assert Place(host="10.0.0.5", names=("QA.example.com",)).settings("en").hosts == {
        "localhost",
        "127.0.0.1",
        "[::1]",
        "10.0.0.5",
        "qa.example.com",
    }
    everywhere = Place(host="::").settings("en").hosts
    assert socket.gethostname().lower() in everywhere
    assert "[::]" not in everywhere


def test_the_link_is_for_an_admin_who_is_made_once(database, started):
    for _ in range(2):
        address, link = start(database, Place(port=0))
        assert link.startswith(f"{address}/login/link?token=")
        session = redeem(database, link.partition("token=")[2])
        user, _ = session_of(database, session.token)
        assert (user.name, user.role) == (LOCAL_ADMIN, "admin")


def test_others_are_let_in_with_a_password_over_tls_alone(with_password, started):
    with pytest.raises(ReviewError, match="would cross the network unencrypted"):
        start(with_password, Place(host="0.0.0.0", port=0))
    assert start(with_password, Place(host="0.0.0.0", port=0, plain_http=True))[1] is None
    proxied = Place(port=0, proxies=("127.0.0.1", "10.0.0.0/8"))
    assert start(with_password, proxied)[1] is None
    assert started[-1]["proxy_headers"]
    assert started[-1]["forwarded_allow_ips"] == ["127.0.0.1", "10.0.0.0/8"]


def test_forwarded_addresses_are_not_believed_unless_a_proxy_is_named(database, started):
    start(database, Place(port=0))
    assert not started[0]["proxy_headers"]


def test_nobody_with_a_password_means_nobody_from_elsewhere(database, started):
    with pytest.raises(ReviewError, match="no user has a password"):
        start(database, Place(host="0.0.0.0", port=0, plain_http=True))
    assert started == []


def test_an_address_to_open_is_said_where_all_are_listened_on(with_password, started):
    place = Place(host="0.0.0.0", port=0, names=("qa.example.com",), plain_http=True)
    assert start(with_password, place)[0].startswith("http://qa.example.com:")
