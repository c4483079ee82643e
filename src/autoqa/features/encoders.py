"""What a text encoder is, and the one that runs transformer models on this machine's processor."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from autoqa.records import Turn

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from autoqa.features.runtime import Precision, Session
    from autoqa.features.weights import EncoderWeights

FloatArray = NDArray[np.float32]

_TEXTS_AT_ONCE = 8192  # tokenised together, so that memory stays flat on long lists
_CHARACTERS_PER_TOKEN = 32  # far above any language's; bounds the tokeniser's work on hostile text


class _Named(Protocol):
    """What every encoder says of itself."""

    @property
    def name(self) -> str:
        """Name for people, as accepted by `load_encoder` where the encoder comes from there."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def version(self) -> str:
        """Short hash of weights, tokenizer and settings; part of every cache key."""


class TextEncoder(_Named, Protocol):
    """Turns texts into vectors. A text's vector must not depend on its batch mates."""

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return unit-length float32 vectors of shape (n_texts, dimension)."""


@runtime_checkable
class ConversationEncoder(_Named, Protocol):
    """Turns conversations into vectors, one per turn.

    A turn's vector rests on that turn and on the ones before it, never on later ones, nor on the
    conversation's batch mates.
    """

    def encode_conversations(
        self, conversations: Sequence[Sequence[Turn]], *, known: Sequence[int] | None = None
    ) -> list[FloatArray]:
        """Return per conversation float32 vectors of shape (n_turns, dimension).

        `known` says per conversation how many turns from its start need no vector.
        """


Encoder = TextEncoder | ConversationEncoder
"""Whatever gives the turns of a conversation their vectors."""


class GraphEncoder:
    """What encoders share that run an exported graph here, loaded at the first use.

    Instances may be sent to other processes: each loads its own copy of the weights.

    Parameters
    ----------
    name : str
        See `load_encoder`.
    precision : {"auto", "fp32", "bf16", "int8"}, optional
        See `autoqa.features.runtime.choose_precision`.
    threads : int, optional
        Processor threads; all cores when not given. One process per core with one thread each is
        faster than one process with all of them.
    """

    def __init__(
        self, name: str, *, precision: str | None = None, threads: int | None = None
    ) -> None:
        self.name = name
        self.threads = threads
        self._precision = precision
        self._lock = threading.Lock()
        self._loaded: tuple[Tokenizer, Session] | None = None
        self._loaded_by = 0

    @cached_property
    def weights(self) -> EncoderWeights:
        """Where the weights come from, with this encoder's settings applied."""
        raise NotImplementedError

    @cached_property
    def precision(self) -> Precision:
        """The arithmetic that runs here: ``fp32``, ``bf16`` or ``int8``."""
        from autoqa.features.runtime import choose_precision

        return choose_precision(self._precision)

    @property
    def dimension(self) -> int:
        """Length of a vector; known without loading the weights."""
        return self.weights.dimension

    @property
    def family(self) -> str:
        """Short hash of weights, tokenizer and settings, the same at every precision.

        A model trained on vectors of one precision may read those of another (cosine above .999
        between ``fp32`` and ``bf16``), so models are tied to `family` and caches to `version`.
        """
        return self.weights.fingerprint

    @cached_property
    def version(self) -> str:
        """Short hash of `family` and precision; part of every cache key."""
        key = f"{self.family}\n{self.precision}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def _load(self) -> tuple[Tokenizer, Session]:
        # Thread pools do not survive a fork, so a forked child loads its own session.
        if self._loaded is None or self._loaded_by != os.getpid():
            from autoqa.features.runtime import load_exported

            self._loaded = load_exported(self.weights, self.precision, self.threads)
            self._loaded_by = os.getpid()
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.update(_loaded=None, _lock=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class TransformerEncoder(GraphEncoder):
    """A BERT-like encoder of single texts, on ONNX Runtime or OpenVINO.

    Equal texts are encoded once per call; the rest is sorted by length and run in batches of few
    tokens, which wastes under 2 % on padding.

    Parameters
    ----------
    name, precision, threads
        See `GraphEncoder`.
    max_tokens : int, optional
        Longer texts lose their end. Default: what the model was trained or configured for.
    prefix : str, optional
        Put before every text. Default: what the model asks for.
    """

    def __init__(
        self,
        name: str,
        *,
        precision: str | None = None,
        threads: int | None = None,
        max_tokens: int | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(name, precision=precision, threads=threads)
        self._max_tokens = max_tokens
        self._prefix = prefix

    @cached_property
    def weights(self) -> EncoderWeights:
        """Where the weights come from, with this encoder's settings applied."""
        from autoqa.features.weights import find_weights

        return find_weights(self.name, max_tokens=self._max_tokens, prefix=self._prefix)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return unit-length float32 vectors of shape (n_texts, dimension).

        Raises
        ------
        EncoderError
            If the weights are missing, are not the expected ones, or cannot run here.
        """
        rows: dict[str, int] = {}
        row_of = [rows.setdefault(text, len(rows)) for text in texts]
        unique = list(rows)
        vectors = np.empty((len(unique), self.dimension), np.float32)
        if not unique:
            return vectors
        with self._lock:
            tokenizer, session = self._load()
            for start in range(0, len(unique), _TEXTS_AT_ONCE):
                some = [self.weights.prefix + t for t in unique[start : start + _TEXTS_AT_ONCE]]
                ids = token_ids(tokenizer, some, self.weights.max_tokens, self.threads)
                for members in token_batches([len(i) for i in ids], session.tokens_per_batch):
                    vectors[start + members] = session.run(_padded([ids[m] for m in members]))
        return vectors if len(unique) == len(row_of) else vectors[row_of]


def load_encoder(
    name: str,
    *,
    precision: str | None = None,
    threads: int | None = None,
    max_tokens: int | None = None,
    prefix: str | None = None,
) -> TransformerEncoder:
    """Return a text encoder by name; its weights load at the first `encode`.

    Parameters
    ----------
    name : str
        ``minilm`` (all-MiniLM-L6-v2, English), ``e5`` (multilingual-e5-small, about 100
        languages), the name of a model on the Hugging Face hub, or a local folder.
    precision, threads, max_tokens, prefix
        See `TransformerEncoder`.

    Examples
    --------
    >>> load_encoder("minilm", threads=1)
    TransformerEncoder('minilm')
    """
    return TransformerEncoder(
        name, precision=precision, threads=threads, max_tokens=max_tokens, prefix=prefix
    )


def token_ids(
    tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int, threads: int | None
) -> list[list[int]]:
    """Return the token ids of texts; of hostile ones, at least `max_tokens` from the beginning."""
    longest = max_tokens * _CHARACTERS_PER_TOKEN
    # A lone surrogate is valid in a Python string and in nothing else.
    clean = [text[:longest].encode("utf-8", "replace").decode("utf-8") for text in texts]
    if threads == 1:
        return [tokenizer.encode(text).ids for text in clean]
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(clean)]


def token_batches(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[NDArray[np.intp]]:
    """Yield indices of texts of similar length; padded, a batch stays within the token budget."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for stop in range(1, len(order) + 1):
        full = stop == len(order) or (stop + 1 - start) * lengths[order[stop]] > tokens_per_batch
        if full:
            yield order[start:stop]
            start = stop


def _padded(ids: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
    """Return token ids and attention mask, both of shape (n_texts, longest)."""
    shape = (len(ids), max(len(i) for i in ids))
    tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, text_ids in enumerate(ids):
        tokens[row, : len(text_ids)] = text_ids
        mask[row, : len(text_ids)] = 1
    return {"input_ids": tokens, "attention_mask": mask}
