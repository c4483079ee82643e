from __future__ import annotations

import numpy as np
import pytest

from autoqa.experiments.finetuning.disturbances import disturbed, disturbed_copy
from autoqa.experiments.stress.words import INJECTIONS, STUFFING
from autoqa.experiments.tasks import load_dataset
from autoqa.records import Transcript, Turn

CALL = Transcript(
    conversation_id="a",
    language="en",
    turns=tuple(
        Turn(speaker="customer" if place % 2 else "agent", text=f"Line {place}, said plainly.")
        for place in range(12)
    ),
)


def copies(call, n=300):
    rng = np.random.default_rng(4)
    return [disturbed(call, rng) for _ in range(n)]


def test_no_turn_is_added_dropped_or_moved():
    for copy in copies(CALL):
        assert [t.speaker for t in copy.turns] == [t.speaker for t in CALL.turns]
        assert copy.conversation_id == CALL.conversation_id


def test_about_half_stay_as_they_are_and_the_others_say_what_they_said_and_more():
    found = copies(CALL)
    same = np.mean([copy == CALL for copy in found])
    # .45, and of the other .55 the .7 with asides in turns that drew none: .7 ** 12 = .014
    assert same == pytest.approx(0.455, abs=3 * np.sqrt(0.25 / 300))
    with_asides = [copy for copy in found if any(len(t.text) > 40 for t in copy.turns)]
    assert len(with_asides) > 60
    for copy in with_asides:
        for turn, before in zip(copy.turns, CALL.turns, strict=True):
            assert before.text in turn.text


def test_what_is_put_in_is_not_what_stress_tests_put_in():
    said = " ".join(t.text for copy in copies(CALL, 2000) for t in copy.turns)
    for language in INJECTIONS:
        assert not any(one in said for one in INJECTIONS[language])
        assert not any(one in said for one in STUFFING[language].values())


def test_chinese_gets_chinese_and_other_languages_english():
    for language, expected in (("zh", True), ("it", False)):
        call = Transcript(
            conversation_id="a", language=language, turns=[Turn(speaker="agent", text="x")] * 40
        )
        rng = np.random.default_rng(1)
        said = "".join(t.text for _ in range(40) for t in disturbed(call, rng).turns)
        assert any("\u4e00" <= sign <= "\u9fff" for sign in said) is expected


def test_every_label_is_kept(toy_data):
    dataset = load_dataset(toy_data / "toy_satisfaction")
    copy = disturbed_copy(dataset, np.random.default_rng(2))
    assert copy.transcripts != dataset.transcripts
    for one, before in zip(copy.labelled, dataset.labelled, strict=True):
        assert (one.ratings, one.surveys) == (before.ratings, before.surveys)
    again = disturbed_copy(dataset, np.random.default_rng(2))
    assert again.transcripts == copy.transcripts
