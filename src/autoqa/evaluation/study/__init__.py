"""All questions to one centre's data at once, for reports and notebooks.

>>> study = conduct_study(automated, human, surveys=surveys)  # doctest: +SKIP
>>> print("\\n".join(study.summary()))  # doctest: +SKIP
"""

from autoqa.evaluation.study.conduct import conduct_study
from autoqa.evaluation.study.predicted_csat import MatchedCsat
from autoqa.evaluation.study.satisfaction import SatisfactionPath, SatisfactionStep
from autoqa.evaluation.study.study import Part, Study

__all__ = [
    "MatchedCsat",
    "Part",
    "SatisfactionPath",
    "SatisfactionStep",
    "Study",
    "conduct_study",
]
