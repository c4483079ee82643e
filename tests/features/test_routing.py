import pytest

from autoqa.errors import EncoderError
from autoqa.features.batch import Batch
from autoqa.features.routing import DEFAULT_ROUTES, default_encoders, encoder_routes
from autoqa.records import Transcript


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("AUTOQA_ENCODERS", raising=False)


def test_each_supported_language_is_explicit_and_every_other_is_served():
    assert set(DEFAULT_ROUTES) == {"en", "es", "it", "zh", "*"}
    encoders = default_encoders()
    batch = Batch([], encoders=encoders)
    by_language = {
        language: batch.encoder_of(
            Transcript(conversation_id="c", turns=(), language=language)
        ).name
        for language in ("en", "en-GB", "zh-Hans", "pt")
    }
    assert by_language == {"en": "minilm", "en-GB": "minilm", "zh-Hans": "e5", "pt": "e5"}


def test_languages_that_share_an_encoder_share_one_instance_and_nothing_is_loaded():
    encoders = default_encoders()
    assert encoders["es"] is encoders["*"]
    assert all(e.encoder._loaded is None for e in encoders.values())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"zh": "big"}, {**DEFAULT_ROUTES, "zh": "big"}),
        ("zh=big", {**DEFAULT_ROUTES, "zh": "big"}),
        ("en=small, *=big", {"en": "small", "*": "big"}),
        ("big", {"*": "big"}),
        (None, dict(DEFAULT_ROUTES)),
    ],
)
def test_one_line_chooses_other_encoders(config, expected):
    assert encoder_routes(config) == expected


def test_the_environment_is_read_where_no_argument_says_otherwise(monkeypatch):
    monkeypatch.setenv("AUTOQA_ENCODERS", "*=e5")
    assert encoder_routes() == {"*": "e5"}
    assert encoder_routes("minilm") == {"*": "minilm"}


@pytest.mark.parametrize("config", ["en=", "english=minilm", "=e5", "en=minilm,e5"])
def test_a_line_that_is_no_route_is_refused(config):
    with pytest.raises(EncoderError, match="does not name a language"):
        encoder_routes(config)
