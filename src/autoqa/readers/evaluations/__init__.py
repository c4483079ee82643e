"""Evaluations of other systems to ratings, and ratings to their evaluations.

`import_evaluations` reads what Amazon Connect, Google Customer Engagement Suite, Genesys Cloud and
Zendesk QA export; `export_evaluations` writes it. People's answers and automated ones stay apart.
"""

from __future__ import annotations

from autoqa.readers.evaluations.exporting import LOSSES, export_evaluations
from autoqa.readers.evaluations.files import write_evaluations, write_ratings_csv
from autoqa.readers.evaluations.importing import (
    BY_RULE,
    SYSTEMS,
    Imported,
    import_evaluations,
)
from autoqa.readers.evaluations.joining import with_ratings

__all__ = [
    "BY_RULE",
    "LOSSES",
    "SYSTEMS",
    "Imported",
    "export_evaluations",
    "import_evaluations",
    "with_ratings",
    "write_evaluations",
    "write_ratings_csv",
]
