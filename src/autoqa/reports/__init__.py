"""A study as one self-contained HTML file that a QA lead can read.

>>> write_report(study, "report.html", language="es")  # doctest: +SKIP
"""

from autoqa.reports.labels import LANGUAGES
from autoqa.reports.page import report_html, write_report

__all__ = ["LANGUAGES", "report_html", "write_report"]
