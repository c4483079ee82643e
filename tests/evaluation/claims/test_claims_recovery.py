"""Claims where their figure lies at the border of what is claimed, and clearly on either side."""

import pytest

from autoqa.evaluation.claims import CLAIMS
from autoqa.experiments.planted_truth import DECISIONS, decide

N = 20
ROOM = 4
"""False verdicts that one claim may have in 20 samples at the border: 5 or more have a chance of
1 in 7,000 where each has one of 2.5 %, and of 1 in 5 where intervals are half as wide."""


def test_every_claim_is_studied():
    assert [study.name for study in DECISIONS["claims"]] == [f"claim {c.id}" for c in CLAIMS]


@pytest.mark.slow
def test_false_verdicts_are_rare_at_the_border_and_clear_cases_are_found():
    # 13 claims x 20 samples x 2 verdicts = 520 chances of 2.5 % to be wrong at the border: 13, with
    # a standard error of 3.6. Intervals half as wide would be wrong 16 % of the time each: 85.
    wrong = 0
    for study in DECISIONS["claims"]:
        found = {rate.decision: round(rate.share * N) for rate in decide(study, N)}
        supported, refuted = (
            found["supported, at the border"],
            found["not supported, at the border"],
        )
        assert max(supported, refuted) <= ROOM, (study.name, found)
        wrong += supported + refuted
        # Planned for a power of 80 % or more: 16 of 20, less three standard errors of 1.8.
        assert found["supported, where true"] >= 11, (study.name, found)
        assert found["not supported, where false"] >= 11, (study.name, found)
    assert wrong <= 13 + 3 * 3.6, wrong
