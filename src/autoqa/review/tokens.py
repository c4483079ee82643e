"""Tokens that only their holder knows: the database keeps their digests."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Return 256 random bits, fit for URLs and cookies."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return what is stored in place of a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
