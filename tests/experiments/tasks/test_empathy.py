from __future__ import annotations

import numpy as np
import pytest

from autoqa.errors import DataError
from autoqa.experiments.tasks import EMPATHY, load_dataset
from autoqa.experiments.tasks.base import Predictions
from autoqa.experiments.tasks.empathy import MECHANISMS
from autoqa.records import Evidence

REPLY = "that sounds hard on you. what happened then?"  # 8 words, 24 characters to the stop


@pytest.fixture
def data(tmp_path, dataset_of, record_of, rating_of):
    """Pairs of post and reply from ``{mechanism: (levels of its raters, rationale)}``."""

    def make(*pairs, turn=1):
        records = []
        for i, pair in enumerate(pairs):
            ratings = [
                rating_of(name, level, (0, 2), turn=turn, rater=f"label{k}", rationale=quoted)
                for name in MECHANISMS
                for levels, quoted in [pair.get(name, ((0,), []))]
                for k, level in enumerate(levels)
            ]
            records.append(
                record_of(f"e{i}", "customer: my hat is lost", f"agent: {REPLY}", ratings=ratings)
            )
        return load_dataset(dataset_of(tmp_path / "d", records))

    return make


def judged(dataset, levels, evidence=None):
    examples = EMPATHY.examples(dataset)
    levels = np.array(levels)
    said = {
        name: Predictions(levels, levels * 1.0, np.eye(3)[levels], evidence or [])
        for name in MECHANISMS
    }
    return EMPATHY.judge(dataset, examples, said, n_resamples=50, seed=1)


def test_every_mechanism_has_its_figures(data):
    dataset = data(*({name: ((level,), []) for name in MECHANISMS} for level in (0, 1, 2)))
    result = judged(dataset, [0, 1, 2])
    assert set(result.metrics) == {
        f"{name}_{figure}" for name in MECHANISMS for figure in ("macro_f1", "quadratic_kappa")
    }
    assert all(figure.value == 1.0 for figure in result.metrics.values())
    assert result.majority["exploration_quadratic_kappa"] == 0.0
    assert result.majority["exploration_macro_f1"] == pytest.approx(2 / 4 / 3)
    assert result.ceiling is None
    assert (result.n, result.n_conversations) == (3, 3)


def test_evidence_is_the_overlap_of_words_with_the_quoted_ones(data):
    dataset = data({"emotional_reaction": ((2,), ["sounds hard on you"])})
    first = (Evidence(turn=1, start=0, end=24),)  # five words, four of them quoted
    result = judged(dataset, [2], evidence=[first])
    assert result.metrics["evidence_token_f1"].value == pytest.approx(2 * 4 / (5 + 4))
    # The whole reply: eight words.
    assert result.majority["evidence_token_f1"] == pytest.approx(2 * 4 / (8 + 4))


def test_no_evidence_shown_is_no_overlap(data):
    dataset = data({"emotional_reaction": ((2,), ["sounds hard"])})
    assert judged(dataset, [2]).metrics["evidence_token_f1"].value == 0.0


def test_evidence_in_another_turn_is_no_overlap(data):
    dataset = data({"emotional_reaction": ((2,), ["sounds hard"])})
    elsewhere = (Evidence(turn=0, start=0, end=24),)
    assert judged(dataset, [2], [elsewhere]).metrics["evidence_token_f1"].value == 0.0


def test_words_quoted_for_the_lowest_level_are_not_asked_for(data):
    dataset = data({"emotional_reaction": ((0,), ["sounds hard"])})
    assert "evidence_token_f1" not in judged(dataset, [0]).metrics


def test_a_reply_rated_as_a_whole_is_the_last_turn(data):
    dataset = data({"exploration": ((2,), ["what happened then"])}, turn=None)
    shown = (Evidence(turn=1, start=25, end=len(REPLY)),)
    assert judged(dataset, [2], [shown]).metrics["evidence_token_f1"].value == 1.0


def test_replies_rated_twice_give_the_ceiling(data):
    pairs = [{"exploration": (levels, [])} for levels in ((0, 0), (2, 2), (1, 1))]
    ceiling = judged(data(*pairs), [0, 2, 1]).ceiling
    assert set(ceiling) == {"exploration_quadratic_kappa"}
    assert ceiling["exploration_quadratic_kappa"].value == pytest.approx(1)


def test_a_missing_mechanism_is_named(tmp_path, dataset_of, record_of, rating_of):
    ratings = [rating_of("exploration", 1, (0, 2), turn=1)]
    records = [record_of("e", "customer: so", "agent: and?", ratings=ratings)]
    dataset = load_dataset(dataset_of(tmp_path / "d", records))
    with pytest.raises(DataError, match=r"no emotional_reaction ratings.*are: exploration"):
        EMPATHY.examples(dataset)
