"""The scorecards that ship with autoqa."""

from __future__ import annotations

import pytest

from autoqa.scorecard import as_form, library_names, lint_file, load_scorecard

LANGUAGES = ("en", "es", "it", "zh")
CARDS = ("support-core", "ai-agent-procedure")
# Every event that the phrase books of all four languages define.
EVENTS = frozenset(
    {
        "greeting",
        "introduce_self",
        "offer_help",
        "address_by_name",
        "acknowledgement",
        "apology",
        "thanks",
        "courtesy",
        "rude",
        "blame_customer",
        "check_understanding",
        "open_question",
        "personalisation",
        "verify_identity",
        "identity_confirmed",
        "identity_given",
        "account_details",
        "recording_disclosure",
        "terms_disclosure",
        "card_number",
        "recap",
        "further_help",
        "closing",
        "answer_given",
        "next_steps",
        "time_frame",
        "transfer",
        "hold",
        "cannot_help",
        "complaint",
        "anger",
        "repeat_contact",
        "ask_supervisor",
        "thanks_customer_satisfied",
        "unresolved",
        "confirm_request",
        "action_done",
        "price_or_fee",
        "off_topic_advice",
        "policy_limit",
    }
)


def texts(card):
    yield "title", card.title
    yield "description", card.description
    for section in card.sections:
        yield f"{section.id}.title", section.title
        for criterion in section.criteria:
            yield f"{criterion.id}.question", criterion.question
            yield f"{criterion.id}.guidance", criterion.guidance
            for number, level in criterion.levels.items():
                yield f"{criterion.id}.{number}.label", level.label
                yield f"{criterion.id}.{number}.description", level.description


def test_every_card_comes_in_four_languages():
    expected = {card if tag == "en" else f"{card}.{tag}" for card in CARDS for tag in LANGUAGES}
    assert set(library_names()) == expected


@pytest.mark.parametrize("name", library_names())
def test_the_library_lints_clean(name):
    scorers = {"rules", "linear"}
    assert lint_file(name, known_events=EVENTS, known_scorers=scorers) == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("name", CARDS)
def test_a_translation_covers_every_text(name, language):
    original = dict(texts(load_scorecard(name)))
    translated = dict(texts(load_scorecard(name, language=language)))
    assert translated.keys() == original.keys()
    assert all(text.strip() for text in translated.values())
    same = {where for where in original if original[where] == translated[where]}
    # "no" and "policy" are words of the other languages, too.
    assert all(original[where] in ("no", "Policy") for where in same)


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("name", CARDS)
def test_a_translation_changes_no_structure(name, language):
    def structure(card):
        return [
            (c.id, c.weight, c.critical, c.scale, c.applies_when, c.scorer) for c in card.criteria
        ]

    assert structure(load_scorecard(name, language=language)) == structure(load_scorecard(name))


def test_support_core_has_the_agreed_criteria():
    card = load_scorecard("support-core")
    assert {section.id: [c.id for c in section.criteria] for section in card.sections} == {
        "tone": ["courtesy", "no_rudeness"],
        "rapport": ["greeting", "name_use", "acknowledgement", "listening", "personalisation"],
        "compliance": [
            "identification",
            "identity_before_details",
            "disclosure",
            "no_card_read_back",
            "recap",
            "further_help",
            "closing",
        ],
        "resolution": ["answer", "next_steps", "time_frame"],
    }
    assert [c.id for c in card.criteria if c.critical] == [
        "identity_before_details",
        "no_card_read_back",
    ]
    assert card.criterion("disclosure").applies_when.channel == ("voice",)


@pytest.mark.parametrize("name", CARDS)
def test_weights_sum_to_100_and_every_criterion_can_be_scored_without_a_trained_model(name):
    card = load_scorecard(name)
    assert sum(criterion.weight for criterion in card.criteria) == 100
    for criterion in card.criteria:
        assert "rules" in (criterion.scorer.use, getattr(criterion.scorer.fallback, "use", None))


@pytest.mark.parametrize("name", library_names())
def test_the_library_prints_as_a_form(name):
    card = load_scorecard(name)
    form = as_form(card)
    assert form.count("N/A  ") == len(card.criteria)
