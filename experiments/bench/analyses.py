"""Statistics: how long they take on many ratings, and how much memory."""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench.processes import watch

ENTRY = Path(__file__).resolve().parents[1] / "bench_speed.py"
"""What fresh processes run."""

LIMIT_S, LIMIT_MIB = 60, 2048
"""What the statistics of one case may take on two processors."""

RECORDS = "making the records"
"""The part that is no statistics."""

Result = TypeVar("Result")
Row = dict[str, Any]


class Clock:
    """Seconds and peak memory of each part of one process."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def time(self, part: str, n: int, work: Callable[[], Result]) -> Result:
        """Run one part and note what it took."""
        started, busy = time.perf_counter(), time.process_time()
        found = work()
        took = {
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - busy,
        }
        self.rows.append({"part": part, "n": n, **took, "peak_mib": peak_mib()})
        print(f"{part}, n={n}: {took['seconds']:.1f} s", file=sys.stderr)
        return found


def peak_mib() -> float:
    """Return the most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _sampled(clock: Clock, n_ratings: int) -> None:
    """Models rate everything, two people 3 % of it; a tenth of customers answer; 500 agents."""
    _of_records(clock, n_ratings, reviewed=0.03, by_agent=True)


def _all_reviewed(clock: Clock, n_ratings: int) -> None:
    """Two people rated all of it too, and conversations are resampled where agents were."""
    _of_records(clock, n_ratings, reviewed=1.0, by_agent=False)


def _of_records(clock: Clock, n_ratings: int, *, reviewed: float, by_agent: bool) -> None:
    from autoqa.evaluation import compare, prediction_powered_means, review_yield
    from autoqa.evaluation.claims import claim_data, run_claims
    from autoqa.evaluation.drivers import csat_drivers, driver_table, realign
    from autoqa.evaluation.raters import applicability_agreement, rater_report, replacement_test
    from autoqa.evaluation.surveys import survey_truth
    from bench.large_centre import centre_of

    centre = clock.time(RECORDS, n_ratings, lambda: centre_of(n_ratings, reviewed=reviewed))
    card, automated, human, surveys = centre.card, centre.automated, centre.human, centre.surveys
    n, n_calls = centre.n_ratings, len(centre.conversations)
    beside: dict[str, Any] = {"card": card, "surveys": surveys}
    agents = centre.agents if by_agent else None
    clock.time("compare", n, lambda: compare(automated, human, agents=agents, **beside))
    one = card.criteria[0].id
    machine = [rating for rating in automated if rating.criterion == one]
    people = [rating for rating in human if rating.criterion == one]
    levels = card.criterion(one).scale
    clock.time("rater_report, one criterion", len(people), lambda: rater_report(
        people, levels=levels
    ))  # fmt: skip
    clock.time("replacement_test, one criterion", len(people), lambda: replacement_test(
        people, machine
    ))  # fmt: skip
    clock.time("applicability_agreement, one criterion", len(people), lambda: (
        applicability_agreement(people, levels=levels)
    ))  # fmt: skip
    circumstances = {
        one.transcript.conversation_id: {
            "topic": one.transcript.topic,
            "log_handle_time": float(np.log(one.transcript.attributes["handle_s"])),
        }
        for one in centre.conversations
    }
    table = clock.time("driver_table", len(automated), lambda: driver_table(
        automated, surveys, card=card, agents=centre.agents, covariates=circumstances
    ))  # fmt: skip
    clock.time("csat_drivers", len(surveys), lambda: csat_drivers(table))
    clock.time("realign", len(surveys), lambda: realign(table, card))
    data = clock.time("claim_data, both sides", n, lambda: {
        side: claim_data(ratings, surveys, centre.conversations, card=card)
        for side, ratings in (("automated", automated), ("human", human))
    })  # fmt: skip
    clock.time("run_claims", n_calls, lambda: run_claims(data))
    scores = data["automated"]
    features = {"topic": scores.topic, "log_handle_time": np.log(scores.handle_s)}
    clock.time("survey_truth", n_calls, lambda: survey_truth(
        scores.csat, _frame(features), clusters=scores.agent
    ))  # fmt: skip
    by_people = data["human"].total
    clock.time("prediction_powered_means, by team", n_calls, lambda: prediction_powered_means(
        by_people, scores.total, probabilities="equal", groups=scores.team
    ))  # fmt: skip
    known = np.isfinite(by_people)
    clock.time("review_yield", int(known.sum()), lambda: review_yield(
        -scores.total[known], by_people[known] < np.median(by_people[known])
    ))  # fmt: skip


def _frame(columns: dict[str, np.ndarray]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def _panel(clock: Clock, n_items: int) -> None:
    """One long panel: two ratings of each of as many items, each item a cluster of its own."""
    from autoqa.evaluation import (
        agreement_estimates,
        gwet_ac2,
        icc,
        kappa_in_context,
        krippendorff_alpha,
        prediction_powered_means,
        review_yield,
    )
    from autoqa.evaluation.alignment import associate, positive_share_by_band
    from autoqa.evaluation.raters import RatingTable, fit_rater_effects
    from autoqa.evaluation.surveys import survey_truth

    levels = (1, 2, 3, 4, 5)

    def made() -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(7)
        truth = rng.normal(size=n_items)
        panel = np.clip(np.round(3.5 + truth + 0.7 * rng.normal(size=(2, n_items))), 1, 5)
        missing = rng.random(panel.shape) < 0.05
        total = np.clip(np.round(80 + 8 * (truth + rng.normal(size=n_items)), 2), 0, 100)
        csat = np.clip(np.round(3.5 + truth + rng.normal(size=n_items)), 1, 5) / 4 - 0.25
        return np.where(missing, np.nan, panel), total, csat, rng.integers(200, size=n_items)

    panel, total, csat, rater = clock.time("making the arrays", n_items, made)
    full = np.isfinite(panel).all(axis=0)
    clock.time("agreement_estimates", n_items, lambda: agreement_estimates(panel, levels=levels))
    first, second = panel[:, full].astype(int)
    clock.time("kappa_in_context", int(full.sum()), lambda: kappa_in_context(
        first, second, levels=levels
    ))  # fmt: skip
    clock.time("krippendorff_alpha, gwet_ac2, icc without intervals", n_items, lambda: (
        krippendorff_alpha(panel, levels=levels),
        gwet_ac2(panel, levels=levels),
        icc(panel),
    ))  # fmt: skip
    half = n_items // 2
    clock.time("fit_rater_effects", 2 * half, lambda: fit_rater_effects(
        RatingTable.from_arrays(np.tile(np.arange(half), 2), rater[: 2 * half], total[: 2 * half])
    ))  # fmt: skip
    clock.time("associate", n_items, lambda: associate(total, csat))
    clock.time("positive_share_by_band", n_items, lambda: positive_share_by_band(
        total, csat
    ))  # fmt: skip
    answered = np.random.default_rng(8).random(n_items) < 0.1
    clock.time("survey_truth", n_items, lambda: survey_truth(
        np.where(answered, csat, np.nan), np.column_stack([total, rater])
    ))  # fmt: skip
    clock.time("prediction_powered_means, 200 groups", n_items, lambda: prediction_powered_means(
        np.where(answered, total, np.nan), 100 * csat, probabilities="equal", groups=rater
    ))  # fmt: skip
    clock.time("review_yield", n_items, lambda: review_yield(-total, csat < 0.5))


CASES: dict[str, Callable[[Clock, int], None]] = {
    "sampled": _sampled,
    "all reviewed": _all_reviewed,
    "one panel": _panel,
}


def run_here(case: str, n_ratings: int) -> None:
    """Run one case in this process and print what each part took."""
    clock = Clock()
    CASES[case](clock, n_ratings)
    print(json.dumps(clock.rows))


def measure(arguments: Any, folder: Path) -> dict[str, list[Row]]:  # noqa: ARG001
    """Return what every part of each case took, each case in a fresh process."""
    results = {}
    for case in CASES:
        command = [sys.executable, str(ENTRY), "--worker", case, "--ratings"]
        output, _, _ = watch([*command, str(arguments.ratings)], arguments.threads)
        results[case] = json.loads(output.splitlines()[-1])
    return results


def report(results: dict[str, list[Row]], arguments: Any) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| case | part | n | seconds | processor seconds | peak MiB so far |",
        "|---|---|---|---|---|---|",
    ]
    for case, rows in results.items():
        lines += [
            f"| {case} | {row['part']} | {row['n']} | {row['seconds']:.1f} "
            f"| {row['cpu_seconds']:.1f} | {row['peak_mib']:.0f} |"
            for row in rows
        ]
    lines += [""] + [f"* {note}" for note in _notes(results, arguments)]
    return "\n".join(lines)


def _notes(results: dict[str, list[Row]], arguments: Any) -> Iterator[str]:
    for case, rows in results.items():
        made, *parts = rows
        total, peak = sum(row["seconds"] for row in parts), parts[-1]["peak_mib"]
        within = total <= LIMIT_S and peak <= LIMIT_MIB
        yield (
            f"{case}: statistics {total:.1f} s, {peak:.0f} MiB with everything they rest on "
            f"({made['part']} took {made['seconds']:.1f} s); "
            f"{'within' if within else 'OVER'} {LIMIT_S} s and {LIMIT_MIB} MiB"
        )
    for case, work in CASES.items():
        yield f"{case}: {work.__doc__}"
    processor = platform.processor() or platform.machine()
    yield (
        f"{arguments.ratings} ratings (items of the panel), {arguments.threads} threads, "
        f"{processor}, each case in a fresh process, default numbers of resamples"
    )
