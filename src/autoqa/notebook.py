"""How records look in a notebook: small HTML tables and Markdown, with every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

MOST_ROWS = 30
"""Rows that a table shows; it says how many more there are."""

_MOST_TEXT = 300  # characters of one cell


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "", n_rows: int
) -> str:
    """Return the first rows as an HTML table.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequence
        Cells as text or anything with a ``str``; None is a dash, long texts are cut.
    caption : str
    n_rows : int
        How many rows there are in all.
    """
    shown = list(islice(rows, MOST_ROWS))
    more = f" (first {len(shown)} of {n_rows})" if n_rows > len(shown) else ""
    title = f"<caption>{escape(caption + more)}</caption>" if caption or more else ""
    heads = "".join(_cell("th", name) for name in head)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in shown)
    return f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def safe_markdown(text: str) -> str:
    """Return Markdown whose texts can be neither HTML nor links nor pictures; tables stay."""
    return escape(text, quote=False).replace("[", "&#91;").replace("]", "&#93;")


def _cell(tag: str, value: object) -> str:
    text = "–" if value is None else str(value)
    cut = text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
    return f'<{tag} style="text-align:left">{escape(cut)}</{tag}>'
