"""Everything that one centre's ratings and surveys can say, and why the rest cannot be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from autoqa.evaluation.calibration import ReliabilityBin
from autoqa.evaluation.claims import ClaimsReport
from autoqa.evaluation.comparison import Comparison
from autoqa.evaluation.drivers import CsatDrivers, Realignment
from autoqa.evaluation.figures import to_plain
from autoqa.evaluation.prediction_powered import PoweredMean
from autoqa.evaluation.raters import RaterReport, Replacement
from autoqa.evaluation.review_policies import PolicyResult
from autoqa.evaluation.selection import YieldCurve
from autoqa.evaluation.selective import RiskCoverageCurve
from autoqa.evaluation.stability import FairnessReport
from autoqa.evaluation.stability.agreement_over_time import AgreementHistory
from autoqa.evaluation.study.figures import StudyFigures
from autoqa.evaluation.study.predicted_csat import MatchedCsat
from autoqa.evaluation.study.satisfaction import SatisfactionPath
from autoqa.evaluation.surveys import SurveyTruth
from autoqa.records import SCHEMA_VERSION


class Part(StrEnum):
    """One question of a study."""

    REPLACEMENT = "replacement"  # may the model stand in for a person?
    RATERS = "raters"  # do people rate alike?
    CLAIMS = "claims"
    DRIVERS = "drivers"
    REALIGNMENT = "realignment"
    SURVEY_TRUTH = "survey_truth"
    MATCHED_CSAT = "matched_csat"
    TEAM_MEANS = "team_means"
    REVIEW_YIELD = "review_yield"
    CALIBRATION = "calibration"
    RISK_COVERAGE = "risk_coverage"
    FAIRNESS = "fairness"
    OVER_TIME = "over_time"
    SATISFACTION = "satisfaction"  # by turn, of a few conversations


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Study(StudyFigures):
    """A Comparison, and every further question that the data at hand can answer.

    Attributes
    ----------
    comparison : Comparison
    replacement : mapping of criterion to Replacement
        Empty where no criterion had the people and items for a test; else some may say "not
        enough data".
    raters : mapping of criterion to RaterReport
    claims : ClaimsReport or None
    drivers : CsatDrivers or None
        Of people's ratings where enough surveyed conversations have them, else of automated ones.
    drivers_of : str
        ``human`` or ``automated``; the same holds for `realignment`.
    realignment : Realignment or None
        Only with a scorecard.
    survey_truth : SurveyTruth or None
    matched_csat : MatchedCsat or None
        Predicted against surveyed shares of levels, before and after matching.
    team_means : tuple of PoweredMean
        Mean QA total by team, from reviews and all scores.
    means_by : str
        ``team``; ``agent`` where no team is known; ``centre`` for one mean of everything.
    review_yield : YieldCurve or None
        Bad conversations found by reviewing the lowest automated scores first.
    bad_is : str
        What makes a conversation bad, in words: among the lowest totals by people, or a
        dissatisfied customer.
    review_policies : tuple of PolicyResult
        Empty unless every scored conversation is labelled.
    calibration : mapping of criterion to its reliability table
        Of the probability that the model gave its own answer; `ReliabilityBin.correct` is the
        share of people's ratings (of survey answers, for ``csat``) at the same level.
    risk_coverage : mapping of criterion to RiskCoverageCurve
        Risk: the share of people who gave another level.
    fairness : tuple of FairnessReport
        One per attribute whose groups differ: team, language, channel, groups of agents.
    over_time : mapping of criterion to AgreementHistory
        Criteria with two spans of time or more.
    satisfaction : tuple of SatisfactionPath
    missing : mapping of Part to why it is not there
        In plain sentences: what is missing, and what to bring. Every part is either here or has
        its field filled.
    caveats : mapping of Part to sentences
        What a reader must know of a part that is there.
    n_scored, n_reviewed, n_surveyed : int
        Conversations with automated ratings, with human ratings, with a survey answer.
    """

    comparison: Comparison
    replacement: Mapping[str, Replacement] = field(default_factory=dict)
    raters: Mapping[str, RaterReport] = field(default_factory=dict)
    claims: ClaimsReport | None = None
    drivers: CsatDrivers | None = None
    drivers_of: str = ""
    realignment: Realignment | None = None
    survey_truth: SurveyTruth | None = None
    matched_csat: MatchedCsat | None = None
    team_means: tuple[PoweredMean, ...] = ()
    means_by: str = ""
    review_yield: YieldCurve | None = None
    review_policies: tuple[PolicyResult, ...] = ()
    bad_is: str = ""
    calibration: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict)
    risk_coverage: Mapping[str, RiskCoverageCurve] = field(default_factory=dict)
    fairness: tuple[FairnessReport, ...] = ()
    over_time: Mapping[str, AgreementHistory] = field(default_factory=dict)
    satisfaction: tuple[SatisfactionPath, ...] = ()
    missing: Mapping[Part, str] = field(default_factory=dict)
    caveats: Mapping[Part, tuple[str, ...]] = field(default_factory=dict)
    n_scored: int = 0
    n_reviewed: int = 0
    n_surveyed: int = 0

    def summary(self, *, unanswered: bool = True) -> list[str]:
        """Return what the study says in plain sentences, the comparison's first.

        Parameters
        ----------
        unanswered : bool
            Whether to end with what could not be answered, and what to bring.
        """
        from autoqa.evaluation.study.words import summary

        return summary(self, unanswered=unanswered)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON; undefined figures are None.

        The probabilities and weights of single conversations in `survey_truth` are left out.
        """
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        truth = held.pop("survey_truth")
        plain: dict[str, Any] = {name: _plain(value) for name, value in held.items()}
        plain["survey_truth"] = None if truth is None else _plain_truth(truth)
        return {"schema_version": SCHEMA_VERSION, "summary": self.summary(), **plain}

    def __repr__(self) -> str:
        there = [str(part) for part in Part if part not in self.missing]
        return (
            f"<Study of {self.n_scored} scored, {self.n_reviewed} reviewed and {self.n_surveyed} "
            f"surveyed conversations: {', '.join(there) or 'comparison only'}>"
        )

    def _repr_html_(self) -> str:
        from autoqa.evaluation.study.words import to_html

        return to_html(self)


def _plain(value: Any) -> Any:
    """Turn a part into JSON, by its own `to_dict` where it has one."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, tuple):
        return [_plain(held) for held in value]
    return to_plain(value)


def _plain_truth(truth: SurveyTruth) -> dict[str, Any]:
    return {
        "figures": to_plain(truth.figures),
        "overlap": to_plain(truth.overlap) | {"warnings": list(truth.overlap.warnings)},
        "response_auc": to_plain(truth.response_auc),
    }
