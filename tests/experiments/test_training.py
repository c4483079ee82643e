from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import autoqa.batch
import autoqa.batch.work
from autoqa.csat import csat_criterion
from autoqa.errors import DataError, ScaleError, ScorecardError
from autoqa.experiments import training
from autoqa.experiments.selecting import StatedRisk
from autoqa.experiments.tasks import load_dataset
from autoqa.experiments.training import train
from autoqa.features.adapters import Adapter, write_adapter
from autoqa.features.batch import Batch
from autoqa.features.weights import find_weights
from autoqa.readers import Quarantine, read
from autoqa.records import CSAT, LabelledTranscript, Status
from autoqa.scorecard.schema import Criterion, Level, Scorecard
from autoqa.scorers.folder import HeadCard, ModelFolder, write_models
from autoqa.scorers.panel import Panel

YES_NO = {0: Level(label="no"), 1: Level(label="yes")}
TFIDF = {"embeddings": (), "statistics": False}


def criterion(name, **more):
    return Criterion(id=name, question="Did they?", levels=YES_NO, weight=1, **more)


def card_of(*criteria):
    return Scorecard(id="desk", version=2, sections=({"id": "all", "criteria": criteria},))


CARD = card_of(criterion("courtesy"))


@pytest.fixture
def data(tmp_path, dataset_of):
    return lambda records, name="data": dataset_of(tmp_path / name, records)


@pytest.fixture
def learn(fake_encoding, tmp_path, data):
    def run(records, card=CARD, out="models", **more):
        return train([data(records)], card, tmp_path / out, **more)

    return run


def test_rated_criteria_are_learned_and_score_new_conversations(
    learn, toy, tmp_path, data, monkeypatch, fake_encoding
):
    found = learn(toy.reviewed(120), csat=True)
    assert found.n_conversations == 120
    assert (found.csat, found.skipped) == (True, {})
    one = found.criteria["courtesy"]
    assert (one.use, one.n_conversations) == ("linear", 120)
    assert one.kappa_learned > 0.5
    assert one.kappa_rules is None  # the scorecard names none

    new = data(toy.reviewed(20, agents=0), "new")
    with Quarantine() as quarantine:
        labelled = list(read([new], quarantine=quarantine))
    ratings = autoqa.batch.score_transcripts(
        tmp_path / "models", [one.transcript for one in labelled]
    )
    by_criterion = {
        name: [r for r in ratings if r.criterion == name] for name in ("courtesy", CSAT)
    }
    truth = [one.ratings[0].level for one in labelled]
    assert {r.status for r in by_criterion["courtesy"]} == {Status.RATED}
    assert np.mean([r.level for r in by_criterion["courtesy"]] == np.array(truth)) > 0.7
    assert {r.level for r in by_criterion[CSAT] if r.turn is None} <= {1, 2, 3, 4, 5}


def test_the_folder_says_what_it_learned_from_and_how_well(learn, toy, tmp_path):
    learn(toy.reviewed(120))
    folder = ModelFolder(tmp_path / "models")
    assert folder.verify() > 0
    assert folder.scorecard.id == "desk"
    head = folder.heads["courtesy"]
    source = f"data sha256:{load_dataset(tmp_path / 'data').sha256[:16]}"
    assert (head.trained_on, head.n_items, head.use) == ((source,), 120, "linear")
    assert head.metrics["kappa_learned"] > 0.5
    readme = (tmp_path / "models" / "README.md").read_text(encoding="utf-8")
    assert "# Models for scorecard desk, version 2" in readme
    assert "| courtesy | linear |" in readme
    assert str(tmp_path) not in readme


def test_every_folder_and_file_that_was_read_is_named_with_its_digest(toy, data, tmp_path):
    north, south = (data(toy.reviewed(5), f"all/{name}") for name in ("north", "south"))
    other = data(toy.reviewed(5), "elsewhere") / "transcripts.jsonl"
    found = training._sources([tmp_path / "all", other, north], ())
    digests = [load_dataset(folder).sha256[:16] for folder in (north, south, other.parent)]
    names = ("north", "south", "transcripts.jsonl")
    assert found == tuple(
        f"{name} sha256:{digest}" for name, digest in zip(names, digests, strict=True)
    )


def labelled_by(agents):
    from autoqa.records import Transcript, Turn

    return [
        LabelledTranscript(
            transcript=Transcript(
                conversation_id=f"c{i}", turns=(Turn(speaker="agent", text="so"),), agent=agent
            )
        )
        for i, agent in enumerate(agents)
    ]


@pytest.mark.parametrize("n_agents", [4, 40, 600])
def test_whole_agents_are_held_out_about_a_quarter_of_the_conversations(n_agents):
    agents = [f"agent {i % n_agents}" for i in range(1200)]
    held = training._held_out(training._groups(labelled_by(agents)), seed=3)
    inside = {agents[i] for i in held}
    assert all((agent in inside) == (i in held) for i, agent in enumerate(agents))
    assert 300 <= len(held) < 300 + 1200 / n_agents


@pytest.mark.parametrize("agent", [None, "the only one"])
def test_conversations_are_held_out_singly_where_agents_tell_nothing(agent):
    held = training._held_out(training._groups(labelled_by([agent] * 80)), seed=3)
    assert len(held) == 20


def test_the_check_is_made_by_models_that_saw_none_of_its_agents(learn, toy, monkeypatch):
    seen = []
    fit = training.LinearScorer.fit

    def spy(self, batch, ratings, groups=None):
        seen.append({r.conversation_id for r in ratings})
        return fit(self, batch, ratings, groups)

    monkeypatch.setattr(training.LinearScorer, "fit", spy)
    records = toy.reviewed(120)
    found = learn(records)
    agent_of = {r["conversation_id"]: r["agent"] for r in records}
    first, final = seen
    assert len(final) == 120  # what is kept learned from all
    held = set(agent_of) - first
    assert len(held) == found.criteria["courtesy"].n_checked == 30
    assert not {agent_of[c] for c in held} & {agent_of[c] for c in first}


def test_too_few_ratings_are_skipped_with_the_reason(learn, toy):
    records = toy.reviewed(60)
    few = toy.reviewed(60, criteria=("recap",))
    for record, other in zip(records[:7], few[:7], strict=True):
        record["ratings"] += other["ratings"]
    found = learn(records, card_of(*map(criterion, ("courtesy", "recap", "closing"))))
    assert set(found.criteria) == {"courtesy"}
    assert found.skipped == {
        "recap": "7 rated conversations, needs 20",
        "closing": "0 rated conversations, needs 20",
    }
    assert "recap: not learned, 7 rated conversations" in found.to_markdown()


def test_one_level_only_is_skipped_with_the_reason(learn, toy):
    records = toy.reviewed(60, criteria=("courtesy", "recap"))
    for record in records:
        record["ratings"][1]["score"] = 1
    found = learn(records, card_of(criterion("courtesy"), criterion("recap")))
    assert set(found.criteria) == {"courtesy"}
    assert "recap" in found.skipped


def test_nothing_to_learn_is_an_error_that_says_why(learn, toy):
    with pytest.raises(DataError, match="courtesy: 5 rated conversations, needs 20; csat: 5 surv"):
        learn(toy.reviewed(5), csat=True)


def test_only_the_criteria_asked_for_are_learned(learn, toy):
    records = toy.reviewed(60, criteria=("courtesy", "recap"))
    card = card_of(criterion("courtesy"), criterion("recap"))
    assert set(learn(records, card, criteria=["recap"]).criteria) == {"recap"}
    with pytest.raises(ScorecardError, match="recap"):
        learn(records, card, criteria=["recapp"])


def test_ratings_of_another_scale_stop_the_training(learn, toy):
    records = toy.reviewed(60)
    records[8]["ratings"][0] |= {"score": 2, "scale": [0, 2]}
    for record in records[:8] + records[9:]:
        record["ratings"][0]["scale"] = [0, 2]
    with pytest.raises(ScaleError, match="'courtesy' are at 2, but its scale is 0-1"):
        learn(records)


def test_rules_stay_where_they_agree_better_with_people(learn, toy, tmp_path):
    records = toy.reviewed(120)
    for i, record in enumerate(records):  # only the words of the rule tell, in both kinds of mood
        said = i // 8 % 2  # every agent half of the time
        record["ratings"][0]["score"] = said
        record["turns"][1]["text"] += " is there anything else i can help you with" * said
    card = card_of(criterion("courtesy", scorer={"use": "rules", "say": "further_help"}))
    settings = {"embeddings": ("target",), "ngrams": (), "statistics": False}
    found = learn(records, card, settings=settings)
    one = found.criteria["courtesy"]
    assert one.kappa_rules == 1.0
    assert one.kappa_learned < 0.9
    assert one.use == "rules"
    assert ModelFolder(tmp_path / "models").heads["courtesy"].use == "rules"
    assert autoqa.batch.ScoringSetup(card, tmp_path / "models").panel.answered_by == {
        "courtesy": "RulesScorer"
    }


def test_learned_models_replace_rules_that_hear_nothing(learn, toy):
    card = card_of(criterion("courtesy", scorer={"use": "rules", "say": "recap"}))
    one = learn(toy.reviewed(120), card).criteria["courtesy"]
    assert one.kappa_rules == 0.0
    assert one.use == "linear"


def test_a_stated_risk_limits_what_the_models_answer(learn, toy, tmp_path, data, fake_encoding):
    records = toy.reviewed(300, criteria=("courtesy", "recap"))
    for record in records:
        recap = record["ratings"][1]
        if int(record["conversation_id"].split("-")[1]) % 3 == 0:
            for turn in record["turns"]:  # words that tell little
                turn["text"] = toy.words(0.5)
        recap["score"] = int(toy.rng.random() < 0.5)  # nobody can tell
    card = card_of(criterion("courtesy"), criterion("recap"))
    found = learn(records, card, stated_risk=StatedRisk(0.15, 0.95), settings=TFIDF)
    told, guessed = (found.criteria[name].limit for name in ("courtesy", "recap"))
    assert 0.5 < told.threshold < 1
    assert 0.3 < told.coverage < 0.95
    assert told.observed <= 0.15
    assert (guessed.threshold, guessed.coverage) == (None, 0.0)

    heads = ModelFolder(tmp_path / "models").heads
    assert heads["courtesy"].abstain_below == told.threshold
    assert heads["courtesy"].risk == told.to_dict()
    assert heads["recap"].abstain_below is None
    readme = (tmp_path / "models" / "README.md").read_text(encoding="utf-8")
    assert "At most 15% disagreement with people" in readme
    assert "confidence level of 95%" in readme
    assert f"| courtesy | {told.threshold:.2f} | {told.coverage:.0%} |" in readme
    assert "| recap | never sure enough | 0% | - | 300 |" in readme

    panel = Panel(card, ModelFolder(tmp_path / "models"))
    with Quarantine() as quarantine:
        new = data(records[:60], "new")
        batch = Batch([one.transcript for one in read([new], quarantine=quarantine)])
    ratings = panel.rate(batch)
    assert {
        (r.status, max(r.probabilities) >= told.threshold)
        for r in ratings
        if r.criterion == "courtesy"
    } == {(Status.RATED, True), (Status.ABSTAINED, False)}
    assert {r.reason for r in ratings if r.criterion == "recap"} == {
        "no confidence reaches 15% disagreement"
    }


def test_without_a_stated_risk_the_folder_says_nothing_of_one(learn, toy, tmp_path):
    found = learn(toy.reviewed(60))
    assert found.criteria["courtesy"].limit is None
    assert "isagreement" not in found.to_markdown()
    assert not {"abstain_below", "risk"} & set(
        ModelFolder(tmp_path / "models").index["heads"]["courtesy"]
    )


def test_turns_are_compared_with_what_the_model_says_of_those_turns(learn, toy, rating_of):
    records = toy.listening(60)
    card = card_of(
        Criterion(id="question", question="A question?", levels=YES_NO, unit="turn", weight=1)
    )
    one = learn(records, card).criteria["question"]
    # The word tells; a conversation's mean would agree with its turns by chance alone.
    assert one.kappa_learned > 0.8
    assert one.kappa_rules is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score": 2, "scale": [0, 10]}, "surveys on two scales, 1-5 and 0-10"),
        (None, "10 surveys, needs 20"),
    ],
)
def test_surveys_that_cannot_be_learned_are_skipped_with_the_reason(learn, toy, change, reason):
    records = toy.reviewed(60)
    for record in records[10:]:
        if change is None:
            del record["csat"]
        else:
            record["csat"] |= change
    found = learn(records, csat=True)
    assert found.csat is False
    assert reason in found.skipped[CSAT]
    assert "CSAT: not learned" in found.to_markdown()


def test_csat_alone_can_be_learned(learn, toy, tmp_path):
    found = learn(toy.reviewed(60, criteria=()), csat=True)
    assert (found.csat, dict(found.criteria)) == (True, {})
    assert ModelFolder(tmp_path / "models").heads[CSAT].criterion.scale == (1, 2, 3, 4, 5)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(learn, toy_class, tmp_path):
    for out in ("one", "two"):
        learn(toy_class().reviewed(80), csat=True, out=out, seed=5)
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_words_alone_need_no_encoder(toy, data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "default_encoders", dict)
    found = train([data(toy.reviewed(80))], CARD, tmp_path / "models", settings=TFIDF)
    assert found.criteria["courtesy"].kappa_learned > 0.5


def test_bad_records_are_counted_and_the_rest_is_learned(learn, toy):
    found = learn([*toy.reviewed(60), {"conversation_id": "bad", "turns": []}])
    assert (found.n_conversations, found.quarantined) == (60, 1)
    assert found.reasons == {"no_turns": 1}


def test_personal_data_does_not_reach_the_vocabulary(learn, toy, tmp_path):
    records = toy.reviewed(60)
    for record in records:
        record["turns"][0]["text"] += " my mail is anna.verdi@example.com"
    learn(records)
    for name, content in files(tmp_path / "models").items():
        assert b"verdi" not in content, name


def test_progress_tells_every_step_and_ends(learn, toy):
    steps = []
    learn(toy.reviewed(60), csat=True, progress=lambda *step: steps.append(step))
    assert [name for name, *_ in steps] == [
        "reading the conversations",
        "learning courtesy",
        "learning CSAT",
        "done",
    ]
    assert steps[-1][1:] == (4, 4)
    assert [n for _, n, _ in steps] == sorted(n for _, n, _ in steps)


def test_models_that_start_from_others_read_through_their_encoder_under_its_terms(
    data, toy, tmp_path, tiny_bert, monkeypatch
):
    monkeypatch.setenv("AUTOQA_CACHE", str(tmp_path / "cache"))
    base = find_weights(str(tiny_bert))
    adapter = Adapter(
        name="ours",
        base=str(tiny_bert),
        base_fingerprint=base.fingerprint,
        scale=1.0,
        max_tokens=128,
        context_tokens=30,
    )
    write_adapter(tmp_path / "english", adapter, {})
    restricted = HeadCard(criterion=csat_criterion((1, 2, 3)), licence="research-only")
    start = write_models(
        tmp_path / "start", {}, {CSAT: restricted}, adapters={"en": tmp_path / "english"}
    )
    train([data(toy.reviewed(60))], CARD, tmp_path / "models", start_from=start.path)
    folder = ModelFolder(tmp_path / "models")
    assert folder.encoders()["en"].name == "ours"
    (card,) = folder.heads.values()
    assert card.licence == "research-only (its encoder comes from start)"
    assert folder.verify() > 2
