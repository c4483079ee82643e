import pickle
import sqlite3

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoqa.errors import EncoderError
from autoqa.features.embedding_cache import CachedEncoder


class CountingEncoder:
    """Vectors made of a text's length, and a count of the texts that came."""

    name = "counting"
    dimension = 2

    def __init__(self, version="v1"):
        self.version = version
        self.seen = []

    def encode(self, texts):
        self.seen.extend(texts)
        return np.array([[len(t), 1] for t in texts], np.float32).reshape(-1, 2)


def test_a_text_seen_before_is_not_encoded_again():
    inner = CountingEncoder()
    cached = CachedEncoder(inner)
    cached.encode(["a", "bb", "a"])
    vectors = cached.encode(["bb", "ccc"])
    assert inner.seen == ["a", "bb", "ccc"]
    assert vectors.tolist() == [[2, 1], [3, 1]]
    assert (cached.hits, cached.misses) == (2, 3)  # the second "a" and the second "bb"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no wall-clock limits
@given(
    st.lists(
        st.lists(st.sampled_from(["", "a", "bb", "ccc", "dddd", "中"]), max_size=6), max_size=5
    )
)
def test_vectors_are_those_of_the_encoder_whatever_came_before(calls):
    cached = CachedEncoder(CountingEncoder(), max_in_memory=3)
    for texts in calls:
        np.testing.assert_array_equal(cached.encode(texts), CountingEncoder().encode(texts))


def test_memory_is_bounded_and_the_least_recently_used_goes_first():
    inner = CountingEncoder()
    cached = CachedEncoder(inner, max_in_memory=2)
    for text in ("a", "bb", "a", "ccc"):  # "bb" is now the oldest
        cached.encode([text])
    inner.seen.clear()
    cached.encode(["a", "ccc"])
    assert inner.seen == []
    cached.encode(["bb"])
    assert inner.seen == ["bb"]


def test_the_file_outlives_the_encoder_and_holds_no_text(tmp_path):
    path = tmp_path / "deep" / "vectors.sqlite"
    CachedEncoder(CountingEncoder(), path).encode(["secret word", "b"])
    inner = CountingEncoder()
    vectors = CachedEncoder(inner, path).encode(["b", "secret word"])
    assert inner.seen == []
    assert vectors.tolist() == [[1, 1], [11, 1]]
    assert b"secret" not in path.read_bytes()


def test_another_version_of_the_encoder_does_not_read_the_old_vectors(tmp_path):
    path = tmp_path / "vectors.sqlite"
    CachedEncoder(CountingEncoder("v1"), path).encode(["a"])
    newer = CountingEncoder("v2")
    CachedEncoder(newer, path).encode(["a"])
    assert newer.seen == ["a"]


def test_the_file_is_bounded_and_the_oldest_go_first(tmp_path):
    path = tmp_path / "vectors.sqlite"
    cached = CachedEncoder(CountingEncoder(), path, max_on_disk=2)
    for text in ("a", "bb", "ccc"):
        cached.encode([text])
    database = sqlite3.connect(path)
    stored = [np.frombuffer(v, "<f4")[0] for (v,) in database.execute("SELECT vector FROM vectors")]
    database.close()
    assert sorted(stored) == [2, 3]


def test_more_texts_than_one_query_takes_are_found_again(tmp_path):
    texts = [f"text {i}" for i in range(1201)]
    CachedEncoder(CountingEncoder(), tmp_path / "v.sqlite").encode(texts)
    inner = CountingEncoder()
    CachedEncoder(inner, tmp_path / "v.sqlite").encode(texts)
    assert inner.seen == []


def test_a_file_that_is_no_cache_is_named(tmp_path):
    (tmp_path / "v.sqlite").write_text("no database, " * 100)
    with pytest.raises(EncoderError, match=r"v\.sqlite: the embedding cache cannot be used"):
        CachedEncoder(CountingEncoder(), tmp_path / "v.sqlite").encode(["a"])


def test_no_texts_and_broken_unicode_are_served():
    cached = CachedEncoder(CountingEncoder())
    assert cached.encode([]).shape == (0, 2)
    assert cached.encode(["\ud800"]).shape == (1, 2)


def test_it_looks_like_the_encoder_inside_and_can_be_sent_elsewhere():
    cached = CachedEncoder(CountingEncoder())
    cached.encode(["a"])
    assert (cached.name, cached.dimension, cached.version) == ("counting", 2, "v1")
    assert cached.family == "v1"
    assert pickle.loads(pickle.dumps(cached)).encode(["a"]).tolist() == [[1, 1]]
