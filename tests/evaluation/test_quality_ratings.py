"""What relates QA and CSAT leaves out ratings that say satisfaction twice."""

import numpy as np

from autoqa.evaluation.comparison import compare
from autoqa.evaluation.quality_ratings import quality_ratings
from autoqa.records import RaterKind, Rating, Status, Survey

N = 40


def rated(i, criterion, level, rater):
    kind = RaterKind.MODEL if rater == "model" else RaterKind.HUMAN
    return Rating(
        conversation_id=f"c{i:02}", criterion=criterion, rater=rater, kind=kind,
        status=Status.RATED, level=level,
    )  # fmt: skip


def answer(i, score, given_by="customer"):
    return Survey(conversation_id=f"c{i:02}", score=score, scale=(1, 5), given_by=given_by)


def test_only_the_respondent_of_that_conversation_and_satisfaction_itself_are_left_out():
    kept = [rated(0, "tone", 1, "ann"), rated(1, "tone", 1, "customer")]
    dropped = [
        rated(0, "tone", 1, "customer"),
        rated(0, "csat", 1, "ann"),
        rated(0, "satisfaction_overall", 1, "ann"),
    ]
    assert quality_ratings([*kept, *dropped], [answer(0, 3)]) == kept


def test_the_customers_own_ratings_agree_with_others_but_are_not_set_against_their_csat():
    rng = np.random.default_rng(0)
    scores = rng.integers(1, 6, N)
    machine = [rated(i, "tone", int(rng.integers(0, 5)), "model") for i in range(N)]
    ann = [rated(i, "tone", int(rng.integers(0, 5)), "ann") for i in range(N)]
    own = [rated(i, "tone", int(scores[i]) - 1, "customer") for i in range(N)]
    surveys = [answer(i, int(scores[i])) for i in range(N)]
    settings = {"surveys": surveys, "scales": {"tone": (0, 4)}, "n_resamples": 20}
    both, alone = compare(machine, [*ann, *own], **settings), compare(machine, ann, **settings)
    assert both.csat == alone.csat
    assert both.criteria[0].n_human_ratings == 2 * N
    assert f"{N} human ratings are not set against CSAT" in " ".join(both.caveats)
    assert not any("not set against CSAT" in said for said in alone.caveats)
    customers_alone = compare(machine, own, **settings)
    assert customers_alone.csat.human is None
    assert customers_alone.csat.automated == alone.csat.automated
