from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoqa.errors import DataError, ExperimentError
from autoqa.experiments import centre, prepared, qa_vs_csat
from autoqa.experiments.run import run_experiment
from autoqa.experiments.spec import ArmSpec, ExperimentSpec
from autoqa.experiments.tasks import load_dataset
from autoqa.experiments.tracking import Tracker
from autoqa.records import Transcript, Turn

ARMS = ("mean", "turns", "human_qa", "automated_qa+turns", "csat_model")


def spec_of(*data, arms=ARMS, **more):
    return ExperimentSpec.model_validate(
        {
            "question": "Does QA tell CSAT?",
            "task": "qa_vs_csat",
            "data": [str(one) for one in data],
            "split": {"group_by": "agent", "folds": 3},
            "arms": list(arms),
            "n_resamples": 40,
            **more,
        }
    )


@pytest.fixture
def nowhere(tmp_path):
    database = tmp_path / "untouched.db"
    return Tracker(f"sqlite:///{database}"), database


@pytest.fixture(scope="module")
def reviewed(toy_class, dataset_of, tmp_path_factory):
    """Conversations whose reviewer and customer both follow the words."""
    records = toy_class().reviewed(120, criteria=("warmth",))
    return dataset_of(tmp_path_factory.mktemp("data") / "desk", records)


# what is refused before anything is tracked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ["human_qua"]}, r"arms\.human_qua: no arm 'human_qua'.*Did you mean 'human_qa'"),
        ({"arms": ["automated_qa+handle"]}, "no arm 'handle'.*Did you mean 'handle_time'"),
        ({"split": {"group_by": "agnet"}}, "split.group_by: 'agnet'.*Did you mean 'agent'"),
        ({"metrics": ["spearmen"]}, "metrics: 'spearmen'.*Did you mean 'spearman'"),
    ],
)
def test_what_cannot_be_run_is_refused_first(reviewed, nowhere, change, message):
    tracker, database = nowhere
    with pytest.raises(ExperimentError, match=message):
        run_experiment(spec_of(reviewed, **change), tracker=tracker)
    assert not database.exists()


def test_one_agent_cannot_be_split(toy, dataset_of, tmp_path, nowhere, fake_encoding):
    folder = dataset_of(tmp_path / "d", toy.reviewed(20, agents=1))
    with pytest.raises(ExperimentError, match="d has one agent only"):
        run_experiment(spec_of(folder), tracker=nowhere[0])


def test_data_without_surveys_are_refused(toy, dataset_of, tmp_path, nowhere):
    folder = dataset_of(tmp_path / "d", toy.reviewed(20, surveyed=False))
    with pytest.raises(DataError, match=r"d: no surveys \(csat\)"):
        run_experiment(spec_of(folder), tracker=nowhere[0])


def test_data_without_ratings_of_whole_conversations_are_refused(
    toy, dataset_of, tmp_path, nowhere
):
    folder = dataset_of(tmp_path / "d", toy.reviewed(20, criteria=()))
    with pytest.raises(DataError, match="d: no conversation was rated as a whole"):
        run_experiment(spec_of(folder), tracker=nowhere[0])


# the pieces


def test_the_scorecard_is_the_known_one_where_its_criteria_were_rated(
    toy, dataset_of, tmp_path, fake_encoding, reviewed
):
    known = load_dataset(dataset_of(tmp_path / "d", toy.reviewed(20, criteria=("greeting",))))
    human = [r for one in known.labelled for r in one.ratings]
    assert centre._card(known, human).id == "support-core"
    own = load_dataset(reviewed)
    made = centre._card(own, [r for one in own.labelled for r in one.ratings])
    assert (made.id, [c.id for c in made.criteria]) == ("rated-in-desk", ["warmth"])
    assert made.criteria[0].scale == (0, 1)


def talk(*turns, **attributes):
    return Transcript(conversation_id="t", turns=turns, attributes=attributes)


@pytest.mark.parametrize(
    ("transcript", "seconds"),
    [
        (talk(Turn(speaker="agent", text="so", start_s=0, end_s=9), handle_s=300), 300),
        (talk(Turn(speaker="agent", text="so", start_s=0, end_s=9.5)), 9.5),
        (talk(Turn(speaker="agent", text="so", start_s=4)), 4),
        (talk(Turn(speaker="agent", text="ten words " * 10)), 10),  # 20 words
    ],
)
def test_handle_time_is_recorded_timed_or_guessed_from_words(transcript, seconds):
    assert qa_vs_csat._handle_seconds(transcript) == seconds


def test_numbers_predict_out_of_sample_and_say_nothing_where_there_is_no_number():
    X = np.array([[0.0], [1.0], [2.0], [3.0], [np.nan], [5.0]])
    truth = np.array([0.0, 0.2, np.nan, 0.6, 0.8, 1.0])
    halves = np.arange(6) < 3
    folds = [(np.flatnonzero(~halves), np.flatnonzero(halves))]
    folds.append((folds[0][1], folds[0][0]))
    said = qa_vs_csat._regressed(X, truth, folds)
    assert np.isnan(said[4])
    assert np.isfinite(said[[0, 1, 2, 3, 5]]).all()
    # The first half is told by the last: 0.6 at 3 and 1.0 at 5 lie on a rising line.
    assert said[0] < said[1] < said[2]


def test_the_mean_ranks_nothing():
    truth = np.array([0.0, 1.0, 0.0, 1.0])
    folds = [(np.array([2, 3]), np.array([0, 1])), (np.array([0, 1]), np.array([2, 3]))]
    said = qa_vs_csat._regressed(np.zeros((4, 0)), truth, folds)
    assert said.tolist() == [0.5] * 4


def test_a_simulated_centre_is_made_once_and_again_when_it_was_left_half_made(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    spec = spec_of("simulated:30")
    (folder,) = centre.sources(spec)
    made = folder / "conversations.jsonl.gz"
    before = made.stat().st_mtime_ns
    assert centre.sources(spec) == [folder]
    assert made.stat().st_mtime_ns == before
    (folder / "truth.json").unlink()
    made.write_bytes(b"")
    centre.sources(spec)
    assert len(load_dataset(folder).labelled) == 30
    other = spec_of("simulated:30", seed=8)
    assert centre.sources(other) != [folder]


# whole runs


@pytest.fixture(scope="module")
def found(reviewed, fake_encoder_class, tracker):
    encoder = fake_encoder_class()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(centre, "default_encoders", lambda **_: {"*": encoder})
        arms = [*ARMS, {"name": "automated", "use": "automated_qa", "scorer": "tfidf"}]
        return run_experiment(spec_of(reviewed, arms=arms), tracker=tracker)


@pytest.mark.slow
def test_arms_are_measured_against_the_customers_word(found):
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["failed"] == []
    figures = {name: table["desk"]["metrics"] for name, table in said["arms"].items()}
    assert set(figures["mean"]) == set(qa_vs_csat.METRICS)
    assert figures["mean"]["spearman"]["value"] is None
    # Both follow the words, so only what folds shrink differently keeps them from 1.
    assert figures["human_qa"]["spearman"]["value"] > 0.8
    assert figures["human_qa"]["auc_dissatisfied"]["value"] == 1.0
    assert figures["human_qa"]["mae"]["value"] < 0.1
    for name in ("automated", "csat_model"):
        assert figures[name]["spearman"]["low"] > 0.3
    assert {table["desk"]["n"] for table in said["arms"].values()} == {120}


@pytest.mark.slow
def test_the_report_holds_the_arms_and_the_comparison_with_people(found):
    text = found.to_markdown()
    assert "**desk**: predicting surveyed CSAT out of sample" in text
    assert "| csat_model | 120 |" in text
    assert "### automated, people and customers on desk" in text


@pytest.mark.slow
def test_automated_arms_keep_their_comparison_and_totals(found, tracker, tmp_path):
    detail = tracker.show_run(found.run_id)
    assert len(detail.arms) == 6
    kept = [arm for arm in detail.arms if "comparison_desk.json" in arm.artifacts]
    assert len(kept) == 1  # the arm of automated QA alone; with handle time it is the same QA
    wanted = {"agreement_desk.png", "totals_desk.parquet", "study_desk.json", "report_desk.html"}
    assert wanted <= set(kept[0].artifacts)
    path = tracker.client.download_artifacts(
        kept[0].summary.run_id, "totals_desk.parquet", str(tmp_path)
    )
    totals = pd.read_parquet(path)
    assert list(totals) == ["conversation_id", "automated_total", "human_total", "csat_share"]
    assert len(totals) == 120


@pytest.mark.slow
def test_the_report_in_mlflow_is_a_whole_page_without_a_word_that_anybody_said(
    found, reviewed, tracker, tmp_path
):
    arm = next(a for a in tracker.show_run(found.run_id).arms if a.summary.title == "automated")
    run = arm.summary.run_id
    page = tracker.client.download_artifacts(run, "report_desk.html", str(tmp_path))
    html = Path(page).read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    said = {t.text for one in load_dataset(reviewed).transcripts for t in one.turns}
    assert not [text for text in said if len(text.split()) > 3 and text in html]


@pytest.mark.slow
def test_arms_that_learn_from_words_keep_their_model(found, tracker):
    kept = {}
    for arm in tracker.show_run(found.run_id).arms:
        outputs = tracker.client.get_run(arm.summary.run_id).outputs.model_outputs
        kept[arm.summary.title] = len(outputs)
    assert kept == {
        **dict.fromkeys(("mean", "turns", "human_qa"), 0),
        **dict.fromkeys(("automated_qa+turns", "csat_model", "automated"), 1),
    }


@pytest.mark.slow
def test_an_arm_that_fails_is_marked_and_the_others_finish(
    toy, dataset_of, tmp_path, fake_encoding, tracker
):
    records = toy.reviewed(60, criteria=("warmth",))
    for record in records[10:]:
        record["ratings"] = []  # ten reviews teach nothing
    folder = dataset_of(tmp_path / "few", records)
    spec = spec_of(folder, arms=["automated_qa", "turns"], question="Are ten reviews enough?")
    result = run_experiment(spec, tracker=tracker)
    assert result.failed == ("automated_qa",)
    assert list(result.tables) == ["turns"]
    assert "Arm automated_qa failed" in result.to_markdown()
    statuses = [arm.summary.status for arm in tracker.show_run(result.run_id).arms]
    assert sorted(statuses) == ["FAILED", "FINISHED"]


@pytest.mark.slow
def test_an_arm_may_read_through_encoders_of_its_own(
    reviewed, fake_encoding, fake_encoder_class, tracker, monkeypatch
):
    other, asked = fake_encoder_class("other"), []

    def own_encoders(config, **_):
        asked.append(config)
        return {"*": other}

    monkeypatch.setattr(prepared, "default_encoders", own_encoders)
    own = {"name": "own", "use": "csat_model", "encoders": "*=other"}
    again = {"name": "own_qa", "use": "automated_qa", "encoders": "*=other"}
    spec = spec_of(
        reviewed,
        arms=["csat_model", own, again],
        metrics=["mae"],
        question="Whose vectors tell more?",
    )
    result = run_experiment(spec, tracker=tracker)
    # A model that was kept with others' encoders could not be read, and its arm would fail.
    assert result.failed == ()
    assert asked == ["*=other"]  # once for both arms
    # Every turn was read through both; answering the made-up example of a kept model adds some.
    assert min(fake_encoding.encoded, other.encoded) >= 120 * 6
    errors = {name: table["desk"]["metrics"]["mae"] for name, table in result.tables.items()}
    assert errors["csat_model"] != errors["own"]
    said = {arm.summary.title: arm for arm in tracker.show_run(result.run_id).arms}
    assert said["own"].params["encoders"] == "*=other"


@pytest.mark.slow
def test_simulated_centres_are_called_simulated(tmp_path, monkeypatch, tracker, fake_encoding):
    monkeypatch.chdir(tmp_path)
    spec = spec_of(
        "simulated:150",
        arms=["human_qa"],
        metrics=["spearman"],
        question="Is it said to be simulated?",
    )
    result = run_experiment(spec, tracker=tracker)
    assert " (simulated)**" in result.to_markdown() or "** (simulated):" in result.to_markdown()
    (name,) = result.tables["human_qa"]
    assert name.startswith("simulated-centre-150")
    assert set(result.tables["human_qa"][name]["metrics"]) == {"spearman"}


def test_every_arm_of_the_known_numbers_may_be_summed():
    for use in ("handle_time+turns", "human_qa+automated_qa", "mean", "csat_model"):
        qa_vs_csat._check(ArmSpec(name="it", use=use))
