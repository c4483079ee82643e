from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoqa.errors import EncoderError
from autoqa.features.adapters import Adapter, write_adapter
from autoqa.features.batch import Batch
from autoqa.features.conversations import AdaptedEncoder, windows
from autoqa.features.encoders import ConversationEncoder
from autoqa.features.routing import default_encoders
from autoqa.features.weights import find_weights
from autoqa.records import Transcript, Turn

pytestmark = pytest.mark.usefixtures("own_cache")

LAYER = "encoder.layer.0.attention.self.query"


def said(*lines):
    return [Turn(speaker=who, text=text) for who, text in lines]


CALL = said(
    ("customer", "my order is late"),
    ("agent", "i am sorry to hear that"),
    ("customer", "when does it come"),
    ("bot", "on monday"),
)


@pytest.fixture(scope="module")
def write(tiny_bert):
    """Write an adapter of rank 2 on the tiny encoder's first query layer."""

    def to(folder, *, size=0.5, base=None, layer=LAYER, **more):
        rng = np.random.default_rng(3)
        tensors = {
            f"{layer}.down": rng.normal(size=(2, 32)).astype(np.float16),
            f"{layer}.up": (size * rng.normal(size=(32, 2))).astype(np.float16),
        }
        base = base or str(tiny_bert)
        settings = {"max_tokens": 128, "context_tokens": 30} | more
        fingerprint = find_weights(base).fingerprint
        adapter = Adapter(
            name="tiny", base=base, base_fingerprint=fingerprint, scale=2.0, **settings
        )
        write_adapter(folder, adapter, tensors)
        return folder

    return to


@pytest.fixture(scope="module")
def encoder(write, tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("adapter"))
    return AdaptedEncoder(folder, precision="fp32", threads=1)


def test_every_turn_gets_a_vector(encoder):
    (vectors,) = encoder.encode_conversations([CALL])
    assert isinstance(encoder, ConversationEncoder)
    assert vectors.shape == (4, encoder.dimension) == (4, 32)
    assert vectors.dtype == np.float32
    assert (np.linalg.norm(vectors, axis=1) > 0).all()


def test_no_turns_give_no_vectors(encoder):
    assert encoder.encode_conversations([]) == []
    empty, call = encoder.encode_conversations([[], CALL])
    assert (empty.shape, call.shape) == ((0, 32), (4, 32))


def test_a_turn_is_read_with_what_came_before_it_and_not_with_what_comes_later(encoder):
    (whole,) = encoder.encode_conversations([CALL])
    for end in (1, 2, 3):
        (part,) = encoder.encode_conversations([CALL[:end]])
        np.testing.assert_allclose(part, whole[:end], atol=1e-5)
    other = said(("customer", "thanks you are kind"))
    (changed,) = encoder.encode_conversations([[*other, *CALL[1:]]])
    assert (np.abs(changed - whole).max(axis=1) > 1e-3).all()


def test_no_words_of_a_customer_change_how_an_agent_is_read(encoder):
    (found,) = encoder.encode_conversations([CALL])
    # The same words in another order: what comes later stands where it stood.
    other = said(("customer", "late is order my"), ("customer", "come it does when"))
    (changed,) = encoder.encode_conversations([[other[0], CALL[1], other[1], CALL[3]]])
    np.testing.assert_allclose(changed[[1, 3]], found[[1, 3]], atol=1e-5)
    assert (np.abs(changed - found)[[0, 2]].max(axis=1) > 1e-3).all()
    sorry = said(("agent", "i am happy to hear that"))
    (changed,) = encoder.encode_conversations([[CALL[0], *sorry, *CALL[2:]]])
    assert (np.abs(changed - found)[[1, 2, 3]].max(axis=1) > 1e-4).all()  # both sides hear agents


def test_a_conversation_is_read_alike_alone_and_in_a_batch(encoder):
    longer = CALL * 12  # several windows
    together = encoder.encode_conversations([longer, CALL, CALL[:1]])
    for turns, found in zip((longer, CALL, CALL[:1]), together, strict=True):
        (alone,) = encoder.encode_conversations([turns])
        np.testing.assert_allclose(found, alone, atol=1e-5)


def test_who_speaks_matters_and_a_bot_speaks_for_the_company(encoder):
    texts = [t.text for t in CALL]
    vectors = {
        who: encoder.encode_conversations([said(*((who, text) for text in texts))])[0]
        for who in ("customer", "agent", "bot")
    }
    np.testing.assert_allclose(vectors["agent"], vectors["bot"], atol=1e-6)
    assert np.abs(vectors["agent"] - vectors["customer"]).max() > 1e-3


def test_the_graph_does_what_torch_does_with_the_merged_weights(encoder, tiny_bert):
    import torch
    from safetensors.numpy import load_file
    from transformers import BertModel

    model = BertModel.from_pretrained(tiny_bert, attn_implementation="eager").eval()
    change = load_file(encoder.folder / "adapter.safetensors")
    query = model.get_submodule(LAYER)
    low = change[f"{LAYER}.up"].astype("f4") @ change[f"{LAYER}.down"].astype("f4")
    with torch.inference_mode():
        query.weight += 2.0 * torch.from_numpy(low)
        tokenizer, _ = encoder._load()
        # One turn: everything sees everything but the first token, which sees itself.
        ids = tokenizer.encode("customer: my order is late").ids
        states = model.embeddings(input_ids=torch.tensor([ids]))
        mask = torch.zeros(1, 1, len(ids), len(ids))
        mask[..., 0, 1:] = -10_000
        for layer in model.encoder.layer:
            states = layer(states, mask)
        expected = states[0, 1:].mean(0).numpy()
    (found,) = encoder.encode_conversations([CALL[:1]])
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_an_adapter_changes_what_is_read_and_the_family(encoder, write, tmp_path):
    other = AdaptedEncoder(write(tmp_path, size=0.0), precision="fp32", threads=1)
    assert other.family != encoder.family
    changed = encoder.encode_conversations([CALL])[0] - other.encode_conversations([CALL])[0]
    assert np.abs(changed).max() > 1e-3


def test_an_encoder_may_be_sent_to_another_process(encoder):
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(
        again.encode_conversations([CALL])[0], encoder.encode_conversations([CALL])[0]
    )


def test_odd_and_long_turns_get_finite_vectors(encoder):
    odd = said(*(("customer", text) for text in ("", "\ud800", "a " * 5000, "我的包裹", "ok")))
    (vectors,) = encoder.encode_conversations([odd])
    assert np.isfinite(vectors).all()


def test_a_batch_and_a_cache_give_a_conversation_whole(write, tmp_path, monkeypatch):
    folder = write(tmp_path / "adapter")
    routes = {"en": str(folder), "*": "e5"}
    encoders = default_encoders(routes, precision="fp32", cache=tmp_path / "vectors.sqlite")
    calls = [
        Transcript(conversation_id=name, language="en", turns=turns)
        for name, turns in (("a", CALL), ("b", CALL[:2]), ("c", ()))
    ]
    first = Batch(calls, encoders=encoders)
    assert [vectors.shape for vectors in first.embeddings] == [(4, 32), (2, 32), (0, 32)]
    np.testing.assert_allclose(first.embeddings[1], first.embeddings[0][:2], atol=1e-5)
    again = default_encoders(routes, precision="fp32", cache=tmp_path / "vectors.sqlite")
    monkeypatch.setattr(again["en"].encoder, "encode_conversations", None)  # nothing is left to do
    second = Batch(calls[::-1], encoders=again)
    for one, other in zip(first.embeddings, second.embeddings[::-1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (again["en"].hits, again["en"].misses) == (6, 0)


def test_of_a_conversation_that_goes_on_only_windows_with_new_turns_are_read(write, tmp_path):
    cached = default_encoders(str(write(tmp_path)), precision="fp32")["*"]
    encoder = cached.encoder
    talk = said(*(("agent" if i % 2 else "customer", f"word{i} " * 9) for i in range(24)))
    (whole,) = encoder.encode_conversations([talk])
    tokenizer, session = encoder._load()
    read = []

    class Counted:
        tokens_per_batch = session.tokens_per_batch

        def run(self, inputs):
            read.append(len(inputs["input_ids"]))
            return session.run(inputs)

    encoder._loaded = (tokenizer, Counted())
    for end in range(1, len(talk) + 1):
        (found,) = cached.encode_conversations([talk[:end]])
        np.testing.assert_allclose(found, whole[:end], atol=1e-5)
    assert read == [1] * len(talk)  # windows, at every turn
    assert (cached.hits, cached.misses) == (24 * 23 / 2, 24)


def test_a_cache_tells_conversations_apart_that_read_alike_when_joined(write, tmp_path):
    encoder = default_encoders(str(write(tmp_path)), precision="fp32")["*"]
    one = said(("customer", "a"), ("customer", "b"))
    other = said(("customer", "a b"))
    assert set(encoder._keys(one)).isdisjoint(encoder._keys(other))
    assert encoder._keys(one)[:1] == encoder._keys(one[:1])


# windows


@given(
    lengths=st.lists(st.integers(1, 10), max_size=60),
    max_tokens=st.integers(20, 60),
    context=st.integers(0, 10),
)
def test_every_turn_is_read_once_in_order_within_the_limit(lengths, max_tokens, context):
    turns = [[place] * length for place, length in enumerate(lengths, start=1)]
    agent = [place % 2 == 0 for place in range(len(turns))]
    found = list(windows(turns, agent, 0, max_tokens, context))
    assert [turn for window in found for turn, _, _ in window.reads] == list(range(len(turns)))
    for window in found:
        assert len(window.ids) == len(window.turns) == len(window.agent) <= max_tokens
        assert (window.ids[0], window.turns[0], window.agent[0]) == (0, -1, 1)
        for turn, start, end in window.reads:
            assert window.ids[start:end] == turns[turn]
            assert window.agent[start:end] == [agent[turn]] * len(turns[turn])
        before = window.reads[0][1] - 1
        assert before <= context  # tokens repeated from earlier windows


def test_context_gives_way_where_the_next_turn_would_not_fit():
    turns = [[1] * 10, [2] * 9, [3] * 10]  # 1 + 10 + 9 fill the first window of 20
    first, second = windows(turns, [True] * 3, 0, 20, 10)  # 1 + 9 + 10 fill the second
    assert second.ids == [0, *turns[1], *turns[2]]
    first, second = windows(
        [[1] * 10, [2] * 10], [True] * 2, 0, 20, 10
    )  # 1 + 10 + 10 would be too much
    assert (first.ids, second.ids) == ([0] + [1] * 10, [0] + [2] * 10)


def test_a_later_window_begins_with_what_was_said_before():
    turns = [[1] * 4, [2] * 4, [3] * 4]
    first, second = windows(turns, [True] * 3, 0, 9, 4)  # 1 + 4 + 4 fill the first
    assert [turn for turn, _, _ in first.reads] == [0, 1]
    assert second.ids == [0, *turns[1], *turns[2]]
    assert second.reads == [(2, 5, 9)]


# what can be wrong


def test_an_adapter_of_another_base_is_refused(tiny_bert, write_tiny_bert, write, tmp_path):
    own = write_tiny_bert(tmp_path / "own", seed=8)
    folder = write(tmp_path / "adapter", base=str(own))
    write_tiny_bert(tmp_path / "own", seed=9)
    with pytest.raises(EncoderError, match=r"made for another .* train the adapter again"):
        AdaptedEncoder(folder).encode_conversations([CALL])


def test_an_adapter_of_unknown_layers_is_refused(write, tmp_path):
    encoder = AdaptedEncoder(write(tmp_path, layer="encoder.layer.7.attention"), precision="fp32")
    with pytest.raises(EncoderError, match=r"layers that .* has not: encoder\.layer\.7"):
        encoder.encode_conversations([CALL])


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format": 1, "name": "x"}', '{"format": 2, "name": "x"}']
)
def test_a_damaged_adapter_is_named(tmp_path, content):
    (tmp_path / "adapter.json").write_text(content)
    with pytest.raises(EncoderError, match=r"adapter\.json: not an adapter"):
        AdaptedEncoder(tmp_path)


def test_missing_tensors_are_named(write, tmp_path):
    (write(tmp_path) / "adapter.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"adapter\.safetensors: missing"):
        AdaptedEncoder(tmp_path).encode_conversations([CALL])
