"""Mean QA scores from a few human reviews and automated scores on everything.

People's scores are taken as the truth and the automated ones as a help: the estimate is the mean of
the reviewed conversations, moved by how far their automated scores lie from everybody's. However
wrong the automated scores are, the estimate stays right; where they are good, the interval shrinks.

All of it rests on knowing how the reviewed conversations were drawn. Flagged conversations are
worse than others, so each reviewed one needs its probability of being drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autoqa.errors import DataError
from autoqa.evaluation.intervals import Estimate
from autoqa.evaluation.jackknife import ReviewedGroups, Target, Tuning
from autoqa.evaluation.tables import FloatArray, IntArray, ratio

FEW_REVIEWS = 10
"""Below this many independent reviews an interval leans on the scores being roughly normal."""

NOTES = {
    "few_reviews": f"Fewer than {FEW_REVIEWS} independent reviews: a rough interval.",
    "no_spread": "All reviews gave the same score, so there is nothing to base an interval on.",
    "reviews_look_selected": "The automated scores of the reviewed conversations differ from the "
    "others' by more than chance: check how the reviews were drawn.",
    "probabilities_do_not_add_up": "The probabilities imply another number of conversations than "
    "there are: check them.",
}
"""What each note of a `PoweredMean` means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredMean:
    """The mean human score of one group, as if every conversation had been reviewed.

    Attributes
    ----------
    estimate : Estimate
        From reviews and automated scores; ``n`` counts reviews. Without interval below 3 reviews.
    human_only : Estimate
        From the reviews alone, drawn in the same way.
    automated_mean : float
        Plain mean of the automated scores, with whatever bias they have.
    tuning : float
        The weight lambda given to the automated scores: 0 ignores them.
    n_scored : int
        Conversations with an automated score.
    equivalent_reviews : float
        Reviews that people alone would need for the same standard error.
    notes : tuple of str
        Keys of `NOTES`.
    """

    group: str
    estimate: Estimate
    human_only: Estimate
    automated_mean: float
    tuning: float
    n_scored: int
    equivalent_reviews: float
    notes: tuple[str, ...] = ()

    @property
    def saved_reviews(self) -> float:
        """Reviews that the automated scores save at equal width; below 0 where they cost some."""
        return self.equivalent_reviews - self.estimate.n

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, None for nan."""
        plain = {k: v for k, v in asdict(self).items() if k not in ("estimate", "human_only")}
        plain = {k: None if isinstance(v, float) and v != v else v for k, v in plain.items()}
        return plain | {
            "notes": list(self.notes),
            "estimate": self.estimate.to_dict(counts=True),
            "human_only": self.human_only.to_dict(counts=True),
        }


def prediction_powered_means(
    human: npt.ArrayLike,
    automated: npt.ArrayLike,
    *,
    probabilities: npt.ArrayLike | Literal["equal"],
    groups: npt.ArrayLike | Sequence[Any] | None = None,
    clusters: npt.ArrayLike | Sequence[Any] | None = None,
    target: Target = "conversations",
    tuning: Tuning = "own",
    level: float = 0.95,
) -> tuple[PoweredMean, ...]:
    """Estimate the mean human score of each group, with the help of automated scores.

    With reviews S of the N scored conversations and weights 1/probability, the estimate is
    ``mean_S(y) + lambda (mean_N(f) - mean_S(f))``. For equal probabilities and own tuning this is
    the PPI++ estimate with its variance-minimising lambda. The standard error is a jackknife over
    reviews (or clusters), corrected for the estimated lambda; the quantile is Student's t, with
    Satterthwaite's degrees of freedom where the weights differ.

    Parameters
    ----------
    human : float array of shape (n_conversations,)
        Scores by people; nan where nobody reviewed.
    automated : float array of shape (n_conversations,)
        Scores of the same conversations, on any scale that goes with the human one.
    probabilities : array of shape (n_conversations,), or "equal"
        How likely each reviewed conversation was to be drawn (see `autoqa.evaluation.selection`);
        those of the others are not used. "equal" states that the reviews of each group are a
        simple random sample of it.
    groups : array of shape (n_conversations,), optional
        Team or agent; one group where absent.
    clusters : array of shape (n_conversations,), optional
        Units that were drawn together or that the answer should generalise over, such as the agents
        of a team. Intervals then take no credit for the share of conversations reviewed.
    target : {"conversations", "process"}
        The mean of these conversations (reviewing all of them leaves no uncertainty), or of what
        the group would score on further ones like them.
    tuning : {"own", "pooled"} or float
        Lambda from each group's reviews; one from all groups, for groups with few reviews each; or
        a stated value: 1 is prediction-powered inference without tuning, 0 ignores the scores.

    Returns
    -------
    tuple of PoweredMean
        One per group, in sorted order.

    Raises
    ------
    DataError
        If arrays differ in length, an automated score is missing, or a probability is not in
        (0, 1]: conversations that could not be drawn cannot be spoken for.

    References
    ----------
    Angelopoulos, Duchi and Zrnic (2023), PPI++: Efficient Prediction-Powered Inference,
    arXiv 2311.01453. Särndal, Swensson and Wretman (1992), Model Assisted Survey Sampling,
    chapter 6. Wolter (2007), Introduction to Variance Estimation, chapter 4.
    """
    y, f = np.asarray(human, dtype=float), np.asarray(automated, dtype=float)
    if y.ndim != 1 or y.shape != f.shape:
        raise DataError(f"{y.size} human scores (nan where none) but {f.size} automated ones.")
    if not np.isfinite(f).all():
        raise DataError(
            f"{int((~np.isfinite(f)).sum())} automated scores are missing; leave those "
            "conversations out, and say so, or score them."
        )
    names, group = np.unique(
        np.zeros(y.size, dtype=np.int64) if groups is None else np.asarray(groups),
        return_inverse=True,
    )
    if group.size != y.size:
        raise DataError(f"{group.size} groups for {y.size} conversations.")
    n_groups, seen = len(names), np.isfinite(y)
    weight = _weights(probabilities, seen, group, n_groups)
    reviewed = ReviewedGroups(y, f, seen, weight, group, n_groups, clusters, target)
    slope, estimated = reviewed.tuned(tuning)
    powered = reviewed.interval(slope, estimated, level)
    alone = reviewed.interval(np.zeros(n_groups), False, level)
    suspicious = reviewed.suspicions()
    implied = reviewed.implied_misses()
    labels = ["all"] if groups is None else [str(name) for name in names]
    equivalent = reviewed.equivalent(powered.variance, alone.variance)
    out = []
    for g, label in enumerate(labels):
        notes = [
            name
            for name, holds in (
                ("few_reviews", powered.independent[g] < FEW_REVIEWS),
                ("no_spread", powered.no_spread[g]),
                ("reviews_look_selected", suspicious[g]),
                ("probabilities_do_not_add_up", implied[g]),
            )
            if holds
        ]
        out.append(
            PoweredMean(
                group=label,
                estimate=powered.of(g),
                human_only=alone.of(g),
                automated_mean=float(reviewed.mean_f[g]),
                tuning=float(slope[g]),
                n_scored=int(reviewed.n_scored[g]),
                equivalent_reviews=float(equivalent[g]),
                notes=tuple(notes),
            )
        )
    return tuple(out)


def _weights(
    probabilities: npt.ArrayLike | str, seen: npt.NDArray[np.bool_], group: IntArray, n_groups: int
) -> FloatArray:
    """Return one design weight per reviewed conversation."""
    if isinstance(probabilities, str):
        if probabilities != "equal":
            raise DataError(f"probabilities is '{probabilities}'; give an array, or 'equal'.")
        share = ratio(
            np.bincount(group, minlength=n_groups), np.bincount(group[seen], minlength=n_groups)
        )
        return np.asarray(share[group[seen]])
    drawn = np.asarray(probabilities, dtype=float)
    if drawn.shape != seen.shape:
        raise DataError(f"{drawn.size} probabilities for {seen.size} conversations.")
    wrong = ~((drawn > 0) & (drawn <= 1)) & (seen | np.isfinite(drawn))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"conversation {at}: probability {drawn[at]} of being reviewed is not in (0, 1]; "
            "leave out conversations that could not be drawn, and say so."
        )
    return np.asarray(1 / drawn[seen])
