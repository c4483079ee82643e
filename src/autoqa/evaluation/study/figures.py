"""The figures of a study, drawn by `autoqa.evaluation.plots`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from autoqa.errors import DataError, near_miss
from autoqa.evaluation.wording import Say, english

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autoqa.evaluation.calibration import ReliabilityBin
    from autoqa.evaluation.comparison import Comparison
    from autoqa.evaluation.drivers import CsatDrivers, Realignment
    from autoqa.evaluation.prediction_powered import PoweredMean
    from autoqa.evaluation.raters import RaterReport, Replacement
    from autoqa.evaluation.review_policies import PolicyResult
    from autoqa.evaluation.selection import YieldCurve
    from autoqa.evaluation.selective import RiskCoverageCurve
    from autoqa.evaluation.stability import FairnessReport
    from autoqa.evaluation.stability.agreement_over_time import AgreementHistory
    from autoqa.evaluation.study.satisfaction import SatisfactionPath
    from autoqa.evaluation.study.study import Part
    from autoqa.evaluation.surveys import SurveyTruth

Held = TypeVar("Held")


class StudyFigures:
    """One method per figure; each raises DataError where the study does not hold its part.

    Every method takes `say`, which translates what is written.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        comparison: Comparison
        replacement: Mapping[str, Replacement]
        raters: Mapping[str, RaterReport]
        drivers: CsatDrivers | None
        realignment: Realignment | None
        survey_truth: SurveyTruth | None
        team_means: tuple[PoweredMean, ...]
        review_yield: YieldCurve | None
        review_policies: tuple[PolicyResult, ...]
        calibration: Mapping[str, tuple[ReliabilityBin, ...]]
        risk_coverage: Mapping[str, RiskCoverageCurve]
        fairness: tuple[FairnessReport, ...]
        over_time: Mapping[str, AgreementHistory]
        satisfaction: tuple[SatisfactionPath, ...]
        missing: Mapping[Part, str]

    def plot_agreement(self, *, figure: str = "quadratic_kappa", say: Say = english) -> Figure:
        """Draw agreement by criterion beside its human ceiling."""
        return self.comparison.plot_agreement(figure=figure, say=say)

    def plot_quadrants(self, *, say: Say = english) -> Figure:
        """Draw agents by QA and CSAT."""
        return self.comparison.plot_quadrants(say=say)

    def plot_replacement(self, *, say: Say = english) -> Figure:
        """Draw whether the model may stand in for a person, by criterion."""
        from autoqa.evaluation.plots import plot_replacement

        return plot_replacement(self._held(self.replacement, "replacement"), say=say)

    def plot_rater_severity(self, criterion: str | None = None, *, say: Say = english) -> Figure:
        """Draw how severe each rater is.

        Parameters
        ----------
        criterion : str, optional
            The one with most raters who need a session where absent.
        say : Say
        """
        from autoqa.evaluation.plots import plot_rater_severity

        reports = self._held(self.raters, "raters")
        chosen = criterion or max(reports, key=lambda name: len(reports[name].need_session))
        return plot_rater_severity(_of(reports, chosen, "criterion"), say=say)

    def plot_drivers(self, *, say: Say = english) -> Figure:
        """Draw which criteria move CSAT."""
        from autoqa.evaluation.plots import plot_drivers

        return plot_drivers(self._held(self.drivers, "drivers"), say=say)

    def plot_dominance(self, *, say: Say = english) -> Figure:
        """Draw each criterion's share of the variation of CSAT."""
        from autoqa.evaluation.plots import plot_dominance

        return plot_dominance(self._held(self.drivers, "drivers"), say=say)

    def plot_weights(self, *, say: Say = english) -> Figure:
        """Draw the scorecard's weights now and as suggested."""
        from autoqa.evaluation.plots import plot_weights

        return plot_weights(self._held(self.realignment, "realignment"), say=say)

    def plot_survey_truth(self, *, say: Say = english) -> Figure:
        """Draw CSAT before and after weighting for who answers."""
        from autoqa.evaluation.plots import plot_survey_truth

        return plot_survey_truth(self._held(self.survey_truth, "survey_truth"), say=say)

    def plot_team_means(self, *, say: Say = english) -> Figure:
        """Draw mean QA totals of teams from few reviews and all scores."""
        from autoqa.evaluation.plots import plot_team_means

        return plot_team_means(self._held(self.team_means, "team_means"), say=say)

    def plot_review_yield(self, *, say: Say = english) -> Figure:
        """Draw the bad conversations that reviewing the lowest scores finds."""
        from autoqa.evaluation.plots import plot_review_yield

        return plot_review_yield(self._held(self.review_yield, "review_yield"), say=say)

    def plot_policies(self, *, say: Say = english) -> Figure:
        """Draw what ways of choosing reviews find, and how well they estimate."""
        from autoqa.evaluation.plots import plot_policies

        if self.review_yield is not None and not self.review_policies:
            raise DataError(
                "Ways of choosing reviews are compared only where every scored conversation is "
                "labelled: reviewed by people, or surveyed."
            )
        return plot_policies(self._held(self.review_policies, "review_yield"), say=say)

    def plot_reliability(self, *, say: Say = english) -> Figure:
        """Draw by criterion what probabilities claim against what comes true."""
        from autoqa.evaluation.plots import plot_reliability

        return plot_reliability(self._held(self.calibration, "calibration"), say=say)

    def plot_risk_coverage(self, *, say: Say = english) -> Figure:
        """Draw by criterion what abstaining buys."""
        from autoqa.evaluation.plots import plot_risk_coverage

        return plot_risk_coverage(self._held(self.risk_coverage, "risk_coverage"), say=say)

    def plot_gaps(self, attribute: str | None = None, *, say: Say = english) -> Figure:
        """Draw the gaps between groups of an attribute, the first one where none is named."""
        from autoqa.evaluation.plots import plot_gaps

        reports = {report.attribute: report for report in self._held(self.fairness, "fairness")}
        chosen = _of(reports, attribute or next(iter(reports)), "attribute")
        return plot_gaps(chosen, say=say)

    def plot_agreement_history(self, criterion: str | None = None, *, say: Say = english) -> Figure:
        """Draw agreement over time of a criterion, the first one where none is named."""
        from autoqa.evaluation.plots import plot_agreement_history

        histories = self._held(self.over_time, "over_time")
        chosen = _of(histories, criterion or next(iter(histories)), "criterion")
        return plot_agreement_history(chosen, say=say)

    def plot_satisfaction(self, conversation: str | None = None, *, say: Say = english) -> Figure:
        """Draw predicted CSAT turn by turn, of the first example where none is named."""
        from autoqa.evaluation.plots import plot_satisfaction

        paths = {
            path.conversation_id: path for path in self._held(self.satisfaction, "satisfaction")
        }
        chosen = _of(paths, conversation or next(iter(paths)), "conversation")
        return plot_satisfaction(chosen, say=say)

    def _held(self, found: Held | None, part: str) -> Held:
        """Return a part of the study, or raise the sentence that says why it is not there."""
        from autoqa.evaluation.study.study import Part

        name = Part(part)
        if found is None or (isinstance(found, Mapping | tuple) and not found):
            raise DataError(self.missing.get(name, f"This study holds no {name}."))
        return found


def _of(held: Mapping[str, Held], name: str, kind: str) -> Held:
    if name not in held:
        raise DataError(
            f"No {kind} named '{name}' in this study.{near_miss(name, held)} "
            f"Known: {', '.join(held)}."
        )
    return held[name]
