import math

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.evaluation.claims import Part, claim_data, parts_of
from autoqa.records import (
    LabelledTranscript,
    RaterKind,
    Rating,
    Speaker,
    Status,
    Survey,
    Transcript,
    Turn,
)
from autoqa.scorecard import load_scorecard


def rated(conversation, criterion, level, rater="ann", kind=RaterKind.HUMAN):
    return Rating(
        conversation_id=conversation,
        criterion=criterion,
        rater=rater,
        kind=kind,
        status=Status.RATED,
        level=level,
    )


def labelled(conversation, *, turns=(), outcome=None, **about):
    return LabelledTranscript(
        transcript=Transcript(conversation_id=conversation, turns=turns, **about),
        outcome=outcome or {},
    )


def test_raters_of_one_conversation_are_averaged():
    data = claim_data(
        [rated("a", "tone", 0, "ann"), rated("a", "tone", 4, "bo"), rated("b", "tone", 3)],
        scales={"tone": (0, 4)},
    )
    assert data.shares["tone"].tolist() == [0.5, 0.75]
    assert data.total.tolist() == [50.0, 75.0]
    assert data.n_levels == {"tone": 5}


def test_satisfaction_by_another_name_and_the_respondents_own_ratings_are_no_qa():
    answer = Survey(conversation_id="a", score=4, scale=(1, 5))
    data = claim_data(
        [rated("a", "tone", 1), rated("a", "empathy", 2, rater=answer.given_by)]
        + [rated("a", name, 2) for name in ("csat", "satisfaction_overall")],
        [answer],
        scales={"tone": (0, 2)},
    )
    assert data.shares.keys() == {"tone"}
    assert data.total.tolist() == [50.0]


def test_a_scorecard_gives_points_and_weights():
    card = load_scorecard("support-core")
    # courtesy 1 of 2 at weight 10, closing 1 of 1 at weight 3: (5 + 3) / 13
    data = claim_data([rated("a", "courtesy", 1), rated("a", "closing", 1)], card=card)
    assert data.total[0] == pytest.approx(100 * 8 / 13, abs=0.01)
    assert data.mean_share(["courtesy", "closing"])[0] == pytest.approx(8 / 13)
    # half of the points is no pass
    assert data.mean_share(["courtesy", "closing"], passed=True)[0] == pytest.approx(3 / 13)
    assert math.isnan(data.mean_share([])[0])


def test_everything_known_of_a_conversation_comes_to_one_row_and_the_rest_is_unknown():
    turns = (
        Turn(speaker=Speaker.AGENT, text="Hello", start_s=2.0, end_s=4.0),
        Turn(speaker=Speaker.CUSTOMER, text="Hello", start_s=5.0, end_s=32.0),
    )
    data = claim_data(
        [rated("c", "tone", 1, "model", RaterKind.MODEL)],
        [Survey(conversation_id="b", score=4, scale=(1, 5))],
        [
            labelled(
                "a",
                turns=turns,
                agent="ann",
                team="red",
                topic="bill",
                outcome={"resolved": True, "churned": 1, "complaint": "no"},
            ),
            labelled("b", attributes={"handle_s": 61, "nps": 9}),
        ],
        scales={"tone": (0, 2)},
    )
    assert data.conversations.tolist() == ["a", "b", "c"]
    assert data.handle_s.tolist()[:2] == [30.0, 61.0]  # 32 - 2, and what was stated
    assert data.n_turns[0] == 2
    assert data.loyalty.tolist()[:2] == [-1.0, 9.0]
    assert (data.resolved[0], data.failure[0]) == (1.0, 0.0)
    assert np.isnan([data.resolved[1], data.failure[1], data.handle_s[2], data.csat[2]]).all()
    assert data.csat[1] == 0.75
    assert data.clusters.tolist() == ["agent ann", "alone b", "alone c"]


def test_resolution_is_read_from_ratings_only_where_no_outcome_is_known():
    ratings = [rated("a", "answer", 2), rated("b", "answer", 1)]
    scales = {"answer": (0, 2)}
    data = claim_data(ratings, scales=scales)
    assert data.resolved.tolist() == [1.0, 0.0]
    assert data.resolved_by == "the top level of answer"
    data = claim_data(ratings, (), [labelled("b", outcome={"resolved": True})], scales=scales)
    assert np.isnan(data.resolved[0])
    assert data.resolved[1] == 1.0


def test_topics_that_failures_bring_about_mark_their_conversations():
    each = [labelled("a", topic="outage"), labelled("b", topic="bill"), labelled("c")]
    data = claim_data(conversations=each, failure_topics=["outage"])
    assert data.failure.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(data.failure[2])


def test_the_librarys_criteria_have_their_parts():
    card = load_scorecard("support-core")
    found = parts_of([c.id for c in card.criteria], card)
    assert all(found[part] for part in Part)
    assert found[Part.RESOLUTION] == ("answer",)


def test_a_section_named_like_a_part_brings_its_criteria():
    card = load_scorecard("support-core")
    renamed = card.model_copy(
        update={
            "sections": tuple(
                s.model_copy(update={"id": "soft_skills"}) if s.id == "compliance" else s
                for s in card.sections
            )
        }
    )
    assert "disclosure" in parts_of(["disclosure"], renamed)[Part.SOFT_SKILLS]


def test_given_parts_replace_the_convention_and_wrong_ones_are_explained():
    assert parts_of(["a", "tone"], given={"soft_skills": ["a"]})[Part.SOFT_SKILLS] == ("a",)
    with pytest.raises(DataError, match=r"No part .* 'soft'.*Known: soft_skills"):
        parts_of(["a"], given={"soft": ["a"]})
    with pytest.raises(DataError, match=r"nobody rated a criterion 'tne'. Did you mean 'tone'\?"):
        parts_of(["tone"], given={"soft_skills": ["tne"]})
