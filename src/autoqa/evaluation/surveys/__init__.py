"""Who answers surveys, and what all would have said."""

from autoqa.evaluation.surveys.distribution_matching import (
    DistributionMatcher,
    distribution_error,
    match_distribution,
)
from autoqa.evaluation.surveys.nonresponse_bounds import odds_ratio_to_reach, sensitivity_bounds
from autoqa.evaluation.surveys.response import SurveyTruth, response_probabilities, survey_truth

__all__ = [
    "DistributionMatcher",
    "SurveyTruth",
    "distribution_error",
    "match_distribution",
    "odds_ratio_to_reach",
    "response_probabilities",
    "sensitivity_bounds",
    "survey_truth",
]
