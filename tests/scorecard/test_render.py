"""The form for the terminal and the table for notebooks."""

from __future__ import annotations

import unicodedata

import pytest

from autoqa.scorecard import Scorecard, as_form, library_names, load_scorecard, to_html


def columns(line):
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def hostile(text):
    return Scorecard.model_validate(
        {
            "id": "card",
            "version": 1,
            "title": text,
            "sections": [
                {
                    "id": "all",
                    "title": text,
                    "criteria": [
                        {
                            "id": "a",
                            "question": text,
                            "guidance": text,
                            "levels": {0: text, 1: {"label": "yes", "description": text}},
                            "applies_when": {"topic": text},
                        }
                    ],
                }
            ],
        }
    )


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("name", library_names())
def test_no_line_of_a_form_is_wider_than_the_terminal(name, width):
    for line in as_form(load_scorecard(name), width=width).splitlines():
        # A Chinese stop may hang over the margin rather than start a line.
        assert columns(line) <= width + 2, line
        assert line == line.rstrip()


def test_a_form_shows_weights_critical_marks_conditions_and_boxes():
    form = as_form(load_scorecard("support-core"))
    assert "9. Was identity checked before account details were given?" in form
    assert "! CRITICAL: a fail here fails the whole evaluation" in form
    assert "Applies when: mentions = account_details, speaker = agent" in form
    assert "[ ] 2  confirmed: " in form
    assert "[ ] N/A  not applicable" in form
    assert "Total: ____ / 100" in form


def test_a_form_speaks_the_language_of_its_scorecard():
    assert "CRÍTICO" in as_form(load_scorecard("support-core.es"))
    assert "CRITICO" in as_form(load_scorecard("support-core.it"))
    assert "一票否决" in as_form(load_scorecard("support-core.zh"))


def test_a_criterion_that_always_applies_has_no_box_for_not_applicable():
    card = load_scorecard("support-core")
    data = card.model_dump()
    for section in data["sections"]:
        for criterion in section["criteria"]:
            criterion["not_applicable"] = False
    assert "[ ] N/A" not in as_form(Scorecard.model_validate(data))


def test_control_characters_cannot_reach_the_terminal():
    form = as_form(hostile("red \x1b[31m\x07 and \u202e turned"))
    assert not [
        char for char in form if unicodedata.category(char) in ("Cc", "Cf") and char != "\n"
    ]


def test_a_word_longer_than_the_line_is_broken():
    form = as_form(hostile("x" * 500), width=60)
    assert max(columns(line) for line in form.splitlines() if "X" not in line) <= 60


def test_html_escapes_every_text():
    table = to_html(hostile("<script>alert('x')</script> & \""))
    assert "<script" not in table
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;" in table
