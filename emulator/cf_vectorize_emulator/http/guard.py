"""Keeps web pages of other origins out: a browser on this machine is no reason to let them write."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from .envelope import Failure, unknown
from .exchange import LOG, SHOWN, printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class Guard:
    """Refuses requests under a foreign name (DNS rebinding), and writes from pages of a foreign origin.

    Args:
        app: The application behind it.
        names: Host names by which the server may be called beside `localhost` and IP addresses.

    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        request = Request(scope)
        failure = self._judge(request)
        if failure is None:
            await self._app(scope, receive, send)
        else:
            host = printable(request.headers.get("host", ""))[:SHOWN]
            LOG.info("%s to %s: %d %s", request.method, host, failure.status, failure.message)
            response = Response(failure.body(), failure.status, {"content-type": failure.content_type})
            await response(scope, receive, send)

    def _judge(self, request: Request) -> Failure | None:
        host = request.headers.get("host", "")
        if not self._is_ours(host):
            return unknown("The Host header names another server; start the emulator with --allow-host NAME", 403)
        if request.method in SAFE_METHODS:
            return None
        if request.headers.get("origin", f"http://{host}") != f"http://{host}":
            return unknown("Web pages of another origin cannot write here", 403)
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return unknown("Web pages of another site cannot write here", 403)
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if name.lower() in self._names or name.lower() == "localhost":
            return True
        try:
            ipaddress.ip_address(name)  # a page can make its own name resolve to this machine, but not an address
        except ValueError:
            return False
        return True
