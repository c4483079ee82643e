import sys

import pytest

from autoqa.errors import PrivacyError
from autoqa.privacy import Redaction, redact, redact_text, redaction_from
from autoqa.privacy import names as names_module
from autoqa.records import Transcript, Turn


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline that knows a few names, as a folder: models as such cannot be bundled."""
    pytest.importorskip("presidio_analyzer")
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    known = {"PERSON": ["Maria Keller", "Otto"], "GPE": ["Springfield"], "FAC": ["Elm Street"]}
    ruler.add_patterns(
        [{"label": label, "pattern": text} for label, texts in known.items() for text in texts]
    )
    folder = tmp_path_factory.mktemp("names") / "model"
    nlp.to_disk(folder)
    return str(folder)


def test_names_and_addresses_are_masked_where_there_is_a_model(model):
    redaction = redaction_from("mask", names={"en": model})
    text = "I am Maria Keller of 12 Elm Street, Springfield 62704, otto@example.com"
    assert redact_text(text, redaction, language="en-US") == "I am [NAME] of [ADDRESS], [EMAIL]"
    assert redact_text(text, redaction, language="it").startswith("I am Maria Keller")


def test_a_town_alone_is_no_address(model):
    redaction = Redaction(names={"en": model})
    assert redact_text("I fly to Springfield", redaction, language="en") == "I fly to Springfield"


def test_names_keep_their_number_and_are_not_found_in_placeholders(model):
    redaction = Redaction(names={"en": model})
    turns = ("I am Otto", "Hello Otto!", "and my wife, Maria Keller", "card 4111 1111 1111 1111")
    given = Transcript(
        conversation_id="c",
        turns=tuple(Turn(speaker="customer", text=text) for text in turns),
        attributes={"note": "Otto called"},
    )
    once = redact(given, redaction)
    assert [turn.text for turn in once.turns] == [
        "I am [NAME_1]", "Hello [NAME_1]!", "and my wife, [NAME_2]", "card [CARD_1]",
    ]  # fmt: skip
    assert once.attributes == {"note": "[NAME_1] called"}
    assert redact(once, redaction) == once


def test_a_model_that_is_not_there_is_an_error_before_anything_is_read():
    pytest.importorskip("presidio_analyzer")
    with pytest.raises(PrivacyError, match="no spaCy model 'en_no_such_model'"):
        redaction_from("mask", names={"en": "en_no_such_model"})


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    names_module._analyser.cache_clear()
    with pytest.raises(PrivacyError, match=r'pip install "autoqa-transcripts\[pii\]"'):
        redact_text("Otto", Redaction(names={"en": "any"}), language="en")
    names_module._analyser.cache_clear()
