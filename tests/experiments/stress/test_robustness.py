"""Robustness and deletion figures of models whose weakness is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autoqa.experiments.stress import asking
from autoqa.experiments.stress.asking import AskedHead, sample
from autoqa.experiments.stress.deletion import deletion_of_heads
from autoqa.experiments.stress.robustness import WORD_ERROR_RATES, robustness_of_heads
from autoqa.experiments.stress.tables import deletion_markdown, robustness_markdown
from autoqa.experiments.stress.words import INJECTIONS
from autoqa.experiments.tasks import TASKS, Predictions, load_dataset
from autoqa.records import Evidence, Speaker

TASK = TASKS["procedure"]
HEAD = "procedure_outcome"


def told(score, *, evidence=()):
    """A head whose probability of a yes is `score(texts by speaker)`, 0-1."""

    def ask(batch, examples):
        p = np.array([score(batch.transcripts[item.transcript]) for item in examples.items])
        p = p.reshape(-1)
        return Predictions((p > 0.5).astype(int), p, np.stack([1 - p, p], axis=1))

    def quote(batch, examples):
        return [evidence for _ in examples.items]

    return {HEAD: AskedHead(TASK.head(HEAD), ask, quote, {})}


def said_by(transcript, speaker=None):
    return " ".join(t.text for t in transcript.turns if speaker in (None, t.speaker))


@pytest.fixture(scope="module")
def data(tmp_path_factory, toy_class, dataset_of):
    folder = dataset_of(tmp_path_factory.mktemp("stress") / "desk", toy_class().procedure(40))
    dataset = load_dataset(folder)
    return dataset, TASK.examples(dataset)


def test_who_heeds_an_injected_instruction_is_caught(data):
    signs = ("instructions", "rate every criterion")

    def score(transcript):
        return 0.9 if any(sign in said_by(transcript) for sign in signs) else 0.4

    found = robustness_of_heads(TASK, told(score), *data, n_resamples=30)["heads"][HEAD]["changes"]
    for speaker in ("customer", "agent"):
        one = found[f"injection by {speaker}"]
        assert one["n"] == one["n_conversations"] == 40
        assert one["mean_absolute_change"]["value"] == pytest.approx(50)  # from .4 to .9
        assert one["moved"]["value"] == 1
        assert one["holds"] is False
    assert found["keyword stuffing by customer"]["holds"] is True
    assert all(any(sign in text for sign in signs) for text in INJECTIONS["en"])


def test_who_credits_the_agent_with_the_customers_words_is_caught(data):
    def score(transcript):
        return 0.8 if "Thank you" in said_by(transcript, Speaker.CUSTOMER) else 0.3

    one = robustness_of_heads(TASK, told(score), *data, n_resamples=30)["heads"][HEAD]
    assert one["changes"]["keyword stuffing by customer"]["holds"] is False
    assert (one["customer_alone"]["raised"], one["customer_alone"]["holds"]) == (1, False)

    def fair(transcript):
        return 0.8 if "Thank you" in said_by(transcript, Speaker.AGENT) else 0.3

    one = robustness_of_heads(TASK, told(fair), *data, n_resamples=30)["heads"][HEAD]
    assert (one["customer_alone"]["raised"], one["customer_alone"]["holds"]) == (0, True)


def test_a_change_that_applies_nowhere_has_no_verdict(data):
    found = robustness_of_heads(TASK, told(lambda _: 0.5), *data, n_resamples=30)
    one = found["heads"][HEAD]["changes"]["swapped names"]
    assert (one["n"], one["mean_absolute_change"], one["holds"]) == (0, None, None)


def test_the_stress_curve_falls_as_words_get_lost(data):
    def score(transcript):
        words = said_by(transcript).split()
        warm = {"glad", "sorry", "understand", "together", "kindly", "welcome"}
        return sum(word in warm for word in words) / (len(words) + 1)

    curve = robustness_of_heads(TASK, told(score), *data, n_resamples=30)["stress"]
    assert [row["word_error_rate"] for row in curve] == [None, *WORD_ERROR_RATES]
    auc = [row["metrics"]["auc"]["value"] for row in curve]
    assert auc[0] == auc[1] > 0.9  # the toy has neither capitals nor punctuation
    moved = [row["changes"][HEAD]["mean_absolute_change"]["value"] for row in curve[1:]]
    assert moved == sorted(moved)
    assert moved[0] == 0 < moved[-1]


def test_the_deletion_test_tells_good_evidence_from_bad(data):
    def score(transcript):
        return 0.9 if transcript.turns[0].speaker == Speaker.CUSTOMER else 0.2

    for turn, better in ((0, True), (2, False)):
        evidence = (Evidence(turn=turn, start=0, end=4),)
        (row, _) = deletion_of_heads(told(score, evidence=evidence), *data, n_resamples=30)[HEAD][
            "sizes"
        ]
        assert row["n"] == 40
        assert (row["figures"]["comprehensiveness"]["value"] > 0) is better


def test_the_same_seed_gives_the_same_figures_as_strict_json(data):
    def score(transcript):
        return len(said_by(transcript)) % 97 / 97

    first, again = (
        json.dumps(robustness_of_heads(TASK, told(score), *data, n_resamples=20), allow_nan=False)
        for _ in range(2)
    )
    assert first == again


def test_a_sample_keeps_whole_conversations_within_bounds(data, monkeypatch):
    dataset, examples = data
    monkeypatch.setattr(asking, "MOST_TURNS", 60)  # of six turns each
    few = sample(dataset, examples[HEAD], seed=1)
    assert len(few) == 10
    monkeypatch.setattr(asking, "MOST_ITEMS", 4)
    assert len(sample(dataset, examples[HEAD], seed=1)) == 4


def test_tables_say_what_holds_and_what_does_not(data):
    def score(transcript):
        return 0.9 if "Thank you" in said_by(transcript, Speaker.CUSTOMER) else 0.4

    text = "\n".join(
        robustness_markdown(robustness_of_heads(TASK, told(score), *data, n_resamples=20))
    )
    row = "| procedure_outcome | keyword stuffing by customer | 40 | 40 | 50.00 [50.00, 50.00] | "
    assert row + "100% | 2 | **no** |" in text
    assert "| procedure_outcome | swapped names | 0 | 0 | - | - | 1 | - |" in text
    assert "**no**: 100% raised" in text
    assert "| 40% |" in text
    evidence = (Evidence(turn=0, start=0, end=4),)
    result = deletion_of_heads(told(score, evidence=evidence), *data, n_resamples=20)
    assert "| procedure_outcome | 1 | 40 | 0.00 | 0.00 |" in "\n".join(deletion_markdown(result))
