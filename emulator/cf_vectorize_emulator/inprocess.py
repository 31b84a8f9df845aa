"""The emulator without a socket, for those who inject a transport into httpx."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx
from anyio.from_thread import start_blocking_portal

from .emulator import Settings, open_emulator
from .http.app import create_app
from .http.injection import NoWireError

if TYPE_CHECKING:
    from types import TracebackType


class EmulatorTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """An httpx transport, for `httpx.Client` and `httpx.AsyncClient`, that answers from an emulator in this process.

    Use it as a context manager, or call `close`. A fault that reaches below HTTP is an `httpx.ReadError`.

    Args:
        settings: How the emulator is set up; the command line's defaults where not given.

    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._stack = ExitStack()
        self.emulator = self._stack.enter_context(open_emulator(settings or Settings()))
        self._asgi = httpx.ASGITransport(create_app(self.emulator))
        self._portal: Any = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an `httpx.AsyncClient`.

        Args:
            request: The request.

        """
        try:
            response = await self._asgi.handle_async_request(request)
        except NoWireError as error:
            raise httpx.ReadError(str(error), request=request) from None
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an `httpx.Client`.

        Args:
            request: The request.

        """
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal())
        request.read()
        twin = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response: httpx.Response = self._portal.call(self.handle_async_request, twin)
        return response

    def close(self) -> None:
        """Let go of the data."""
        self._stack.close()

    async def aclose(self) -> None:
        """Let go of the data."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()
