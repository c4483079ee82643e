"""Passwords: what makes a good one, and the Argon2 hash that is all that is kept of it."""

from __future__ import annotations

import unicodedata
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from autoqa.review.access import InvalidError

SHORTEST = 12
LONGEST = 1000
_FEWEST_CHARACTERS = 5  # different ones
_NAME_THAT_COUNTS = 4  # characters: shorter ones are in many words

_HASHER = PasswordHasher()
_AT_ONCE = BoundedSemaphore(4)  # each takes 64 MiB


def hash_new(password: str, name: str) -> str:
    """Return the hash of a new password of the user called `name`.

    Raises
    ------
    InvalidError
        If it is too short or too easy to guess.
    """
    if len(password) < SHORTEST:
        raise InvalidError(f"The password is too short: it needs at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise InvalidError(f"The password is too long: it may have {LONGEST} characters")
    holds_name = len(name) >= _NAME_THAT_COUNTS and name.casefold() in password.casefold()
    if len(set(password)) < _FEWEST_CHARACTERS or holds_name:
        raise InvalidError(
            "The password is too easy to guess: it repeats few characters, or holds the user's name"
        )
    return hash_of(password)


def hash_of(password: str) -> str:
    """Return the Argon2 hash of a password."""
    with _AT_ONCE:
        return _HASHER.hash(_same(password))


def matches(password: str, hashed: str | None) -> bool:
    """Whether it is the password that was hashed.

    Takes as long for somebody who has no password, so that time does not tell who has.
    """
    with _AT_ONCE:
        try:
            _HASHER.verify(hashed or _nobodys(), _same(password)[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def is_outdated(hashed: str) -> bool:
    """Whether the hash was made with other parameters than new ones are."""
    return _HASHER.check_needs_rehash(hashed)


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of nobody")


def _same(password: str) -> bytes:
    # One keyboard sends é as one character, another as two.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
