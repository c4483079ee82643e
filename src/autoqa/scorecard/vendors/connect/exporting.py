"""Amazon Connect evaluation forms out."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from autoqa.records import Speaker
from autoqa.scorecard.schema import Criterion, Scorecard, Section
from autoqa.scorecard.vendors.connect.conditions import enablement_of
from autoqa.scorecard.vendors.losses import Losses, LossKind
from autoqa.scorecard.vendors.naming import VendorIds, vendor_ids
from autoqa.scorecard.vendors.writing import (
    check_size,
    cut,
    instructions,
    language_code,
    lost_condition,
    lost_speaker,
    note_losses,
)

# Limits of a form: sections and questions, characters, ranges of a number, points of an answer.
_PARTS, _TITLE, _SECTION, _QUESTION, _ANSWER, _TEXT = 100, 100, 128, 350, 128, 1024
_RANGES, _SCORE = 10, 10
_REF = re.compile(r"[a-zA-Z0-9._-]{1,40}")
_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})")
_NEAR = 1e-6
_TARGETS = {Speaker.AGENT: "AGENT", Speaker.BOT: "AUTOMATED", Speaker.CUSTOMER: "CUSTOMER"}
_LANGUAGES = (
    "de-DE en-US es-ES fr-FR it-IT pt-BR ja-JP ko-KR zh-CN ms-MY af-ZA sq-AL am-ET ar-AE ar-SA "
    "hy-AM eu-ES be-BY bs-BA bg-BG ca-ES ckb-IR ckb-IQ zh-TW hr-HR cs-CZ da-DK nl-BE nl-NL en-AU "
    "en-IN en-IE en-NZ en-AB en-SG en-ZA en-GB en-WL fa-IR fa-AF fi-FI fr-BE fr-CA ga-IE gl-ES "
    "ka-GE de-AT de-CH el-GR gu-IN ht-HT he-IL hi-IN hu-HU is-IS id-ID jv-ID km-KH kn-IN kk-KZ "
    "lo-LA lv-LV lt-LT mk-MK ml-IN mr-IN ne-NP no-NO or-IN ps-AF pl-PL pt-PT pa-IN ro-RO ru-RU "
    "sr-RS si-LK sk-SK sl-SI es-MX es-US su-ID sw-BI sw-KE sw-RW sw-TZ sw-UG sv-SE tl-PH ta-IN "
    "te-IN th-TH tr-TR uk-UA uz-UZ vi-VN zu-ZA my-MM so-SO yue-HK et-EE hmn lg-UG cy-GB xh-ZA "
    "bn-BD"
)


def connect_ids(card: Scorecard) -> VendorIds:
    """Return the RefIds that a card's parts have in a form."""
    return vendor_ids(card, _REF)


def write_connect(card: Scorecard, losses: Losses) -> dict[str, Any]:
    """Return a form as CreateEvaluationForm takes it, but for the instance's id.

    Questions are weighed, not sections. An answer's score is its share of the weight in tenths, or
    in fewer parts where that is exact.
    """
    check_size(card, "Amazon Connect", most=_PARTS)
    note_losses(card, losses)
    writing = _Writing(card, losses)
    form: dict[str, Any] = {
        "Title": cut(card.title or card.id, _TITLE, card.id, "title", losses),
        "Items": [writing.section(section) for section in card.sections if section.criteria],
        "ScoringStrategy": {
            "Mode": "QUESTION_ONLY",
            "Status": "ENABLED" if writing.total else "DISABLED",
        },
        "TargetConfiguration": {"ContactInteractionType": _TARGETS[writing.speaker]},
    }
    if card.description.strip():
        form["Description"] = cut(card.description.strip(), _TEXT, card.id, "description", losses)
    language = language_code(card, _LANGUAGES, losses)
    if language:
        form["LanguageConfiguration"] = {"FormLanguage": language}
    return form


class _Writing:
    """One form being written: weights and whose words are judged are matters of all questions."""

    def __init__(self, card: Scorecard, losses: Losses) -> None:
        self._ids = connect_ids(card)
        self._losses = losses
        self.total = math.fsum(criterion.weight for criterion in card.criteria)
        judged = Counter(c.speaker for c in card.criteria if c.speaker in _TARGETS)
        self.speaker = judged.most_common(1)[0][0] if judged else Speaker.AGENT

    def section(self, section: Section) -> dict[str, Any]:
        ref = self._ids.sections[section.id]
        title = cut(section.title or section.id, _SECTION, section.id, "title", self._losses)
        questions = [{"Question": self._question(c, ref)} for c in section.criteria]
        return {"Section": {"Title": title, "RefId": ref, "Items": questions}}

    def _question(self, criterion: Criterion, section: str) -> dict[str, Any]:
        losses = self._losses
        options = self._options(criterion, section)
        numeric = self._as_ranges(criterion, options)
        question: dict[str, Any] = {
            "Title": cut(criterion.question, _QUESTION, criterion.id, "question", losses),
            "RefId": self._ids.questions[criterion.id],
            "NotApplicableEnabled": criterion.not_applicable,
            "QuestionType": "NUMERIC" if numeric else "SINGLESELECT",
            "QuestionTypeProperties": {"Numeric": numeric}
            if numeric
            else {"SingleSelect": {"Options": options, "DisplayAs": "RADIO"}},
        }
        said = instructions(criterion, losses, most=_TEXT)
        if said:
            question["Instructions"] = said
        if self.total:
            question["Weight"] = 100 * criterion.weight / self.total
        if self.total and not criterion.weight:
            question["ScoringConfiguration"] = {"IsExcludedFromScoring": True}
        if criterion.applies_when is not None:
            enablement = enablement_of(criterion.applies_when)
            if enablement:
                question["Enablement"] = enablement
            else:
                lost_condition(criterion, losses)
        if criterion.critical and criterion.points(criterion.scale[0]):
            losses.add(
                LossKind.CRITICAL,
                criterion.id,
                "critical, but every level earns points, so that none fails",
                "no answer fails there; give the level that fails points: 0",
            )
        if criterion.speaker is not self.speaker:
            lost_speaker(criterion, losses)
        return question

    def _options(self, criterion: Criterion, section: str) -> list[dict[str, Any]]:
        options = []
        for number, score in reversed(list(self._scores(criterion).items())):
            label = criterion.levels[number].label
            option: dict[str, Any] = {
                "RefId": self._ids.options[criterion.id, number],
                "Text": cut(label, _ANSWER, criterion.id, f"label {number}", self._losses),
                "Score": score,
            }
            if criterion.critical and not criterion.points(number):
                option["AutomaticFail"] = True
                if criterion.critical == "section":
                    option["AutomaticFailConfiguration"] = {"TargetSection": section}
            options.append(option)
        return options

    def _scores(self, criterion: Criterion) -> dict[int, int]:
        """Scores by level, the best one highest."""
        shares = [criterion.points(number) for number in criterion.scale]
        best = shares[-1]
        if not best:
            return dict.fromkeys(criterion.scale, 0)
        for parts in range(_SCORE, 0, -1):
            exact = [share / best * parts for share in shares]
            if all(abs(score - round(score)) <= _NEAR for score in exact):
                break
        else:
            exact = [share / best * _SCORE for share in shares]
            self._losses.add(
                LossKind.POINTS,
                criterion.id,
                f"levels earn {', '.join(f'{share:.4g}' for share in shares)} of the weight",
                f"scores are whole numbers up to {_SCORE} there, so they are rounded to tenths",
            )
        return {n: round(score) for n, score in zip(criterion.scale, exact, strict=True)}

    def _as_ranges(
        self, criterion: Criterion, options: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Properties of a numeric question, where the levels came from one."""
        found = [_RANGE.fullmatch(option["RefId"]) for option in options]
        ranges = [tuple(map(int, match.groups())) for match in found if match]
        if len(ranges) < len(options) or len(options) > _RANGES:
            return None
        kept = []
        for (low, high), option in zip(ranges, options, strict=True):
            if option["Text"] != f"{low} to {high}":
                self._losses.add(
                    LossKind.TEXTS,
                    criterion.id,
                    f"label '{option['Text']}' of the range from {low} to {high}",
                    "ranges have no texts there; it is dropped",
                )
            rest = {key: value for key, value in option.items() if key not in ("RefId", "Text")}
            kept.append({"MinValue": low, "MaxValue": high, **rest})
        return {
            "MinValue": min(low for low, _ in ranges),
            "MaxValue": max(high for _, high in ranges),
            "Options": kept,
        }
