"""Ask every question of a centre's data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.comparison import compare
from autoqa.evaluation.study import (
    customers,
    models,
    people,
    predicted_csat,
    reviews,
    satisfaction,
    stability,
)
from autoqa.evaluation.study.data import Found, StudyData
from autoqa.evaluation.study.study import Part, Study
from autoqa.records import CSAT, LabelledTranscript, Rating, Survey, Transcript
from autoqa.scorecard.schema import Scorecard

_Asked: TypeAlias = tuple[str, Callable[[StudyData], Found]]

_QUESTIONS: Mapping[Part, _Asked] = {
    Part.REPLACEMENT: ("Testing whether the model may stand in for a person", people.replacement),
    Part.RATERS: ("Describing the raters", people.raters),
    Part.CLAIMS: ("Testing practitioners' claims", customers.claims),
    Part.DRIVERS: ("Looking for what moves CSAT", customers.drivers),
    Part.REALIGNMENT: ("Looking for weights that go with CSAT", customers.realignment),
    Part.SURVEY_TRUTH: ("Weighing survey answers by who answers", customers.silent_customers),
    Part.MATCHED_CSAT: ("Matching predicted CSAT to the answers", predicted_csat.matched_csat),
    Part.TEAM_MEANS: ("Estimating means from few reviews", reviews.team_means),
    Part.REVIEW_YIELD: ("Counting what reviews would find", reviews.yields),
    Part.CALIBRATION: ("Checking probabilities", models.calibration),
    Part.RISK_COVERAGE: ("Tracing risk against coverage", models.coverage),
    Part.FAIRNESS: ("Comparing groups", stability.fairness),
    Part.OVER_TIME: ("Following agreement over time", stability.over_time),
    Part.SATISFACTION: ("Choosing conversations to show", satisfaction.paths),
}


def conduct_study(
    automated: Sequence[Rating],
    human: Sequence[Rating],
    *,
    surveys: Sequence[Survey] = (),
    conversations: Iterable[LabelledTranscript | Transcript] = (),
    card: Scorecard | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    curves: Sequence[Rating] = (),
    parts: Mapping[str, Sequence[str]] | None = None,
    failure_topics: Sequence[str] = (),
    seed: int = 7,
    n_resamples: int = 1000,
    progress: Callable[[str], None] | None = None,
) -> Study:
    """Compare automated QA, human QA and CSAT, and answer every further question that data allow.

    What cannot be answered is in `Study.missing`, with what to bring.

    Parameters
    ----------
    automated, human, surveys, card, scales
        As in `autoqa.evaluation.comparison.compare`.
    conversations : iterable of LabelledTranscript or Transcript
        Agents, teams, channels, languages, topics, times, handle times and outcomes; their own
        ratings and surveys are not used. Where agents are known, intervals resample them.
    curves : sequence of Rating
        Predictions of the criterion ``csat`` after single turns, as ``autoqa score --curve``
        writes them; those among `automated` count as well.
    parts : mapping of part to criteria, optional
        Which criteria stand for which part of service quality in claims; see
        `autoqa.evaluation.claims.parts_of`.
    failure_topics : sequence of str
        Topics that a failure of the service brings about, for claims.
    seed, n_resamples : int
        Of every bootstrap; drivers of CSAT take 300 resamples at most.
    progress : callable, optional
        Is told each step.

    Returns
    -------
    Study

    Raises
    ------
    DataError
        If there is nothing to compare, or two automated raters rated the same item.
    ScaleError
        If a level is not on its criterion's scale.
    """
    say = progress or (lambda _: None)
    whole = [rating for rating in automated if not _is_curve(rating)]
    curve = [*(rating for rating in automated if _is_curve(rating)), *curves]
    known = {
        one.transcript.conversation_id: one
        for one in (
            LabelledTranscript(transcript=given) if isinstance(given, Transcript) else given
            for given in conversations
        )
    }
    say("Comparing automated QA, human QA and CSAT")
    comparison = compare(
        [*whole, *curve],
        human,
        card=card,
        surveys=surveys,
        agents={key: one.transcript.agent for key, one in known.items() if one.transcript.agent},
        scales=scales,
        seed=seed,
        n_resamples=n_resamples,
    )
    data = StudyData(
        comparison=comparison,
        automated=whole,
        human=human,
        surveys=surveys,
        conversations=known,
        curves=curve,
        card=card,
        scales=scales or {},
        parts=parts,
        failure_topics=failure_topics,
        seed=seed,
        n_resamples=n_resamples,
    )
    fields: dict[str, Any] = {}
    missing: dict[Part, str] = {}
    caveats: dict[Part, tuple[str, ...]] = {}
    for part, (step, answer) in _QUESTIONS.items():
        say(step)
        try:
            found = answer(data)
        except (DataError, ScaleError) as why:
            missing[part] = str(why)
            continue
        fields |= found.fields
        if found.caveats:
            caveats[part] = tuple(found.caveats)
    return Study(
        comparison=comparison,
        missing=missing,
        caveats=caveats,
        n_scored=len({rating.conversation_id for rating in whole}),
        n_reviewed=len({rating.conversation_id for rating in human}),
        n_surveyed=len(data.csat),
        **fields,
    )


def _is_curve(rating: Rating) -> bool:
    return rating.criterion == CSAT and rating.turn is not None
