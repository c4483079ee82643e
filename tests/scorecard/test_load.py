"""Reading scorecard files: what is accepted, and what an error says."""

from __future__ import annotations

from itertools import pairwise
from textwrap import dedent

import pytest

from autoqa.errors import ScorecardError
from autoqa.scorecard import library_names, load_scorecard

GOOD = """\
    id: support
    version: 3
    sections:
      - id: tone
        title: Tone
        criteria:
          - id: greeting
            question: Did the agent greet?
            guidance: Look at the first turn.
            levels: {0: no, 1: {label: yes, description: A greeting.}}
            weight: 60
          - id: recap
            question: Did the agent sum up?
            levels: {0: no, 1: partly, 2: yes}
            weight: 40
            critical: section
            applies_when: {channel: voice, min_turns: 4}
            scorer: {use: linear, model: recap, fallback: {use: rules, say: recap}}
    """

SPANISH = """\
    translates: support
    version: 3
    language: es
    sections: {tone: Tono}
    criteria:
      greeting:
        question: ¿Saludó el agente?
        guidance: Mire el primer turno.
        levels: {0: no, 1: {label: sí, description: Un saludo.}}
      recap:
        question: ¿Resumió el agente?
        levels: {0: no, 1: en parte, 2: sí}
    """


@pytest.fixture
def write(tmp_path):
    def write(text, name="support.yaml"):
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


def problems_of(path, **options):
    with pytest.raises(ScorecardError) as caught:
        load_scorecard(path, **options)
    return str(caught.value).splitlines()


def test_a_file_becomes_a_scorecard(write):
    card = load_scorecard(write(GOOD))
    assert (card.id, card.version, card.language) == ("support", 3, "en")
    recap = card.criterion("recap")
    assert recap.critical == "section"
    assert recap.applies_when.channel == ("voice",)
    assert recap.scorer.settings == {"model": "recap"}
    assert recap.scorer.fallback.settings == {"say": "recap"}


def test_no_and_yes_stay_words(write):
    levels = load_scorecard(write(GOOD)).criterion("greeting").levels
    assert [level.label for level in levels.values()] == ["no", "yes"]


def test_criteria_may_stand_without_sections(write):
    card = load_scorecard(
        write("""\
            id: small
            version: 1
            criteria:
              - {id: greeting, question: "Did the agent greet?", levels: {0: no, 1: yes}}
            """)
    )
    assert [c.id for c in card.criteria] == ["greeting"]


def test_an_unknown_key_is_refused_with_the_near_one(write):
    text = """\
        id: small
        version: 1
        criteria:
          - {id: a, question: Q, levels: {0: no, 1: yes}}
          - {id: b, question: Q, levels: {0: no, 1: yes}}
          - {id: c, question: Q, levels: {0: no, 1: yes}}
          - {id: d, question: Q, levels: {0: no, 1: yes}, wieght: 5}
        """
    assert problems_of(write(text)) == [
        "support.yaml: criteria.3.wieght: unknown key. Did you mean 'weight'?"
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("version: 3", "versoin: 3", "versoin: unknown key. Did you mean 'version'?"),
        (
            "title: Tone",
            "weight: 3",
            "sections.0.weight: unknown key. Known keys: id, title, ref, criteria.",
        ),
        (
            "min_turns: 4",
            "min_turn: 4",
            "sections.0.criteria.1.applies_when.min_turn: unknown key. Did you mean 'min_turns'?",
        ),
        (
            "description: A greeting.",
            "descripton: A greeting.",
            "sections.0.criteria.0.levels.1.descripton: unknown key. Did you mean 'description'?",
        ),
        (
            "description: A greeting.",
            "description: A greeting, or two.",
            (
                "sections.0.criteria.0.levels.1.or two.: unknown key. "
                "Put the text before it in quotes: a comma ends a value inside { }."
            ),
        ),
        (
            "weight: 60",
            "weight: sixty",
            "sections.0.criteria.0.weight: found 'sixty' where a number belongs",
        ),
        (
            "weight: 60",
            "weight: -1",
            "sections.0.criteria.0.weight: found -1; it must be at least 0",
        ),
        (
            "critical: section",
            "critical: always",
            "sections.0.criteria.1.critical: found 'always'; write true, false or section",
        ),
        (
            "question: Did the agent greet?",
            "unit: conversation",
            "sections.0.criteria.0.question: missing; add 'question: ...'",
        ),
        (
            "1: partly",
            "1: 7",
            "sections.0.criteria.1.levels.1: found 7 where text belongs; put it in quotes",
        ),
        (
            "1: partly",
            "half: partly",
            "sections.0.criteria.1.levels.half: found 'half' where a whole number belongs",
        ),
        (
            "{0: no, 1: partly, 2: yes}",
            "{1: yes}",
            "sections.0.criteria.1: a scale needs at least two levels; add one under levels",
        ),
        (
            "id: recap",
            "id: Re cap",
            (
                "sections.0.criteria.1.id: 'Re cap' is not an id; "
                "use lower-case letters, digits and _ - ."
            ),
        ),
        (
            "id: recap",
            "id: greeting",
            (
                "sections.0.criteria.1.id: duplicate id 'greeting' (also sections.0.criteria.0); "
                "give each its own id"
            ),
        ),
        (
            "weight: 40",
            "speaker: agnet",
            (
                "sections.0.criteria.1.speaker: found 'agnet'; "
                "expected 'agent', 'customer', 'bot' or 'system'. Did you mean 'agent'?"
            ),
        ),
    ],
)
def test_an_error_names_the_place_what_was_found_and_what_to_do(write, old, new, line):
    assert old in GOOD
    assert f"support.yaml: {line}" in problems_of(write(GOOD.replace(old, new)))


def test_all_problems_of_a_file_come_together(write):
    text = GOOD.replace("weight: 60", "wieght: 60").replace("weight: 40", "weight: much")
    assert len(problems_of(write(text))) == 2


def test_a_duplicate_key_is_refused_with_both_lines(write):
    text = GOOD.replace("weight: 60", "weight: 60\n            weight: 70")
    assert problems_of(write(text)) == [
        "support.yaml:12: duplicate key 'weight' (first on line 11); remove one of them"
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "found nothing; a scorecard starts with id, version, sections"),
        ("- 1\n- 2\n", "found no keys"),
        ("id: [a\nversion: 1", "not valid YAML"),
        ("id: a\nversion: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("id: a: b", "support.yaml:1: not valid YAML"),
        ("id: \x07", "not valid YAML"),
        ("sections: &a [*a]", "contains itself"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(
                f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]\n" for x, y in pairwise("abcdefgh")
            ),
            "unfold into too many values",
        ),
    ],
)
def test_what_is_no_scorecard_is_refused_in_words(write, text, part):
    assert part in problems_of(write(text))[0]


def test_a_file_that_is_not_utf8_or_far_too_large_is_refused(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_bytes(b"title: caf\xe9")
    assert problems_of(path) == ["card.yaml: byte 10 is not UTF-8; save the file as UTF-8"]
    path.write_bytes(b"#" * 2_000_000)
    assert "too large" in problems_of(path)[0]


def test_a_missing_name_suggests_near_ones_and_a_missing_file_is_named(tmp_path):
    assert (
        "No scorecard named 'suport-core'. Did you mean 'support-core'?"
        in problems_of("suport-core")[0]
    )
    assert "no such file" in problems_of(tmp_path / "none.yaml")[0]


def test_library_names_can_all_be_loaded():
    assert set(library_names()) >= {"support-core", "support-core.zh", "ai-agent-procedure.it"}
    for name in library_names():
        assert load_scorecard(name).criteria


def test_a_translation_replaces_texts_and_nothing_else(write):
    original = load_scorecard(write(GOOD))
    card = load_scorecard(write(SPANISH, "support.es.yaml"))
    assert (card.id, card.version, card.language) == ("support", 3, "es")
    assert card.sections[0].title == "Tono"
    assert card.criterion("greeting").levels[1].description == "Un saludo."
    assert card.criterion("recap").question == "¿Resumió el agente?"
    assert card.criterion("recap").scorer == original.criterion("recap").scorer
    assert card.criterion("recap").weight == 40
    assert card.content_hash != original.content_hash


@pytest.mark.parametrize("language", ["es", "es-MX", "ES_es"])
def test_a_language_is_found_beside_the_file(write, language):
    path = write(GOOD)
    write(SPANISH, "support.es.yaml")
    assert load_scorecard(path, language=language).language == "es"


def test_the_original_is_found_from_its_translation(write):
    write(GOOD)
    assert load_scorecard(write(SPANISH, "support.es.yaml"), language="en-GB").language == "en"


def test_a_language_that_is_not_there_is_an_error_that_names_those_that_are(write):
    path = write(GOOD)
    write(SPANISH, "support.es.yaml")
    assert problems_of(path, language="fr") == [
        "support.yaml: no texts in 'fr' (there are en, es); add support.fr.yaml beside it"
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("sections: {tone: Tono}", "sections: {}", "sections.tone: missing; translate 'Tone'"),
        (
            "guidance: Mire el primer turno.",
            "guidance: ''",
            "criteria.greeting.guidance: missing; translate 'Look at the first turn.'",
        ),
        (
            ", 2: sí}",
            ", 3: sí}",
            "criteria.recap.levels.2.label: missing; translate 'yes'",
        ),
        (
            "  recap:",
            "  recpa:",
            "criteria.recpa: not in the scorecard that this file translates. Did you mean 'recap'?",
        ),
        (
            "version: 3",
            "version: 2",
            (
                "version: translates version 2, but support is at version 3; "
                "bring the texts up to date, then set the version"
            ),
        ),
        (
            "levels: {0: no",
            "weight: 3\n        levels: {0: no",
            "criteria.greeting.weight: unknown",
        ),
        ("translates: support", "translates: other", "translates: there is no other.yaml"),
    ],
)
def test_a_translation_must_cover_every_text_and_nothing_more(write, old, new, line):
    assert old in SPANISH
    write(GOOD)
    lines = problems_of(write(SPANISH.replace(old, new, 1), "support.es.yaml"))
    assert any(found.startswith(f"support.es.yaml: {line}") for found in lines)
