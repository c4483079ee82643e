"""The review page's view of one conversation, for notebooks: the same look, nothing to fill in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from autoqa.errors import RecordError
from autoqa.evaluation.wording import without_controls
from autoqa.records import CSAT, Evaluation, Evidence, RaterKind, Rating, Transcript
from autoqa.scorecard import Scorecard, evaluate

if TYPE_CHECKING:
    from autoqa.review.web.criterion_cards import CriterionCard
    from autoqa.review.web.curve import Curve

_SHEETS = ("app.css", "conversation.css", "inline.css")


@dataclass(frozen=True, slots=True)
class InlineConversation:
    """A conversation to look at; a notebook shows it where it is the last value of a cell.

    Attributes
    ----------
    page : str
        One HTML page without scripts that loads nothing.
    height : int
        Pixels that it takes in a notebook.
    """

    page: str
    height: int

    def _repr_html_(self) -> str:
        """Return a frame that can neither run scripts nor touch the notebook around it."""
        return (
            f'<iframe sandbox title="autoqa" width="100%" height="{self.height}" '
            f'style="border:0" srcdoc="{escape(self.page)}"></iframe>'
        )


def show_conversation(
    transcript: Transcript,
    evaluation: Evaluation | Sequence[Rating],
    card: Scorecard,
    *,
    others: Sequence[Evaluation | Sequence[Rating]] = (),
    csat: Iterable[Rating] = (),
    csat_scale: tuple[float, float] = (1, 5),
    language: str = "en",
    height: int = 720,
) -> InlineConversation:
    """Show a conversation as the review page does, in a notebook.

    Opening a criterion highlights the words that its answer rests on; the numbers of turns lead to
    them.

    Parameters
    ----------
    transcript : Transcript
    evaluation : Evaluation or sequence of Rating
        Of a model or a person; its evidence is highlighted. Of ratings, as `autoqa.read_ratings`
        gives them, those of this conversation are taken.
    card : Scorecard
        That the evaluations were made with.
    others : sequence of Evaluation or of ratings
        By other raters, shown beside it by name.
    csat : iterable of Rating
        Predicted CSAT of this conversation, and maybe of others. Those of single turns,
        ``Rating.turn``, make the satisfaction curve.
    csat_scale : tuple of float
        Lowest and highest level of the prediction.
    language : str
        Of the words around the conversation; one of `autoqa.evaluation.wording.LANGUAGES`.
    height : int
        In pixels.

    Raises
    ------
    RecordError
        If an evaluation is of another conversation, or no rating is of this one.
    ScorecardError
        If a rating is of a criterion that the scorecard does not have.
    DataError
        If there are no words in the language.

    Examples
    --------
    >>> show_conversation(transcript, evaluation, card)  # doctest: +SKIP
    """
    from markupsafe import Markup

    from autoqa.review.web.curve import ticks
    from autoqa.review.web.labels import labels
    from autoqa.review.web.templating import new_environment
    from autoqa.review.web.turns import CHANNELS, shown_turns

    its_id = transcript.conversation_id
    first, *rest = (_evaluation(one, card, its_id) for one in (evaluation, *others))
    predictions = [one for one in csat if (one.conversation_id, one.criterion) == (its_id, CSAT)]
    evidence = _evidence(first)
    cards = _cards(transcript, first, evidence, card, rest)
    sheets = [(files("autoqa.review.web") / "static" / name).read_text("utf-8") for name in _SHEETS]
    css = "\n".join([*sheets, *(_highlight(i, one.id) for i, one in enumerate(cards))])
    template = new_environment().get_template("conversation_inline.html.j2")
    html = template.render(
        say=labels(language),
        lang=language,
        css=Markup(css),  # noqa: S704  files of this package, and ids of criteria
        digest=base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii"),
        told=transcript,
        channels=CHANNELS,
        turns=shown_turns(transcript, evidence),
        ticks=ticks(evidence),
        card=card,
        cards=cards,
        evaluation=first,
        others=rest,
        human=RaterKind.HUMAN,
        curve=_curve(transcript, predictions, csat_scale),
        csat=next((one for one in predictions if one.turn is None), None),
        link=lambda _, turn: f"#turn-{turn + 1}",
    )
    return InlineConversation(without_controls(html), height)


def _evaluation(
    given: Evaluation | Sequence[Rating], card: Scorecard, conversation_id: str
) -> Evaluation:
    """Return an evaluation of this conversation, summed up where ratings alone are given."""
    if not isinstance(given, Evaluation):
        its = [one for one in given if one.conversation_id == conversation_id]
        if not its:
            raise RecordError(f"no rating is of '{conversation_id}'; pass those of its rater")
        return evaluate([one for one in its if one.criterion != CSAT], card)
    if given.conversation_id != conversation_id:
        raise RecordError(
            f"the evaluation is of '{given.conversation_id}', the transcript of "
            f"'{conversation_id}'; pass what belongs together"
        )
    for rating in given.ratings:
        card.criterion(rating.criterion)
    return given


def _cards(
    transcript: Transcript,
    evaluation: Evaluation,
    evidence: Mapping[str, Sequence[Evidence]],
    card: Scorecard,
    others: Sequence[Evaluation],
) -> list[CriterionCard]:
    from autoqa.review.web.criterion_cards import Answered, CriterionCard, quotes_of

    def answers(one: Evaluation) -> dict[str, Answered]:
        return {
            rating.criterion: Answered(rating=rating, by=one.rater)
            for rating in one.ratings
            if rating.turn is None
        }

    first, rest = answers(evaluation), [answers(one) for one in others]
    return [
        CriterionCard(
            criterion=criterion,
            model=first.get(criterion.id),
            quotes=quotes_of(transcript, evidence.get(criterion.id, ())),
            peers=[one[criterion.id] for one in rest if criterion.id in one],
        )
        for criterion in card.criteria
    ]


def _evidence(evaluation: Evaluation) -> dict[str, tuple[Evidence, ...]]:
    found: dict[str, tuple[Evidence, ...]] = {}
    for rating in evaluation.ratings:
        found[rating.criterion] = found.get(rating.criterion, ()) + rating.evidence
    return found


def _curve(
    transcript: Transcript, predictions: Sequence[Rating], scale: tuple[float, float]
) -> Curve | None:
    from autoqa.review.web.curve import Curve

    points = sorted(
        (one.turn, one.expected)
        for one in predictions
        if one.turn is not None and one.expected is not None
    )
    if not points:
        return None
    return Curve(points=tuple(points), scale=scale, n_turns=len(transcript.turns))


def _highlight(place: int, criterion: str) -> str:
    """Return the rules that highlight a criterion's evidence while its answer is open."""
    opened, its = f"body:has(#answer-{place}[open])", f'[class~="ev-{criterion}"]'
    return (
        f"{opened} .evidence{its} {{ background: var(--mark); color: var(--mark-ink); "
        "border-bottom: 2px solid currentColor; }\n"
        f"{opened} .turn{its} {{ border-left-color: var(--partly); }}\n"
        f"{opened} .part{its} {{ display: inline-block; }}\n"
        f"{opened} .tick{its} {{ display: inline; }}"
    )
