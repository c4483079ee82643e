import math

import numpy as np
import pytest

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.drivers.table import State, conversation_covariates, driver_table
from autoqa.records import CSAT, Rating, Survey, Transcript, Turn
from autoqa.scorecard import evaluate
from autoqa.scorecard.schema import Scorecard

CARD = Scorecard.model_validate(
    {
        "id": "card",
        "version": 1,
        "sections": [
            {
                "id": "all",
                "criteria": [
                    {"id": "tone", "question": "?", "levels": {0: "no", 1: "so-so", 2: "yes"}},
                    {
                        "id": "answer",
                        "question": "?",
                        "levels": {0: "no", 1: {"label": "half", "points": 0.8}, 2: "yes"},
                        "weight": 1,
                    },
                ],
            }
        ],
    }
)


def rating(conversation, criterion, level, *, rater="ann", kind="human", turn=None):
    status = {None: "not_applicable", "?": "abstained"}.get(level, "rated")
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=kind,
        status=status,
        turn=turn,
        level=level if status == "rated" else None,
        reason="unsure" if status == "abstained" else "",
    )


def survey(conversation, score):
    return Survey(conversation_id=conversation, score=score, scale=(1, 5))


def test_credit_is_what_the_scorecard_says_a_level_earns():
    ratings = [rating("a", "answer", 1), rating("a", "tone", 1)]
    table = driver_table(ratings, [survey("a", 4)], card=CARD)
    assert table.criteria == ("tone", "answer")  # the order of the card
    np.testing.assert_array_equal(table.credit, [[0.5, 0.8]])
    np.testing.assert_array_equal(table.csat, [0.75])


def test_evaluations_count_as_their_ratings():
    ratings = [rating("a", "answer", 2), rating("a", "tone", 0)]
    table = driver_table([evaluate(ratings, CARD)], [], card=CARD)
    np.testing.assert_array_equal(table.credit, [[0.0, 1.0]])


def test_raters_are_averaged_and_the_last_word_of_each_counts():
    ratings = [
        rating("a", "tone", 0),
        rating("a", "tone", 1),  # ann again
        rating("a", "tone", 2, rater="bo"),
        rating("a", "tone", None, rater="cy"),
    ]
    table = driver_table(ratings, [], card=CARD)
    np.testing.assert_array_equal(table.credit, [[0.75]])  # (0.5 + 1) / 2


def test_turns_count_where_the_whole_was_not_rated():
    turns = [rating("a", "tone", 0, turn=1), rating("a", "tone", 2, turn=3)]
    assert driver_table(turns, [], card=CARD).credit[0, 0] == 0.5
    assert driver_table([*turns, rating("a", "tone", 2)], [], card=CARD).credit[0, 0] == 1.0


def test_what_is_not_a_level_has_a_state_of_its_own():
    ratings = [
        rating("a", "tone", None),
        rating("b", "tone", "?"),
        rating("c", "tone", 2),
        rating("c", "answer", 2),
    ]
    table = driver_table(ratings, [], card=CARD)
    assert table.states.tolist() == [
        [State.NOT_APPLICABLE, State.MISSING],
        [State.MISSING, State.MISSING],
        [State.RATED, State.RATED],
    ]
    np.testing.assert_array_equal(table.filled_credit(), np.ones((3, 2)))


def test_na_becomes_an_indicator_where_not_rare():
    ratings = [rating(f"{i:02d}", "tone", None if i < 10 else i % 3) for i in range(30)]
    indicators = driver_table(ratings, [], card=CARD).indicators()
    assert indicators.names == ("tone not applicable",)
    assert indicators.values[:, 0].tolist() == [1.0] * 10 + [0.0] * 20
    few = [rating(f"{i:02d}", "tone", None if i < 9 else i % 3) for i in range(30)]
    assert driver_table(few, [], card=CARD).indicators().names == ()


def test_without_a_scorecard_the_scale_is_given_or_found():
    ratings = [rating("a", "tone", 1), rating("b", "tone", 3), rating("a", CSAT, 4)]
    found = driver_table(ratings, [])
    np.testing.assert_array_equal(found.credit, [[0.0], [1.0]])
    stated = driver_table(ratings, [], scales={"tone": (0, 4)})
    np.testing.assert_array_equal(stated.credit, [[0.25], [0.75]])


def test_covariates_become_numbers_and_unknown_ones_indicators():
    ratings = [rating(f"{i:02d}", "tone", i % 3) for i in range(40)]
    covariates = {
        f"{i:02d}": {
            "topic": "billing" if i < 20 else "sales" if i < 38 else f"rare {i}",
            "wait": None if i < 10 else float(i % 2),
            "same": 1,
        }
        for i in range(40)
    }
    controls = driver_table(ratings, [], card=CARD, covariates=covariates).controls()
    # Billing is the commonest topic; two rare ones together are still too few for a column.
    assert controls.names == ("topic: sales", "wait unknown", "wait")
    wait = controls.values[:, 2]
    np.testing.assert_array_equal(wait[:10], 0)
    assert wait[10:].mean() == pytest.approx(0)
    assert wait[10:].std() == pytest.approx(1)


def test_agents_are_what_repeats():
    ratings = [rating(name, "tone", 1) for name in "abc"]
    table = driver_table(ratings, [], agents={"a": "x", "b": "x"})
    assert table.agents_repeat
    assert table.n_agents == 1
    assert table.clusters.tolist() == ["agent x", "agent x", "alone c"]
    assert not driver_table(ratings, [], agents={"a": "x", "b": "y"}).agents_repeat


def test_nothing_is_left_out_in_silence():
    ratings = [rating("a", "tone", 1), rating("a", "other", 1)]
    table = driver_table(ratings, [survey("a", 4), survey("z", 2)], card=CARD)
    assert table.caveats == (
        "Ratings of other are left out: not on the scorecard.",
        "1 surveyed conversations have no rating and are left out.",
    )


def test_the_data_frame_has_one_row_per_conversation():
    ratings = [rating("a", "tone", 1), rating("b", "tone", None)]
    frame = driver_table(ratings, [survey("a", 5)], card=CARD, agents={"a": "x"}).to_pandas()
    assert frame.loc["a", "credit_tone"] == 0.5
    assert frame.loc["b", "state_tone"] == "not_applicable"
    assert math.isnan(frame.loc["b", "csat"])


def test_circumstances_come_from_the_transcript():
    turns = (
        Turn(speaker="agent", text="Hello", start_s=1.0, end_s=2.0),
        Turn(speaker="customer", text="Hi", start_s=3.0, end_s=101.0),
    )
    one = Transcript(
        conversation_id="a", turns=turns, topic="billing", attributes={"held": True, "x": [1]}
    )
    found = conversation_covariates([one], attributes=("held", "x"))
    assert found["a"] == {
        "topic": "billing",
        "channel": "chat",
        "log_handle_time": pytest.approx(math.log(101)),
        "held": True,
        "x": None,  # not a single value
    }


def test_unusable_ratings_are_refused():
    with pytest.raises(ScaleError, match="a/tone: level 7 is not on the scale 0, 1, 2"):
        driver_table([rating("a", "tone", 7)], [], card=CARD)
    with pytest.raises(DataError, match="people and by models are mixed"):
        driver_table([rating("a", "tone", 1), rating("a", "tone", 1, kind="model")], [])
    with pytest.raises(DataError, match="found only other"):
        driver_table([rating("a", "other", 1)], [], card=CARD)
