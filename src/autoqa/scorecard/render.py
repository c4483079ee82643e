"""A scorecard to look at: as a form for the terminal, as a table for notebooks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from autoqa.scorecard.schema import Condition, Criterion, Scorecard, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What a form says in one language, apart from the scorecard's own texts."""

    version: str
    conversation: str
    rater: str
    date: str
    points: str
    critical: str
    critical_section: str
    applies: str
    not_applicable: str
    note: str
    total: str


_WORDS = {
    "en": _Words(
        version="version",
        conversation="Conversation",
        rater="Rater",
        date="Date",
        points="points",
        critical="CRITICAL: a fail here fails the whole evaluation",
        critical_section="CRITICAL: a fail here fails this section",
        applies="Applies when",
        not_applicable="not applicable",
        note="Words that show it",
        total="Total",
    ),
    "es": _Words(
        version="versión",
        conversation="Conversación",
        rater="Evaluador",
        date="Fecha",
        points="puntos",
        critical="CRÍTICO: un fallo aquí suspende toda la evaluación",
        critical_section="CRÍTICO: un fallo aquí suspende esta sección",
        applies="Se aplica cuando",
        not_applicable="no aplicable",
        note="Palabras que lo muestran",
        total="Total",
    ),
    "it": _Words(
        version="versione",
        conversation="Conversazione",
        rater="Valutatore",
        date="Data",
        points="punti",
        critical="CRITICO: un errore qui boccia tutta la valutazione",
        critical_section="CRITICO: un errore qui boccia questa sezione",
        applies="Si applica quando",
        not_applicable="non applicabile",
        note="Parole che lo mostrano",
        total="Totale",
    ),
    "zh": _Words(
        version="版本",
        conversation="会话",
        rater="评分人",
        date="日期",
        points="分",
        critical="一票否决：本项不合格则整份评估不合格",
        critical_section="一票否决：本项不合格则本部分不合格",
        applies="适用条件",
        not_applicable="不适用",
        note="依据原话",
        total="总分",
    ),
}


def as_form(card: Scorecard, *, width: int = 80) -> str:
    """Return a scorecard as a form in plain text: boxes to tick, weights, critical marks, N/A.

    Parameters
    ----------
    card : Scorecard
    width : int, default 80
        Columns; Chinese characters take two. At least 40.

    Returns
    -------
    str
        Lines without trailing blanks and without control characters of the scorecard's texts.
    """
    width = max(width, 40)
    words = _words(card)
    total = f"{words.total}: ____ / {_points(card.sections):g}"
    blanks = f"{words.conversation}: ________  {words.rater}: ________  {words.date}: ________"
    lines = [
        "═" * width,
        *_wrapped(card.title or card.id, width),
        *_wrapped(f"{card.id} · {words.version} {card.version} · {card.language}", width),
        "═" * width,
    ]
    if card.description:
        lines += ["", *_wrapped(card.description, width)]
    lines += ["", *_wrapped(blanks, width)]
    number = 0
    for section in card.sections:
        title = (section.title or section.id).upper()
        worth = f"{_points([section]):g} {words.points}"
        lines += ["", *_beside(title, worth, width), "─" * width]
        for criterion in section.criteria:
            number += 1
            lines += ["", *_criterion_lines(criterion, number, words, width)]
    lines += ["", "═" * width, _apart("", total, width)]
    return "\n".join(line.rstrip() for line in lines)


def to_html(card: Scorecard) -> str:
    """Return a scorecard as one HTML table; every text of the scorecard is escaped."""
    words = _words(card)
    rows = []
    for section in card.sections:
        title = escape(section.title or section.id)
        rows.append(
            f'<tr><th colspan="3" style="text-align:left">{title}</th>'
            f"<th>{_points([section]):g}</th></tr>"
        )
        rows += [_html_row(criterion, words) for criterion in section.criteria]
    heading = escape(f"{card.title or card.id} · {card.id} · {words.version} {card.version}")
    return (
        f'<table lang="{escape(card.language)}">'
        f'<caption style="text-align:left">{heading}</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _html_row(criterion: Criterion, words: _Words) -> str:
    marks = ""
    if criterion.critical:
        marks = f"<br><strong>{escape(_critical(criterion, words))}</strong>"
    if criterion.applies_when:
        marks += f"<br><em>{escape(_applies(criterion.applies_when, words))}</em>"
    levels = "<br>".join(
        f'<span title="{escape(level.description)}">{number} {escape(level.label)}</span>'
        for number, level in criterion.levels.items()
    )
    return (
        f"<tr><td><code>{escape(criterion.id)}</code></td>"
        f'<td style="text-align:left">{escape(criterion.question)}{marks}</td>'
        f'<td style="text-align:left">{levels}</td><td>{criterion.weight:g}</td></tr>'
    )


def _criterion_lines(criterion: Criterion, number: int, words: _Words, width: int) -> Iterator[str]:
    label = f"{number:>2}. "
    indent = " " * len(label)
    worth = f"{criterion.weight:g} {words.points}"
    for i, line in enumerate(_beside(criterion.question, worth, width - len(label))):
        yield (indent if i else label) + line
    if criterion.critical:
        yield from _hanging(f"{indent}! ", _critical(criterion, words), width)
    if criterion.applies_when:
        yield from _hanging(indent, _applies(criterion.applies_when, words), width)
    if criterion.guidance:
        yield from _hanging(indent, criterion.guidance, width)
    digits = max(len(str(level)) for level in criterion.levels)
    for level, meaning in criterion.levels.items():
        text = meaning.label + (f": {meaning.description}" if meaning.description else "")
        yield from _hanging(f"{indent}[ ] {level:>{digits}}  ", text, width)
    if criterion.not_applicable:
        yield f"{indent}[ ] N/A  {words.not_applicable}"
    yield f"{indent}{words.note}: {'_' * (width - len(indent) - _columns(words.note) - 2)}"


def _critical(criterion: Criterion, words: _Words) -> str:
    return words.critical_section if criterion.critical == "section" else words.critical


def _applies(condition: Condition, words: _Words) -> str:
    said = condition.model_dump(mode="json", exclude_defaults=True)
    parts = (
        f"{key} = {' | '.join(value) if isinstance(value, list) else value}"
        for key, value in said.items()
    )
    return f"{words.applies}: {', '.join(parts)}"


def _points(sections: tuple[Section, ...] | list[Section]) -> float:
    return sum(criterion.weight for section in sections for criterion in section.criteria)


def _words(card: Scorecard) -> _Words:
    primary = card.language.replace("_", "-").split("-")[0].lower()
    return _WORDS.get(primary, _WORDS["en"])


def _columns(text: str) -> int:
    """Terminal columns that a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _beside(text: str, worth: str, width: int) -> Iterator[str]:
    """`text` on the left, `worth` at the right end of its first line."""
    for i, line in enumerate(_wrapped(text, width - _columns(worth) - 2)):
        yield line if i else _apart(line, worth, width)


def _apart(left: str, right: str, width: int) -> str:
    return left + " " * (width - _columns(left) - _columns(right)) + right


def _hanging(head: str, text: str, width: int) -> Iterator[str]:
    """`text` after `head`, further lines indented as far as `head` reaches."""
    for i, line in enumerate(_wrapped(text, width - _columns(head))):
        yield (head if i == 0 else " " * _columns(head)) + line


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most `width` columns; at least one. Chinese text breaks between characters."""
    line, used = "", 0
    for piece in _pieces(_printable(text)):
        size = _columns(piece)
        if used and used + _columns(piece.rstrip()) > width:
            yield line.rstrip()
            line, used = "", 0
        while size > width:  # a word longer than a line, for example a link
            cut = max(width // 2, 1) if size > len(piece) else width
            yield piece[:cut]
            piece = piece[cut:]
            size = _columns(piece)
        line += piece
        used += size
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Where a line may break: after a blank, and around wide characters but not before a stop."""
    piece = ""
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        stop = unicodedata.category(char) in ("Pe", "Pf", "Po")
        if piece and not stop and (wide or piece[-1] == " " or _breaks_after(piece[-1])):
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _breaks_after(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) not in (
        "Ps",
        "Pi",
    )


def _printable(text: str) -> str:
    """One line without control characters, which could move a terminal's cursor."""
    kept = (c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())
