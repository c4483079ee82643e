"""Passwords: what is refused, and what is kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from autoqa.review import passwords
from autoqa.review.access import InvalidError

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("x1 y2 z3", "too short: it needs at least 12 characters"),
        ("x" * 1001, "too long: it may have 1000 characters"),
        ("abababababababab", "too easy to guess: it repeats few characters"),
        ("my name is OMAR!", "or holds the user's name"),
    ],
)
def test_a_bad_password_is_refused_with_what_is_wrong(password, said):
    with pytest.raises(InvalidError, match=said) as refused:
        passwords.hash_new(password, "omar")
    assert password not in str(refused.value)


def test_a_name_of_few_letters_is_in_many_words_and_does_not_count():
    assert passwords.hash_new(GOOD, "or")


def test_a_hash_is_argon2id_salted_and_tells_the_password_from_others():
    first, second = passwords.hash_of(GOOD), passwords.hash_of(GOOD)
    assert first.startswith("$argon2id$")
    assert first != second
    assert passwords.matches(GOOD, first)
    assert not passwords.matches(GOOD + "!", first)
    assert not passwords.matches(GOOD, None)
    assert not passwords.matches(GOOD, "no hash at all")


def test_letters_composed_and_decomposed_are_one_password():
    assert passwords.matches("cafe\u0301 con leche", passwords.hash_of("caf\u00e9 con leche"))


def test_hashes_with_other_parameters_are_outdated():
    assert not passwords.is_outdated(passwords.hash_of(GOOD))
    assert passwords.is_outdated(
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    )


def test_checking_a_password_of_nobody_does_the_same_work(monkeypatch):
    checked = []

    class Hasher(PasswordHasher):
        def verify(self, hashed, password):
            checked.append((passwords.is_outdated(hashed), password))
            return super().verify(hashed, password)

    hashed = passwords.hash_of(GOOD)
    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    passwords.matches("another password", hashed)
    passwords.matches("another password", None)
    assert checked == [(False, b"another password")] * 2
