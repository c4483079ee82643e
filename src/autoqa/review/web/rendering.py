"""Pages from templates: every text escaped, in the reader's language, with links to our files."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from autoqa.evaluation.wording import without_controls
from autoqa.review.access import Permission, User
from autoqa.review.web.assets import asset
from autoqa.review.web.dependencies import NOTICE, forget, remember, settings_of
from autoqa.review.web.labels import labels, later, preferred
from autoqa.review.web.shortcuts import shortcuts_of
from autoqa.review.web.templating import new_environment
from autoqa.review.web.turns import clock

FORM = "form"
"""Cookie whose value the forms of somebody not logged in repeat."""

THEMES = ("system", "light", "dark")
"""What a user may choose; `system` goes with the device."""

_TOKEN = re.compile(r"[\w-]{43}")

NAVIGATION: tuple[tuple[str, str, frozenset[Permission]], ...] = (
    ("/queue", later("Queue"), frozenset({Permission.SEE_QUEUE})),
    ("/calibrations", later("Calibration"), frozenset({Permission.REVIEW, Permission.SEE_RATINGS})),
    (
        "/disputes",
        later("Disputes"),
        frozenset({Permission.DISPUTE, Permission.DECIDE, Permission.SEE_RATINGS}),
    ),
    ("/coaching", later("Coaching"), frozenset({Permission.SEE_COACHING})),
    ("/examples", later("Examples"), frozenset({Permission.SEE_COACHING})),
    ("/dashboards", later("Dashboards"), frozenset({Permission.SEE_DASHBOARDS})),
    ("/users", later("Users"), frozenset({Permission.MANAGE_USERS})),
    ("/audit", later("Audit"), frozenset({Permission.SEE_AUDIT})),
)
"""Entries of the main menu: path, text, and the permissions of which one opens it."""


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a template as a page, or as a part of one for HTMX.

    Templates have `values` and: ``say`` (translate and fill in), ``lang``, ``user`` (None where
    nobody is logged in), ``may(name)``, ``csrf``, ``path``, ``asset(name)``, ``navigation``,
    ``theme``, ``shortcuts``, ``notice``.
    """
    user: User | None = request.state.user
    language = language_of(request)
    new_token = "" if request.state.session else _anonymous_token(request)
    notice = _notice(request)
    say = labels(language)
    html = (
        _environment()
        .get_template(template)
        .render(
            {
                "say": say,
                "lang": language,
                "user": user,
                "may": lambda name: user is not None and user.may(Permission(name)),
                "csrf": request.state.session.csrf if request.state.session else new_token,
                "path": request.scope["path"],
                "navigation": menu_of(request),
                "theme": user.settings.get("theme", THEMES[0]) if user else THEMES[0],
                "shortcuts": json.dumps(shortcuts_of(user.settings)) if user else "{}",
                "notice": notice,
                **values,
            }
        )
    )
    answer = HTMLResponse(
        # Browsers send line ends as two characters; a page needs one.
        without_controls(html.replace("\r\n", "\n")),
        status_code=status,
        headers=dict(headers or {}),
    )
    if new_token:
        remember(request, answer, FORM, new_token)
    if notice:
        forget(request, answer, NOTICE)
    return answer


def language_of(request: Request) -> str:
    """Return the language to answer in: the user's choice, or else the browser's."""
    user: User | None = request.state.user
    if user is not None and user.language:
        return preferred(user.language, settings_of(request).language)
    return preferred(request.headers.get("accept-language", ""), settings_of(request).language)


def menu_of(request: Request) -> list[tuple[str, str]]:
    """Return paths and (English) names of the parts that the user may open."""
    user: User | None = request.state.user
    if user is None:
        return []
    there: frozenset[str] = request.app.state.pages
    return [
        (path, text)
        for path, text, permissions in NAVIGATION
        if path in there and any(user.may(one) for one in permissions)
    ]


def _anonymous_token(request: Request) -> str:
    held = request.cookies.get(settings_of(request).cookie(FORM), "")
    return held if _TOKEN.fullmatch(held) else secrets.token_urlsafe(32)


def _notice(request: Request) -> str:
    return unquote(request.cookies.get(settings_of(request).cookie(NOTICE), ""))[:300]


@cache
def _environment() -> Environment:
    environment = new_environment()
    environment.globals["asset"] = asset
    environment.filters |= {
        "clock": clock,
        "day": day,
        "moment": moment,
        "percent": percent,
    }
    return environment


def day(when: datetime | None) -> str:
    """Return ``2026-03-09``; a dash where there is none."""
    return "–" if when is None else f"{when:%Y-%m-%d}"


def moment(when: datetime | None) -> str:
    """Return ``2026-03-09 14:05 UTC``; a dash where there is none."""
    return "–" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def percent(share: float | None) -> str:
    """Return ``62 %``; a dash where there is none.

    >>> percent(0.618)
    '62 %'
    """
    return "–" if share is None else f"{share:.0%}".replace("%", " %")
