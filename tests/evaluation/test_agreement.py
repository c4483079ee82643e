import math

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.agreement import (
    bias_index,
    cohen_kappa,
    contingency,
    exact_agreement,
    gwet_ac1,
    gwet_ac2,
    icc,
    krippendorff_alpha,
    pabak,
    prevalence_index,
    quadratic_kappa,
    within_one,
)

LEVELS = (0, 1, 2, 3)
NAN = math.nan
paired = st.lists(st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)), min_size=2)
matrices = st.lists(
    st.lists(st.sampled_from((NAN, 1.0, 2.0, 3.0, 4.0)), min_size=3, max_size=3),
    min_size=2,
    max_size=12,
).map(lambda rows: np.array(rows).T)

# Krippendorff (2019), chapter 12: four observers, twelve units, gaps.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)

# Shrout and Fleiss (1979), table 2: six targets, four judges.
JUDGES = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])


def same(a, b):
    return (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, abs=1e-10)


def test_kappa_takes_chance_off_the_observed_agreement():
    # 20 both yes, 15 both no, 5 + 10 apart: observed 35/50 = 0.7
    # rows yes 25/50, columns yes 30/50: chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    a = [1] * 20 + [1] * 5 + [0] * 10 + [0] * 15
    b = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert cohen_kappa(a, b, levels=(0, 1)) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_quadratic_kappa_charges_the_squared_distance():
    # misses of 0, 0, 2 and 0 steps: mean squared distance 4 / 4 = 1
    # all pairs of a = (0, 0, 2, 2) with b = (0, 0, 0, 2): 8 of 16 are two steps apart, mean 2
    assert quadratic_kappa([0, 0, 2, 2], [0, 0, 0, 2], levels=(0, 1, 2)) == pytest.approx(1 - 1 / 2)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@given(pairs=paired)
def test_kappa_is_scikit_learns(weights, pairs):
    a, b = zip(*pairs, strict=True)
    ours = cohen_kappa(a, b, levels=LEVELS, weights=weights)
    if len({*a, *b}) > 1:  # theirs divides by zero otherwise
        assert same(ours, cohen_kappa_score(a, b, labels=LEVELS, weights=weights))


@given(pairs=paired, order=st.randoms())
def test_kappa_knows_neither_first_rater_nor_order_of_items(pairs, order):
    a, b = zip(*pairs, strict=True)
    kappa = quadratic_kappa(a, b, levels=LEVELS)
    shuffled = list(pairs)
    order.shuffle(shuffled)
    c, d = zip(*shuffled, strict=True)
    assert same(kappa, quadratic_kappa(b, a, levels=LEVELS))
    assert same(kappa, quadratic_kappa(c, d, levels=LEVELS))


@given(pairs=paired)
def test_levels_that_nobody_used_do_not_stretch_quadratic_kappa(pairs):
    a, b = zip(*pairs, strict=True)
    longer = quadratic_kappa(a, b, levels=(*LEVELS, 4, 5))
    assert same(quadratic_kappa(a, b, levels=LEVELS), longer)


def test_an_unused_middle_level_keeps_its_distance():
    a, b = [0, 0, 2, 2, 3], [0, 2, 2, 3, 3]
    full = quadratic_kappa(a, b, levels=(0, 1, 2, 3))
    assert full == pytest.approx(cohen_kappa_score(a, b, labels=[0, 1, 2, 3], weights="quadratic"))
    assert full != pytest.approx(quadratic_kappa(a, b, levels=(0, 2, 3)))


def test_shares_of_exact_and_near_agreement():
    a, b = [0, 1, 2, 3], [0, 2, 0, 3]  # steps apart: 0, 1, 2, 0
    assert exact_agreement(a, b, levels=LEVELS) == 0.5
    assert within_one(a, b, levels=LEVELS) == 0.75


def test_within_one_counts_steps_of_the_scale_not_units():
    assert within_one([0, 5, 0], [5, 10, 10], levels=(0, 5, 10)) == pytest.approx(2 / 3)


@given(st.lists(st.sampled_from(LEVELS), min_size=2))
def test_perfect_agreement_is_one_wherever_there_is_variance(a):
    alone = len(set(a)) == 1
    assert exact_agreement(a, a, levels=LEVELS) == 1.0
    assert gwet_ac1([a, a], levels=LEVELS) == pytest.approx(1.0)
    for value in (
        quadratic_kappa(a, a, levels=LEVELS),
        krippendorff_alpha([a, a]),
        icc([a, a], form="2,1"),
    ):
        assert math.isnan(value) if alone else value == pytest.approx(1.0)


def test_nothing_to_compare_is_undefined_and_no_error():
    assert math.isnan(quadratic_kappa([], [], levels=LEVELS))
    assert math.isnan(exact_agreement([], [], levels=LEVELS))
    assert math.isnan(krippendorff_alpha(np.empty((2, 0))))
    assert math.isnan(krippendorff_alpha([[1, NAN], [NAN, 2]]))
    assert math.isnan(gwet_ac1(np.full((2, 3), NAN), levels=LEVELS))
    assert math.isnan(gwet_ac1([[1], [1]], levels=(1,)))
    assert math.isnan(icc([[1], [2]]))
    assert math.isnan(icc([[3, 3], [3, 3]]))


def test_a_rating_off_the_scale_is_named_with_its_place():
    with pytest.raises(ScaleError, match=r"Rating 7 at index 1 is not one of the levels 0, 1, 2\."):
        quadratic_kappa([0, 7], [0, 1], levels=(0, 1, 2))
    with pytest.raises(ScaleError, match=r"Rating 9 at index \(1, 0\)"):
        gwet_ac2([[1, 2], [9, 2]], levels=(1, 2, 3))
    with pytest.raises(ScaleError, match="Leave out items that were not rated"):
        quadratic_kappa([0, NAN], [0, 1], levels=(0, 1, 2))


def test_unpaired_ratings_are_refused():
    with pytest.raises(DataError, match="one length"):
        quadratic_kappa([0, 1], [0], levels=(0, 1))
    with pytest.raises(DataError, match="matrix of shape"):
        krippendorff_alpha([0, 1])


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_krippendorffs_own_example(level, value):
    assert krippendorff_alpha(OBSERVERS, level=level) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@given(ratings=matrices)
def test_alpha_is_the_reference_implementations(level, ratings):
    ours = krippendorff_alpha(ratings, level=level)
    pairable = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    if np.unique(pairable[~np.isnan(pairable)]).size < 2:
        assert math.isnan(ours)
    else:
        theirs = krippendorff.alpha(pairable, level_of_measurement=level)
        assert ours == pytest.approx(theirs, abs=1e-10)


@given(ratings=matrices, order=st.permutations(range(3)))
def test_alpha_and_ac_know_no_order_of_raters(ratings, order):
    assert same(krippendorff_alpha(ratings), krippendorff_alpha(ratings[order]))
    scale = (1, 2, 3, 4)
    assert same(gwet_ac2(ratings, levels=scale), gwet_ac2(ratings[order], levels=scale))


@given(ratings=matrices)
def test_levels_that_nobody_used_leave_alpha_alone(ratings):
    for level in ("nominal", "ordinal", "interval"):
        assert same(
            krippendorff_alpha(ratings, level=level),
            krippendorff_alpha(ratings, level=level, levels=range(1, 9)),
        )


def test_ac1_of_gwets_example():
    # Gwet (2014) gives 0.775 for these ratings, where alpha is 0.743.
    assert gwet_ac1(OBSERVERS, levels=(1, 2, 3, 4, 5)) == pytest.approx(0.77544, abs=1e-5)


def test_ac1_stays_high_where_one_level_dominates():
    # 118 both yes, 5 + 2 apart, none both no: observed 118/125 = 0.944
    # mean share of yes (123 + 120) / 250 = 0.972; chance 2 * 0.972 * 0.028
    a = [1] * 118 + [1] * 5 + [0] * 2
    b = [1] * 118 + [0] * 5 + [1] * 2
    chance = 2 * 0.972 * 0.028
    assert gwet_ac1([a, b], levels=(0, 1)) == pytest.approx((0.944 - chance) / (1 - chance))
    assert cohen_kappa(a, b, levels=(0, 1)) < 0


def test_ac2_gives_part_credit_for_a_near_miss():
    # credit 1, 1, 0.75 (one of two steps, squared): observed 2.75 / 3
    # used: level 0 1.5/3, level 1 0.5/3, level 2 1/3; credits sum to 3 + 4 * 0.75 + 0 = 6
    chance = 6 / (3 * 2) * (1 / 2 * 1 / 2 + 1 / 6 * 5 / 6 + 1 / 3 * 2 / 3)
    expected = (2.75 / 3 - chance) / (1 - chance)
    assert gwet_ac2([[0, 2, 0], [0, 2, 1]], levels=(0, 1, 2)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("form", "value"),
    [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71), ("1,k", 0.44), ("2,k", 0.62), ("3,k", 0.91)],
)
def test_icc_of_shrout_and_fleiss(form, value):
    assert icc(JUDGES, form=form) == pytest.approx(value, abs=0.005)


def test_severity_lowers_absolute_icc_only():
    lenient = [1.0, 2.0, 3.0, 4.0]
    severe = [x - 1 for x in lenient]
    assert icc([lenient, severe], form="3,1") == pytest.approx(1.0)
    assert icc([lenient, severe], form="2,1") < 0.8


def test_icc_leaves_out_items_with_a_gap_and_refuses_unknown_forms():
    gap = np.column_stack([JUDGES.astype(float), [NAN, 1, 2, 3]])
    assert icc(gap) == pytest.approx(icc(JUDGES))
    with pytest.raises(DataError, match="'4,1' is not a form"):
        icc(JUDGES, form="4,1")


@pytest.mark.parametrize(("weights", "wt"), [(None, None), ("linear", "linear")])
def test_kappa_is_statsmodels(weights, wt):
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 4, size=(2, 200))
    theirs = cohens_kappa(contingency(a, b, levels=LEVELS), wt=wt, return_results=False)
    assert cohen_kappa(a, b, levels=LEVELS, weights=weights) == pytest.approx(theirs, abs=1e-10)


def ac2_by_definition(ratings, levels, credit):
    """Gwet (2014), formulas 4.4 to 4.6, item by item."""
    n_levels, agreed, used = len(levels), [], []
    for item in ratings.T:
        given = [levels.index(x) for x in item if not math.isnan(x)]
        if given:
            used.append([given.count(k) / len(given) for k in range(n_levels)])
        if len(given) > 1:
            pairs = [
                credit(a, b) for i, a in enumerate(given) for j, b in enumerate(given) if i != j
            ]
            agreed.append(sum(pairs) / len(pairs))
    share = np.mean(used, axis=0)
    total = sum(credit(a, b) for a in range(n_levels) for b in range(n_levels))
    chance = total / (n_levels * (n_levels - 1)) * float((share * (1 - share)).sum())
    return (np.mean(agreed) - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("weights", "credit"),
    [
        (None, lambda a, b: float(a == b)),
        ("linear", lambda a, b: 1 - abs(a - b) / 4),
        ("quadratic", lambda a, b: 1 - (a - b) ** 2 / 16),
    ],
)
def test_ac2_is_its_definition_with_gaps(weights, credit):
    levels = [1, 2, 3, 4, 5]
    ours = gwet_ac2(OBSERVERS, levels=levels, weights=weights)
    assert ours == pytest.approx(ac2_by_definition(OBSERVERS, levels, credit), abs=1e-10)


@pytest.mark.parametrize("form", ["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"])
def test_icc_follows_from_the_mean_squares_of_an_analysis_of_variance(form):
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(5)
    ratings = rng.normal(size=20) + rng.normal(scale=0.5, size=(3, 1)) + rng.normal(size=(3, 20))
    k, n = ratings.shape
    frame = pd.DataFrame(
        {"y": ratings.ravel(), "r": np.repeat(range(k), n), "t": np.tile(range(n), k)}
    )
    table = anova_lm(ols("y ~ C(t) + C(r)", frame).fit())
    squares, mean = table["sum_sq"], table["sum_sq"] / table["df"]
    target, rater, error = mean["C(t)"], mean["C(r)"], mean["Residual"]
    within = (squares["C(r)"] + squares["Residual"]) / (n * (k - 1))
    expected = {  # Shrout and Fleiss (1979), table 3
        "1,1": (target - within) / (target + (k - 1) * within),
        "2,1": (target - error) / (target + (k - 1) * error + k * (rater - error) / n),
        "3,1": (target - error) / (target + (k - 1) * error),
        "1,k": (target - within) / target,
        "2,k": (target - error) / (target + (rater - error) / n),
        "3,k": (target - error) / target,
    }
    assert icc(ratings, form=form) == pytest.approx(expected[form], abs=1e-10)


def test_icc_does_not_depend_on_where_the_scale_begins():
    assert icc(JUDGES + 1e6) == pytest.approx(icc(JUDGES), abs=1e-9)


def from_counts(both, first_only, second_only, neither):
    a = [1] * (both + first_only) + [0] * (second_only + neither)
    b = [1] * both + [0] * first_only + [1] * second_only + [0] * neither
    return a, b


# Feinstein and Cicchetti (1990): the same exact agreement, and kappas far apart.
@pytest.mark.parametrize(
    ("counts", "exact", "kappa"),
    [
        ((40, 9, 6, 45), 0.85, 0.70),
        ((80, 10, 5, 5), 0.85, 0.32),
        ((45, 15, 25, 15), 0.60, 0.13),
        ((25, 35, 5, 35), 0.60, 0.26),
    ],
)
def test_pabak_does_not_move_where_prevalence_and_bias_move_kappa(counts, exact, kappa):
    a, b = from_counts(*counts)
    assert cohen_kappa(a, b, levels=(0, 1)) == pytest.approx(kappa, abs=0.005)
    assert pabak(a, b, levels=(0, 1)) == pytest.approx(2 * exact - 1, abs=1e-10)


def test_prevalence_and_bias_index_are_differences_of_cells():
    a, b = from_counts(80, 10, 5, 5)
    assert prevalence_index(a, b, levels=(0, 1)) == pytest.approx({0: -0.75, 1: 0.75})  # (80-5)/100
    assert bias_index(a, b, levels=(0, 1)) == pytest.approx({0: -0.05, 1: 0.05})  # (10-5)/100


@given(pairs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2))
def test_kappa_is_pabak_less_prevalence_plus_bias(pairs):
    # Byrt, Bishop and Carlin (1993): kappa = (PABAK - PI^2 + BI^2) / (1 - PI^2 + BI^2)
    a, b = zip(*pairs, strict=True)
    prevalence = prevalence_index(a, b, levels=(0, 1))[1] ** 2
    bias = bias_index(a, b, levels=(0, 1))[1] ** 2
    kappa = cohen_kappa(a, b, levels=(0, 1))
    if not math.isnan(kappa):
        expected = (pabak(a, b, levels=(0, 1)) - prevalence + bias) / (1 - prevalence + bias)
        assert kappa == pytest.approx(expected, abs=1e-10)
