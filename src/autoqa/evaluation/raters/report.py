"""What kind of rater is each rater, and who needs a calibration session?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.raters.effects import RaterEffects, fit_rater_effects
from autoqa.evaluation.raters.rating_table import RatingTable, WhenOf
from autoqa.evaluation.raters.session_rule import (
    SessionRule,
    TraitTest,
    agreement_test,
    drift_test,
    findings,
    spread_test,
    trait_test,
)
from autoqa.evaluation.raters.traits import (
    Habit,
    drift,
    not_applicable_habits,
    spread_and_agreement,
)
from autoqa.records import Rating

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterProfile:
    """One rater among the others.

    Attributes
    ----------
    n_ratings, n_shared : int
        Ratings at a level, and those of items that somebody else rated too.
    mean : float
        Plain mean level.
    severity : Estimate
        How much lower than the average rater this one rates the same items, in units of the scale,
        shrunken; the interval is the model's.
    spread : Estimate
        Variance of the rater's levels over that of the others' on the same items, all freed of
        severity. Below 1: keeps to the middle of the scale; above 1: uses its ends.
    agreement : Estimate
        Correlation with the mean of the others on the same items.
    drift : Estimate or None
        Change of the rater's level, compared with the others on the same items, between first and
        last rating; None where times are not given. Above 0: became milder.
    not_applicable : float
        Share of the rater's answers.
    excess_not_applicable : Estimate or None
        How much oftener than the average rater on the same items, shrunken; None where nobody
        answered "not applicable".
    findings : tuple of str
        What calls for a session, in words; empty where nothing does.
    p_values : mapping of trait to float
        One-sided, against the tolerance, not corrected. Empty for raters with too few items.
    """

    rater: str
    n_ratings: int
    n_shared: int
    mean: float
    severity: Estimate
    spread: Estimate
    agreement: Estimate
    drift: Estimate | None
    not_applicable: float
    excess_not_applicable: Estimate | None
    findings: tuple[str, ...] = ()
    p_values: Mapping[str, float] = field(default_factory=dict)

    @property
    def needs_session(self) -> bool:
        """Whether anything was found."""
        return bool(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterReport:
    """All raters of one criterion, most severe first.

    Attributes
    ----------
    item_sd, rater_sd, residual_sd : float
        How much ratings vary by item, by who rates, and for no known reason, in units of the scale.
    rule : SessionRule
    """

    criterion: str
    n_ratings: int
    n_items: int
    mean: float
    item_sd: float
    rater_sd: float
    residual_sd: float
    rule: SessionRule
    raters: tuple[RaterProfile, ...]

    @property
    def need_session(self) -> tuple[str, ...]:
        """Raters with a finding."""
        return tuple(profile.rater for profile in self.raters if profile.needs_session)

    @property
    def severity_share(self) -> float:
        """Share of the variance of a single rating that is owed to who gave it."""
        rater, rest = self.rater_sd**2, self.item_sd**2 + self.residual_sd**2
        return float(rater / (rater + rest)) if rater + rest > 0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per rater; estimates as value, low and high columns."""
        import pandas as pd

        rows = []
        for profile in self.raters:
            row: dict[str, object] = {
                "rater": profile.rater,
                "n_ratings": profile.n_ratings,
                "n_shared": profile.n_shared,
                "mean": profile.mean,
            }
            for name in ("severity", "spread", "agreement", "drift", "excess_not_applicable"):
                found = getattr(profile, name) or Estimate(math.nan, math.nan, math.nan, 0, 0)
                row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            row |= {
                "not_applicable": profile.not_applicable,
                "needs_session": profile.needs_session,
                "findings": "; ".join(profile.findings),
            }
            rows.append(row)
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        from autoqa.notebook import html_table

        head = ("rater", "ratings", "severity", "spread", "agreement", "drift", "session for")
        rows = (
            (
                p.rater,
                p.n_ratings,
                str(p.severity),
                str(p.spread),
                str(p.agreement),
                str(p.drift or ""),
                "; ".join(p.findings),
            )
            for p in self.raters
        )
        caption = f"{self.criterion}: {len(self.raters)} raters. {self.rule}"
        return html_table(head, rows, caption=caption, n_rows=len(self.raters))


def rater_report(
    ratings: Iterable[Rating],
    *,
    criterion: str | None = None,
    levels: Sequence[int] | None = None,
    when: WhenOf | None = None,
    rule: SessionRule | None = None,
    n_resamples: int = 1000,
    seed: int = 7,
    level: float = 0.95,
) -> RaterReport:
    """Describe every rater of one criterion, and name those who need a session.

    Parameters
    ----------
    ratings : iterable of Rating
        Rater names must be persons (or models); at least some items need several ratings. Turns of
        one conversation count as separate items for severity.
    criterion : str, optional
        Which one; may be left out when all ratings are of the same criterion.
    levels : sequence of int, optional
        The full scale, for its range; the range of the data where absent.
    when : callable, optional
        Takes a Rating and returns when it was given; without it there is no drift.
    rule : SessionRule, optional
    n_resamples, seed, level
        As in `autoqa.evaluation.intervals.bootstrap`; conversations are resampled for `spread` and
        `agreement`.

    Raises
    ------
    DataError
        If `criterion` is left out and there are several, or severity cannot be estimated; see
        `autoqa.evaluation.raters.effects.fit_rater_effects`.

    References
    ----------
    Myford and Wolfe (2003), Journal of Applied Measurement 4(4), 386-422 (severity, centrality).
    Myford and Wolfe (2009), Journal of Educational Measurement 46(4), 371-389 (drift).
    """
    held = [r for r in ratings if criterion is None or r.criterion == criterion]
    table = RatingTable.from_ratings(held, when=when)
    effects = fit_rater_effects(table)
    chosen = rule or SessionRule()
    spread, agreement = spread_and_agreement(
        table, effects, n_resamples=n_resamples, seed=seed, level=level
    )
    moved = drift(table, effects, level=level)
    habits = not_applicable_habits(held)
    shared = np.bincount(
        table.rater, weights=table.n_per_item[table.item] > 1, minlength=len(table.raters)
    )
    total = np.bincount(table.rater, weights=table.value, minlength=len(table.raters))
    profiles = []
    for j, name in enumerate(table.raters):
        n, habit = int(table.n_per_rater[j]), habits[name]
        profiles.append(
            RaterProfile(
                rater=name,
                n_ratings=n,
                n_shared=int(shared[j]),
                mean=float(total[j] / n),
                severity=_estimate(-effects.effect[j], effects.effect_sd[j], n, level),
                spread=spread[j],
                agreement=agreement[j],
                drift=moved[j],
                not_applicable=habit.share,
                excess_not_applicable=_excess(habit, level),
            )
        )
    width = float(np.ptp(table.value if levels is None else np.asarray(levels, dtype=float)))
    words, p_values = findings(_tests(profiles, effects, habits, chosen, width, level), chosen)
    decided = (
        replace(p, findings=words.get(p.rater, ()), p_values=p_values.get(p.rater, {}))
        for p in profiles
    )
    return RaterReport(
        criterion=held[0].criterion,
        n_ratings=len(table.value),
        n_items=len(table.keys),
        mean=effects.mean,
        item_sd=effects.item_sd,
        rater_sd=effects.rater_sd,
        residual_sd=effects.residual_sd,
        rule=chosen,
        raters=tuple(sorted(decided, key=lambda p: (-p.severity.value, p.rater))),
    )


def _tests(
    profiles: Sequence[RaterProfile],
    effects: RaterEffects,
    habits: Mapping[str, Habit],
    rule: SessionRule,
    width: float,
    level: float,
) -> Iterable[TraitTest | None]:
    """Yield the tests of every rater with enough ratings."""
    enough = [(j, p) for j, p in enumerate(profiles) if habits[p.rater].n_answers >= rule.min_items]
    usual = [p.agreement.value for _, p in enough if math.isfinite(p.agreement.value)]
    median = float(np.median(usual)) if usual else math.nan
    for j, profile in enough:
        habit, name = habits[profile.rater], profile.rater
        if habit.unshrunken is not None and habit.unshrunken_sd is not None:
            yield trait_test(
                name,
                "not_applicable",
                habit.unshrunken,
                habit.unshrunken_sd,
                tolerance=rule.not_applicable,
                above="answers 'not applicable' more often",
                below="answers 'not applicable' less often",
            )
        if profile.n_ratings < rule.min_items:
            continue
        yield trait_test(
            name,
            "severity",
            -effects.unshrunken[j],
            effects.unshrunken_sd[j],
            tolerance=rule.severity * width,
            above="severe",
            below="lenient",
        )
        if profile.drift is not None:
            yield drift_test(name, profile.drift, width, rule, level)
        if profile.n_shared >= rule.min_items:
            yield spread_test(name, profile.spread, rule, level)
            yield agreement_test(name, profile.agreement, median, rule, level)


def _estimate(value: float, sd: float, n: int, level: float) -> Estimate:
    from scipy.special import ndtri

    half = float(ndtri((1 + level) / 2)) * float(sd)
    return Estimate(float(value), float(value) - half, float(value) + half, n, n)


def _excess(habit: Habit, level: float) -> Estimate | None:
    if habit.excess is None or habit.excess_sd is None:
        return None
    return _estimate(habit.excess, habit.excess_sd, habit.n_answers, level)
