import numpy as np
import pytest

from autoqa.errors import DataError, ScaleError
from autoqa.evaluation.agreement import exact_agreement, gwet_ac2, krippendorff_alpha
from autoqa.evaluation.ceiling import Panel
from autoqa.evaluation.raters.session_effect import session_effect
from autoqa.records import RaterKind, Rating, Status

LEVELS = (1, 2, 3, 4, 5)


def rounds(noise, *, seed, start=0, n=80, raters=("ann", "bo", "cy")):
    """Ratings of conversations start .. start + n whose true level depends on their number."""
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(99).normal(3, 1.2, size=1000)[start : start + n]
    return [
        Rating(
            conversation_id=f"c{start + i:04d}",
            criterion="tone",
            rater=name,
            kind=RaterKind.HUMAN,
            status=Status.RATED,
            level=int(np.clip(round(truth[i] + rng.normal(0, noise)), 1, 5)),
        )
        for i in range(n)
        for name in raters
    ]


def effect(before, after, **more):
    return session_effect(before, after, levels=LEVELS, n_resamples=300, **more)


def test_values_are_the_plain_coefficients_of_each_side():
    before, after = rounds(1.2, seed=1), rounds(0.5, seed=2, start=80)
    found = effect(before, after)
    for side, ratings in (("before", before), ("after", after)):
        matrix = Panel.from_ratings(ratings).values
        values = {name: getattr(c, side).value for name, c in found.coefficients.items()}
        assert values["alpha_ordinal"] == pytest.approx(krippendorff_alpha(matrix), abs=1e-10)
        assert values["ac2_quadratic"] == pytest.approx(gwet_ac2(matrix, levels=LEVELS), abs=1e-10)
        pairs = [
            exact_agreement(matrix[i], matrix[j], levels=LEVELS)
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
        assert values["exact"] == pytest.approx(np.mean(pairs), abs=1e-10)
    alpha = found.coefficients["alpha_ordinal"]
    assert alpha.change.value == pytest.approx(alpha.after.value - alpha.before.value)


def test_a_session_that_helped_shows_and_one_that_did_not_does_not():
    helped = effect(rounds(1.2, seed=1), rounds(0.5, seed=2, start=80))
    assert helped.coefficients["alpha_ordinal"].change.low > 0
    assert "agreement rose" in str(helped)
    assert "agreement fell" in str(effect(rounds(0.5, seed=1), rounds(1.2, seed=2, start=80)))
    same = effect(rounds(0.8, seed=3), rounds(0.8, seed=4, start=80))
    assert "no change of agreement is shown" in str(same)


def test_the_same_items_on_both_sides_make_the_interval_paired():
    before = rounds(0.8, seed=5)
    paired = effect(before, before).coefficients["exact"].change
    assert (paired.value, paired.low, paired.high) == (0, 0, 0)
    found = effect(before, rounds(0.8, seed=6))
    assert found.n_conversations_both == 80
    assert found.coefficients["exact"].change.n_clusters == 80
    apart = effect(before, rounds(0.8, seed=6, start=80))
    assert apart.n_conversations_both == 0
    assert apart.coefficients["exact"].change.n_clusters == 160


def test_only_raters_of_both_sides_count_unless_asked():
    before = rounds(0.8, seed=7, raters=("ann", "bo", "old"))
    after = rounds(0.8, seed=8, start=80, raters=("ann", "bo", "new"))
    assert effect(before, after).raters == ("ann", "bo")
    assert effect(before, after, same_raters=False).raters == ("ann", "bo", "new", "old")
    with pytest.raises(DataError, match="0 raters rated before and after"):
        effect(rounds(1, seed=1, raters=("a", "b")), rounds(1, seed=1, raters=("c", "d")))


def test_agents_can_be_drawn_instead_of_conversations():
    agents = {f"c{i:04d}": f"agent{i % 8}" for i in range(160)}
    found = effect(rounds(0.8, seed=9), rounds(0.8, seed=10, start=80), agents=agents)
    assert found.coefficients["exact"].change.n_clusters == 8
    with pytest.raises(ScaleError, match="is not one of the levels"):
        session_effect(rounds(0.8, seed=9), rounds(0.8, seed=10), levels=(1, 2))


@pytest.mark.slow
def test_without_a_real_change_the_interval_covers_zero_as_often_as_stated():
    covered = 0
    for seed in range(150):
        change = (
            effect(rounds(0.8, seed=2 * seed, n=60), rounds(0.8, seed=2 * seed + 1, start=60, n=60))
            .coefficients["exact"]
            .change
        )
        covered += change.low <= 0 <= change.high
    assert 0.90 <= covered / 150 <= 0.99
