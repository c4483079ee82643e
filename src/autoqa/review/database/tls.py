"""Encryption of the way to a PostgreSQL server, chosen as PostgreSQL's own programs do."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from sqlalchemy import URL

from autoqa.errors import ReviewError

_WITHOUT_CHECK: Mapping[str, bool | None] = {"disable": False, "prefer": None, "require": True}
_WITH_CHECK = ("verify-ca", "verify-full")


def tls_of(url: URL) -> tuple[URL, ssl.SSLContext | bool | None]:
    """Take ``sslmode`` and ``sslrootcert`` out of a URL; return it and what pg8000 takes instead.

    Without them, or with ``prefer``, the connection is encrypted where the server can; with
    ``require`` it is, or fails; with ``verify-ca`` and ``verify-full`` the server's certificate is
    checked, the latter with its name.

    Raises
    ------
    ReviewError
        If the mode is none of these, or the file of certificates cannot be read.
    """
    mode = str(url.query.get("sslmode", "prefer"))
    authorities = url.query.get("sslrootcert")
    rest = url.difference_update_query(["sslmode", "sslrootcert"])
    if mode in _WITHOUT_CHECK:
        return rest, _WITHOUT_CHECK[mode]
    if mode not in _WITH_CHECK:
        known = ", ".join((*_WITHOUT_CHECK, *_WITH_CHECK))
        raise ReviewError(f"sslmode={mode} is none of {known}")
    try:
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except OSError as error:
        raise ReviewError(f"sslrootcert={authorities}: {error.strerror or error}") from None
    context.check_hostname = mode == "verify-full"
    return rest, context
