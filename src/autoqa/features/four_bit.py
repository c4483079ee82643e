"""Turns a 4-bit multilingual-e5-small file into a folder that transformers can read.

The file (magic ``E5S1``, little-endian) holds a header, the sentencepiece vocabulary with
scores, a normalisation table, and a directory of tensors. Matrices are stored in blocks of 32
values: a float16 scale and 16 bytes, the low halves first; a value is (nibble - 8) x scale.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoqa.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BLOCK = 32
_HEADER = ("hidden", "layers", "heads", "inner", "vocabulary", "positions", "types")
_WIDE_TILDE, _STAND_IN = "\uff5e", "\ue000"


class FourBitFile:
    """Header, vocabulary and tensors of one file; tensors are decoded when asked for."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        self._at = 4
        if self._bytes[:4].tobytes() != b"E5S1":
            raise EncoderError(f"{path}: not a 4-bit e5 file (magic E5S1 is missing)")
        (version,) = self._take("I")
        sizes = self._take("7i")
        (self.epsilon,) = self._take("f")
        (block,) = self._take("i")
        if version != 1 or block != _BLOCK:
            raise EncoderError(f"{path}: format {version} with blocks of {block}; expected 1, 32")
        self.size = dict(zip(_HEADER, sizes, strict=True))
        self.pieces = self._read_pieces()
        self._take_bytes(self._take("iI")[1])  # normalisation table; see `tokenizer`
        self._directory = self._read_directory()

    def _take_bytes(self, count: int) -> bytes:
        taken = self._bytes[self._at : self._at + count].tobytes()
        self._at += count
        return taken

    def _take(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self._take_bytes(struct.calcsize("<" + layout)))

    def _read_pieces(self) -> list[tuple[str, float]]:
        (count,) = self._take("i")
        self.first_id, self.last_id, self.padding_id, self.unknown_id = self._take("4i")
        (text_bytes,) = self._take("Q")
        ends = np.frombuffer(self._take_bytes(4 * (count + 1)), "<u4")
        scores = np.frombuffer(self._take_bytes(4 * count), "<f4")
        text = self._take_bytes(text_bytes)
        return [
            (text[ends[i] : ends[i + 1]].decode("utf-8"), float(scores[i])) for i in range(count)
        ]

    def _read_directory(self) -> dict[str, tuple[int, int]]:
        (count,) = self._take("i")
        directory = {}
        for _ in range(count):
            (name_bytes,) = self._take("H")
            name = self._take_bytes(name_bytes).decode("utf-8")
            _kind, _values, offset, stored_bytes = self._take("BIQQ")
            directory[name] = (offset, stored_bytes)
        return directory

    def _stored(self, name: str) -> bytes:
        offset, stored_bytes = self._directory[name]
        return self._bytes[offset : offset + stored_bytes].tobytes()

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return a tensor that is stored as float32, flat."""
        return np.frombuffer(self._stored(name), "<f4").copy()

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """Return a tensor that is stored in 4-bit blocks, shape (rows, columns)."""
        blocks = np.frombuffer(
            self._stored(name), np.dtype([("scale", "<f2"), ("packed", "u1", _BLOCK // 2)])
        )
        low = (blocks["packed"] & 15).astype(np.int8) - 8
        high = (blocks["packed"] >> 4).astype(np.int8) - 8
        values = np.concatenate([low, high], axis=1).astype(np.float32)
        values *= blocks["scale"].astype(np.float32)[:, None]
        return values.reshape(-1, columns)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return all weights under the names of transformers' ``BertModel``."""
        hidden, inner = self.size["hidden"], self.size["inner"]
        state = {
            "embeddings.word_embeddings.weight": self.matrix("emb.word", hidden),
            "embeddings.position_embeddings.weight": self.vector("emb.pos").reshape(-1, hidden),
            "embeddings.token_type_embeddings.weight": self.vector("emb.type").reshape(-1, hidden),
            "embeddings.LayerNorm.weight": self.vector("emb.ln.w"),
            "embeddings.LayerNorm.bias": self.vector("emb.ln.b"),
        }
        dense = {
            "attention.self.query": ("q", hidden),
            "attention.self.key": ("k", hidden),
            "attention.self.value": ("v", hidden),
            "attention.output.dense": ("ao", hidden),
            "intermediate.dense": ("fi", hidden),
            "output.dense": ("fo", inner),
        }
        norms = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
        for layer in range(self.size["layers"]):
            to, of = f"encoder.layer.{layer}.", f"l{layer}."
            for module, (short, columns) in dense.items():
                state[f"{to}{module}.weight"] = self.matrix(f"{of}{short}.w", columns)
                state[f"{to}{module}.bias"] = self.vector(f"{of}{short}.b")
            for module, short in norms.items():
                state[f"{to}{module}.weight"] = self.vector(f"{of}{short}.w")
                state[f"{to}{module}.bias"] = self.vector(f"{of}{short}.b")
        return state

    def config(self) -> dict[str, Any]:
        """Return transformers' configuration of the model."""
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": self.size["hidden"],
            "num_hidden_layers": self.size["layers"],
            "num_attention_heads": self.size["heads"],
            "intermediate_size": self.size["inner"],
            "vocab_size": self.size["vocabulary"],
            "max_position_embeddings": self.size["positions"],
            "type_vocab_size": 1,
            "layer_norm_eps": self.epsilon,
            "pad_token_id": self.padding_id,
            "hidden_act": "gelu",
        }

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer, built from the file's vocabulary.

        The original normalises by a compiled table of sentencepiece's nmt_nfkc rules; here the
        rules are put together from their parts. Of 101,160 English, Italian and Chinese turns
        one gets other tokens than from the original; half-width kana with marks differ too.
        Those rules keep the wide tilde of Chinese chat, which NFKC alone would replace.
        """
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

        tokenizer = Tokenizer(models.Unigram(self.pieces, self.unknown_id, byte_fallback=False))
        tokenizer.normalizer = normalizers.Sequence(
            [
                normalizers.Nmt(),
                normalizers.Replace(_WIDE_TILDE, _STAND_IN),
                normalizers.NFKC(),
                normalizers.Replace(_STAND_IN, _WIDE_TILDE),
                normalizers.Replace(Regex(" {2,}"), " "),
            ]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        first, last = self.pieces[self.first_id][0], self.pieces[self.last_id][0]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}",
            special_tokens=[(first, self.first_id), (last, self.last_id)],
        )
        return tokenizer


def write_model_folder(source: Path, folder: Path) -> None:
    """Write ``model.safetensors``, ``config.json`` and ``tokenizer.json``, about 490 MB."""
    from safetensors.numpy import save_file

    file = FourBitFile(source)
    folder.mkdir(parents=True, exist_ok=True)
    state = file.state()
    config = file.config()
    config["type_vocab_size"] = len(state["embeddings.token_type_embeddings.weight"])
    save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    file.tokenizer().save(str(folder / "tokenizer.json"))
