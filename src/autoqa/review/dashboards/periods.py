"""The first day of the week or month that a moment lies in, in SQL."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, String, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

Period: TypeAlias = Literal["week", "month"]
"""Weeks begin on Monday."""


class period_start(GenericFunction[str]):  # noqa: N801
    """``period_start('week', moment)``: the first day of its week or month, as ``2026-03-09``."""

    type = String()
    inherit_cache = True


@compiles(period_start, "sqlite")
def _in_sqlite(element: period_start, compiler: SQLCompiler, **settings: Any) -> str:
    period, moment = element.clauses
    modifiers = {"week": "'-6 days', 'weekday 1'", "month": "'start of month'"}
    return f"date({compiler.process(moment, **settings)}, {modifiers[period.value]})"


@compiles(period_start, "postgresql")
def _in_postgresql(element: period_start, compiler: SQLCompiler, **settings: Any) -> str:
    period, moment = element.clauses
    started = compiler.process(moment, **settings)
    return f"to_char(date_trunc('{period.value}', {started}), 'YYYY-MM-DD')"


def start_of(period: Period, moment: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the first day of a moment's period; `day_from` reads it."""
    if period not in ("week", "month"):
        raise ValueError(period)
    return type_coerce(period_start(period, moment), String())


def day_from(found: str) -> date:
    """Return what `start_of` gives as a date."""
    return date.fromisoformat(found)
