"""Our templates, all escaped the same way; for pages and for notebooks."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def new_environment() -> Environment:
    """Return what reads the templates of the review page: every text in them is escaped."""
    return Environment(
        loader=PackageLoader("autoqa.review.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
