import json
import struct

import numpy as np
import pytest

from autoqa.errors import EncoderError
from autoqa.features.four_bit import FourBitFile, write_model_folder

HIDDEN, INNER, VOCABULARY, POSITIONS = 32, 64, 6, 4
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -1.0), ("～", -2.0)]


def packed(values, scale):
    """One row of 32 values in -8..7 per block, as the format stores it: low halves first."""
    nibbles = (np.asarray(values).reshape(-1, 32) + 8).astype(np.uint8)
    blocks = np.zeros(len(nibbles), np.dtype([("scale", "<f2"), ("packed", "u1", 16)]))
    blocks["scale"] = scale
    blocks["packed"] = nibbles[:, :16] | (nibbles[:, 16:] << 4)
    return blocks.tobytes()


def four_bit_file(path, *, magic=b"E5S1", block=32):
    """A one-layer model; every matrix counts -8..7 over and over with scale 0.5."""

    def matrix(rows, columns):
        return packed(np.arange(rows * columns) % 16 - 8, 0.5)

    def floats(count):
        return np.arange(count, dtype="<f4").tobytes()

    tensors = {
        "emb.word": matrix(VOCABULARY, HIDDEN),
        "emb.pos": floats(POSITIONS * HIDDEN),
        "emb.type": floats(HIDDEN),
    }
    sizes = {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": INNER, "fo": HIDDEN}
    for name, rows in sizes.items():
        tensors[f"l0.{name}.w"] = matrix(rows, INNER if name == "fo" else HIDDEN)
        tensors[f"l0.{name}.b"] = floats(rows)
    for norm in ("emb.ln", "l0.aln", "l0.oln"):
        tensors[f"{norm}.w"] = tensors[f"{norm}.b"] = floats(HIDDEN)
    texts = [piece.encode() for piece, _ in PIECES]
    ends = np.cumsum([0, *map(len, texts)]).astype("<u4")
    head = magic + struct.pack(
        "<I7ifi", 1, HIDDEN, 1, 2, INNER, VOCABULARY, POSITIONS, 1, 1e-12, block
    )
    head += struct.pack("<i4iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(texts)))
    head += ends.tobytes() + np.array([s for _, s in PIECES], "<f4").tobytes() + b"".join(texts)
    head += struct.pack("<iI", 1, 3) + b"abc" + struct.pack("<i", len(tensors))
    at = len(head) + sum(2 + len(name) + 21 for name in tensors)
    for name, stored in tensors.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", 0, 0, at, len(stored))
        at += len(stored)
    path.write_bytes(head + b"".join(tensors.values()))
    return path


def test_a_block_is_sixteen_low_halves_then_sixteen_high_ones_times_its_scale(tmp_path):
    words = FourBitFile(four_bit_file(tmp_path / "f")).matrix("emb.word", HIDDEN)
    assert words.shape == (VOCABULARY, HIDDEN)
    # -8..7 twice, times .5
    assert words[0].tolist() == [v / 2 for v in range(-8, 8)] * 2


def test_the_folder_is_one_that_transformers_reads(tmp_path):
    from transformers import AutoModel

    write_model_folder(four_bit_file(tmp_path / "f"), tmp_path / "model")
    model, report = AutoModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    # e5 pools the token vectors itself and has no pooler.
    assert {key.split(".")[0] for key in report["missing_keys"]} <= {"pooler"}
    assert not report["unexpected_keys"]
    assert model.encoder.layer[0].output.dense.weight.shape == (HIDDEN, INNER)
    assert model.embeddings.word_embeddings.weight[0, 0] == -4
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["pad_token_id"], config["type_vocab_size"]) == (1, 1)


def test_the_tokenizer_wraps_texts_and_keeps_the_wide_tilde(tmp_path):
    tokenizer = FourBitFile(four_bit_file(tmp_path / "f")).tokenizer()
    assert tokenizer.encode("a～").tokens == ["<s>", "▁a", "～", "</s>"]
    assert tokenizer.encode("ａ\t").tokens[:2] == ["<s>", "▁a"]  # full width becomes narrow


def test_another_file_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="not a 4-bit e5 file"):
        FourBitFile(four_bit_file(tmp_path / "f", magic=b"GGUF"))
    with pytest.raises(EncoderError, match="blocks of 64"):
        FourBitFile(four_bit_file(tmp_path / "g", block=64))
