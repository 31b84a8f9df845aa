"""The two endpoints over HTTP: who may ask, what is answered, and which faults befall it."""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cf_vectorize_emulator.core.rate import UNLIMITED
from cf_vectorize_emulator.core.service import INDEX_NAME, read_ids

from . import bodies
from .envelope import (
    UNKNOWN_CODE,
    Refusal,
    authentication_missing,
    invalid_token,
    json_expected,
    malformed_key,
    malformed_token,
    no_route,
    success,
    throttled,
    unknown,
)
from .wire import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

    from cf_vectorize_emulator.core.faults import Endpoint, Fault
    from cf_vectorize_emulator.emulator import Emulator

    from .wire import Wire

ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/=-]+)")
KEY: Final = re.compile(r"[!-~]+")

ACCOUNT_IN_PATH: Final = re.compile(r"(?<=/accounts/)[^/]+")
# What a log line and a record show of a path.
PATH_SHOWN: Final = 200
LOG: Final = logging.getLogger("cf_vectorize_emulator")


class ConnectionLostError(Exception):
    """A fault cut a connection that has no wire, since it lies within this process."""


class Exchange:
    """One request to the API and its answer.

    Args:
        emulator: What it is about.
        request: The request.
        endpoint: Which endpoint it asks for, if any.

    """

    def __init__(self, emulator: Emulator, request: Request, endpoint: Endpoint | None) -> None:
        self.emulator = emulator
        self.request = request
        self._started = time.monotonic()
        self._standing = UNLIMITED
        path = ACCOUNT_IN_PATH.sub("...", request.scope["raw_path"].decode("ascii", "replace"))[:PATH_SHOWN]
        self.record = emulator.activity.start(
            time.time(), request.method, path, endpoint, request.path_params.get("index")
        )

    def admit(self) -> tuple[str, str]:
        """Give the account and the index of a request that may be performed.

        Raises:
            Refusal: It may not.

        """
        account, index = self.request.path_params["account"], self.request.path_params["index"]
        if not ACCOUNT_ID.fullmatch(account) or not INDEX_NAME.fullmatch(index):
            raise no_route(self.request.url.path)
        credential = _credential(self.request)
        token = self.emulator.token
        if token is not None and not hmac.compare_digest(credential.encode(), token.encode()):
            raise invalid_token()
        self._standing = self.emulator.rate_limit.count(credential, time.monotonic())
        if self._standing.refused:
            raise throttled(self._standing.reset)
        return account, index

    def answer(self, content: bytes) -> Response:
        """Make the answer of a request that was performed."""
        return self._response(200, None, content, {"content-type": "application/json"})

    def refuse(self, refusal: Refusal) -> Response:
        """Make the answer of a request that was refused."""
        headers = {"content-type": refusal.content_type, **refusal.headers}
        return self._response(refusal.status, refusal.code, refusal.body, headers)

    def _response(self, status: int, code: int | None, content: bytes, headers: dict[str, str]) -> Response:
        self.record.status, self.record.code = status, code
        self.record.ray = f"{secrets.token_hex(8)}-EMU"
        return Response(content, status, {"cf-ray": self.record.ray, **self._standing.headers, **headers})

    def finish(self) -> None:
        """Keep the record; done before the answer goes out, so that whoever has the answer finds the record."""
        record = self.record
        record.seconds = time.monotonic() - self._started
        self.emulator.activity.finish(record)
        LOG.info(
            "%s %s %s%s %d vectors %d bytes %.1f ms%s",
            record.method,
            record.path,
            record.status or "no answer",
            f" code {record.code}" if record.code else "",
            record.vectors,
            record.bytes,
            record.seconds * 1000,
            " (injected fault)" if record.fault else "",
        )


def _credential(request: Request) -> str:
    """Give the bearer token, or the key that comes with an email."""
    headers = request.headers
    if "authorization" in headers:
        bearer = BEARER.fullmatch(headers["authorization"])
        if bearer is None:
            raise malformed_token()
        return bearer[1]
    if "x-auth-email" not in headers or "x-auth-key" not in headers:
        raise authentication_missing()
    if not KEY.fullmatch(headers["x-auth-key"]):
        raise malformed_key()
    return headers["x-auth-key"]


async def insert(exchange: Exchange) -> Response:
    """Perform an insert."""
    account, index = exchange.admit()
    discard = _discard(exchange.request)
    async with bodies.ndjson(exchange.request) as body:
        mutation_id, exchange.record.vectors = await anyio.to_thread.run_sync(
            partial(exchange.emulator.service.insert, account, index, body, discard=discard)
        )
    return exchange.answer(success({"mutationId": mutation_id}))


def _discard(request: Request) -> bool:
    behaviours = request.query_params.getlist("unparsable-behavior")
    if len(behaviours) > 1 or not {"error", "discard"}.issuperset(behaviours):
        raise unknown("unparsable-behavior is neither `error` nor `discard`")
    return behaviours == ["discard"]


async def get_by_ids(exchange: Exchange) -> Response:
    """Perform a lookup."""
    account, index = exchange.admit()
    if bodies.media_type(exchange.request) != "application/json":
        raise json_expected()
    ids = read_ids(await bodies.small(exchange.request))
    exchange.record.ids = len(ids)

    def look_up() -> bytes:
        vectors = exchange.emulator.service.get_by_ids(account, index, ids)
        exchange.record.vectors = len(vectors)
        return success(vectors)

    return exchange.answer(await anyio.to_thread.run_sync(look_up))


class Operation:
    """An endpoint as an ASGI application, with the faults that befall it."""

    def __init__(
        self, emulator: Emulator, endpoint: Endpoint, perform: Callable[[Exchange], Awaitable[Response]]
    ) -> None:
        self._emulator = emulator
        self._endpoint: Endpoint = endpoint
        self._perform = perform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def counted() -> Message:
            message = await receive()
            exchange.record.bytes += len(message.get("body", b""))
            return message

        exchange = Exchange(self._emulator, Request(scope, counted), self._endpoint)
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
        if fault.status is None:
            response = await self._answer(exchange)
        else:
            if fault.commit or fault.reset == "after":
                await self._answer(exchange)
            code = None if fault.html else fault.code or UNKNOWN_CODE
            response = exchange.refuse(Refusal(fault.status, code, fault.message, headers=fault.headers))
        await anyio.sleep(fault.delay)
        if fault.reset == "after":
            exchange.record.status = exchange.record.code = None
            return Reset()
        return Cut(response, fault) if fault.cuts else response

    async def _answer(self, exchange: Exchange) -> Response:
        try:
            return await self._perform(exchange)
        except Refusal as refusal:
            return exchange.refuse(refusal)


class Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Reset the connection."""
        await _wire(scope).reset(receive)


class Cut(Response):
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


def _wire(scope: Scope) -> Wire:
    wire: Wire | None = scope.get("extensions", {}).get(EXTENSION)
    if wire is None:
        raise ConnectionLostError("an injected fault cut the connection")
    return wire
