"""The two endpoints over HTTP: what a request asks for, and what is answered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from cf_vectorize_emulator.core.service import read_ids, render

from . import bodies
from .envelope import json_expected, unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from cf_vectorize_emulator.core.faults import Endpoint, Fault
    from cf_vectorize_emulator.core.lines import Vector

    from .exchange import Exchange


async def insert(exchange: Exchange) -> Response:
    """Perform an insert."""
    account, index = exchange.admit()
    discard = _discard(exchange.request)
    async with bodies.ndjson(exchange.request) as body:
        inserted = await anyio.to_thread.run_sync(
            partial(exchange.emulator.service.insert, account, index, body, discard=discard)
        )
    record = exchange.record
    record.vectors, record.discarded, record.line = (
        inserted.vectors,
        inserted.discarded.count,
        inserted.discarded.first,
    )
    return exchange.answer({"mutationId": inserted.mutation_id})


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

    def look_up() -> Response:
        found = exchange.emulator.service.get_by_ids(account, index, ids)
        exchange.record.vectors, exchange.record.pending = len(found.vectors), found.pending
        return exchange.answer([render(vector) for vector in _spoil(found.vectors, exchange.fault)])

    return await anyio.to_thread.run_sync(look_up)


def _spoil(vectors: list[Vector], fault: Fault) -> list[Vector]:
    """Return the vectors that a fault answers in place of those that were found."""
    if fault.wrong_dimensions is not None and vectors:
        size = 4 * fault.wrong_dimensions
        vectors = [vectors[0]._replace(values=vectors[0].values[:size].ljust(size, b"\0")), *vectors[1:]]
    if fault.wrong_ids:
        vectors = [vector._replace(id=f"nobody-asked-for-{number}") for number, vector in enumerate(vectors)]
    return vectors


ENDPOINTS: Final[dict[Endpoint, Callable[[Exchange], Awaitable[Response]]]] = {
    "insert": insert,
    "get_by_ids": get_by_ids,
}
