"""Our style sheets, scripts and pictures, each under a name that changes with its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter()

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    address: str
    content: bytes
    media_type: str


def asset(name: str) -> str:
    """Return the address of a file in ``static/``.

    Raises
    ------
    KeyError
        If there is no such file.
    """
    return _by_name()[name].address


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Return one of our files; browsers may keep it for ever, since its name tells its content."""
    found = _by_address().get(f"/static/{name}")
    if found is None:
        raise HTTPException(404)
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


@cache
def _by_name() -> dict[str, _Asset]:
    found = {}
    for entry in (files("autoqa.review.web") / "static").iterdir():
        path = PurePosixPath(entry.name)
        if path.suffix in _TYPES:
            content = entry.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            address = f"/static/{path.stem}.{digest}{path.suffix}"
            found[entry.name] = _Asset(address, content, _TYPES[path.suffix])
    return found


@cache
def _by_address() -> dict[str, _Asset]:
    return {one.address: one for one in _by_name().values()}
