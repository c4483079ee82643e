"""Which conversations show how predicted satisfaction went."""

import pytest

from autoqa.evaluation.study import Part, conduct_study
from autoqa.records import (
    CSAT,
    Evidence,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Survey,
    Transcript,
    Turn,
)


def predicted(conversation, expected, turn=None, evidence=()):
    return Rating(
        conversation_id=conversation, criterion=CSAT, rater="model", kind=RaterKind.MODEL,
        status=Status.RATED, level=round(expected), expected=expected, turn=turn,
        evidence=evidence,
    )  # fmt: skip


def talk(conversation, texts):
    turns = [
        Turn(speaker=speaker, text=text)
        for said in texts
        for speaker, text in ((Speaker.CUSTOMER, said), (Speaker.AGENT, "I see."))
    ]
    return Transcript(conversation_id=conversation, turns=tuple(turns))


COURSES = {
    "falls": (4.0, 4.5, 1.5),
    "rises": (3.0, 1.5, 4.0),
    "even": (3.0, 3.1, 3.0),
    "short": (5.0, 1.0),
}
SURVEYED = {"falls": 1, "rises": 4, "even": 5, "short": 1}


@pytest.fixture
def found():
    whole = [predicted(name, course[-1]) for name, course in COURSES.items()]
    curves = [
        predicted(name, value, 2 * i, (Evidence(turn=2 * i, start=0, end=4, contribution=-0.5),
                                       Evidence(turn=0, start=0, end=1, contribution=2.0)))
        for name, course in COURSES.items()
        for i, value in enumerate(course)
    ]  # fmt: skip
    texts = ("Nope, wrong.", "Mail ann@example.org now.", "Ok so be it.")
    return conduct_study(
        [*whole, *curves],  # predictions by turn may come along with the others
        [],
        surveys=[
            Survey(conversation_id=name, score=score, scale=(1, 5))
            for name, score in SURVEYED.items()
        ],
        conversations=[talk(name, texts[: len(course)]) for name, course in COURSES.items()],
        n_resamples=10,
    )


def test_the_deepest_fall_the_largest_recovery_and_the_farthest_miss_are_shown(found):
    shown = {path.conversation_id: path for path in found.satisfaction}
    assert list(shown) == ["falls", "even", "rises"]  # two falls, then what is left
    assert shown["falls"].why_shown.startswith("Fell by 3.0")  # 4.5 to 1.5
    assert shown["even"].why_shown.startswith("Fell by 0.1")
    assert shown["rises"].why_shown.startswith("Rose by 2.5")  # 1.5 to 4.0
    assert "short" not in shown  # two customer turns are no course
    assert shown["falls"].surveyed == 1.0
    assert shown["falls"].scale == (1, 5)


def test_steps_show_redacted_words_and_the_evidence_within_the_turn(found):
    path = found.satisfaction[0]
    assert [(step.turn, step.expected) for step in path.steps] == [(0, 4.0), (2, 4.5), (4, 1.5)]
    first, second, third = path.steps
    assert first.quote == (0, 1)  # the larger contribution of two
    assert third.text[slice(*third.quote)] == "Ok s"
    assert third.contribution == -0.5  # what lies in another turn is not quoted here
    assert second.speaker == "customer"
    assert "ann@example.org" not in second.text


def test_other_parts_say_what_they_lack_of_predictions_alone(found):
    assert "No surveyed conversation has a rating" in found.missing[Part.DRIVERS]
    assert found.missing.keys() == set(Part) - {Part.SATISFACTION}
