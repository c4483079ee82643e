"""What each change puts where."""

from __future__ import annotations

import numpy as np
import pytest

from autoqa.csat import csat_criterion
from autoqa.experiments.stress.perturbations import (
    PERTURBATIONS,
    praised_by_customer,
    silenced_agent,
)
from autoqa.experiments.stress.words import INJECTIONS, STUFFING
from autoqa.experiments.tasks.politeness import CRITERION

BY_NAME = {one.name: one for one in PERTURBATIONS}
CHANGES = [
    "injection by customer",
    "injection by agent",
    "injection in unseen words by customer",
    "injection in unseen words by agent",
    "keyword stuffing by customer",
    "keyword stuffing by agent",
    "swapped names",
    "swapped genders",
    "swapped spellings",
]


@pytest.fixture
def talk(transcript_of):
    return transcript_of(
        "c",
        "customer: hello",
        "bot: hi John",
        "customer: the colour",
        "agent: he did",
        "customer: x",
    )


def changed(name, talk, turn=None):
    return BY_NAME[name].change(talk, turn, np.random.default_rng(0))


def where(before, after):
    return [
        i
        for i, (a, b) in enumerate(zip(before.turns, after.turns, strict=True))
        if a.text != b.text
    ]


def test_there_is_a_change_for_every_promise():
    assert list(BY_NAME) == CHANGES
    assert [BY_NAME[name].limit for name in CHANGES] == [2, 2, 2, 2, 2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "turn", "place"),
    [
        ("injection by customer", None, 4),
        ("injection by customer", 3, 2),
        ("injection by agent", None, 3),
        ("injection by agent", 2, 1),  # a bot speaks for the company
        ("keyword stuffing by customer", 1, 0),
    ],
)
def test_words_are_added_to_the_last_turn_that_counts(talk, name, turn, place):
    assert where(talk, changed(name, talk, turn)) == [place]


def test_who_did_not_speak_yet_cannot_inject(talk):
    assert changed("injection by agent", talk, 0) is None


@pytest.mark.parametrize(("language", "own"), [("en", "en"), ("it-IT", "it"), ("fr", "en")])
def test_instructions_are_in_the_language_of_the_talk(transcript_of, language, own):
    talk = transcript_of("c", "agent: hm", language=language)
    said = changed("injection by agent", talk).turns[0].text
    assert said.removeprefix("hm ") in INJECTIONS[own]


def test_stuffing_needs_phrases_of_the_language(transcript_of):
    assert (
        changed("keyword stuffing by agent", transcript_of("c", "agent: hm", language="fr")) is None
    )


@pytest.mark.parametrize(
    ("name", "turn", "places"),
    [
        ("swapped names", None, [1]),
        ("swapped names", 0, None),  # the name is yet to come
        ("swapped genders", None, [1, 3]),
        ("swapped spellings", 2, [2]),
    ],
)
def test_only_talk_with_such_a_word_counts(talk, name, turn, places):
    after = changed(name, talk, turn)
    assert (None if after is None else where(talk, after)) == places


def test_stuffing_is_tried_on_the_other_sides_criteria():
    tried = {
        side: {name for name, one in BY_NAME.items() if one.concerns(criterion)}
        for side, criterion in (("agent", CRITERION), ("customer", csat_criterion((0, 1, 2))))
    }
    assert tried["agent"] == set(CHANGES) - {"keyword stuffing by agent"}
    assert tried["customer"] == set(CHANGES) - {"keyword stuffing by customer"}


def test_a_silenced_agent_says_nothing_and_a_customer_praises(talk, transcript_of):
    silent = silenced_agent(talk, None)
    assert [turn.text for turn in silent.turns] == ["hello", "Okay.", "the colour", "Okay.", "x"]
    praised = praised_by_customer(silent)
    assert where(silent, praised) == [0, 2, 4]
    for turn in (0, 2, 4):
        assert all(phrase in praised.turns[turn].text for phrase in STUFFING["en"].values())
    assert silenced_agent(transcript_of("c", "agent: hm"), None) is None
