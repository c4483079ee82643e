"""EvidenceNetwork: what is shown adds up to the score, and nothing later or beside it matters."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from autoqa.errors import DataError, ModelError
from autoqa.features.batch import Batch
from autoqa.features.ngrams import TurnNgrams
from autoqa.features.views import Item
from autoqa.records import Transcript, Turn
from autoqa.scorers.evidence import EvidenceNetwork, EvidenceSettings, HeadLabels
from autoqa.scorers.evidence_inputs import Spans, ranges, read_turns
from autoqa.scorers.evidence_labels import lessons_of, set_apart
from autoqa.scorers.evidence_layers import banded_attention

LEVELS = (0, 1, 2)
SMALL = EvidenceSettings(
    width=16, attention_heads=2, least_steps=150, epochs=1, learning_rate=5e-3, calibrate=False
)
LINKS = ("ordinal", "multinomial")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def labels_of(truth, items=None, **more):
    items = [Item(i) for i in range(len(truth))] if items is None else items
    return HeadLabels(items, np.eye(3)[truth], LEVELS, **more)


def whole(batch):
    return [Item(i) for i in range(len(batch))]


@pytest.fixture(scope="module")
def encoder(fake_encoder_class):
    return fake_encoder_class()


@pytest.fixture(scope="module")
def batch_of(encoder):
    return lambda transcripts: Batch(transcripts, encoders={"*": encoder})


@pytest.fixture(scope="module")
def learned(talks, batch_of):
    """A network of each link, of two heads: after turns, and of whole conversations."""
    transcripts, truth = talks(120, seed=1)
    batch = batch_of(transcripts)
    items = [Item(i, t) for i, one in enumerate(transcripts) for t in range(1, len(one.turns))]
    after_turns = labels_of(truth[[i.transcript for i in items]], items)
    return {
        link: EvidenceNetwork(replace(SMALL, link=link)).fit(
            batch, {"csat": after_turns, "tone": labels_of(truth)}
        )
        for link in LINKS
    }


@pytest.fixture(scope="module")
def unseen(talks, batch_of):
    transcripts, truth = talks(80, seed=2, start=1000)
    return batch_of(transcripts), truth


def long_talk(n, seed=0):
    rng = np.random.default_rng(seed)
    words = np.array(["useless", "great", "order", "parcel", "angry", "thanks"])
    turns = [
        Turn(speaker="agent" if t % 2 else "customer", text=" ".join(rng.choice(words, 3)))
        for t in range(n)
    ]
    return Transcript(conversation_id=f"long-{n}", turns=tuple(turns))


# learning


@pytest.mark.parametrize("link", LINKS)
def test_a_network_finds_what_was_planted_in_words(learned, unseen, link):
    batch, truth = unseen
    said = learned[link].probabilities("tone", batch, whole(batch))
    assert said.shape == (80, 3)
    assert np.allclose(said.sum(axis=1), 1)
    assert (said > 0).all()
    assert np.corrcoef(said @ LEVELS, truth)[0, 1] > 0.6


def test_a_head_learns_though_most_conversations_have_labels_of_another_alone(
    talks, batch_of, unseen
):
    transcripts, truth = talks(60, seed=3)
    first, second = list(range(30)), list(range(20, 60))
    labels = {
        "tone": labels_of(truth[first], [Item(i) for i in first]),
        # What is high for one is low for the other.
        "anger": labels_of(2 - truth[second], [Item(i) for i in second]),
    }
    network = EvidenceNetwork(SMALL).fit(batch_of(transcripts), labels)
    batch, truth = unseen
    tone, anger = (network.probabilities(h, batch, whole(batch)) @ LEVELS for h in labels)
    assert np.corrcoef(tone, truth)[0, 1] > 0.4
    assert np.corrcoef(anger, truth)[0, 1] < -0.4


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_one_alone(talks, batch_of):
    transcripts, truth = talks(20, seed=1)
    labels = {"tone": labels_of(truth)}
    settings = replace(SMALL, least_steps=5)
    torch.manual_seed(1)
    first = EvidenceNetwork(settings).fit(batch_of(transcripts), labels)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    again = EvidenceNetwork(settings).fit(batch_of(transcripts), labels)
    other = EvidenceNetwork(replace(settings, seed=8)).fit(batch_of(transcripts), labels)
    assert first.version == again.version != other.version


def test_temperatures_come_from_groups_that_were_held_out(talks, batch_of):
    transcripts, truth = talks(200, seed=4)
    settings = replace(SMALL, calibrate=True, least_steps=40)
    network = EvidenceNetwork(settings).fit(batch_of(transcripts), {"tone": labels_of(truth)})
    meta, _ = network.to_arrays()
    assert meta["heads"][0]["temperature"] != 1.0


def test_no_group_and_no_conversation_is_on_both_sides_of_a_calibration():
    starts = np.arange(0, 41, 2)
    one = labels_of([0] * 20, groups=np.arange(20) // 4)
    other = labels_of([1] * 20, groups=np.arange(20) % 10)
    lessons = {n: lessons_of(x, starts, 512, []) for n, x in (("one", one), ("other", other))}
    rest, held = set_apart(lessons, 0.3, seed=1)
    assert sum(len(h.groups) for h in held.values())
    for name in lessons:
        assert not set(rest[name].groups) & set(held[name].groups)
    taken = {c for h in held.values() for c in h.spans.conversation}
    assert not taken & {c for r in rest.values() for c in r.spans.conversation}


def test_base_rates_are_those_of_the_answers(learned, unseen):
    batch, _ = unseen
    network = learned["ordinal"]
    said = network.probabilities("tone", batch, whole(batch))
    assert network.base_rate("tone") == pytest.approx(said.mean(axis=0), abs=0.1)


def test_a_balanced_decision_says_levels_that_are_likelier_than_usual(talks, batch_of):
    transcripts, truth = talks(90, seed=5)
    rare = np.where(truth == 2, 2, 0)  # two thirds at the lowest level
    found = {}
    for decision in ("likeliest", "balanced"):
        labels = {"tone": labels_of(rare, decision=decision)}
        network = EvidenceNetwork(replace(SMALL, least_steps=20)).fit(batch_of(transcripts), labels)
        batch = batch_of(transcripts)
        said = network.probabilities("tone", batch, whole(batch))
        found[decision] = network.decide("tone", batch, whole(batch), said)
        usual = said / network.base_rate("tone") if decision == "balanced" else said
        np.testing.assert_array_equal(found[decision], usual.argmax(axis=1))
    assert (found["balanced"] > 0).sum() > (found["likeliest"] > 0).sum()


# evidence


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("head", ["csat", "tone"])
def test_the_terms_shown_add_up_to_the_logits(learned, unseen, link, head):
    batch, _ = unseen
    items = [Item(i, None if i % 2 else len(batch.transcripts[i].turns) // 2) for i in range(20)]
    network = learned[link]
    said = network.probabilities(head, batch, items)
    for item, one, probabilities in zip(
        items, network.explain(head, batch, items), said, strict=True
    ):
        total = one.bias + one.statistics + one.parts.sum(axis=0)
        assert np.abs(total - one.logits).max() < 1e-5
        seen = len(batch.transcripts[item.transcript].turns) if item.turn is None else item.turn + 1
        assert one.turns.tolist() == list(range(seen))
        if link == "ordinal":
            assert (np.diff(one.logits) < 0).all()  # a higher step is never likelier
            assert probabilities[0] == pytest.approx(1 - 1 / (1 + np.exp(-one.logits[0])))


def test_contributions_tell_praise_from_complaints(learned, batch_of, transcript_of):
    talk = transcript_of("c", "customer: useless broken", "agent: order", "customer: great perfect")
    ((turns, added),) = learned["ordinal"].contributions("tone", batch_of([talk]), [Item(0)])
    assert turns.tolist() == [0, 1, 2]
    assert added[0] < added[1] < added[2]
    assert added[0] < 0 < added[2]


def test_contributions_are_told_from_what_turns_say_on_average(learned, talks, batch_of):
    transcripts, _ = talks(120, seed=1)  # those that were learned from
    found = learned["ordinal"].explain("tone", batch_of(transcripts), whole(transcripts))
    assert np.mean([one.parts.sum(axis=0) for one in found]) == pytest.approx(0, abs=1e-4)


def test_turn_values_are_read_once_for_all_heads_and_items(learned, unseen, monkeypatch):
    network = learned["ordinal"]
    batch = Batch(unseen[0].transcripts, encoders=unseen[0].encoders)
    calls = []
    layers = network.reader_.layers
    forward = layers.forward
    monkeypatch.setattr(layers, "forward", lambda inputs: calls.append(1) or forward(inputs))
    network.probabilities("tone", batch, whole(batch))
    once = len(calls)
    network.probabilities("csat", batch, whole(batch))
    network.contributions("csat", batch, [Item(0, 0)])
    assert once == len(calls) > 0


# causality and batches


@pytest.mark.parametrize("link", LINKS)
def test_later_turns_change_nothing(learned, talks, batch_of, link):
    (one, other), _ = talks(2, seed=6)
    length = len(one.turns)
    longer = replace(one, turns=(*one.turns, *other.turns, *other.turns))
    items = [Item(0, t) for t in range(length)]
    network = learned[link]
    before, after, cut = (
        network.probabilities("csat", batch_of([talk]), items)
        for talk in (one, longer, one.upto(length - 1))
    )
    np.testing.assert_allclose(after, before, atol=1e-6)
    np.testing.assert_allclose(cut, before, atol=1e-6)


def test_a_conversation_is_rated_alone_as_in_any_batch(learned, unseen, batch_of):
    batch, _ = unseen
    mixed = batch_of([long_talk(300), *batch.transcripts[:30], long_talk(90, seed=3)])
    network = learned["multinomial"]
    together = network.probabilities("csat", mixed, whole(mixed))
    alone = [
        network.probabilities("csat", batch_of([talk]), [Item(0)])[0] for talk in mixed.transcripts
    ]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_conversations_of_5000_turns_are_read_to_the_end(learned, batch_of):
    talk = long_talk(5000)
    batch = batch_of([talk])
    network = learned["ordinal"]
    items = [Item(0, t) for t in (0, 63, 64, 700, 4998)] + [Item(0)]
    found = network.explain("csat", batch, items)
    assert [len(one.turns) for one in found] == [1, 64, 65, 512, 512, 5000]
    assert found[3].turns[0] == 700 - 511
    for one in found:
        total = one.bias + one.statistics + one.parts.sum(axis=0)
        assert np.abs(total - one.logits).max() < 1e-5
    start = batch_of([talk.upto(700)])
    np.testing.assert_allclose(
        network.probabilities("csat", start, items[:4]),
        network.probabilities("csat", batch, items[:4]),
        atol=1e-5,
    )


def test_every_turn_of_a_long_conversation_can_be_asked_about(learned, batch_of, monkeypatch):
    monkeypatch.setattr("autoqa.scorers.evidence_reader._PAIRS_AT_ONCE", 5000)
    batch = batch_of([long_talk(400)])
    items = [Item(0, t) for t in range(400)]
    network = learned["ordinal"]
    said = network.probabilities("csat", batch, items)
    single = [network.probabilities("csat", batch, [item])[0] for item in items[::50]]
    np.testing.assert_allclose(said[::50], single, atol=1e-12)


@pytest.mark.parametrize("n_turns", [1, 7, 8, 9, 16, 21])
def test_banded_attention_is_attention_under_a_band(n_turns):
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 2, n_turns, 4)
    back = torch.arange(n_turns)[:, None] - torch.arange(n_turns)[None, :]
    band = (back >= 0) & (back < 8)
    scores = (query @ key.transpose(-1, -2) / 2).masked_fill(~band, -torch.inf)
    expected = torch.softmax(scores, -1) @ value
    found = banded_attention(query, key, value, window=8)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


# raters and what does not apply


def test_the_severity_of_raters_is_learned_and_left_out_of_predictions(talks, batch_of, unseen):
    transcripts, truth = talks(90, seed=7)
    # The strict one gives a level less wherever there is one.
    pairs = [
        [("strict", max(t - 1, 0)), ("mild", min(t + 1, 2)), ("odd-" + str(i), t)]
        for i, t in enumerate(truth)
    ]
    shares = np.eye(3)[truth]
    network = EvidenceNetwork(replace(SMALL, severity_penalty=1.0)).fit(
        batch_of(transcripts),
        {"tone": HeadLabels(whole(transcripts), shares, LEVELS, raters=pairs)},
    )
    found = network.severities["tone"]
    assert set(found) == {"strict", "mild"}  # the others rated once
    assert found["strict"] > 0.5 > -0.5 > found["mild"]
    batch, truth = unseen
    said = network.probabilities("tone", batch, whole(batch)) @ LEVELS
    assert said.mean() == pytest.approx(truth.mean(), abs=0.3)


def test_whether_a_head_applies_is_a_head_of_its_own(talks, batch_of, transcript_of):
    transcripts, truth = talks(60, seed=8)
    silent = np.arange(60) % 2
    talk = [
        replace(t, turns=(*t.turns, Turn(speaker="agent", text="refund" if na else "lens")))
        for t, na in zip(transcripts, silent, strict=True)
    ]
    shares = np.eye(3)[truth] * (1 - silent)[:, None]
    labels = HeadLabels(whole(talk), shares, LEVELS, na=silent.astype(float))
    network = EvidenceNetwork(SMALL).fit(batch_of(talk), {"tone": labels})
    assert network.heads == ("tone",)
    asked = batch_of([transcript_of("a", "agent: refund"), transcript_of("b", "agent: lens")])
    yes, no = network.not_applicable("tone", asked, whole(asked))
    assert yes > 0.5 > no


def test_a_head_that_always_applied_is_never_said_not_to(learned, unseen):
    batch, _ = unseen
    assert not learned["ordinal"].not_applicable("tone", batch, whole(batch)).any()


# inputs


def test_time_gaps_count_from_the_end_of_the_previous_turn(encoder):
    turns = (
        Turn(speaker="customer", text="a", start_s=0.0, end_s=4.0),
        Turn(speaker="agent", text="b", start_s=10.0),
        Turn(speaker="bot", text="c", start_s=30.0, end_s=31.0),
        Turn(speaker="system", text="d", start_s=30.5),
    )
    batch = Batch([Transcript(conversation_id="c", turns=turns)], encoders={"*": encoder})
    found = read_turns(batch, TurnNgrams((), np.zeros(0)))
    assert found.side.tolist() == [1, 0, 0, 2]
    # 10 - 4 s; unknown after a turn without an end; no less than 0 where turns overlap.
    assert np.expm1(found.pace[:, 2] * 3) == pytest.approx([0, 6, 0, 0], abs=1e-5)
    assert found.pace[:, 3].tolist() == [0, 1, 0, 1]


def test_spans_end_at_the_items_turn_and_reach_back_so_far():
    starts = np.array([0, 10, 10, 13])
    items = [Item(0, 9), Item(0), Item(1), Item(2, 1)]
    found = Spans.of(starts, items, reach=4)
    assert found.start.tolist() == [6, 0, 10, 10]
    assert found.stop.tolist() == [10, 10, 10, 12]
    assert [(c.start, c.stop) for c in found.chunks(14)] == [(0, 3), (3, 4)]


def test_ranges_name_their_owners():
    numbers, owner = ranges(np.array([3, 7, 0]), np.array([5, 7, 2]))
    assert numbers.tolist() == [3, 4, 0, 1]
    assert owner.tolist() == [0, 0, 2, 2]


def test_conversations_without_turns_get_the_usual_answer(learned, batch_of):
    empty = Transcript(conversation_id="empty", turns=())
    batch = batch_of([empty, long_talk(3)])
    network = learned["ordinal"]
    said = network.probabilities("tone", batch, whole(batch))
    assert np.isfinite(said).all()
    turns, added = network.contributions("tone", batch, [Item(0)])[0]
    assert len(turns) == len(added) == 0
    assert network.probabilities("tone", batch, []).shape == (0, 3)


# storage


@pytest.mark.parametrize("link", LINKS)
def test_a_network_is_read_back_as_it_was_written(learned, unseen, tmp_path, link):
    batch, _ = unseen
    network = learned[link]
    network.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"network.json", "network.safetensors"}
    again = EvidenceNetwork.load(tmp_path)
    assert again.heads == network.heads == ("csat", "tone")
    assert again.version == network.version
    for head in network.heads:
        expected = network.probabilities(head, batch, whole(batch))
        found = again.probabilities(head, batch, whole(batch))
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(
            again.decide(head, batch, whole(batch), found),
            network.decide(head, batch, whole(batch), expected),
        )


def test_damaged_files_are_named(learned, tmp_path):
    learned["ordinal"].save(tmp_path)
    with pytest.raises(ModelError, match="not a usable network"):
        EvidenceNetwork.load(tmp_path / "nowhere")
    meta = json.loads((tmp_path / "network.json").read_text())
    (tmp_path / "network.json").write_text(json.dumps({**meta, "terms": meta["terms"][1:]}))
    with pytest.raises(ModelError, match="vocabulary"):
        EvidenceNetwork.load(tmp_path)
    (tmp_path / "network.json").write_text(json.dumps({**meta, "dimension": 3}))
    with pytest.raises(ModelError, match="train it again"):
        EvidenceNetwork.load(tmp_path)
    (tmp_path / "network.json").write_text(json.dumps({**meta, "format": 9}))
    with pytest.raises(ModelError, match="format 9"):
        EvidenceNetwork.load(tmp_path)


# what is refused


def test_vectors_of_another_encoder_are_refused(learned, talks, fake_encoder_class):
    transcripts, _ = talks(2)
    batch = Batch(transcripts, encoders={"*": fake_encoder_class("other")})
    with pytest.raises(ModelError, match=r"trained on vectors of encoder fake:.* but other:"):
        learned["ordinal"].probabilities("tone", batch, [Item(0)])


def test_an_unknown_head_is_told_the_nearest(learned, unseen):
    with pytest.raises(ModelError, match=r"no head 'tune'\. Did you mean 'tone'"):
        learned["ordinal"].probabilities("tune", unseen[0], [Item(0)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shares": np.eye(3)[[0, 1]]}, "shape"),
        ({"shares": np.zeros((3, 3))}, "sum to 1"),
        ({"weights": np.ones(2)}, "3 items but 2 weights"),
        ({"items": [Item(0), Item(1), Item(2, 99)]}, "turn index 99"),
        ({"raters": [[("ann", 5)], [], []]}, "ann gave level 5"),
        ({"shares": np.eye(3)[[1, 1, 1]]}, "all labels are at one level"),
    ],
)
def test_labels_that_do_not_fit_are_refused(talks, batch_of, change, message):
    transcripts, _ = talks(3)
    labels = replace(labels_of([0, 1, 2]), **change)
    with pytest.raises(DataError, match=f"tone: .*{message}"):
        EvidenceNetwork(SMALL).fit(batch_of(transcripts), {"tone": labels})


def test_nothing_to_learn_from_is_refused(batch_of):
    with pytest.raises(DataError, match="nothing to learn"):
        EvidenceNetwork(SMALL).fit(batch_of([]), {})


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"link": "probit"}, "probit"), ({"width": 0}, "width"), ({"width": 30}, "attention heads")],
)
def test_settings_that_cannot_be_are_refused(setting, message):
    with pytest.raises(DataError, match=message):
        EvidenceSettings(**setting)


def test_torch_is_loaded_by_those_alone_who_train_or_ask():
    code = "import sys, autoqa.scorers.evidence; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
