"""What many tests need: an encoder without weights, planted conversations, and a terminal."""

from __future__ import annotations

import hashlib
import io
import string
import sys

import numpy as np
import pytest

from autoqa.records import Transcript, Turn


class FakeEncoder:
    """Sums of word vectors drawn from the words' hashes, at unit length."""

    dimension = 16
    version = "fake-1"

    def __init__(self, name="fake"):
        self.name = name
        self.family = f"{name}-family"
        self.encoded = 0  # texts so far

    def encode(self, texts):
        self.encoded += len(texts)
        vectors = np.array([self._vector(text) for text in texts], np.float32)
        return vectors.reshape(len(texts), self.dimension)

    def _vector(self, text):
        total = np.full(self.dimension, 1e-3)
        for word in text.lower().split():
            seed = hashlib.sha256(f"{self.name}/{word}".encode()).digest()
            total += np.random.default_rng(int.from_bytes(seed[:8], "big")).normal(
                size=self.dimension
            )
        return total / np.linalg.norm(total)


def make_transcript(conversation_id, *lines, **more):
    """A transcript of lines such as ``"agent: hello"``."""
    said = [line.partition(":") for line in lines]
    turns = tuple(Turn(speaker=who, text=text.strip()) for who, _, text in said)
    return Transcript(conversation_id=conversation_id, turns=turns, **more)


FILLER = ["the", "order", "number", "parcel", "shop", "website", "code", "today", "week", "link"]
BAD = ["useless", "angry", "never", "waiting", "broken", "terrible"]
GOOD = ["great", "perfect", "thanks", "wonderful", "quick", "solved"]


def make_talks(n, *, seed=0, levels=(0, 1, 2), language="en", start=0):
    """Conversations whose words lean towards praise as their level rises, and the levels."""
    rng = np.random.default_rng(seed)
    transcripts, truth = [], []
    for i in range(start, start + n):
        place = int(rng.integers(len(levels)))
        lean = place / (len(levels) - 1)
        lines = []
        for turn in range(int(rng.integers(2, 7))):
            words = list(rng.choice(FILLER, size=3))
            if rng.random() < 0.9:
                words += list(rng.choice(GOOD if rng.random() < lean else BAD, size=2))
            who = "agent" if turn % 2 else "customer"
            lines.append(f"{who}: {' '.join(rng.permutation(words))}")
        transcripts.append(make_transcript(f"{language}-{i}", *lines, language=language))
        truth.append(levels[place])
    return transcripts, np.array(truth)


@pytest.fixture(scope="session")
def fake_encoder_class():
    return FakeEncoder


@pytest.fixture
def fake_encoder():
    return FakeEncoder()


@pytest.fixture
def encoders(fake_encoder):
    return {"*": fake_encoder}


@pytest.fixture(scope="session")
def transcript_of():
    return make_transcript


@pytest.fixture(scope="session")
def talks():
    return make_talks


def write_tiny_bert_to(folder, *, seed=0, tokenizer_json=True):
    """A BERT with two thin layers and random weights, over letters and a few words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    letters = list(string.ascii_lowercase)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + c for c in letters)]
    vocabulary += [f"[unused{i}]" for i in range(44)]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    if tokenizer_json:
        ids = {piece: i for i, piece in enumerate(vocabulary)}
        tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def write_tiny_bert():
    """Write a tiny encoder to a folder."""
    return write_tiny_bert_to


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    return write_tiny_bert_to(tmp_path_factory.mktemp("tiny_bert"))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Export encoders to a folder of the module's own, with no hub in reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOQA_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("AUTOQA_PRECISION", raising=False)
        yield


class Terminal(io.StringIO):
    """A screen that keeps what is written on it."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Put a terminal in place of ``stdout`` or ``stderr``."""

    def instead_of(stream):
        screen = Terminal()
        monkeypatch.setattr(sys, stream, screen)
        monkeypatch.setenv("TERM", "xterm")
        return screen

    return instead_of
