"""All claims on one centre's data, and their answers in words and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.claims import handling, loyalty, quality, resolution, service, system
from autoqa.evaluation.claims.base import Claim, ClaimResult, Settings
from autoqa.evaluation.claims.data import ClaimData
from autoqa.evaluation.claims.verdict import (
    NEEDED_RULE,
    Finding,
    Range,
    Verdict,
    at_level_of,
    show,
)
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.intervals import Estimate
from autoqa.notebook import html_table, markdown_table, plain_line
from autoqa.records import SCHEMA_VERSION
from autoqa.store.spreadsheets import neutral_row

CLAIMS: tuple[Claim, ...] = (
    *quality.CLAIMS,
    *resolution.CLAIMS,
    *handling.CLAIMS,
    *system.CLAIMS,
    *loyalty.CLAIMS,
    *service.CLAIMS,
)
"""Every claim that can be tested, in the order of the report."""

VERDICT_RULE = (
    "Supported: the 95 % interval of every claimed figure lies inside the claimed range. Not "
    "supported: that of one figure lies outside. Else, or with fewer than 30 conversations: not "
    "enough data."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsReport:
    """Answers to several claims on the same data.

    Attributes
    ----------
    results : tuple of ClaimResult
    n_tested : int
        Claims that had the data for a test, each side's ratings counting as one.
    n_resamples, seed : int
    """

    results: tuple[ClaimResult, ...]
    n_tested: int
    n_resamples: int
    seed: int

    @property
    def about_multiplicity(self) -> str:
        """What testing so many claims at once means for the verdicts."""
        if self.n_tested < 2:
            return "One claim was tested at most, so nothing is corrected for."
        changed = [r for r in self.results if r.after_correction is not r.verdict]
        which = ", ".join(dict.fromkeys(_named(result) for result in changed))
        lost = f"It leaves no verdict on: {which}." if which else "Every verdict withstands it."
        return (
            f"{self.n_tested} tests were made, each at 95 %: if all stood on the edge of their "
            f"ranges, {0.05 * self.n_tested:.1f} false verdicts would be expected at most. "
            f"Bonferroni's correction widens the intervals accordingly. {lost}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON; undefined figures are None."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict_rule": VERDICT_RULE,
            "needed_rule": NEEDED_RULE,
            "multiple_testing": self.about_multiplicity,
            "n_tested": self.n_tested,
            "n_resamples": self.n_resamples,
            "seed": self.seed,
            "results": [_plain_result(result) for result in self.results],
        }

    def __repr__(self) -> str:
        return f"<ClaimsReport: {len(self.results)} claims; print report.to_markdown()>"

    def _repr_html_(self) -> str:
        lines = _lines(self.results)
        return html_table(_HEAD, lines, caption="Claims", n_rows=len(lines))

    def to_markdown(self, *, details: bool = True) -> str:
        """Write the table of claims; with `details` also sentences, methods and tables."""
        parts = [
            "# Practitioners' claims on these data",
            "",
            *markdown_table(_HEAD, _lines(self.results)),
            "",
            f"{VERDICT_RULE} {self.about_multiplicity}",
            "",
        ]
        if details:
            parts += [
                NEEDED_RULE,
                "",
                (f"Intervals: 95 %; bootstraps of {self.n_resamples} resamples, seed {self.seed}."),
                "",
            ]
            for result in self.results:
                parts += _section(result)
        return "\n".join(parts).rstrip() + "\n"

    def to_csv(self) -> str:
        """One row per figure: claim, verdict, figure, interval, range, n, needed."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_CSV_HEAD)
        for result in self.results:
            about = (
                result.claim,
                result.question,
                result.ratings,
                str(result.verdict),
                str(result.after_correction),
                result.n,
                "" if result.needed is None else result.needed,
            )
            for finding in result.findings or (None,):
                row = (*about, *_csv_finding(finding), result.sentence)
                writer.writerow(neutral_row(row))
        return out.getvalue()


_HEAD = ("question", "ratings", "verdict", "result [95 % interval]", "n", "needed")
_CSV_HEAD = (
    "claim", "question", "ratings", "verdict", "after_correction", "n", "needed", "figure",
    "value", "low", "high", "figure_n", "claimed", "sentence",
)  # fmt: skip


def run_claims(
    data: ClaimData | Mapping[str, ClaimData],
    *,
    only: Sequence[str] = (),
    n_resamples: int = 1000,
    seed: int = 7,
) -> ClaimsReport:
    """Test practitioners' claims.

    Parameters
    ----------
    data : ClaimData, or mapping of name to ClaimData
        With several (``automated``, ``human``), claims about ratings are tested on each, the
        others once.
    only : sequence of str
        Ids of the claims to test; all where empty.
    n_resamples, seed : int
        Of the bootstrap; same seed, same figures.

    Raises
    ------
    DataError
        If `only` names a claim that does not exist, or there are no data at all.
    """
    sides = {"": data} if isinstance(data, ClaimData) else dict(data)
    if not sides:
        raise DataError("There are no data to test claims on; give ratings or conversations.")
    settings = Settings(n_resamples=n_resamples, seed=seed)
    first = next(iter(sides.values()))
    results = []
    for claim in chosen(only):
        if claim.uses_ratings:
            results += [replace(claim.run(d, settings), ratings=side) for side, d in sides.items()]
        else:
            results.append(claim.run(first, settings))
    n_tested = sum(bool(result.findings) for result in results)
    return ClaimsReport(
        results=tuple(
            replace(result, after_correction=at_level_of(result.findings, n_tested))
            for result in results
        ),
        n_tested=n_tested,
        n_resamples=n_resamples,
        seed=seed,
    )


def chosen(only: Sequence[str]) -> list[Claim]:
    """Return the claims with these ids, all without any; DataError names one that is unknown."""
    known = {claim.id: claim for claim in CLAIMS}
    for name in only:
        if name not in known:
            raise DataError(
                f"No claim named '{name}'.{near_miss(name, known)} Known: {', '.join(known)}."
            )
    return [claim for claim in CLAIMS if not only or claim.id in only]


def _named(result: ClaimResult) -> str:
    return f"{result.claim} ({result.ratings})" if result.ratings else result.claim


def _plain_result(result: ClaimResult) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(result)
    plain["verdict"] = str(result.verdict)
    plain["after_correction"] = str(result.after_correction)
    plain["findings"] = [
        {
            "name": finding.name,
            **finding.estimate.to_dict(counts=True),
            "claimed": _plain_range(finding.claimed),
            "verdict": None if finding.verdict is None else str(finding.verdict),
        }
        for finding in result.findings
    ]
    return plain


def _plain_range(claimed: Range | None) -> dict[str, Any] | None:
    return None if claimed is None else dict(to_plain(claimed))


def _csv_finding(finding: Finding | None) -> tuple[object, ...]:
    if finding is None:
        return ("", "", "", "", "", "")
    figures = finding.estimate.to_dict(counts=True)
    shown = ("" if figures[name] is None else figures[name] for name in ("value", "low", "high"))
    return (finding.name, *shown, finding.estimate.n, finding.claimed_in_words)


def _lines(results: Iterable[ClaimResult]) -> list[tuple[str, ...]]:
    return [
        (
            result.question,
            result.ratings or "–",
            _verdict(result),
            "; ".join(f"{f.name}: {f}" for f in result.findings if f.claimed is not None)
            or result.sentence.removeprefix("Not enough data. ").partition(" Plan for ")[0],
            str(result.n),
            "–" if result.needed is None else f"{result.needed}",
        )
        for result in results
    ]


def _verdict(result: ClaimResult) -> str:
    doubtful = result.after_correction is not result.verdict
    return f"{result.verdict}{' (not after correction)' if doubtful else ''}"


def _section(result: ClaimResult) -> list[str]:
    of = f" ({result.ratings} ratings)" if result.ratings else ""
    parts = [f"## {plain_line(result.question + of)}", "", plain_line(result.sentence), ""]
    undecided = result.verdict is Verdict.NOT_ENOUGH_DATA and result.findings
    if undecided and result.needed is not None:
        parts += [f"About {result.needed} conversations would be needed; there are {result.n}.", ""]
    parts += [f"Method: {plain_line(result.method)}", ""]
    if result.findings:
        parts += markdown_table(
            ("figure", "value [95 % interval]", "n", "claimed", "verdict"),
            [
                (
                    finding.name,
                    str(finding),
                    str(finding.estimate.n),
                    finding.claimed_in_words or "–",
                    "–" if finding.verdict is None else str(finding.verdict),
                )
                for finding in result.findings
            ],
        )
        parts.append("")
    for title, table in result.tables.items():
        if table:
            parts += [f"### {plain_line(title.capitalize())}", ""]
            parts += markdown_table(
                tuple(table[0]), [tuple(map(_shown, row.values())) for row in table]
            )
            parts.append("")
    return parts


def _shown(value: object) -> str:
    if isinstance(value, Estimate):
        return show(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
