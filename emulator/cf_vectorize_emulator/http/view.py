"""What can be seen of an emulator from outside: state, requests, faults, ids, vectors."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from cf_vectorize_emulator.core.service import render

from .envelope import unknown

if TYPE_CHECKING:
    from starlette.requests import Request

    from cf_vectorize_emulator.core.activity import RequestRecord
    from cf_vectorize_emulator.core.store import Index
    from cf_vectorize_emulator.emulator import Emulator

SHOWN_REQUESTS: Final = 50
SHOWN_MUTATIONS: Final = 50
SHOWN_IDS: Final = 24
MOST_IDS: Final = 1_000


class View:
    """Looks at an emulator, and changes nothing."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._store = emulator.service.store

    async def health(self, _: Request) -> Any:
        """Say that it serves, and that its data can be read."""
        await anyio.to_thread.run_sync(self._store.indexes)
        return {"status": "ok"}

    async def state(self, _: Request) -> Any:
        """Return everything that the page shows at a glance."""
        now = time.time()
        indexes = await anyio.to_thread.run_sync(self._store.indexes)
        pending = await anyio.to_thread.run_sync(self._store.pending, now, SHOWN_MUTATIONS)
        emulator = self._emulator
        return {
            "now": now,
            "indexes": [
                {"account": item.account, "name": item.name, "dimensions": item.dimensions, "vectors": item.vectors}
                for item in indexes
            ],
            # Of what is held back forever, JSON says null.
            "pending": [mutation._asdict() for mutation in pending],
            "visibility": self.visibility(),
            "rate_limit": str(emulator.rate_limit.rate) if emulator.rate_limit.rate else None,
            "faults": self._faults(),
            "requests_started": emulator.activity.started,
            "requests": [asdict(record) for record in emulator.activity.records()[-SHOWN_REQUESTS:]],
        }

    def visibility(self) -> dict[str, Any]:
        """Return when vectors become readable."""
        visibility = self._emulator.service.visibility
        return {"visible": visibility.text, "jitter": visibility.jitter, "order": visibility.order}

    async def requests(self, _: Request) -> Any:
        """Return the last requests."""
        return [asdict(record) for record in self._emulator.activity.records()]

    async def request(self, request: Request) -> Any:
        """Return one request, and those that sent the same before and after it."""
        number = request.query_params.get("number", "")
        attempts = self._emulator.activity.attempts(int(number)) if number.isdecimal() else []
        if not attempts:
            raise unknown("no such request, or it is forgotten: the last 1,000 are kept", 404)
        (record,) = (record for record in attempts if record.number == int(number))
        return {"request": asdict(record), "attempts": [_in_short(attempt) for attempt in attempts]}

    async def faults(self, _: Request) -> Any:
        """Return the faults that are waiting."""
        return self._faults()

    def _faults(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._emulator.faults.waiting()]

    async def ids(self, request: Request) -> Any:
        """Return ids of an index: those that hold `search`, from behind the id `after`."""
        query = request.query_params
        limit = query.get("limit", str(SHOWN_IDS))
        if not limit.isdecimal() or not 0 < int(limit) <= MOST_IDS:
            raise ValueError(f"limit: a whole number from 1 to {MOST_IDS}")
        index = await self._index(request)
        search, after = query.get("search", ""), query.get("after", "")
        ids = await anyio.to_thread.run_sync(self._store.ids, index, search, after, int(limit) + 1)
        return {"ids": ids[: int(limit)], "more": len(ids) > int(limit)}

    async def vector(self, request: Request) -> Any:
        """Return one vector, and whether it is readable yet."""
        query = request.query_params
        account, index, vector_id = query.get("account", ""), query.get("index", ""), query.get("id", "")
        stored = await anyio.to_thread.run_sync(self._store.get, account, index, [vector_id])
        if not stored:
            raise unknown("no such vector", 404)
        ((vector, readable_at),) = stored
        return {"readable": readable_at <= time.time(), "vector": render(vector)}

    async def _index(self, request: Request) -> Index:
        query = request.query_params
        found = await anyio.to_thread.run_sync(self._store.index, query.get("account", ""), query.get("index", ""))
        if found is None:
            raise unknown("no such index", 404)
        return found


def _in_short(record: RequestRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "at": record.at,
        "status": record.status,
        "code": record.code,
        "fault": record.fault,
    }
