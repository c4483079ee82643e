"""Serving the review page: where, to whom, and how the first one comes in."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoqa.errors import ReviewError
from autoqa.listening import answer_requests, listening, place_of
from autoqa.review.database import Database
from autoqa.review.logins import one_time_link
from autoqa.review.users import local_admin, somebody_has_a_password
from autoqa.review.web.app import create_app
from autoqa.review.web.settings import LOOPBACK, Settings

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the page is served, and what lies between it and browsers.

    Attributes
    ----------
    host, port : str, int
        Address to listen on; port 0 takes any that is free.
    names : tuple of str
        Names that browsers reach it by, besides `host` and those of this machine.
    proxies : tuple of str
        Addresses or networks of proxies: their X-Forwarded-For and X-Forwarded-Proto are believed.
        They have to pass the Host header on, and to speak TLS with browsers.
    certificate, key : Path, optional
        PEM files, to speak TLS without a proxy.
    plain_http : bool
        Whether to go without TLS where other machines reach the page.
    """

    host: str = "127.0.0.1"
    port: int = 5002
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    plain_http: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the page."""
        return _in_address(self.host) in LOOPBACK and not self.proxies

    @property
    def https(self) -> bool:
        """Whether browsers speak TLS."""
        return self.certificate is not None or (bool(self.proxies) and not self.plain_http)

    def shown(self, listener: socket.socket) -> str:
        """Return name and port to open in a browser; an address for all of them is none to open."""
        if self.host not in _EVERYWHERE:
            return place_of(listener)
        return f"{(*self.names, socket.gethostname())[0]}:{listener.getsockname()[1]}"

    def settings(self, language: str) -> Settings:
        """Return what the app has to know of it."""
        hosts = {*LOOPBACK, *map(str.lower, self.names)}
        if self.host in _EVERYWHERE:
            hosts |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        else:
            hosts.add(_in_address(self.host))
        return Settings(hosts=frozenset(hosts), https=self.https, language=language)


def serve(
    database: Database,
    place: Place,
    *,
    language: str = "en",
    started: Callable[[str, str | None], None] | None = None,
) -> None:
    """Answer browsers until SIGINT or SIGTERM.

    Parameters
    ----------
    database : Database
    place : Place
    language : str
        Of pages, for those whose browser asks for none of ours.
    started : callable, optional
        Told the address, and a link to log in with once where only this machine reaches the page.

    Raises
    ------
    ReviewError
        If other machines would reach the page, and nobody has a password or it would cross the
        network unencrypted.
    OSError
        If the address cannot be bound, or the certificate cannot be read.
    """
    if not place.is_local:
        _refuse_unprotected(database, place)
    app = create_app(database, place.settings(language))
    with listening(place.host, place.port) as listener:
        address = f"{'https' if place.certificate else 'http'}://{place.shown(listener)}"
        if started is not None:
            link = None
            if place.is_local:
                token = one_time_link(database, local_admin(database))
                link = f"{address}/login/link?token={token}"
            started(address, link)
        answer_requests(
            app,
            listener,
            proxy_headers=bool(place.proxies),
            forwarded_allow_ips=list(place.proxies),
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
        )


def _refuse_unprotected(database: Database, place: Place) -> None:
    where = f"behind {place.proxies[0]}" if place.proxies else f"at {place.host}"
    if not somebody_has_a_password(database):
        raise ReviewError(
            f"Other machines reach the page {where}, and no user has a password. Add one first: "
            "autoqa review user add NAME --role admin"
        )
    if not (place.https or place.plain_http):
        raise ReviewError(
            f"Passwords and conversations would cross the network unencrypted {where}. Give "
            "--tls-cert and --tls-key, or --proxy ADDRESS of a proxy that speaks TLS; in a network "
            "that only you use, --plain-http"
        )


def _in_address(host: str) -> str:
    """Return a host as it stands in a browser's address."""
    return f"[{host.lower()}]" if ":" in host else host.lower()
