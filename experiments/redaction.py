"""How much of what is personal redaction finds: recall and precision on planted values.

Conversations are made from templates in four languages, half of them written and half as speech
recognition writes them, with invented values and with numbers that are nobody's. The detector was
improved on the first family of templates; the second was kept aside. A value is found if all of it
is, as its kind; a finding is right if it overlaps a value of its kind.

    python experiments/redaction.py
    python experiments/redaction.py --names en=en_core_web_lg   # needs the extra "pii"
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoqa.evaluation.alignment import wilson
from autoqa.evaluation.intervals import Estimate
from autoqa.notebook import markdown_table
from autoqa.privacy.kinds import Kind
from autoqa.privacy.planted import FAMILIES, LANGUAGES, Tally, measure, plant

IDS = (Kind.SSN, Kind.ID)
RECALL = {Kind.CARD: 0.99, Kind.PHONE: 0.97, Kind.EMAIL: 0.97, **dict.fromkeys(IDS, 0.95)}
"""What is promised of both families together, by language."""

PRECISION = 0.9
MODELS = (Kind.NAME, Kind.ADDRESS)
"""Kinds that a model finds: measured, not promised."""


def main() -> None:
    """Print a table per family, and what of it misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entities", type=int, default=2000, help="per language and family")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--names", nargs="*", default=[], metavar="LANGUAGE=MODEL")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    models = dict(pair.split("=", 1) for pair in given.names)
    rows: list[dict[str, Any]] = []
    for family in FAMILIES:
        for language in LANGUAGES:
            planted = plant(language, family, entities=given.entities, seed=given.seed)
            rows += figures(measure(planted), family, language)
            if language in models:
                named = plant(
                    language, family, entities=given.entities, seed=given.seed, names=True
                )
                tally = measure(named, {language: models[language]})
                rows += [row for row in figures(tally, family, language) if row["kind"] in MODELS]
        print(f"\n{family} family of templates, seed {given.seed}\n")
        print("\n".join(table([row for row in rows if row["family"] == family])))
    if not models:
        print("\nNames and postal addresses: not measured, since no model was named.")
    missed = list(below_target(rows))
    print("\nBelow target: " + ("; ".join(missed) or "nothing"))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def figures(tally: Tally, family: str, language: str) -> Iterator[dict[str, Any]]:
    """Yield one row per kind, with Wilson intervals."""
    for kind in sorted({*tally.planted, *tally.findings}):
        yield {
            "family": family,
            "language": language,
            "kind": kind,
            "recall": wilson(tally.found[kind], tally.planted[kind]).to_dict(counts=True),
            "hidden": wilson(tally.hidden[kind], tally.planted[kind]).to_dict(counts=True),
            "precision": wilson(tally.right[kind], tally.findings[kind]).to_dict(counts=True),
        }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table: kinds by language, with intervals and counts."""
    head = ("kind", "language", "planted", "recall", "hidden at all", "found", "precision")
    cells = [
        (
            str(row["kind"]),
            row["language"],
            str(row["recall"]["n"]),
            shown(row["recall"]),
            shown(row["hidden"]),
            str(row["precision"]["n"]),
            shown(row["precision"]),
        )
        for row in sorted(rows, key=lambda row: (row["kind"], row["language"]))
    ]
    return markdown_table(head, cells)


def shown(figure: dict[str, Any]) -> str:
    """Return ``0.994 [0.981, 0.998]``."""
    if figure["value"] is None:
        return "-"
    return "{value:.3f} [{low:.3f}, {high:.3f}]".format(**figure)


def below_target(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what misses its target, over both families."""
    pooled: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        for figure in ("recall", "precision"):
            place = pooled.setdefault((row["language"], row["kind"], figure), [0.0, 0.0])
            if row[figure]["n"]:
                place[0] += row[figure]["value"] * row[figure]["n"]
                place[1] += row[figure]["n"]
    for (language, kind, figure), (right, n) in sorted(pooled.items()):
        target = RECALL.get(Kind(kind), 0.0) if figure == "recall" else PRECISION
        if kind not in MODELS and n and right / n < target:
            found: Estimate = wilson(round(right), round(n))
            yield f"{language} {kind} {figure} {found} (target {target})"


if __name__ == "__main__":
    main()
