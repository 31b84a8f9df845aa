"""The connection below HTTP, which faults reach down to: resets, and bytes that are no proper answer."""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

EXTENSION: Final = "cf_vectorize_emulator.wire"
# How long a client may take over the headers of a request.
HEADER_SECONDS: Final = 30.0
# Whether to linger, and for how long: two shorts on Windows, two ints elsewhere.
LINGER: Final = struct.Struct("hh" if sys.platform == "win32" else "ii")


class Wire:
    """One connection, in place of its transport: it can hold back what is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None
        self._closes = False

    def __getattr__(self, name: str) -> Any:
        """Return what the transport has."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, or hold them back."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        """End the connection, once nothing is held back."""
        if self._held is None:
            self._transport.close()
        else:
            self._closes = True

    @contextmanager
    def held(self, times: int, surplus: bytes) -> Iterator[None]:
        """Send what is written in the block so many times, with a surplus behind it, in one write."""
        self._held = []
        try:
            yield
        finally:
            data, self._held = b"".join(self._held), None
            self._transport.write(data * times + surplus)
            if self._closes:
                self._transport.close()

    async def reset(self, receive: Receive) -> None:
        """End the connection with a TCP reset."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 0))
        self._transport.abort()
        await self._until_closed(receive)

    async def send_and_close(self, data: bytes, receive: Receive) -> None:
        """Send bytes as they are, and end the connection."""
        self._transport.write(data)
        self._transport.close()
        await self._until_closed(receive)

    @staticmethod
    async def _until_closed(receive: Receive) -> None:
        """Wait until the server knows, so that it does not miss an answer."""
        while (await receive())["type"] != "http.disconnect":
            pass


class Protocol(H11Protocol):
    """uvicorn's protocol, which hands its connection to the application and bounds the time that headers take."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.access_log = False  # it would show account ids to whoever logs everything
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take a connection."""
        wire = Wire(transport)
        super().connection_made(cast("asyncio.Transport", wire))
        app = self.app

        async def with_wire(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = wire
            await app(scope, receive, send)

        self.app = with_wire
        self._time_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._time_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        self._stop_header_timer()
        super().connection_lost(exc)

    def _time_headers(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering:
            self._stop_header_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
