from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from autoqa.errors import DataError, ModelError
from autoqa.experiments.benchmark import KINDS, run_benchmark, to_markdown
from autoqa.experiments.provenance import files_digest
from autoqa.experiments.tasks import TASKS, load_dataset
from autoqa.experiments.training import train
from autoqa.features.batch import Batch
from autoqa.records import Transcript
from autoqa.scorecard.schema import Scorecard
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
from autoqa.scorers.linear import LinearScorer

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("AUTOQA_DATA", ROOT / "../shared/data"))

SATISFACTION = {"accuracy", "macro_precision", "macro_recall", "macro_f1", "spearman"}
METRICS = {
    "satisfaction": SATISFACTION,
    "politeness": {
        f"{name}{place}"
        for name in ("spearman", "quartile_accuracy")
        for place in ("", "_forum", "_wiki_talk")
    },
    "empathy": {"evidence_token_f1"}
    | {
        f"{name}_{figure}"
        for name in ("emotional_reaction", "interpretation", "exploration")
        for figure in ("macro_f1", "quadratic_kappa")
    },
    "listening": {"quality_auc"}
    | {
        f"{name}_{figure}"
        for name in ("reflection", "question", "therapist_input")
        for figure in ("kappa", "f1")
    },
    "procedure": {"auc", "accuracy"},
}


@pytest.fixture
def bench(fake_encoding, toy_models, toy_data):
    """Run a benchmark on the toy dataset of its kind, or on other folders."""

    def run(kind, *folders, **options):
        chosen = folders or (toy_data / f"toy_{kind}",)
        return run_benchmark(kind, toy_models, chosen, **{"n_resamples": 60, **options})

    return run


def plain(result):
    """The result as strict JSON gives it back."""
    return json.loads(json.dumps(result, allow_nan=False))


def test_there_is_a_benchmark_for_every_promise():
    assert set(KINDS) == set(METRICS)


@pytest.mark.parametrize("kind", METRICS)
def test_every_benchmark_writes_the_shape_it_promises(bench, kind):
    result = plain(bench(kind))
    assert result["benchmark"] == kind
    (name, one), *others = result["datasets"].items()
    assert (name, others) == (f"toy_{kind}", [])
    assert set(one["metrics"]) == METRICS[kind]
    for figure in one["metrics"].values():
        assert set(figure) == {"value", "low", "high"}
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert one["n"] >= one["n_conversations"] == 24  # the train part is left out
    assert one["splits"] == ["valid"]
    assert isinstance(one["majority"], dict)
    assert set(one["majority"]) <= set(one["metrics"])
    ceiling = one["human_ceiling"]
    assert ceiling is None or set(ceiling) <= set(one["metrics"])
    assert (one["oracle"] is not None) == (kind == "satisfaction")


def test_who_has_several_raters_has_a_ceiling(bench):
    ceilings = {kind: bench(kind)["datasets"][f"toy_{kind}"]["human_ceiling"] for kind in METRICS}
    assert {kind for kind, ceiling in ceilings.items() if ceiling} == {
        "satisfaction",
        "politeness",
        "listening",
    }
    assert ceilings["empathy"] is None
    assert set(ceilings["satisfaction"]) == SATISFACTION


def test_models_that_learned_do_better_than_the_commonest_answer(bench):
    one = bench("satisfaction")["datasets"]["toy_satisfaction"]
    assert one["metrics"]["macro_f1"]["low"] > one["majority"]["macro_f1"]
    one = bench("listening")["datasets"]["toy_listening"]
    assert one["metrics"]["reflection_kappa"]["value"] > 0.5
    one = bench("empathy")["datasets"]["toy_empathy"]
    # Every mechanism has a sentence of its own, and shows one of the three or more.
    assert one["metrics"]["evidence_token_f1"]["value"] > 0.2


@pytest.mark.parametrize("kind", METRICS)
def test_models_never_see_a_label(bench, kind, monkeypatch):
    seen = []
    rate_items = LinearScorer.rate_items

    def spy(self, criterion, batch, items):
        seen.append(batch)
        return rate_items(self, criterion, batch, items)

    monkeypatch.setattr(LinearScorer, "rate_items", spy)
    bench(kind)
    assert seen
    for batch in seen:
        assert isinstance(batch, Batch)
        for transcript in batch.transcripts:
            assert type(transcript) is Transcript
            assert transcript.attributes == {}


def test_other_labels_change_no_prediction(bench, toy_data, dataset_of, tmp_path, monkeypatch):
    said = []
    rate_items = LinearScorer.rate_items

    def spy(self, criterion, batch, items):
        ratings = rate_items(self, criterion, batch, items)
        said.append([(r.level, r.expected) for r in ratings])
        return ratings

    monkeypatch.setattr(LinearScorer, "rate_items", spy)
    lines = (toy_data / "toy_procedure" / "transcripts.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        record["ratings"][0]["score"] = 1 - record["ratings"][0]["score"]
    bench("procedure")
    bench("procedure", dataset_of(tmp_path / "toy_procedure", records))
    assert said[0] == said[1]


def test_several_datasets_are_kept_by_their_folders_names(bench, toy, dataset_of, tmp_path):
    folders = [dataset_of(tmp_path / name, toy.procedure(20)) for name in ("north", "south")]
    assert list(bench("procedure", *folders)["datasets"]) == ["north", "south"]


def test_two_folders_of_one_name_are_refused(bench, toy, dataset_of, tmp_path):
    folders = [dataset_of(tmp_path / k / "same", toy.procedure(20)) for k in "ab"]
    with pytest.raises(DataError, match="two dataset folders are named 'same'"):
        bench("procedure", *folders)


def test_points_say_what_is_measured(bench, toy, dataset_of, tmp_path):
    records = toy.satisfaction(30, split="valid")
    del records[3]["ratings"]
    points = [(f"sat-{i}", turn, i % 3) for i in range(5) for turn in (6, None)]
    folder = dataset_of(tmp_path / "pointed", records, points=points)
    one = plain(bench("satisfaction", folder))["datasets"]["pointed"]
    assert (one["n"], one["n_conversations"]) == (10, 5)


@pytest.mark.parametrize("kind", METRICS)
def test_one_conversation_has_figures_without_intervals(bench, toy, dataset_of, tmp_path, kind):
    folder = dataset_of(tmp_path / "one", getattr(toy, kind)(1))
    one = plain(bench(kind, folder))["datasets"]["one"]
    assert one["n_conversations"] == 1
    assert all(f["low"] is f["high"] is None for f in one["metrics"].values())
    assert "- |" in to_markdown(bench(kind, folder))


@pytest.mark.parametrize("kind", METRICS)
def test_one_class_leaves_open_what_needs_two(bench, toy, dataset_of, tmp_path, kind):
    records = getattr(toy, kind)(8)
    for record in records:
        for rating in record["ratings"]:
            rating["score"] = rating["scale"][1]
    one = plain(bench(kind, dataset_of(tmp_path / "same", records)))["datasets"]["same"]
    assert one["n_conversations"] == 8
    for name in ("auc", "quality_auc", "spearman"):
        if name in one["metrics"]:
            assert one["metrics"][name]["value"] is None


@pytest.mark.parametrize("kind", METRICS)
def test_deletion_and_robustness_come_when_asked_for(bench, kind):
    plainly = plain(bench(kind))["datasets"][f"toy_{kind}"]
    result = plain(bench(kind, deletion=True, robustness=True, n_resamples=20))
    one = result["datasets"][f"toy_{kind}"]
    assert set(one) - set(plainly) == {"deletion", "robustness"}
    heads = {head.id for head in TASKS[kind].heads}
    assert set(one["deletion"]) == set(one["robustness"]["heads"]) == heads
    for tested in one["deletion"].values():
        assert [row["size"] for row in tested["sizes"]] == [1, 3]
        for row in tested["sizes"]:
            assert row["n"] + sum(row["left_out"].values()) == tested["n"]
    assert [row["word_error_rate"] for row in one["robustness"]["stress"]] == [
        None, 0.0, 0.05, 0.1, 0.2, 0.4,
    ]  # fmt: skip
    for row in one["robustness"]["stress"]:
        assert row["metrics"]
        assert set(row["metrics"]) <= METRICS[kind]
    text = to_markdown(result)
    assert "#### Deletion test" in text
    assert "#### Robustness" in text


@pytest.mark.parametrize("kind", ["satisfaction", "politeness"])
def test_a_page_sets_the_models_beside_everybody_who_rated(bench, kind, tmp_path):
    one = bench(kind, reports=tmp_path / "pages")["datasets"][f"toy_{kind}"]
    page = Path(one["report"]).read_text(encoding="utf-8")
    assert one["report"] == str(tmp_path / "pages" / f"{kind}_toy_{kind}.html")
    assert f"{kind}: toy_{kind}" in page
    assert any(kind in sentence for sentence in one["study"])
    assert not any("Not answered" in sentence for sentence in one["study"])


def test_an_unknown_benchmark_is_told_the_nearest(bench, tmp_path):
    with pytest.raises(DataError, match="Did you mean 'politeness'"):
        bench("politness", tmp_path)


def test_a_dataset_without_the_label_says_which(bench, toy_data):
    with pytest.raises(DataError, match=r"toy_procedure: no politeness ratings.*procedure_outcome"):
        bench("politeness", toy_data / "toy_procedure")


def test_a_folder_without_the_head_says_what_it_has(fake_encoding, toy_models, toy_data, tmp_path):
    whole = ModelFolder(toy_models)
    head = "procedure_outcome"
    few = write_models(tmp_path / "few", {head: whole.model(head)}, {head: whole.heads[head]}).path
    with pytest.raises(ModelError, match="needs head 'politeness'; the folder has procedure_out"):
        run_benchmark("politeness", few, [toy_data / "toy_politeness"], n_resamples=10)


def test_a_head_of_another_scale_is_refused(fake_encoding, toy_models, toy_data, tmp_path):
    whole = ModelFolder(toy_models)
    criterion = whole.heads["exploration"].criterion.model_copy(update={"id": "politeness"})
    head = {"politeness": whole.model("exploration")}
    folder = write_models(tmp_path / "odd", head, {"politeness": HeadCard(criterion)}).path
    with pytest.raises(DataError, match="answers on 0-2, the politeness benchmark on 1-25"):
        run_benchmark("politeness", folder, [toy_data / "toy_politeness"], n_resamples=10)


def test_the_held_out_part_was_not_learned_from(bench):
    one = bench("procedure")["datasets"]["toy_procedure"]
    assert one["learned_from"] is False
    assert "The models learned" not in to_markdown(bench("procedure"))


def test_conversations_that_were_learned_from_are_said_to_be(
    fake_encoding, toy, dataset_of, tmp_path, toy_models
):
    folder = dataset_of(tmp_path / "unmarked", toy.procedure(30))
    dataset = load_dataset(folder)
    whole = ModelFolder(toy_models)
    heads = {name: whole.model(name) for name in ("procedure_outcome", "politeness")}
    source = (f"unmarked sha256:{dataset.sha256[:16]}",)

    def judged(learner):
        cards = {
            name: HeadCard(
                whole.heads[name].criterion, trained_on=source if name == learner else ()
            )
            for name in heads
        }
        models = write_models(tmp_path / learner, heads, cards).path
        return run_benchmark("procedure", models, [folder], n_resamples=10)

    own = judged("procedure_outcome")
    assert own["datasets"]["unmarked"]["learned_from"] is True
    assert "learned from these very conversations" in to_markdown(own)
    other = judged("politeness")  # another task's head saw them, this one's did not
    assert other["datasets"]["unmarked"]["learned_from"] is False


@pytest.mark.parametrize("split", [None, "valid"])
@pytest.mark.parametrize("given", ["folder", "parent", "file"])
def test_a_folder_that_train_learned_from_is_recognised(
    fake_encoding, toy, dataset_of, tmp_path, split, given
):
    records = toy.procedure(30)
    if split:  # unlike `make models`, train learns from every split
        records = toy.procedure(30, split="train") + toy.procedure(10, split=split, start=30)
    folder = dataset_of(tmp_path / "parent" / "mine", records)
    data = {"folder": folder, "parent": folder.parent, "file": folder / "transcripts.jsonl"}[given]
    section = {"id": "all", "criteria": (TASKS["procedure"].heads[0],)}
    card = Scorecard(id="desk", version=1, sections=(section,))
    models = tmp_path / "models"
    train([data], card, models, settings={"embeddings": (), "statistics": False})

    seen = run_benchmark("procedure", models, [folder], n_resamples=10)
    assert seen["datasets"]["mine"]["learned_from"] is True
    assert "learned from these very conversations" in to_markdown(seen)
    new = dataset_of(tmp_path / "new" / "mine", toy.procedure(12, start=90))
    unseen = run_benchmark("procedure", models, [new], n_resamples=10)
    assert unseen["datasets"]["mine"]["learned_from"] is False


def test_one_file_of_a_dataset_is_enough_to_recognise_it(
    fake_encoding, toy, dataset_of, tmp_path, toy_models
):
    folder = dataset_of(tmp_path / "both", toy.procedure(20))
    one = folder / "transcripts.jsonl"
    rows = [json.dumps(record) for record in toy.procedure(20, start=50)]
    (folder / "more.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    whole = ModelFolder(toy_models)
    head = "procedure_outcome"
    source = f"transcripts.jsonl sha256:{files_digest([one])[:16]}"
    card = HeadCard(whole.heads[head].criterion, trained_on=(source,))
    models = write_models(tmp_path / "m", {head: whole.model(head)}, {head: card}).path
    seen = run_benchmark("procedure", models, [folder], n_resamples=10)
    assert seen["datasets"]["both"]["learned_from"] is True


def test_the_same_seed_gives_the_same_figures(bench):
    assert bench("procedure", seed=3) == bench("procedure", seed=3)


def test_the_table_shows_the_model_between_people_and_the_commonest_answer(bench):
    text = to_markdown(bench("satisfaction"))
    assert "### satisfaction: toy_satisfaction" in text
    assert "| metric | model | people agree at | oracle | always the commonest answer |" in text
    assert "(split: valid)" in text


@pytest.mark.slow
def test_the_shipped_models_beat_the_commonest_class_on_real_dialogues(tmp_path):
    models = ROOT / "models" / "default"
    if not (REAL / "uss_mwoz").is_dir():
        pytest.skip(f"{REAL / 'uss_mwoz'} is not there; set AUTOQA_DATA to the shared datasets")
    if not (models / "models.json").is_file():
        pytest.skip("models/default is not there; `make models` trains it")
    from typer.testing import CliRunner

    from autoqa.cli.app import app

    out = tmp_path / "figures.json"
    arguments = ["satisfaction", "--models", str(models), str(REAL / "uss_mwoz")]
    ran = CliRunner().invoke(
        app, ["benchmark", *arguments, "--json", str(out), "--resamples", "200"]
    )
    assert ran.exit_code == 0, ran.output
    one = json.loads(out.read_text(encoding="utf-8"))["datasets"]["uss_mwoz"]
    assert (one["n"], one["n_conversations"]) == (952, 100)
    assert set(one["metrics"]) >= SATISFACTION
    assert one["metrics"]["macro_f1"]["low"] > one["majority"]["macro_f1"]
    assert one["human_ceiling"]["macro_f1"]["value"] > one["majority"]["macro_f1"]
    assert one["oracle"]["macro_f1"]["value"] > one["metrics"]["macro_f1"]["value"]
    assert one["learned_from"] is False


def test_heads_whose_licence_is_not_wanted_are_not_measured(toy_data, toy_models, fake_encoding):
    with pytest.raises(ModelError, match="'procedure_outcome' learned from data under 'unstated'"):
        run_benchmark("procedure", toy_models, [toy_data / "toy_procedure"], licence="permissive")


def test_items_that_were_not_rated_are_counted_and_said(bench):
    result = bench("politeness")
    assert result["datasets"]["toy_politeness"]["unanswered"] == {"politeness": 0}
    assert "were not rated" not in to_markdown(result)
    result["datasets"]["toy_politeness"]["unanswered"]["politeness"] = 3
    assert "3 items of politeness were not rated" in to_markdown(result)
