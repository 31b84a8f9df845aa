"""An endpoint as an ASGI application, and the faults that its requests meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.requests import ClientDisconnect, Request

from cf_vectorize_emulator.core.refusals import UNKNOWN_CODE, Refusal

from . import bodies
from .endpoints import ENDPOINTS
from .envelope import Failure, broken
from .exchange import LOG, Exchange
from .injection import Reset, spoiled

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from cf_vectorize_emulator.core.faults import Endpoint
    from cf_vectorize_emulator.emulator import Emulator


class Operation:
    """An endpoint as an ASGI application, with the faults that its requests meet."""

    def __init__(self, emulator: Emulator, endpoint: Endpoint) -> None:
        self._emulator = emulator
        self._endpoint: Endpoint = endpoint
        self._perform = ENDPOINTS[endpoint]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def counted() -> Message:
            message = await receive()
            exchange.count(message)
            return message

        request = Request(scope, counted)
        exchange = Exchange(self._emulator, request, self._endpoint, request.path_params["index"])
        try:
            response = await self._respond(exchange)
        except ClientDisconnect:
            exchange.finish()
            return
        exchange.finish()
        await response(scope, receive, send)

    async def _respond(self, exchange: Exchange) -> Response:
        fault = self._emulator.faults.take(self._endpoint)
        if fault is None:
            return await self._answer(exchange)
        exchange.record.fault = True
        if fault.reset in {"before", "during"}:
            if fault.reset == "during":
                await bodies.read_part(exchange.request)
            await anyio.sleep(fault.delay)
            return Reset()
        exchange.fault = fault
        if fault.status is None:
            response = await self._answer(exchange)
        else:
            if fault.commit or fault.reset == "after":
                await self._answer(exchange)
            code = None if fault.html else fault.code or UNKNOWN_CODE
            response = exchange.refuse(Failure(fault.status, code, fault.message))
        await anyio.sleep(fault.delay)
        if fault.reset == "after":
            exchange.no_answer()
            return Reset()
        return spoiled(response, fault)

    async def _answer(self, exchange: Exchange) -> Response:
        try:
            return await self._perform(exchange)
        except Failure as failure:
            return exchange.refuse(failure)
        except Refusal as refusal:
            exchange.record.line = refusal.line
            return exchange.refuse(Failure.of(refusal))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged file, a full disk: told, and never acknowledged
            LOG.exception("the emulator failed")
            return exchange.refuse(broken(error))
