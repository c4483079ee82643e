"""Keeps vectors of texts that come back, in memory and, for training runs, on disk."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autoqa.errors import EncoderError
from autoqa.features.encoders import ConversationEncoder, Encoder, FloatArray, TextEncoder
from autoqa.records import Turn

_KEYS_PER_QUERY = 500
_WAIT_SECONDS = 60.0  # for another process that writes to the same file


class _Remembering:
    """An encoder and the vectors it gave, by hash, in memory and perhaps in a file.

    Parameters
    ----------
    encoder : Encoder
    path : path, optional
        SQLite file that outlives the process; several encoders and processes may share it.
    max_in_memory : int
        Vectors kept in memory, the least recently used go first; 20,000 of length 384 take 31 MB.
    max_on_disk : int
        Vectors kept in the file, the oldest go first.

    Attributes
    ----------
    hits, misses : int
        Vectors found, and vectors that had to be computed, so far.
    """

    def __init__(
        self,
        encoder: Encoder,
        path: Path | str | None = None,
        *,
        max_in_memory: int = 20_000,
        max_on_disk: int = 1_000_000,
    ) -> None:
        self.encoder = encoder
        self.path = None if path is None else Path(path)
        self.max_in_memory = max_in_memory
        self.max_on_disk = max_on_disk
        self.hits = 0
        self.misses = 0
        self._memory: OrderedDict[bytes, FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the encoder inside."""
        return self.encoder.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.encoder.dimension

    @property
    def version(self) -> str:
        """Version of the encoder inside; part of every key."""
        return self.encoder.version

    @property
    def family(self) -> str:
        """See `TransformerEncoder.family`; other encoders' version."""
        return str(getattr(self.encoder, "family", self.encoder.version))

    def _found(self, keys: Iterable[bytes]) -> dict[bytes, FloatArray]:
        """Vectors that are remembered."""
        wanted = list(keys)
        found = self._from_memory(wanted)
        if self.path is not None:
            found.update(self._from_disk([key for key in wanted if key not in found]))
        return found

    def _keep(self, new: dict[bytes, FloatArray]) -> None:
        """Write new vectors to the file, if there is one."""
        if new and self.path is not None:
            self._to_disk(new)

    def _from_memory(self, keys: Iterable[bytes]) -> dict[bytes, FloatArray]:
        return {key: self._memory[key] for key in keys if key in self._memory}

    def _remember(self, vectors: dict[bytes, FloatArray]) -> None:
        for key, vector in vectors.items():
            if key not in self._memory:
                # A copy, so that one vector does not keep its whole batch alive.
                self._memory[key] = vector.copy()
            self._memory.move_to_end(key)
        while len(self._memory) > self.max_in_memory:
            self._memory.popitem(last=False)

    def _from_disk(self, keys: Sequence[bytes]) -> dict[bytes, FloatArray]:
        found: dict[bytes, FloatArray] = {}
        if not keys:
            return found
        with self._database() as database:
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                some = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                rows = database.execute(
                    f"SELECT key, vector FROM vectors WHERE key IN ({marks})",  # noqa: S608
                    some,
                )
                found.update((key, np.frombuffer(vector, "<f4")) for key, vector in rows)
        return found

    def _to_disk(self, vectors: dict[bytes, FloatArray]) -> None:
        with self._database() as database:
            database.executemany(
                "INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)",
                ((key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()),
            )
            database.execute(
                "DELETE FROM vectors WHERE age <= (SELECT max(age) FROM vectors) - ?",
                (self.max_on_disk,),
            )

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Open, commit and close; a connection must not cross a fork or a thread."""
        assert self.path is not None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=_WAIT_SECONDS)
            try:
                with database:
                    database.execute(
                        "CREATE TABLE IF NOT EXISTS vectors "
                        "(age INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, vector BLOB NOT NULL)"
                    )
                    yield database
            finally:
                database.close()
        except (sqlite3.Error, OSError) as error:
            raise EncoderError(
                f"{self.path}: the embedding cache cannot be used ({error}); "
                f"delete the file or name another"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.update(_memory=OrderedDict(), _lock=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()


class CachedEncoder(_Remembering):
    """A text encoder that remembers vectors by the hash of text and encoder version.

    The same text gives the same bytes every time, whatever came between. Texts are never stored,
    but a vector tells something about its text: keep the file where transcripts may be kept.
    """

    encoder: TextEncoder

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return unit-length float32 vectors of shape (n_texts, dimension)."""
        with self._lock:
            keys = self._keys(texts)
            text_of = dict(zip(keys, texts, strict=True))
            found = self._found(text_of)
            missing = [key for key in text_of if key not in found]
            if missing:
                vectors = self.encoder.encode([text_of[key] for key in missing])
                new = dict(zip(missing, vectors, strict=True))
                found.update(new)
                self._keep(new)
            self.hits += len(keys) - len(missing)
            self.misses += len(missing)
            self._remember(found)
        if not keys:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([found[key] for key in keys])

    def _keys(self, texts: Iterable[str]) -> list[bytes]:
        start = hashlib.blake2b(self.version.encode(), digest_size=16)
        keys = []
        for text in texts:
            key = start.copy()
            key.update(text.encode("utf-8", "surrogatepass"))
            keys.append(key.digest())
        return keys


class CachedConversations(_Remembering):
    """A conversation encoder that remembers a turn's vector by the hash of all up to that turn."""

    encoder: ConversationEncoder

    def encode_conversations(
        self, conversations: Sequence[Sequence[Turn]], *, known: Sequence[int] | None = None
    ) -> list[FloatArray]:
        """Return per conversation float32 vectors of shape (n_turns, dimension).

        Of a conversation that goes on, only what is new is read; `known` changes nothing here.
        """
        del known
        with self._lock:
            keys = [self._keys(turns) for turns in conversations]
            found = self._found(dict.fromkeys(key for own in keys for key in own))
            # A key stands for all up to its turn, so what is known of a conversation is its start.
            starts = {
                i: next(turn for turn, key in enumerate(own) if key not in found)
                for i, own in enumerate(keys)
                if any(key not in found for key in own)
            }
            if starts:
                vectors = self.encoder.encode_conversations(
                    [conversations[i] for i in starts], known=list(starts.values())
                )
                new = {
                    key: vector
                    for (i, start), own in zip(starts.items(), vectors, strict=True)
                    for key, vector in zip(keys[i][start:], own[start:], strict=True)
                }
                found.update(new)
                self._keep(new)
            computed = sum(len(keys[i]) - start for i, start in starts.items())
            self.hits += sum(map(len, keys)) - computed
            self.misses += computed
            self._remember(found)
        empty = np.empty((0, self.dimension), np.float32)
        return [np.stack([found[key] for key in own]) if own else empty for own in keys]

    def _keys(self, turns: Iterable[Turn]) -> list[bytes]:
        so_far = hashlib.blake2b(self.version.encode(), digest_size=16)
        keys = []
        for turn in turns:
            text = turn.text.encode("utf-8", "surrogatepass")
            so_far.update(f"\n{turn.speaker} {len(text)} ".encode())
            so_far.update(text)
            keys.append(so_far.copy().digest())
        return keys
