"""The way to a PostgreSQL server: encrypted as the URL says."""

from __future__ import annotations

import ssl

import pytest
from sqlalchemy import make_url

from autoqa.errors import ReviewError
from autoqa.review.database import open_database
from autoqa.review.database.tls import tls_of

URL = "postgresql://ana@host/review"


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", None), ("prefer", None), ("disable", False), ("require", True)],
)
def test_without_a_check_it_is_said_how_hard_to_try(query, expected):
    url, context = tls_of(make_url(f"{URL}?sslmode={query}" if query else URL))
    assert context is expected
    assert url == make_url(URL)


@pytest.mark.parametrize(("mode", "name"), [("verify-ca", False), ("verify-full", True)])
def test_with_a_check_the_certificate_has_to_be_right(mode, name):
    url, context = tls_of(make_url(f"{URL}?sslmode={mode}&application_name=x"))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, name)
    assert url.query == {"application_name": "x"}


def test_what_cannot_be_used_is_named(tmp_path):
    with pytest.raises(ReviewError) as refused:
        open_database(f"{URL}?sslmode=verify_full")
    assert str(refused.value).endswith(
        "sslmode=verify_full is none of disable, prefer, require, verify-ca, verify-full"
    )
    with pytest.raises(ReviewError, match=r"sslrootcert=\S+/ca.pem: No such file"):
        open_database(f"{URL}?sslmode=verify-full&sslrootcert={tmp_path}/ca.pem")


def test_a_server_without_encryption_is_refused_where_it_is_required(postgresql_url):
    with pytest.raises(ReviewError, match="Server refuses SSL"):
        open_database(f"{postgresql_url}?sslmode=require")
    open_database(f"{postgresql_url}?sslmode=disable").close()
