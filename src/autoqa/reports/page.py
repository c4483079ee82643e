"""A study as one HTML file that needs nothing else: no network, no fonts, no scripts of others."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from autoqa.evaluation.study import Study
from autoqa.evaluation.wording import Say, without_controls
from autoqa.reports.answers import five_answers
from autoqa.reports.content import Answer, Section
from autoqa.reports.labels import labels
from autoqa.reports.sections import sections

DISTRIBUTION = "autoqa-transcripts"
_VERSIONED = (DISTRIBUTION, "matplotlib", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    title: str
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    reading: str
    made: str


def report_html(
    study: Study,
    *,
    language: str = "en",
    title: str | None = None,
    simulated: bool = False,
    data_hashes: Mapping[str, str] | None = None,
    made_at: str | None = None,
) -> str:
    """Return the report of a study as one HTML page.

    Parameters
    ----------
    study : Study
    language : str
        One of `autoqa.reports.labels.LANGUAGES`. Names from data, and sentences that evaluation
        writes, stay as they are and are marked as English.
    title : str, optional
    simulated : bool
        Says on top that the data are simulated.
    data_hashes : mapping of name to SHA-256, optional
        Of the files that the study was made from.
    made_at : str, optional
        A date to print. Without one, the same study gives the same bytes.

    Raises
    ------
    DataError
        If there are no labels in the language.
    """
    say = labels(language)
    page = _page(study, say, title, simulated, data_hashes or {}, made_at)
    css, js = _template("report.css"), _template("report.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_sha256(css)}'; "
        f"script-src 'sha256-{_sha256(js)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("autoqa.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return without_controls(
        environment.get_template("report.html.j2").render(
            page=page,
            say=say,
            language=language,
            policy=policy,
            css=Markup(css),  # noqa: S704  a file of this package
            js=Markup(js),  # noqa: S704  a file of this package
            version=_version(DISTRIBUTION),
        )
    )


def write_report(
    study: Study,
    path: str | Path,
    *,
    language: str = "en",
    title: str | None = None,
    simulated: bool = False,
    data_hashes: Mapping[str, str] | None = None,
    made_at: str | None = None,
) -> Path:
    """Write the report to a file, whole or not at all; see `report_html`."""
    from autoqa.store import atomic_write_text

    target = Path(path)
    html = report_html(
        study,
        language=language,
        title=title,
        simulated=simulated,
        data_hashes=data_hashes,
        made_at=made_at,
    )
    atomic_write_text(target, html)
    return target


def _page(
    study: Study,
    say: Say,
    title: str | None,
    simulated: bool,
    hashes: Mapping[str, str],
    made_at: str | None,
) -> _Page:
    versions = [
        *((name, _version(name)) for name in _VERSIONED),
        *((f"{name} (SHA-256)", value) for name, value in hashes.items()),
    ]
    made = say("Made with autoqa {version}.", version=_version(DISTRIBUTION))
    return _Page(
        title=title or say("Automated QA, human QA and customer satisfaction"),
        facts=_facts(study, say),
        warnings=(say("Simulated data: nothing here is about real people."),) if simulated else (),
        answers=five_answers(study, say),
        sections=tuple(sections(study, say, versions=versions, simulated=simulated)),
        reading=say(
            "How to read it: 0.61 [0.55, 0.67] is an estimate and the range that holds the true "
            "value with 95 % confidence; n is how many it rests on. A wide range means: collect "
            "more before deciding."
        ),
        made=made if made_at is None else f"{made_at} · {made}",
    )


def _facts(study: Study, say: Say) -> tuple[str, ...]:
    comparison = study.comparison
    facts = [
        say("{n} conversations scored automatically", n=study.n_scored) if study.n_scored else "",
        say("{n} reviewed by people", n=study.n_reviewed) if study.n_reviewed else "",
        say("{n} reviewers", n=comparison.n_human_raters) if comparison.n_human_raters else "",
        say("{n} survey answers", n=study.n_surveyed) if study.n_surveyed else "",
        say("{n} criteria compared", n=len(comparison.criteria)) if comparison.criteria else "",
        say("scorecard {name}", name=comparison.scorecard) if comparison.scorecard else "",
    ]
    return tuple(filter(None, facts))


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:  # run without being installed
        return "–"


def _template(name: str) -> str:
    return (files("autoqa.reports") / "templates" / name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
