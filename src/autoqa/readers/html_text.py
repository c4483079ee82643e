"""The text of HTML, as a reader of the page sees it: messages of help desks and mail programs.

The standard library's `html.parser` takes quadratic time on tags that never end (60 KB of ``<a``
half a minute), so tags are found here in one pass that ends where a tag does not.
"""

from __future__ import annotations

import html
import re

_BLOCK_NAMES = """
address article aside blockquote body br center dd div dl dt fieldset figcaption figure footer form
h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section table tbody tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_UNSEEN = frozenset({"script", "style", "title", "template", "object", "svg"})
_UNSEEN_ENDS = {name: re.compile(rf"</{name}\b", re.IGNORECASE) for name in _UNSEEN}
_NAME = re.compile(r"/?([a-zA-Z][^\s/>]{0,40})")
# Quotes count only after an equals sign: in <p title=it's> there is no open quote.
_TAG_END = re.compile(r"""(?:[^>=]|=\s*+(?:"[^"]*"|'[^']*')?+)*+>""")
_SPACE = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_A_TAG = re.compile(
    r"</?(?:a|b|blockquote|body|br|div|em|html|i|li|ol|p|span|strong|table|td|ul)\b[^<>]{0,500}>",
    re.IGNORECASE,
)


def is_html(text: str) -> bool:
    """Whether text has tags that messages are written with."""
    return _A_TAG.search(text) is not None


def text_of_html(page: str, *, mark_quotes: bool = False) -> str:
    """Return the text of HTML, one line per block, in time linear in the page.

    Parameters
    ----------
    page : str
        HTML, whole or a piece. What follows a comment or a quoted attribute that never ends is not
        shown, as in browsers.
    mark_quotes : bool
        Put ``> `` before the lines of a ``blockquote``, once per level, as mail in plain text has.
    """
    page_text = _Lines(mark_quotes=mark_quotes)
    at = 0
    while True:
        tag = page.find("<", at)
        page_text.add(page[at:] if tag < 0 else page[at:tag])
        if tag < 0:
            break
        at = _after_tag(page, tag, page_text)
        if at < 0:
            break
    return page_text.text()


class _Lines:
    """Lines as they come about."""

    def __init__(self, *, mark_quotes: bool) -> None:
        self._mark_quotes = mark_quotes
        self._depth = 0
        self._parts: list[str] = []
        self._done: list[str] = []

    def add(self, raw: str) -> None:
        if raw:
            self._parts.append(raw)

    def start(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_line()
            if name == "blockquote":
                self._depth += 1
            elif name == "li":
                self._parts.append("- ")
            elif name == "p" and self._done and self._done[-1]:
                self._done.append(self._marked(""))
        elif name in ("td", "th"):
            self._parts.append(" ")

    def end(self, name: str) -> None:
        if name in _BLOCKS:
            self._end_line()
            if name == "blockquote":
                self._depth = max(0, self._depth - 1)

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._done).strip()

    def _end_line(self) -> None:
        line = _SPACE.sub(" ", unescaped("".join(self._parts))).strip()
        self._parts.clear()
        if line:
            self._done.append(self._marked(line))

    def _marked(self, line: str) -> str:
        return f"{'> ' * min(self._depth, 20)}{line}".rstrip() if self._mark_quotes else line


def unescaped(text: str) -> str:
    """Return text with ``&amp;`` and its like as characters."""
    try:
        return html.unescape(text)
    except ValueError:  # a character number of thousands of digits
        return text


def _after_tag(page: str, tag: int, shown: _Lines) -> int:
    """Note what the tag at `tag` does to the text; return where it ends, below 0 for nowhere."""
    if page.startswith("<!--", tag):
        return _beyond(page.find("-->", tag + 4), 3)
    if page.startswith(("<!", "<?"), tag):
        return _beyond(page.find(">", tag), 1)
    name_found = _NAME.match(page, tag + 1)
    if name_found is None:
        shown.add("<")
        return tag + 1
    end = _TAG_END.match(page, name_found.end())
    if end is None:
        # No tag ends from here on: a lone "<" in text, then.
        shown.add(page[tag:])
        return -1
    name = name_found.group(1).lower()
    if page[tag + 1] == "/":
        shown.end(name)
        return end.end()
    shown.start(name)
    if name in _UNSEEN and not page.startswith("/>", end.end() - 2):
        close = _UNSEEN_ENDS[name].search(page, end.end())
        return -1 if close is None else close.start()
    return end.end()


def _beyond(found: int, length: int) -> int:
    return found if found < 0 else found + length
