"""How the review page is served: names it answers to, encryption, limits."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Host names of this machine, as they stand in a browser's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the page has to know about its place.

    Attributes
    ----------
    hosts : frozenset of str
        Names, without port, that browsers may reach the page by. Any other is refused: a stranger's
        name may be made to point at this machine (DNS rebinding).
    https : bool
        Whether browsers speak TLS, with this server or with a proxy before it. Cookies are then
        Secure and bound to the host.
    language : str
        Of the page, for who chose none and whose browser asks for none of ours.
    largest_body : int
        Bytes that a request may carry.
    """

    hosts: frozenset[str] = LOOPBACK
    https: bool = False
    language: str = "en"
    largest_body: int = 1 << 20

    @property
    def scheme(self) -> str:
        """How the page's own addresses begin."""
        return "https" if self.https else "http"

    def cookie(self, name: str) -> str:
        """Return the full name of a cookie; browsers hold ``__Host-`` ones to TLS and one host."""
        return f"__Host-autoqa_{name}" if self.https else f"autoqa_{name}"
