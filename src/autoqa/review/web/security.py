"""What every request passes on its way in and out: who asks, from where, how much, what for.

Nothing behind it has to remember any of this: without a session only `OPEN` is answered, and a
request that changes something needs the token of its session, whatever route it goes to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import compare_digest
from urllib.parse import quote

from fastapi import Request
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autoqa.review.database import BusyError, Database
from autoqa.review.logins import session_of
from autoqa.review.web.dependencies import by_htmx, for_api, own_address
from autoqa.review.web.errors import refusal
from autoqa.review.web.labels import later
from autoqa.review.web.rendering import FORM
from autoqa.review.web.settings import Settings

SESSION = "session"
"""Cookie that holds the token of a session."""

OPEN = frozenset({"/login", "/login/link", "/health", "/favicon.ico", "/api/v1/openapi.json"})
"""What is answered to somebody not logged in, besides our static files."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_STRANGERS_MOST = 1 << 16  # bytes of a form: reading one takes time, and anybody may send one

# Nothing in it can be taken for a part of the path when it is put before one.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")

_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: browsers would then keep the origin of forms to themselves.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Checks each request before any route sees it, and marks each answer."""

    def __init__(self, app: ASGIApp, *, database: Database, settings: Settings) -> None:
        self.app = app
        self.database = database
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, without_body=scope["method"] == "HEAD")
        # A page is there for HEAD wherever it is there for GET.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        state = {**scope.get("state", {}), "user": None, "session": None, "form": FormData()}
        scope = {**scope, "method": method, "state": state}
        request = Request(scope, receive)
        try:
            refused = self._refuse_place(request) or await self._refuse_person(request)
            if refused is None and method in _CHANGES:
                refused, receive = await self._refuse_change(request, receive)
            await (self.app if refused is None else refused)(scope, receive, answer)
        except ClientDisconnect:
            return
        except HTTPException as error:  # a form that cannot be read
            await refusal(request, error.status_code)(scope, receive, answer)
        except (InterfaceError, OperationalError, BusyError):
            await refusal(request, 503)(scope, receive, answer)
        except Exception:
            if not answer.begun:
                await refusal(request, 500)(scope, receive, answer)
            raise  # for the log

    def _refuse_place(self, request: Request) -> Response | None:
        """Refuse names that are not ours, and other sites' pages that would change something."""
        host = request.headers.get("host", "").lower()
        found = _HOST.fullmatch(host)
        if found is None or found[1] not in self.settings.hosts:
            return refusal(
                request,
                400,
                "This server does not answer to the name in the address. Whoever runs it can add "
                "it: autoqa review serve --name NAME",
            )
        if b"%00" in request.scope["query_string"] or "\x00" in request.scope["path"]:
            return refusal(request, 400, later("The address holds a character that no text has"))
        if request.method in _READS:
            return None
        if request.method not in _CHANGES:
            return refusal(request, 405)
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        ours = f"{self.settings.scheme}://{host}"
        if (origin is not None and origin.lower() != ours) or site not in ("same-origin", "none"):
            return refusal(request, 403, f"This form came from another address than {ours}")
        return None

    async def _refuse_person(self, request: Request) -> Response | None:
        """Find out who asks; send strangers to the login."""
        path = request.scope["path"]
        if path.startswith("/static/") or path == "/health":
            return None
        token = request.cookies.get(self.settings.cookie(SESSION))
        if token:
            found = await run_in_threadpool(session_of, self.database, token)
            if found is not None:
                request.state.user, request.state.session = found
        if request.state.user is not None or path in OPEN:
            return None
        if for_api(request):
            return refusal(request, 401, "Log in at /login and send the cookie that it sets")
        if request.method not in _READS:
            # Nothing was changed, and what was typed is shown again.
            await self._buffered(request, request.receive)
            return refusal(
                request,
                401,
                later("Log in in another tab, then go back to the form and send it again."),
            )
        return _to_login(request)

    async def _refuse_change(
        self, request: Request, receive: Receive
    ) -> tuple[Response | None, Receive]:
        """Refuse bodies that are too long and forms that are not from one of our pages."""
        replay = await self._buffered(request, receive)
        if replay is None:
            most = self._largest_body(request) // 1024
            return refusal(request, 413, f"A form may have {most} KiB"), receive
        form: FormData = request.state.form
        if any("\x00" in name or "\x00" in str(value) for name, value in form.multi_items()):
            return refusal(
                request, 422, later("The form holds a character that no text has")
            ), replay
        given = request.headers.get("x-csrf-token") or form.get("csrf")
        wanted = (
            request.state.session.csrf
            if request.state.session
            else request.cookies.get(self.settings.cookie(FORM), "")
        )
        if not (isinstance(given, str) and wanted and _same(given, wanted)):
            return refusal(
                request,
                403,
                later(
                    "The page was open for too long, or in another session: go back, load it "
                    "again, and send it once more"
                ),
            ), replay
        return None, replay

    def _largest_body(self, request: Request) -> int:
        most = self.settings.largest_body
        return most if request.state.session else min(most, _STRANGERS_MOST)

    async def _buffered(self, request: Request, receive: Receive) -> Receive | None:
        """Read the body, whether its length is told or not; parse it where it is a form.

        Returns what gives the body once more, or None where it is too long.
        """
        most = self._largest_body(request)
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > most:
            return None
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > most:
                return None
            more = message.get("more_body", False)
        content = bytes(body)
        if request.headers.get("content-type", "").lower().startswith(_FORMS):
            request.state.form = await Request(request.scope, _once(content, receive)).form()
        return _once(content, receive)


class _Answer:
    """Sends an answer on, with the headers that every one has."""

    def __init__(self, send: Send, *, without_body: bool) -> None:
        self.send = send
        self.without_body = without_body
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            # Pages show conversations: no copy of them stays behind in a shared browser.
            headers.setdefault("Cache-Control", "no-store")
        elif self.without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self.send(message)


def _once(content: bytes, after: Receive) -> Receive:
    """Return what gives a body that was read before, and then whatever comes."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await after()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


def _same(given: str, wanted: str) -> bool:
    return compare_digest(given.encode(errors="surrogatepass"), wanted.encode())


def _to_login(request: Request) -> Response:
    if by_htmx(request):
        # Part of a page was asked for; the page as a whole is what to come back to.
        back = own_address(request.headers.get("hx-current-url", "/"))
        return Response(status_code=401, headers={"HX-Redirect": _login(back)})
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["path"]
    return RedirectResponse(_login(f"{path}?{query}" if query else path), status_code=303)


def _login(back: str) -> str:
    return "/login" if back == "/" else f"/login?next={quote(back, safe='')}"
