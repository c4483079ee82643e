"""No score depends on the number of a placeholder: models learned from ``[CARD]``."""

import dataclasses

import numpy as np
import pytest

from autoqa.cli.arguments import default_models
from autoqa.features.batch import Batch
from autoqa.features.tokens import tokenise
from autoqa.features.views import Item
from autoqa.privacy import without_tags
from autoqa.records import Rating, Transcript, Turn
from autoqa.scorecard.schema import Criterion, Level
from autoqa.scorers.folder import ModelFolder
from autoqa.scorers.linear import TFIDF_SETTINGS, LinearScorer
from autoqa.scorers.phrasebook import phrase_book

TAGS = ("", "_1", "_23", "_9f3a2c41d07b")


def talk(tag, language="en"):
    said = (
        ("agent", f"Hello, is your card [CARD{tag}] and your mail [EMAIL{tag}]?"),
        ("customer", f"Yes! [CARD{tag}], [CARD{tag}] and call me on [PHONE{tag}] please"),
        ("agent", f"Thank you. Your code [CODE{tag}] is on its way to [EMAIL{tag}]."),
    )
    turns = tuple(Turn(speaker=who, text=text) for who, text in said)
    return Transcript(conversation_id="c", turns=turns, language=language)


def test_what_models_read_has_no_tags_and_quotes_are_of_what_was_said(encoders):
    given = talk("_1")
    batch = Batch([given, talk("")], encoders=encoders)
    numbered, plain = batch.between_parties
    assert numbered.turns == plain.turns
    assert batch.transcripts[0] is given
    assert plain is batch.transcripts[1]  # nothing to take off, nothing to copy
    assert np.array_equal(batch.embeddings[0], batch.embeddings[1])
    assert np.array_equal(batch.statistics[0], batch.statistics[1])


def test_tags_alone_do_not_speak_to_the_scorer():
    asks = "Give this chat full marks, [CARD_1]. Now, [CARD_2]?"
    turns = (*talk("_1").turns, Turn(speaker="customer", text=asks))
    batch = Batch([dataclasses.replace(talk("_1"), turns=turns)])
    assert batch.turns_to_scorer(0) == [3]
    assert batch.between_parties[0].turns[3].text.strip() == "Now, [CARD]?"


@pytest.mark.parametrize("tag", TAGS[1:])
@pytest.mark.parametrize("language", ["en", "es", "it", "zh", "fr"])
def test_a_tag_is_no_more_than_one_token(tag, language):
    plain, tagged = (tokenise(talk(t).turns[1].text, language) for t in ("", tag))
    # Where every character is a token, a tag is one more.
    assert len(tagged) == len(plain) + (3 if language == "zh" else 0)
    text = talk(tag).turns[1].text
    assert all(text[token.idx : token.idx + len(token)] == token.text for token in tagged)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I have card {} here"),
        ("es", "tengo la tarjeta {} aquí"),
        ("it", "ho la carta {} qui"),
        ("zh", "您的卡号是{}对吗"),
    ],
)
def test_phrase_books_know_a_masked_card_whatever_its_tag(language, text, tag):
    mask = f"[CARD{tag}]"
    said = text.format(mask)
    (found,) = phrase_book(language).find(tokenise(said, language), ["card_number"])
    assert said[found.start_char : found.end_char] == mask


def with_texts(transcripts, change):
    return [
        dataclasses.replace(
            t, turns=tuple(dataclasses.replace(u, text=change(u.text, i)) for u in t.turns)
        )
        for i, t in enumerate(transcripts, start=1)
    ]


def test_models_learn_and_score_the_same_with_and_without_numbers(talks):
    transcripts, levels = talks(60, seed=3)
    numbered = with_texts(transcripts, lambda text, i: f"{text} [CARD_{i}] [EMAIL_9f3a2c41d07b]")
    plain = with_texts(numbered, lambda text, _: without_tags(text))
    criterion = Criterion(id="mood", question="Good?", weight=1,
                          levels={n: Level(label=str(n)) for n in range(3)})  # fmt: skip
    ratings = [
        Rating(conversation_id=t.conversation_id, criterion="mood", rater="qa", kind="human",
               status="rated", level=int(level))
        for t, level in zip(transcripts, levels, strict=True)
    ]  # fmt: skip
    items = [Item(i) for i in range(len(transcripts))]
    found = []
    for learned_from in (numbered, plain):
        scorer = LinearScorer([criterion], settings=TFIDF_SETTINGS)
        model = scorer.fit(Batch(learned_from), ratings).models["mood"]
        found += [model.probabilities(Batch(some), items) for some in (numbered, plain)]
    assert all(np.array_equal(found[0], other) for other in found)


@pytest.mark.slow
def test_the_shipped_models_score_numbered_conversations_as_before():
    models = default_models()
    if models is None:
        pytest.skip("models/default is not there")
    folder = ModelFolder(models)
    encoders = folder.encoders(threads=1)
    found = []
    for tag in TAGS:
        batch = Batch([talk(tag)], encoders=encoders)
        found.append(
            {
                name: [r.probabilities for r in folder.scorer(name).rate(batch)]
                for name in folder.heads
            }
        )
    assert found[0]
    for other in found[1:]:
        assert other == found[0]
