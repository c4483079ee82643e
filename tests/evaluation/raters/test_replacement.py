import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp, wilcoxon

from autoqa.errors import DataError
from autoqa.evaluation.raters.replacement import ReplacementVerdict, replacement_test
from autoqa.records import RaterKind, Rating, Status


def ratings(values, rater, kind, *, start=0, turns=None):
    return [
        Rating(
            conversation_id=f"c{start + (i if turns is None else i // turns):04d}",
            criterion="empathy",
            rater=rater,
            kind=kind,
            status=Status.RATED,
            level=int(value),
            turn=None if turns is None else i % turns,
        )
        for i, value in enumerate(values)
    ]


def people(matrix, **more):
    named = zip("abcdefgh", matrix, strict=False)
    return [r for name, row in named for r in ratings(row, name, RaterKind.HUMAN, **more)]


def model(row, **more):
    return ratings(row, "scorer", RaterKind.MODEL, **more)


def simulated(n_items, noise, model_noise, *, seed, n_raters=4, model_shift=0.0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 1, size=n_items)
    given = np.round(truth + rng.normal(0, noise, size=(n_raters, n_items))).clip(1, 5)
    own = np.round(truth + model_shift + rng.normal(0, model_noise, size=n_items)).clip(1, 5)
    return given, own


def by_definition(given, own, score):
    """Calderon et al. (2025), section 3, one person and one item at a time."""
    differences, advantages = [], []
    for j, row in enumerate(given):
        wins = []
        for i, value in enumerate(row):
            others = [float(given[k][i]) for k in range(len(given)) if k != j]
            by_model, by_person = score(own[i], others), score(value, others)
            wins.append((by_model >= by_person - 1e-12, by_person >= by_model - 1e-12))
        wins = np.array(wins, dtype=float)
        differences.append(wins[:, 1] - wins[:, 0])
        advantages.append(wins[:, 0].mean())
    return differences, advantages


@pytest.mark.parametrize(
    ("alignment", "score"),
    [
        ("accuracy", lambda x, others: np.mean([x == o for o in others])),
        ("rmse", lambda x, others: -math.sqrt(np.mean([(x - o) ** 2 for o in others]))),
        ("absolute", lambda x, others: -np.mean([abs(x - o) for o in others])),
    ],
)
def test_the_test_is_the_papers(alignment, score):
    given, own = simulated(60, 0.8, 0.8, seed=1)
    found = replacement_test(people(given), model(own), alignment=alignment, n_resamples=20)
    differences, advantages = by_definition(given, own, score)
    p_values = [ttest_1samp(d, 0.15, alternative="less").pvalue for d in differences]
    won = false_discovery_control(p_values, method="by") <= 0.05
    assert [r.p_value for r in found.raters] == pytest.approx(p_values, abs=1e-10)
    assert [r.model_at_least for r in found.raters] == pytest.approx(advantages, abs=1e-10)
    assert [r.rejected for r in found.raters] == won.tolist()
    assert found.winning_rate == pytest.approx(won.mean())
    assert found.advantage.value == pytest.approx(np.mean(advantages), abs=1e-10)
    assert found.difference.value == pytest.approx(-np.mean(differences), abs=1e-10)


def test_the_arithmetic_of_one_item_in_sight():
    # Others of a: b = 2, c = 4. a = 5 is 3 and 1 away (mean 2), the model's 3 is 1 and 1 away (1).
    # b left out: others 5, 4: b = 2 is 2.5 away, the model 1.5. c: others 5, 2: c 1.5, model 1.5.
    given = np.tile([[5], [2], [4]], 30)
    found = replacement_test(people(given), model([3] * 30), n_resamples=5)
    assert [r.model_at_least for r in found.raters] == [1, 1, 1]
    assert [r.rater_at_least for r in found.raters] == [0, 0, 1]
    assert found.difference.value == pytest.approx((1 + 1 + 0) / 3)
    assert found.verdict is ReplacementVerdict.REPLACE


def test_fewer_than_thirty_items_are_tested_by_ranks():
    given, own = simulated(20, 0.8, 0.5, seed=2)
    found = replacement_test(people(given), model(own), min_items=15, n_resamples=5)
    differences, _ = by_definition(given, own, lambda x, others: -np.mean(np.abs(x - others)))
    expected = [wilcoxon(d - 0.15, alternative="less").pvalue for d in differences]
    assert {r.test for r in found.raters} == {"wilcoxon"}
    assert [r.p_value for r in found.raters] == pytest.approx(expected, abs=1e-10)


def test_a_better_model_may_replace_and_a_poor_one_not_yet():
    given, good = simulated(200, 1.0, 0.4, seed=3)
    assert replacement_test(people(given), model(good)).verdict is ReplacementVerdict.REPLACE
    given, poor = simulated(200, 0.4, 2.0, seed=3, model_shift=1.0)
    found = replacement_test(people(given), model(poor))
    assert found.verdict is ReplacementVerdict.NOT_YET
    assert found.winning_rate == 0
    assert found.difference.high < -0.15
    assert str(found).startswith("scorer: not yet. It wins against 0 of 4 people")


def test_a_model_that_matches_the_average_person_but_few_of_them_may_assist():
    rng = np.random.default_rng(4)
    truth = rng.normal(3, 1, size=400)
    noise = np.array([0.3, 0.3, 0.3, 1.5, 1.5])[:, None]  # three careful people, two careless
    given = np.round(truth + noise * rng.normal(size=(5, 400))).clip(1, 5)
    own = np.round(truth + 0.75 * rng.normal(size=400)).clip(1, 5)
    found = replacement_test(people(given), model(own))
    assert found.verdict is ReplacementVerdict.ASSIST
    assert 0 < found.winning_rate < 0.5
    assert found.difference.low > -0.15


@pytest.mark.slow
def test_a_model_no_better_than_allowed_passes_at_most_as_often_as_stated():
    """At the border of the hypothesis no single person is beaten more often than 5 %."""
    rng = np.random.default_rng(5)
    n, beaten = 200, 0
    for seed in range(n):
        # d is -1, 0 or 1 with mean epsilon exactly: wins 20 %, loses 35 %, ties 45 %.
        draw = rng.choice([-1, 0, 1], p=[0.20, 0.45, 0.35], size=80)
        left_out = np.where(draw == -1, 2, np.where(draw == 0, 1, 0))  # steps from the others' 0
        own = np.ones(80)
        given = np.stack([left_out, np.zeros(80), np.zeros(80)])
        found = replacement_test(people(given), model(own), n_resamples=2, seed=seed)
        beaten += found.raters[0].p_value <= 0.05
    assert beaten / n <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / n)
    assert beaten / n >= 0.01


def test_turns_of_one_conversation_count_as_one_piece_of_evidence():
    given, own = simulated(60, 1.0, 0.6, seed=6)
    single = replacement_test(people(given), model(own), n_resamples=5)
    copied = replacement_test(
        people(np.repeat(given, 4, axis=1), turns=4),
        model(np.repeat(own, 4), turns=4),
        n_resamples=5,
    )
    assert copied.raters[0].n_items == 240
    assert copied.raters[0].n_conversations == 60
    assert [r.p_value for r in copied.raters] == pytest.approx([r.p_value for r in single.raters])


def test_too_few_people_or_items_give_no_verdict():
    given, own = simulated(40, 0.8, 0.5, seed=7)
    two = replacement_test(people(given[:2]), model(own), n_resamples=5)
    assert two.verdict is ReplacementVerdict.NOT_ENOUGH_DATA
    assert math.isnan(two.winning_rate)
    assert "2 people rated 30 items or more" in two.reason
    few = replacement_test(people(given[:, :20]), model(own[:20]), n_resamples=5)
    assert few.verdict is ReplacementVerdict.NOT_ENOUGH_DATA
    assert few.too_few == {"a": 20, "b": 20, "c": 20, "d": 20}
    assert few.raters == ()


def test_items_that_the_model_or_others_did_not_rate_do_not_count():
    given, own = simulated(60, 0.8, 0.5, seed=8)
    alone = people(given[:1, :10], start=900)
    found = replacement_test(people(given) + alone, model(own[:45]), n_resamples=5)
    assert [r.n_items for r in found.raters] == [45] * 4


def test_what_cannot_be_tested_is_refused_with_the_reason():
    given, own = simulated(40, 0.8, 0.5, seed=9)
    with pytest.raises(DataError, match="no item was rated by the model and by two people"):
        replacement_test(people(given), [])
    with pytest.raises(DataError, match="two automated ratings"):
        replacement_test(people(given), model(own) + ratings(own, "other", RaterKind.MODEL))
    half = model(own[:20]) + ratings(own[20:], "other", RaterKind.MODEL, start=20)
    with pytest.raises(DataError, match=r"several models \(other, scorer\)"):
        replacement_test(people(given), half)
    with pytest.raises(DataError, match="'mae' is not an alignment"):
        replacement_test(people(given), model(own), alignment="mae")
    with pytest.raises(DataError, match="epsilon is 15"):
        replacement_test(people(given), model(own), epsilon=15)
    with pytest.raises(DataError, match="at least 2 raters"):
        replacement_test(people(given), model(own), min_items=1)
