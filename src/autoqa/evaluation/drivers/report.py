"""Which criteria move CSAT, which do nothing, and which go the wrong way.

The effects hold the other criteria, the covariates and the agent constant. They are associations
in the data at hand: what a criterion *would* do needs an experiment. Ratings with errors make
effects look smaller than they are, unless the raters' reliability is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np

from autoqa.errors import DataError
from autoqa.evaluation.drivers.caveats import about_criteria, about_models, about_rating_error
from autoqa.evaluation.drivers.models import MIN_AGENTS, DriverModels
from autoqa.evaluation.drivers.rating_error import reliabilities
from autoqa.evaluation.drivers.table import FEW, DriverTable, State
from autoqa.evaluation.drivers.verdicts import (
    BAND,
    Asymmetry,
    DriverVerdict,
    adjusted,
    asymmetry_of,
    p_value,
    verdict_on,
)
from autoqa.evaluation.figures import SMALL_N, to_plain
from autoqa.evaluation.intervals import Estimate, bootstrap_many
from autoqa.evaluation.render import show
from autoqa.evaluation.tables import FloatArray, IntArray
from autoqa.evaluation.threads import one_thread
from autoqa.notebook import html_table
from autoqa.records import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionDriver:
    """What one criterion has to do with CSAT.

    Attributes
    ----------
    n_rated, n_not_applicable, n_missing : int
        Surveyed conversations; missing is abstained, failed or not rated.
    association : Estimate
        Spearman of credit and CSAT where rated, nothing held constant.
    effect : Estimate
        Mean change of expected CSAT from no credit to full credit, as a share of the scale.
    satisfied : Estimate
        The same change of P(satisfied).
    explained : Estimate
        Shapley share of the variation of CSAT (R²); never negative, and about 1/n without effect.
    prevents, lifts : Estimate
        Fall of P(dissatisfied) and rise of P(top box) from no credit to full credit.
    tilt : Estimate
        Slope for the top box minus slope for not being dissatisfied, in log odds: above 0 the
        criterion lifts more than it prevents. Unlike the two changes, it does not depend on how
        common the two ends are.
    p, q : float
        Of no effect, and adjusted over criteria after Benjamini and Hochberg.
    verdict : DriverVerdict
    asymmetry : Asymmetry
        From the tilt, adjusted over criteria as well.
    """

    criterion: str
    n_rated: int
    n_not_applicable: int
    n_missing: int
    association: Estimate
    effect: Estimate
    satisfied: Estimate
    explained: Estimate
    prevents: Estimate
    lifts: Estimate
    tilt: Estimate
    p: float
    q: float
    verdict: DriverVerdict
    asymmetry: Asymmetry


@dataclass(frozen=True, slots=True, kw_only=True)
class CsatDrivers:
    """All criteria, strongest effect first, those that could not be modelled last.

    Attributes
    ----------
    n : int
        Surveyed conversations with a rating; all of them enter.
    clustered_by : str
        ``agent`` or ``conversation``: what the bootstrap resampled.
    explained : Estimate
        R² that the criteria add to the controls; the sum of the criteria's shares.
    controls : tuple of str
    agent_spread : float
        Standard deviation of the agents' own effects in log odds; nan where they have none.
    band : float
    caveats : tuple of str
    """

    criteria: tuple[CriterionDriver, ...]
    n: int
    n_clusters: int
    clustered_by: str
    explained: Estimate
    controls: tuple[str, ...]
    agent_spread: float
    band: float
    caveats: tuple[str, ...]
    n_resamples: int
    seed: int

    def __getitem__(self, criterion: str) -> CriterionDriver:
        for found in self.criteria:
            if found.criterion == criterion:
                return found
        raise KeyError(criterion)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON; undefined figures are None."""
        return {"schema_version": SCHEMA_VERSION, **to_plain(self)}

    def summary(self) -> list[str]:
        """Return what was found in plain sentences."""
        return _sentences(self)

    def __repr__(self) -> str:
        return f"<CsatDrivers: {len(self.criteria)} criteria, n={self.n}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                c.criterion,
                c.n_rated,
                show(c.effect),
                show(c.satisfied),
                show(c.explained, digits=3),
                show(c.prevents),
                show(c.lifts),
                c.verdict,
                c.asymmetry,
            )
            for c in self.criteria
        ]
        said = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in self.summary())}</ul>"
        return said + html_table(_HEAD, rows, caption=_CAPTION, n_rows=len(rows))


_HEAD = (
    "criterion",
    "n rated",
    "expected CSAT",
    "P(satisfied)",
    "share of R²",
    "fewer dissatisfied",
    "more top box",
    "verdict",
    "asymmetry",
)
_CAPTION = (
    "Change from not meeting to meeting a criterion, the others held constant [95 % interval]; "
    "expected CSAT as a share of its scale"
)


def csat_drivers(
    table: DriverTable,
    *,
    agent_effects: bool = True,
    reliability: Mapping[str, float] | None = None,
    band: float = BAND,
    n_resamples: int = 300,
    seed: int = 7,
) -> CsatDrivers:
    """Find the criteria that move CSAT, controlling for the table's covariates.

    A proportional-odds regression of CSAT on the credit of all criteria at once, with covariates,
    indicators of N/A and missing ratings, and a shrunken effect of each agent. Intervals are 95 %
    percentile bootstrap intervals over agents where they repeat, else over conversations.

    A criterion is *dead* where its effect lies within the band by two one-sided tests (the 90 %
    interval is inside), and otherwise a *driver* or *reversed* where the effect differs from 0 at
    a false discovery rate of 5 %. Anything else is not enough data: no association found in few
    conversations is not evidence of none.

    Parameters
    ----------
    table : DriverTable
        Conversations without a survey are not used.
    agent_effects : bool
        Whether to hold the agent constant, given at least 5 of them with several conversations.
    reliability : mapping of criterion to number in (0, 1], optional
        Share of one rating's variance that is the truth's, as `rating_reliability` finds it from
        conversations rated twice; 1 where not named. Effects are then those of the true credits.
        It is taken as known, and errors as unrelated to each other.
    band : float
        Largest effect, as a share of the CSAT scale, that is as good as none.
    n_resamples, seed : int
        Of the bootstrap; same seed, same figures.

    Raises
    ------
    DataError
        If the band is not above 0, a reliability is out of range or of no criterion, or no
        conversation has both a rating and a survey.

    Notes
    -----
    In the simulated centre one rater's errors, at reliabilities of 0.5 to 0.9, make effects a sixth
    to a half too small; with the reliabilities given, they come within a seventh. Criteria add up
    in this model: where one decides what others are worth, as an answer does for soft skills in the
    simulated centre, its own effect comes out about a twentieth too small.

    References
    ----------
    McCullagh (1980), Journal of the Royal Statistical Society B 42(2), 109-142.
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15(6), 657-680.
    """
    if band <= 0:
        raise DataError(f"The band is {band}; give the largest effect that is as good as none.")
    used = table.where(table.surveyed)
    n = len(used.conversations)
    if not n:
        raise DataError(
            "No rated conversation has a survey. Check how the conversation ids are written."
        )
    by = "agent" if used.agents_repeat and used.n_agents >= MIN_AGENTS else "conversation"
    clusters = used.clusters if by == "agent" else np.asarray(used.conversations)
    n_clusters = len(np.unique(clusters))
    varied = np.array([_varies(used.credit[:, j]) for j in range(len(used.criteria))], dtype=bool)
    inside = np.flatnonzero(varied)
    known = reliabilities(used.criteria, reliability) if reliability else None
    with one_thread():
        models, caveats = _models(
            used, inside, agent_effects, None if known is None else known[inside]
        )
        figures: dict[str, Estimate] = {}
        if models is not None:
            figures = bootstrap_many(
                models.figures,
                np.arange(n),
                clusters=clusters,
                n_resamples=n_resamples,
                seed=seed,
            )
            caveats += about_models(models, n, n_clusters, by)
    undefined = Estimate(math.nan, math.nan, math.nan, n, n_clusters)
    return CsatDrivers(
        criteria=_judged(used, figures, undefined, band),
        n=n,
        n_clusters=n_clusters,
        clustered_by=by,
        explained=figures.get("explained by criteria", undefined),
        controls=models.control_names if models else (),
        agent_spread=models.agent_spread if models else math.nan,
        band=band,
        caveats=(*used.caveats, *caveats, *about_criteria(used, varied)),
        n_resamples=n_resamples,
        seed=seed,
    )


def _varies(credit: FloatArray) -> bool:
    """Whether at least `FEW` conversations differ from the commonest credit."""
    _, counts = np.unique(credit[np.isfinite(credit)], return_counts=True)
    return counts.size > 1 and int(counts.sum() - counts.max()) >= FEW


def _models(
    used: DriverTable, inside: IntArray, agent_effects: bool, reliability: FloatArray | None
) -> tuple[DriverModels | None, list[str]]:
    n = len(used.conversations)
    if n < SMALL_N:
        return None, [f"{n} surveyed conversations are too few for a regression."]
    if not len(inside):
        return None, ["No criterion varies enough to go with anything."]
    try:
        models = DriverModels(used, inside, agent_effects=agent_effects, reliability=reliability)
    except DataError as nothing:
        return None, [str(nothing)]
    return models, [about_rating_error(corrected=reliability is not None)]


def _judged(
    used: DriverTable, figures: dict[str, Estimate], undefined: Estimate, band: float
) -> tuple[CriterionDriver, ...]:
    n_rated = dict(zip(used.criteria, used.rated.sum(axis=0).tolist(), strict=True))

    def figure(name: str, criterion: str) -> Estimate:
        return figures.get(f"{name} {criterion}", undefined)

    def where_rated(name: str, criterion: str) -> Estimate:
        return replace(figure(name, criterion), n=n_rated[criterion])

    effects = [where_rated("effect", name) for name in used.criteria]
    tilts = [figure("tilt", name) for name in used.criteria]
    p = np.array([p_value(effect) for effect in effects])
    q, q_tilt = adjusted(p), adjusted(np.array([p_value(tilt) for tilt in tilts]))
    found = [
        CriterionDriver(
            criterion=name,
            n_rated=n_rated[name],
            n_not_applicable=int((used.states[:, j] == State.NOT_APPLICABLE).sum()),
            n_missing=int((used.states[:, j] == State.MISSING).sum()),
            association=where_rated("association", name),
            effect=effects[j],
            satisfied=where_rated("satisfied", name),
            explained=figure("explained", name),
            prevents=where_rated("prevents", name),
            lifts=where_rated("lifts", name),
            tilt=tilts[j],
            p=float(p[j]),
            q=float(q[j]),
            verdict=verdict_on(effects[j], float(q[j]), band),
            asymmetry=asymmetry_of(tilts[j], float(q_tilt[j])),
        )
        for j, name in enumerate(used.criteria)
    ]
    known = [c for c in found if c.effect.known]
    return (
        *sorted(known, key=lambda c: -c.effect.value),
        *(c for c in found if not c.effect.known),
    )


def _sentences(found: CsatDrivers) -> list[str]:
    groups: dict[DriverVerdict, list[str]] = {verdict: [] for verdict in DriverVerdict}
    for one in found.criteria:
        shown = f"{one.criterion} ({show(one.effect)})" if one.effect.known else one.criterion
        groups[one.verdict].append(shown)
    intro = {
        DriverVerdict.DRIVER: "Meeting these goes with higher CSAT (share of the scale)",
        DriverVerdict.REVERSED: "Meeting these goes with lower CSAT; review question and ratings",
        DriverVerdict.DEAD: f"These move CSAT by less than {found.band:g} of its scale",
        DriverVerdict.NOT_ENOUGH: "Not enough data to say",
    }
    said = [f"{intro[v]}: {', '.join(names)}." for v, names in groups.items() if names]
    for side in (Asymmetry.PREVENTS, Asymmetry.LIFTS):
        names = [c.criterion for c in found.criteria if c.asymmetry is side]
        if names:
            said.append(f"{side.capitalize()}: {', '.join(names)}.")
    if found.explained.known:
        said.append(
            "The criteria explain "
            f"{show(found.explained, with_n=True)} of the variation of CSAT beyond the controls."
        )
    return [*said, *found.caveats]
