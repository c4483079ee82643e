"""CSAT: what the customer would answer, for conversations that were never surveyed."""

from __future__ import annotations

from autoqa.csat.model import CSAT_SETTINGS, CsatModel, csat_criterion, survey_ratings

__all__ = ["CSAT_SETTINGS", "CsatModel", "csat_criterion", "survey_ratings"]
