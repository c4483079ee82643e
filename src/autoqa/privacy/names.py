"""Names and postal addresses, found by a spaCy model through Presidio (extra ``pii``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from autoqa.errors import PrivacyError
from autoqa.privacy.detect import mask, to_original, without_overlap
from autoqa.privacy.kinds import Finding, Kind, placeholders

_KINDS = {"PERSON": Kind.NAME, "ADDRESS": Kind.ADDRESS, "LOCATION": Kind.ADDRESS}
# Labels of spaCy's models, and of models of one's own, to Presidio's.
_LABELS = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ADDRESS": "ADDRESS",
}
_WHOLE = ("PERSON", "ADDRESS")
# A place is part of an address where a house number or postcode stands beside it.
_NUMBER = r"\d{1,6}[A-Za-z]?"
_NUMBER_BEFORE = re.compile(rf"(?<![\w.,]){_NUMBER}[ ,]{{1,2}}$")
_NUMBER_AFTER = re.compile(rf"[ ,]{{1,2}}(?:n[.º°]? ?)?{_NUMBER}(?![\w.,]\d)")
_NUMBER_WITHIN = 12  # characters
_GAP = re.compile(r"[ ,]{1,3}")
_SHORTEST = 2
_SURE = 0.5  # Presidio's score; models of spaCy get 0.85


def add_names(
    texts: Sequence[str],
    found: Sequence[list[Finding]],
    language: str,
    models: Mapping[str, str],
    known: set[str],
) -> list[list[Finding]]:
    """Return the findings of texts, with names and postal addresses among them.

    Parameters
    ----------
    texts, found : sequences of equal length
    language : str
        BCP 47; without a model for it nothing is added.
    models : mapping of str to str
        See `Redaction.names`.
    known : set of str
        Names found so far in the conversation, which are found wherever they stand; added to.

    Raises
    ------
    PrivacyError
        If Presidio or the model is not installed.
    """
    primary = language.replace("_", "-").split("-")[0].lower()
    if primary not in models:
        return list(found)
    analyser = _analyser(primary, models[primary])
    named = [_named(text, own, analyser, primary) for text, own in zip(texts, found, strict=True)]
    known.update(f.value for own in named for f in own if f.kind is Kind.NAME)
    return [
        without_overlap([*own, *new, *_said_again(text, known)])
        for text, own, new in zip(texts, found, named, strict=True)
    ]


def load_names(models: Mapping[str, str]) -> None:
    """Load the models, so that one that is not there is missed before anything is written.

    Raises
    ------
    PrivacyError
        If Presidio or a model is not installed.
    """
    for language, model in models.items():
        _analyser(language, model)


def _named(text: str, found: list[Finding], analyser: Any, language: str) -> list[Finding]:
    if not text.strip():
        return []
    hidden = sorted([*found, *placeholders(text)])
    masked = mask(text, hidden)
    spans = [
        (one.start, one.end, one.entity_type)
        for one in analyser.analyze(masked, language, entities=list(_KINDS), score_threshold=_SURE)
    ]
    new = [
        Finding(start, end, _KINDS[label], masked[start:end])
        for start, end, label in (
            *(span for span in spans if span[2] in _WHOLE),
            *_addresses(masked, spans),
        )
        if end - start >= _SHORTEST and not _touches_placeholder(masked, start, end)
    ]
    return list(to_original(without_overlap(new), hidden))


def _addresses(text: str, spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Join places that follow each other, and keep those with a number beside them."""
    joined: list[list[int]] = []
    for start, end, label in sorted(spans):
        if label in _WHOLE:
            continue
        before = _NUMBER_BEFORE.search(text, max(0, start - _NUMBER_WITHIN), start)
        after = _NUMBER_AFTER.match(text, end, end + _NUMBER_WITHIN)
        first, last = (before.start() if before else start), (after.end() if after else end)
        numbered = bool(before or after)
        if joined and (first <= joined[-1][1] or _GAP.fullmatch(text, joined[-1][1], first)):
            joined[-1][1] = last
            joined[-1][2] |= numbered
        else:
            joined.append([first, last, numbered])
    return [(start, end, "LOCATION") for start, end, numbered in joined if numbered]


def _touches_placeholder(text: str, start: int, end: int) -> bool:
    return any(one.start < end and start < one.end for one in placeholders(text))


def _said_again(text: str, names: set[str]) -> list[Finding]:
    return [
        Finding(match.start(), match.end(), Kind.NAME, name)
        for name in names
        if name in text
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    ]


@cache
def _analyser(language: str, model: str) -> Any:
    """Return Presidio's analyser with one model; loaded once per process."""
    try:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError:
        raise PrivacyError(
            "finding names needs the 'pii' extra: pip install \"autoqa-transcripts[pii]\""
        ) from None
    import spacy

    # Presidio would go and fetch a model that is not there.
    if not (spacy.util.is_package(model) or Path(model).is_dir()):
        raise PrivacyError(
            f"no spaCy model '{model}' for names in '{language}': name an installed package or a "
            f"model's folder, for example after: python -m spacy download {model}"
        )
    engine = SpacyNlpEngine(
        models=[{"lang_code": language, "model_name": model}],
        ner_model_configuration=NerModelConfiguration(model_to_presidio_entity_mapping=_LABELS),
    )
    recognizer = SpacyRecognizer(supported_language=language, supported_entities=list(_KINDS))
    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=[language])
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=[language])
