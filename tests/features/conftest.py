"""Encoders small enough to make in a test."""

from __future__ import annotations

import string

import pytest


def _write(folder, *, seed=0, tokenizer_json=True):
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
    return _write


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("tiny_bert"))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """Export encoders to a folder of the module's own, with no hub in reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOQA_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("AUTOQA_PRECISION", raising=False)
        yield
