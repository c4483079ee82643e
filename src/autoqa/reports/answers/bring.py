"""What to bring for a question that the data could not answer."""

from __future__ import annotations

from autoqa.evaluation.study import Part, Study
from autoqa.evaluation.wording import Say
from autoqa.reports.content import Text
from autoqa.reports.numbers import english_texts, texts


def bring(study: Study, part: Part, say: Say) -> tuple[Text, ...]:
    """Say what to bring for a part that the data could not answer, and the reason found."""
    advice = {
        Part.REPLACEMENT: say(
            "To answer this, have three or more people, known by name, rate the same 30 or more "
            "conversations that were also scored automatically."
        ),
        Part.RATERS: say(
            "To answer this, have the same conversations rated by two or more people, known by "
            "name, 20 or more each."
        ),
        Part.CLAIMS: say("To answer this, bring survey answers and the conversations."),
        Part.DRIVERS: say(
            "To answer this, bring survey answers: 10 or more rated conversations with an answer "
            "for each criterion."
        ),
        Part.REALIGNMENT: say("To answer this, name the scorecard and bring survey answers."),
        Part.SURVEY_TRUTH: say(
            "To answer this, score the conversations of customers who did not answer the survey "
            "too."
        ),
        Part.MATCHED_CSAT: say(
            "To answer this, predict satisfaction for all conversations, and bring 60 or more "
            "survey answers on the same scale."
        ),
        Part.TEAM_MEANS: say(
            "To answer this, score all conversations and have people review a random part of them."
        ),
        Part.REVIEW_YIELD: say(
            "To answer this, have people review 30 or more scored conversations, drawn at random."
        ),
        Part.CALIBRATION: say("To answer this, bring automated ratings with probabilities."),
        Part.RISK_COVERAGE: say("To answer this, bring automated ratings with probabilities."),
        Part.FAIRNESS: say(
            "To answer this, bring the conversations with their team, language or channel."
        ),
        Part.OVER_TIME: say(
            "To answer this, bring conversations with their dates, over several months."
        ),
        Part.SATISFACTION: say(
            "To answer this, score the conversations with a model that predicts satisfaction."
        ),
    }
    reason = study.missing.get(part, "")
    return (*texts(advice[part]), *english_texts([reason] if reason else []))
