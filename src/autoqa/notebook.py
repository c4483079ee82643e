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


def plain_line(text: str) -> str:
    """Return one line that can be no markup: Markdown passes HTML of a data file through."""
    return escape(text, quote=False).replace("\n", " ")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, whatever its cells hold."""
    return [
        _markdown_row(head),
        "|" + "---|" * len(head),
        *(_markdown_row(row) for row in rows),
    ]


def _markdown_row(cells: Sequence[str]) -> str:
    said = (plain_line(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(said)} |"


def _cell(tag: str, value: object) -> str:
    text = "–" if value is None else str(value)
    cut = text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
    return f'<{tag} style="text-align:left">{escape(cut)}</{tag}>'
