"""An HTTP server on a port of this machine, until somebody stops it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_GRACE_SECONDS = 10  # for requests that are being answered when the server is told to stop


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Hold a port; 0 takes any that is free.

    Raises
    ------
    OSError
        If the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        yield listener


def place_of(listener: socket.socket) -> str:
    """Return ``127.0.0.1:5001``, as it stands in an address."""
    name, port = listener.getsockname()[:2]
    return f"{f'[{name}]' if ':' in name else name}:{port}"


def answer_requests(app: Callable[..., Any], listener: socket.socket, **settings: Any) -> None:
    """Answer until SIGINT or SIGTERM; requests that are being answered then are finished.

    Parameters
    ----------
    app : ASGI application
    listener : socket
    **settings
        Of `uvicorn.Config`. Forwarded addresses are believed only where they say so.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        **{
            "log_level": "error",
            "access_log": False,
            "proxy_headers": False,
            "server_header": False,
            "timeout_graceful_shutdown": _GRACE_SECONDS,
            **settings,
        },
    )
    with _signals_only_stop():
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _signals_only_stop() -> Iterator[None]:
    """Let SIGINT and SIGTERM stop the server and nothing else: it raises them again when done."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, lambda *_: None) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
