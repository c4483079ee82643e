"""Words that evaluation uses for its findings, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoqa.evaluation.agreement_intervals import Distortion
from autoqa.evaluation.claims import CLAIMS
from autoqa.evaluation.claims import Verdict as ClaimVerdict
from autoqa.evaluation.drivers import Advice
from autoqa.evaluation.drivers.verdicts import Asymmetry, DriverVerdict
from autoqa.evaluation.figures import Verdict
from autoqa.evaluation.prediction_powered import NOTES
from autoqa.evaluation.quadrants import QUADRANTS
from autoqa.evaluation.raters import ReplacementVerdict
from autoqa.evaluation.render import NAMES
from autoqa.evaluation.stability.fairness import MEASURES, GapVerdict
from autoqa.evaluation.surveys.response import WARNINGS
from autoqa.evaluation.wording import Say
from autoqa.records import Speaker

FINDINGS = (
    "severe",
    "lenient",
    "uses the ends of the scale",
    "keeps to the middle of the scale",
    "agrees little with the others",
    "became milder",
    "became more severe",
    "answers 'not applicable' more often",
    "answers 'not applicable' less often",
)
"""What `autoqa.evaluation.raters.report` finds of a rater."""

POLICY_NAMES: Mapping[str, str] = {
    "random": "at random",
    "flagged": "flagged only",
    "flagged_and_audit": "flagged, and some at random",
    "stratified": "stratified by score",
    "uncertainty": "uncertain ones more often",
}
"""What a way of choosing reviews is called in print."""

SURVEY_FIGURES: Mapping[str, str] = {
    "mean": "mean CSAT, share of its scale",
    "dissatisfied": "dissatisfied customers",
    "positive": "satisfied customers",
    "top_box": "customers with the best answer",
}
"""What a figure of `SurveyTruth` is called in print."""


def figure_name(name: str, say: Say) -> str:
    """Return what a measure of agreement or association is called."""
    return say(NAMES.get(name, name))


def named_elsewhere() -> Iterator[str]:
    """Yield every text that is said by what evaluation returns, not where it is written."""
    for words in (Verdict, Distortion, ReplacementVerdict, DriverVerdict, Asymmetry, Advice):
        yield from map(str, words)
    for more in (ClaimVerdict, GapVerdict, Speaker, QUADRANTS, FINDINGS):
        yield from map(str, more)
    for texts in (NAMES, POLICY_NAMES, SURVEY_FIGURES, MEASURES, NOTES, WARNINGS):
        yield from texts.values()
    for claim in CLAIMS:
        yield claim.question
