"""Figures as inline SVG: readable as text, alike on every run, and alone in their ids.

Style attributes become presentation attributes, which a strict Content-Security-Policy allows.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from autoqa.reports.content import Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHARTS = 4
"""More charts of one kind than this are left to the table."""

_PRESENTATION = frozenset(
    (
        "clip-path",
        "clip-rule",
        "fill",
        "fill-opacity",
        "fill-rule",
        "font-size",
        "font-style",
        "font-weight",
        "opacity",
        "stroke",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "stroke-opacity",
        "stroke-width",
        "text-anchor",
    )
)
_DRAWN: Mapping[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, small, in the reader's fonts
    "svg.hashsalt": "autoqa",  # else ids are drawn anew on every run
    "text.parse_math": False,  # names come from data, and "$" is a character in them
}
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def chart(draw: Callable[[], Figure], *, id: str, label: str, caption: str) -> Chart:  # noqa: A002
    """Draw a figure for a page.

    Parameters
    ----------
    draw : callable
        Makes the figure; called with the settings of this module in force.
    id : str
        Prefix of the figure's ids; unique on the page.
    label : str
        What it shows, for those who do not see it.
    caption : str
        What it shows and on how many items, for everybody.
    """
    return Chart(svg=_inline(_drawn(draw), id, label), caption=caption)


def _drawn(draw: Callable[[], Figure]) -> str:
    from matplotlib import rc_context

    written = io.StringIO()
    with rc_context(dict(_DRAWN)), warnings.catch_warnings():
        # The reader's fonts set the text; ours only measure it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        draw().savefig(written, format="svg", metadata=nothing)
    return _NOT_XML.sub("", written.getvalue())


def _inline(svg: str, prefix: str, label: str) -> str:
    root = ElementTree.fromstring(svg)  # noqa: S314  our own file, just written
    for parent in root.iter():
        for child in list(parent):
            if _name(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _name(element.tag)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
        _restyle(element, prefix)
    _drop_unused_ids(root)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    width = float(root.attrib["viewBox"].split()[2])
    root.attrib |= {
        "width": f"{width:g}pt",
        "role": "img",
        "aria-label": _NOT_XML.sub("", label),
        # What the figure's style sheet says of all elements, which would reach the whole page.
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _name(tag: str) -> str:
    """Return a tag or attribute without its namespace, which HTML does not use."""
    return tag.rpartition("}")[2]


def _restyle(element: ElementTree.Element, prefix: str) -> None:
    given = {_name(name): value for name, value in element.attrib.items()}
    for declaration in given.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name in _PRESENTATION:
            given[name] = value
    element.attrib.clear()
    for name, value in given.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name == "href" and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        else:
            shorter = _DECIMALS.sub(lambda found: f"{float(found[0]):.2f}", value)
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", shorter))


def _drop_unused_ids(root: ElementTree.Element) -> None:
    used = set()
    for element in root.iter():
        used |= {value[1:] for name, value in element.attrib.items() if name == "href"}
        used |= {found for value in element.attrib.values() for found in _REFERENCE.findall(value)}
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
