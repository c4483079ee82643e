"""How much of what was planted redaction finds, and how much of what it finds was planted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autoqa.privacy.kinds import Finding, Kind
from autoqa.privacy.planted.generate import PlantedConversation
from autoqa.privacy.turns import find_in_turns


@dataclass
class Tally:
    """Counts by kind.

    Attributes
    ----------
    planted, found : Counter of Kind
        Values, and those whose every letter and digit was found as their kind.
    findings, right : Counter of Kind
        What was found, and what of it overlaps a planted value of its kind.
    hidden : Counter of Kind
        Values whose every letter and digit was found, as whatever kind.
    """

    planted: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    findings: Counter[Kind] = field(default_factory=Counter)
    right: Counter[Kind] = field(default_factory=Counter)
    hidden: Counter[Kind] = field(default_factory=Counter)


def measure(
    conversations: Iterable[PlantedConversation], names: Mapping[str, str] | None = None
) -> Tally:
    """Look for personal values in conversations, and compare with what was planted.

    Parameters
    ----------
    conversations : iterable of PlantedConversation
    names : mapping of str to str, optional
        See `autoqa.privacy.Redaction.names`.
    """
    tally = Tally()
    for one in conversations:
        turns = one.transcript.turns
        found, _ = find_in_turns(turns, one.transcript.language)
        if names:
            from autoqa.privacy.names import add_names

            texts = [turn.text for turn in turns]
            found = add_names(texts, found, one.transcript.language, names, set())
        for planted in one.planted:
            tally.planted[planted.kind] += 1
            whole = [
                _covered(turns[turn].text, start, end, found[turn])
                for turn, start, end in planted.places
            ]
            tally.hidden[planted.kind] += all(kinds is not None for kinds in whole)
            tally.found[planted.kind] += all(kinds == {planted.kind} for kinds in whole)
        for turn, findings in enumerate(found):
            for finding in findings:
                tally.findings[finding.kind] += 1
                tally.right[finding.kind] += any(
                    planted.kind is finding.kind and place == turn and start < finding.end
                    and finding.start < end
                    for planted in one.planted
                    for place, start, end in planted.places
                )  # fmt: skip
    return tally


def _covered(text: str, start: int, end: int, findings: list[Finding]) -> set[Kind] | None:
    """Return the kinds that cover a stretch's letters and digits; None where one is left."""
    kinds: set[Kind] = set()
    for place in range(start, end):
        if text[place].isalnum():
            kind = next((f.kind for f in findings if f.start <= place < f.end), None)
            if kind is None:
                return None
            kinds.add(kind)
    return kinds
