"""Routes under `/__emulator__/`, which the live service does not have: look inside, and decide what happens."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import orjson
from starlette.responses import Response
from starlette.routing import Route

from cf_vectorize_emulator.core.faults import read_faults
from cf_vectorize_emulator.core.rate import Rate
from cf_vectorize_emulator.core.service import render
from cf_vectorize_emulator.core.visibility import Visibility

from . import bodies
from .envelope import Refusal, unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from cf_vectorize_emulator.emulator import Emulator

SHOWN_REQUESTS: Final = 50
SHOWN_MUTATIONS: Final = 50
SHOWN_IDS: Final = 12


def routes(emulator: Emulator) -> list[Route]:
    """Give the control routes of an emulator."""
    controls = _Controls(emulator)
    return [
        Route("/state", _json(controls.state)),
        Route("/requests", _json(controls.requests)),
        Route("/ids", _json(controls.ids)),
        Route("/vector", _json(controls.vector)),
        Route("/faults", _json(controls.faults)),
        Route("/faults", _json(controls.add_faults), methods=["POST"]),
        Route("/faults", _json(controls.clear_faults), methods=["DELETE"]),
        Route("/visibility", _json(controls.set_visibility), methods=["PUT"]),
        Route("/release", _json(controls.release), methods=["POST"]),
        Route("/rate-limit", _json(controls.set_rate_limit), methods=["PUT"]),
    ]


def _json(action: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer with what an action gives, or with the refusal it raises."""

    async def endpoint(request: Request) -> Response:
        try:
            return _response(200, orjson.dumps(await action(request)))
        except Refusal as error:
            refusal = error
        except ValueError as error:
            refusal = unknown(str(error))
        return _response(refusal.status, refusal.body)

    return endpoint


def _response(status: int, content: bytes) -> Response:
    return Response(content, status, {"cache-control": "no-store"}, "application/json")


class _Controls:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._service = emulator.service

    async def state(self, _: Request) -> Any:
        """Give everything the page shows."""
        now = time.time()
        store = self._service.store
        indexes = await anyio.to_thread.run_sync(store.indexes)
        pending = await anyio.to_thread.run_sync(store.pending, now, SHOWN_MUTATIONS)
        return {
            "now": now,
            "indexes": [
                {"account": item.account, "name": item.name, "dimensions": item.dimensions, "vectors": item.vectors}
                for item in indexes
            ],
            # Of what is held back forever, JSON says null.
            "pending": [mutation._asdict() for mutation in pending],
            "visibility": self._visibility(),
            "rate_limit": str(self._emulator.rate_limit.rate) if self._emulator.rate_limit.rate else None,
            "faults": [asdict(fault) for fault in self._emulator.faults.waiting()],
            "requests_started": self._emulator.activity.started,
            "requests": [asdict(record) for record in self._emulator.activity.records()[-SHOWN_REQUESTS:]],
        }

    def _visibility(self) -> dict[str, Any]:
        visibility = self._service.visibility
        return {"visible": visibility.text, "jitter": visibility.jitter, "order": visibility.order}

    async def requests(self, _: Request) -> Any:
        """Give the last requests."""
        return [asdict(record) for record in self._emulator.activity.records()]

    async def ids(self, request: Request) -> Any:
        """Give a few ids of an index."""
        query = request.query_params
        index = self._service.store.index(query.get("account", ""), query.get("index", ""))
        if index is None:
            raise ValueError("no such index")
        return await anyio.to_thread.run_sync(self._service.store.some_ids, index, SHOWN_IDS)

    async def vector(self, request: Request) -> Any:
        """Give one vector, and whether it is readable yet."""
        query = request.query_params
        index = self._service.store.index(query.get("account", ""), query.get("index", ""))
        ids = [query.get("id", "")]
        stored = [] if index is None else self._service.store.get(index, ids, math.inf)
        if index is None or not stored:
            raise unknown("no such vector", 404)
        readable = bool(self._service.store.get(index, ids, time.time()))
        return {"readable": readable, "vector": render(stored[0])}

    async def faults(self, _: Request) -> Any:
        """Give the faults that are waiting."""
        return [asdict(fault) for fault in self._emulator.faults.waiting()]

    async def add_faults(self, request: Request) -> Any:
        """Add faults, and give all that are waiting."""
        self._emulator.faults.add(*read_faults(await _document(request)))
        return await self.faults(request)

    async def clear_faults(self, _: Request) -> Any:
        """Take all faults away."""
        self._emulator.faults.clear()
        return []

    async def set_visibility(self, request: Request) -> Any:
        """Decide when vectors become readable that are accepted from now on."""
        document = _members(await _document(request), {"visible", "jitter", "order"})
        if "visible" not in document:
            raise ValueError("visible is missing: immediately, held, or a number of seconds")
        if type(document.get("jitter", 0)) not in {int, float}:
            raise ValueError("jitter is not a number of seconds")
        self._service.visibility = Visibility.parse(**document)
        return self._visibility()

    async def release(self, request: Request) -> Any:
        """Make everything readable that was accepted."""
        _members(await _document(request), set())
        return {"released": await anyio.to_thread.run_sync(self._service.release)}

    async def set_rate_limit(self, request: Request) -> Any:
        """Keep another rate limit, or none, and forget what was counted."""
        document = _members(await _document(request), {"rate"})
        rate = document.get("rate")
        self._emulator.limit_rate(None if rate is None else Rate.parse(str(rate)))
        return {"rate": rate}


async def _document(request: Request) -> Any:
    if bodies.media_type(request) != "application/json":
        raise ValueError("Content-Type: application/json is expected")
    try:
        return orjson.loads(await bodies.small(request))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is not JSON: {error.msg}") from None


def _members(document: Any, known: set[str]) -> dict[str, Any]:
    if type(document) is not dict or document.keys() - known:
        raise ValueError(f"an object with {', '.join(sorted(known)) or 'no member'} is expected")
    return document
