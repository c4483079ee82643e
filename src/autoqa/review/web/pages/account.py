"""One's own account: language, theme, keys, blind review, password."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from autoqa.records import Json
from autoqa.review.access import InvalidError, Permission, User
from autoqa.review.passwords import SHORTEST
from autoqa.review.users import change_password, save_settings
from autoqa.review.web.dependencies import Db, Signed, Text, redirect
from autoqa.review.web.labels import LANGUAGES, later
from autoqa.review.web.pages.users import ROLES
from autoqa.review.web.rendering import THEMES, page
from autoqa.review.web.shortcuts import SHORTCUTS, shortcuts_of

router = APIRouter()

THEME_NAMES: Mapping[str, str] = dict(
    zip(THEMES, (later("As the device"), later("Light"), later("Dark")), strict=True)
)

_TWICE = later("This key is there twice, or is no single letter or sign")
_NOT_THE_SAME = later("The new password was not typed the same way twice")


@router.get("/account")
def account(request: Request, user: Signed) -> Response:
    """Show the settings."""
    return _show(request, user)


@router.post("/account")
def save(
    request: Request,
    database: Db,
    user: Signed,
    language: Text = "",
    theme: Text = "",
    blind: Text = "",
    keys: Text = "",
) -> Response:
    """Save language, theme, blind review and keys."""
    settings: dict[str, Json] = {
        **user.settings,
        "theme": theme if theme in THEMES else THEMES[0],
    }
    if user.may(Permission.REVIEW):
        chosen = _keys_in(request.state.form)
        settings |= {"blind": bool(blind), "shortcuts": chosen, "shortcuts_off": not keys}
        kept = shortcuts_of({"shortcuts": chosen})
        wrong = [action for action in SHORTCUTS if action not in kept]
        if wrong:
            return _show(request, user, settings=settings, wrong=wrong, status=422)
    save_settings(database, user, settings, language=language if language in LANGUAGES else None)
    return redirect(request, "/account", said="Saved.")


@router.post("/account/password")
def change(
    request: Request,
    database: Db,
    user: Signed,
    current: Text = "",
    new: Text = "",
    again: Text = "",
) -> Response:
    """Change the password."""
    problem = "" if new == again else _NOT_THE_SAME
    if not problem:
        try:
            change_password(
                database, user, current=current, new=new, token=request.state.session.token
            )
        except InvalidError as error:
            problem = str(error)
    if problem:
        return _show(request, user, problem=problem, status=422)
    return redirect(request, "/account", said="The password is changed.")


def _show(
    request: Request,
    user: User,
    *,
    settings: Mapping[str, Json] | None = None,
    wrong: list[str] | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    settings = user.settings if settings is None else settings
    own = settings.get("shortcuts")
    chosen = own if isinstance(own, Mapping) else {}
    return page(
        request,
        "account.html.j2",
        status=status,
        languages=LANGUAGES,
        themes=THEME_NAMES,
        settings=settings,
        role=ROLES[user.role][0],
        shortest=SHORTEST,
        reviews=user.may(Permission.REVIEW),
        keys=[
            (action, text, chosen.get(action, usual)) for action, (usual, text) in SHORTCUTS.items()
        ],
        wrong=dict.fromkeys(wrong or (), _TWICE),
        problem=problem,
    )


def _keys_in(form: FormData) -> dict[str, Json]:
    """Return the keys that are not the usual ones; an empty field asks for the usual one."""
    given = {action: str(form.get(f"key-{action}", "")).strip() for action in SHORTCUTS}
    return {
        action: given[action]
        for action, (usual, _) in SHORTCUTS.items()
        if given[action] not in ("", usual)
    }
