"""The section with predicted satisfaction turn by turn, and the words that moved it."""

from __future__ import annotations

from autoqa.evaluation.plots import plot_satisfaction
from autoqa.evaluation.study import SatisfactionPath, SatisfactionStep, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.charts import chart
from autoqa.reports.content import Example, Passage, Section, Step, Text, Tone
from autoqa.reports.numbers import texts


def satisfaction(study: Study, say: Say) -> Section | None:
    """A few conversations, each turn with its prediction and its telling words."""
    paths = study.satisfaction
    if not paths:
        return None
    return Section(
        id="satisfaction",
        title=say("Satisfaction turn by turn"),
        lead=say(
            "{n} conversations in which predicted satisfaction moved, or missed, the most. Marked "
            "words moved the prediction.",
            n=len(paths),
        ),
        examples=tuple(_example(number, path, say) for number, path in enumerate(paths, 1)),
        notes=texts(
            say(
                "These are predictions of a model from words, not measurements of a person's "
                "feelings; texts are redacted."
            )
        ),
    )


def _example(number: int, path: SatisfactionPath, say: Say) -> Example:
    low, high = path.scale
    about = [
        say(
            "The customer's survey answer: {score:g}, on a scale of {low:g} to {high:g}.",
            score=path.surveyed,
            low=low,
            high=high,
        )
        if path.surveyed is not None
        else say("No survey answer; the scale is {low:g} to {high:g}.", low=low, high=high)
    ]
    return Example(
        title=say("Conversation {id}", id=path.conversation_id),
        about=(
            *((Text(path.why_shown + ".", english=True),) if path.why_shown else ()),
            *texts(*about),
        ),
        chart=chart(
            lambda: plot_satisfaction(path, say=say),
            id=f"satisfaction-{number}",
            label=say("Predicted satisfaction by turn of {id}", id=path.conversation_id),
            caption=say(
                "Predicted satisfaction after each customer turn; n={n} turns.", n=len(path.steps)
            ),
        ),
        steps=tuple(_step(one, say) for one in path.steps),
    )


def _step(one: SatisfactionStep, say: Say) -> Step:
    who = say("{speaker}, turn {turn}:", speaker=say(one.speaker), turn=one.turn + 1)
    expected = say("predicted {expected:.1f}", expected=one.expected)
    if one.quote is None:
        return Step(who, (Passage(one.text),), expected, "")
    start, end = one.quote
    passages = (
        Passage(one.text[:start]),
        Passage(one.text[start:end], marked=True),
        Passage(one.text[end:]),
    )
    moved = say("marked words: {contribution:+.2f}", contribution=one.contribution)
    return Step(
        who,
        tuple(passage for passage in passages if passage.text),
        expected,
        moved,
        Tone.GOOD if one.contribution > 0 else Tone.BAD if one.contribution < 0 else None,
    )
