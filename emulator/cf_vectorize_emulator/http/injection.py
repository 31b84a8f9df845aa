"""Answers as faults make them: cut off, lying about their length, too many, too long, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
from starlette.responses import Response, StreamingResponse

from .wire import EXTENSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from cf_vectorize_emulator.core.faults import Fault

    from .wire import Wire

SPACES: Final = b" " * (1 << 16)


class NoWireError(Exception):
    """A fault wants to reach below HTTP, and there is no connection: client and emulator are in one process."""


def spoiled(response: Response, fault: Fault) -> Response:
    """Return a response as a fault makes it."""
    if fault.endless is not None:
        return _Lengthened(response, None, fault.endless)
    if fault.truncate is not None or fault.content_length is not None:
        return _Cut(response, fault)
    if fault.huge:
        response = _Lengthened(response, fault.huge)
    if fault.answers > 1 or fault.surplus:
        return _Surplus(response, fault)
    return response


class Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Reset the connection."""
        await _wire(scope).reset(receive)


class _Cut(Response):
    """An answer that is not whole, or whose length is not what it says."""

    def __init__(self, response: Response, fault: Fault) -> None:
        self._response = response
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - it goes by the wire
        """Send it, and close the connection."""
        body = bytes(self._response.body)
        headers = dict(self._response.headers)
        headers["content-length"] = str(max(0, len(body) + (self._fault.content_length or 0)))
        status = self._response.status_code
        head = f"HTTP/1.1 {status} Injected\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await _wire(scope).send_and_close(head.encode("latin-1") + b"\r\n" + body[: self._fault.truncate], receive)


class _Lengthened(StreamingResponse):
    """An answer whose body goes on with spaces: for so many bytes, or until the client leaves."""

    def __init__(self, response: Response, more: int | None, pause: float = 0.0) -> None:
        super().__init__(self._pieces(bytes(response.body), more, pause), response.status_code)
        self.raw_headers = [item for item in response.raw_headers if item[0] != b"content-length"]
        if more is not None:
            self.headers["content-length"] = str(len(response.body) + more)
        self._endless = more is None

    @staticmethod
    async def _pieces(body: bytes, more: int | None, pause: float) -> AsyncIterator[bytes]:
        yield body
        while more is None:
            await anyio.sleep(pause)
            yield b" " if pause else SPACES
        while more:
            piece = SPACES[:more]
            yield piece
            more -= len(piece)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; an endless one only to a client who can leave."""
        if self._endless:
            _wire(scope)
        await super().__call__(scope, receive, send)


class _Surplus(Response):
    """An answer that is followed by itself, or by bytes nobody asked for, on a connection that stays open."""

    def __init__(self, response: Response, fault: Fault) -> None:
        self._response = response
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it at once, so that the surplus is there before the client's next request."""
        with _wire(scope).held(self._fault.answers, b"x" * self._fault.surplus):
            await self._response(scope, receive, send)


def _wire(scope: Scope) -> Wire:
    wire: Wire | None = scope.get("extensions", {}).get(EXTENSION)
    if wire is None:
        raise NoWireError("an injected fault reaches below HTTP")
    return wire
