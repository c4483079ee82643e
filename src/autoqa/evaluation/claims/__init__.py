"""Practitioners' claims about quality and satisfaction, as tests on a centre's own data.

>>> data = claim_data(ratings, surveys, conversations, card=card)  # doctest: +SKIP
>>> print(run_claims(data).to_markdown())  # doctest: +SKIP
"""

from autoqa.evaluation.claims.base import Claim, ClaimResult, Need
from autoqa.evaluation.claims.data import ClaimData, claim_data
from autoqa.evaluation.claims.parts import Part, parts_of
from autoqa.evaluation.claims.report import CLAIMS, VERDICT_RULE, ClaimsReport, run_claims
from autoqa.evaluation.claims.verdict import NEEDED_RULE, Finding, Range, Verdict

__all__ = [
    "CLAIMS",
    "NEEDED_RULE",
    "VERDICT_RULE",
    "Claim",
    "ClaimData",
    "ClaimResult",
    "ClaimsReport",
    "Finding",
    "Need",
    "Part",
    "Range",
    "Verdict",
    "claim_data",
    "parts_of",
    "run_claims",
]
