"""Model cards as Markdown, from what a model folder's index says of its heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autoqa.experiments.tables import metrics_table, show_figure, table_row
from autoqa.scorers.folder import HeadCard

_TELLING = ("macro_f1", "spearman", "kappa", "auc")
"""Figures that an overview shows, the most telling first; the end of their names."""

_SHORT_SCALE = 5  # levels that a card names one by one

_LANGUAGE_NAMES = {"en": "English", "es": "Spanish", "it": "Italian", "zh": "Chinese"}


def overview(cards: Mapping[str, HeadCard]) -> str:
    """Return a table with a row per head."""
    rows = [
        ("head", "scale", "learned from", "items", "licence of the data", "held-out figure"),
        ("---",) * 6,
    ]
    for name, card in cards.items():
        scale = card.criterion.scale
        learned = ", ".join(source.split(" ")[0] for source in card.trained_on)
        rows.append(
            (
                f"`{name}`",
                f"{scale[0]}-{scale[-1]}",
                learned or "-",
                str(card.n_items),
                card.licence,
                "; ".join(_telling(card)) or "-",
            )
        )
    return "\n".join(table_row(row) for row in rows)


def card_markdown(name: str, card: HeadCard) -> str:
    """Return one head's card."""
    facts = [
        ("Data", _data(card)),
        ("Licence of the data", _licence(card)),
        ("Intended use", card.intended_use),
        ("Not for", card.out_of_scope),
        ("Languages", _languages(card)),
        ("Answers", _BY_RULES if card.use == "rules" else ""),
        ("Abstains", _abstains(card)),
        ("Made with", _made_with(card)),
    ]
    lines = [f"## `{name}`", "", f"{card.criterion.question} {_levels(card)}", ""]
    lines += [f"- **{title}**: {text}" for title, text in facts if text]
    # Tables come last: a list item right below one would be read as its row.
    for metric, value in sorted(card.metrics.items(), key=lambda one: _is_measured(one[1])):
        lines += _measured(metric, value)
    if not card.metrics:
        lines.append("- **Measured**: no; `autoqa benchmark` does it")
    return "\n".join(lines)


_BY_RULES = "the scorecard's rules, which training found to agree better with people"


def _data(card: HeadCard) -> str:
    said = [card.notes] if card.notes else []
    said.append(f"{card.n_items} labelled items")
    if card.trained_on:
        said[-1] += f" of {', '.join(card.trained_on)}"
    return "; ".join(said)


def _licence(card: HeadCard) -> str:
    left_out = "" if card.permissive else "; `--licence permissive` leaves this head out"
    return f"{card.licence}{left_out}"


def _languages(card: HeadCard) -> str:
    if not card.languages:
        return ""
    own = [route for route in card.routes if route != "*"]
    said = [f"learned from {_named(card.languages)}"]
    if own:
        said.append(f"a model of its own for {_named(own)}")
    if "*" in card.routes:
        said.append(f"one shared model for {'every other' if own else 'every'} language")
    untried = "" if len(card.languages) > 1 else "; not measured on languages it did not learn from"
    return f"{', '.join(said)}{untried}"


def _named(languages: Any) -> str:
    return ", ".join(_LANGUAGE_NAMES.get(one, one) for one in languages)


def _levels(card: HeadCard) -> str:
    scale, levels = card.criterion.scale, card.criterion.levels
    if len(scale) > _SHORT_SCALE or all(levels[k].label == str(k) for k in scale):
        return f"({scale[0]}-{scale[-1]})"
    return f"({', '.join(f'{k} {levels[k].label}' for k in scale)})"


def _abstains(card: HeadCard) -> str:
    asked = (card.risk or {}).get("risk")
    within = "" if asked is None else f" to keep within {asked:.0%} disagreement with people"
    if card.abstain_below is None:
        return f"always: no confidence is enough{within}"
    return f"below a confidence of {card.abstain_below:.3f}{within}" if card.abstain_below else ""


def _made_with(card: HeadCard) -> str:
    seed = "" if card.seed is None else f"seed {card.seed}"
    return ", ".join(part for part in (card.code, seed) if part)


def _is_measured(value: Any) -> bool:
    """Whether an entry of a card's metrics has a dataset's figures."""
    return isinstance(value, Mapping) and "figures" in value


def _measured(name: str, value: Any) -> Iterator[str]:
    """Lines about one entry of a card's metrics: a dataset's figures, or a single figure."""
    if not isinstance(value, Mapping):
        shown = f"{value:.3f}" if isinstance(value, float) else "-" if value is None else value
        yield f"- **{name}**: {shown}"
    elif "not_measured" in value:
        yield f"- **Measured on {name}**: {value['not_measured']}"
    elif _is_measured(value):
        yield ""
        yield (
            f"Measured on {name}: {value['n']} items in {value['n_conversations']} conversations "
            f"that it did not learn from (split: {', '.join(value['splits'])}), with 95 % intervals"
        )
        yield ""
        yield from metrics_table(
            value["figures"],
            people=value["people"],
            majority=value["majority"],
            oracle=value.get("oracle"),
        )
    elif "value" in value and "low" in value:
        yield f"- **{name}**: {show_figure(value)}"
    else:
        yield f"- **{name}**: {', '.join(f'{key} {one}' for key, one in value.items())}"


def _telling(card: HeadCard) -> Iterator[str]:
    """The most telling figure of each dataset."""
    for dataset, value in card.metrics.items():
        figures = value["figures"] if _is_measured(value) else {}
        for ending in _TELLING:
            metric = next((one for one in figures if one.endswith(ending)), None)
            if metric is not None:
                yield f"{dataset}: {ending} {show_figure(figures[metric])}"
                break
