"""The review database: tables, transactions, the audit log and migrations."""

from __future__ import annotations

from autoqa.review.database import schema
from autoqa.review.database.audit import Verdict, verify
from autoqa.review.database.connection import BusyError, Database, Write, open_database

__all__ = ["BusyError", "Database", "Verdict", "Write", "open_database", "schema", "verify"]
