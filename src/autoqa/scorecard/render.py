"""A scorecard to look at: as a form for the terminal, as a table for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import count

from autoqa.scorecard.columns import apart, beside, columns, hanging, wrapped
from autoqa.scorecard.schema import Condition, Criterion, Scorecard


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


@dataclass(frozen=True, slots=True)
class _Row:
    """One criterion, with what the form says about it; empty where there is nothing to say."""

    number: int
    criterion: Criterion
    critical: str
    applies: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One section."""

    title: str
    points: float
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """What both forms show, before it is laid out or escaped."""

    words: _Words
    title: str
    version: str
    parts: tuple[_Part, ...]

    @property
    def points(self) -> float:
        return sum(row.criterion.weight for part in self.parts for row in part.rows)

    @classmethod
    def of(cls, card: Scorecard) -> _Form:
        primary = card.language.replace("_", "-").split("-")[0].lower()
        words = _WORDS.get(primary, _WORDS["en"])
        numbers = count(1)
        parts = tuple(
            _Part(
                section.title or section.id,
                sum(criterion.weight for criterion in section.criteria),
                tuple(_row(next(numbers), criterion, words) for criterion in section.criteria),
            )
            for section in card.sections
        )
        version = f"{card.id} · {words.version} {card.version}"
        return cls(words, card.title or card.id, version, parts)


def _row(number: int, criterion: Criterion, words: _Words) -> _Row:
    critical = applies = ""
    if criterion.critical:
        critical = words.critical_section if criterion.critical == "section" else words.critical
    if criterion.applies_when:
        applies = f"{words.applies}: {_condition(criterion.applies_when)}"
    return _Row(number, criterion, critical, applies)


def _condition(condition: Condition) -> str:
    said = condition.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(
        f"{key} = {' | '.join(value) if isinstance(value, list) else value}"
        for key, value in said.items()
    )


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
    form = _Form.of(card)
    words = form.words
    blanks = f"{words.conversation}: ________  {words.rater}: ________  {words.date}: ________"
    lines = [
        "═" * width,
        *wrapped(form.title, width),
        *wrapped(f"{form.version} · {card.language}", width),
        "═" * width,
    ]
    if card.description:
        lines += ["", *wrapped(card.description, width)]
    lines += ["", *wrapped(blanks, width)]
    for part in form.parts:
        worth = f"{part.points:g} {words.points}"
        lines += ["", *beside(part.title.upper(), worth, width), "─" * width]
        for row in part.rows:
            lines += ["", *_row_lines(row, words, width)]
    total = f"{words.total}: ____ / {form.points:g}"
    lines += ["", "═" * width, apart("", total, width)]
    return "\n".join(line.rstrip() for line in lines)


def to_html(card: Scorecard) -> str:
    """Return a scorecard as one HTML table; every text of the scorecard is escaped."""
    form = _Form.of(card)
    rows = []
    for part in form.parts:
        rows.append(
            f'<tr><th colspan="3" style="text-align:left">{escape(part.title)}</th>'
            f"<th>{part.points:g}</th></tr>"
        )
        rows += [_row_html(row) for row in part.rows]
    return (
        f'<table lang="{escape(card.language)}">'
        f'<caption style="text-align:left">{escape(f"{form.title} · {form.version}")}</caption>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row_html(row: _Row) -> str:
    criterion = row.criterion
    marks = ""
    if row.critical:
        marks += f"<br><strong>{escape(row.critical)}</strong>"
    if row.applies:
        marks += f"<br><em>{escape(row.applies)}</em>"
    levels = "<br>".join(
        f'<span title="{escape(level.description)}">{number} {escape(level.label)}</span>'
        for number, level in criterion.levels.items()
    )
    return (
        f"<tr><td><code>{escape(criterion.id)}</code></td>"
        f'<td style="text-align:left">{escape(criterion.question)}{marks}</td>'
        f'<td style="text-align:left">{levels}</td><td>{criterion.weight:g}</td></tr>'
    )


def _row_lines(row: _Row, words: _Words, width: int) -> Iterator[str]:
    criterion = row.criterion
    label = f"{row.number:>2}. "
    indent = " " * len(label)
    worth = f"{criterion.weight:g} {words.points}"
    for i, line in enumerate(beside(criterion.question, worth, width - len(label))):
        yield (indent if i else label) + line
    if row.critical:
        yield from hanging(f"{indent}! ", row.critical, width)
    for text in (row.applies, criterion.guidance):
        if text:
            yield from hanging(indent, text, width)
    digits = max(len(str(level)) for level in criterion.levels)
    for level, meaning in criterion.levels.items():
        text = meaning.label + (f": {meaning.description}" if meaning.description else "")
        yield from hanging(f"{indent}[ ] {level:>{digits}}  ", text, width)
    if criterion.not_applicable:
        yield f"{indent}[ ] N/A  {words.not_applicable}"
    yield f"{indent}{words.note}: {'_' * (width - len(indent) - columns(words.note) - 2)}"
