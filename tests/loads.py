"""What the tests of `insert` share: lines, a client of a local server, and a clock that does not wait."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

from cf_vectorize import AsyncVectorize, Vectorize, pacing, transport

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from cf_vectorize import InsertReport
    from cf_vectorize.transport import Attempts

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "token-that-must-never-be-shown"
DIMENSIONS = 32


def line(identity: str, **members: Any) -> bytes:
    """Give a good line, with a newline."""
    values = [0.5] * DIMENSIONS
    return json.dumps({"id": identity, "values": values, **members}, separators=(",", ":")).encode() + b"\n"


def lines(count: int, prefix: str = "v") -> list[bytes]:
    """Give `count` good lines of distinct ids, which sort in their order."""
    return [line(f"{prefix}{number:06}") for number in range(count)]


def ids(count: int, prefix: str = "v") -> list[str]:
    """Give the ids of `lines(count)`."""
    return [f"{prefix}{number:06}" for number in range(count)]


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Give the arguments of a client of the server at `url`."""
    return {"account_id": ACCOUNT, "api_token": TOKEN, "base_url": url, **more}


def environment(url: str) -> dict[str, str]:
    """Give the same as environment variables."""
    return {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_BASE_URL": url}


def insert_blocking(client: dict[str, Any], source: object, **options: Any) -> InsertReport:
    with Vectorize("index", **client) as index:
        return index.insert(source, **options)


def insert_awaiting(client: dict[str, Any], source: object, **options: Any) -> InsertReport:
    async def load() -> InsertReport:
        async with AsyncVectorize("index", **client) as index:
            return await index.insert(source, **options)

    return asyncio.run(load())


FACES: dict[str, Callable[..., InsertReport]] = {"sync": insert_blocking, "async": insert_awaiting}


class Clock:
    """Stands in for `time` in the transport: who waits on it finds the moment come at once.

    Attributes:
        now: The time, in seconds; moved on by those who wait.
        pauses: What each wait took.
        meeting: Where those who would wait meet before time goes on, once.

    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []
        self.meeting: threading.Barrier | None = None
        self._lock = threading.Lock()
        monkeypatch.setattr(transport, "time", self)
        monkeypatch.setattr(transport.Transport, "_wait_until", staticmethod(self._wait_until))
        monkeypatch.setattr(pacing, "PAUSE_BASE", 0.0)

    def monotonic(self) -> float:
        return self.now

    def _wait_until(self, moment: float, attempts: Attempts) -> None:
        if attempts.stop.is_set():
            raise transport.Cancelled
        meeting = self.meeting
        if meeting and moment > self.now:
            meeting.wait(10)
            self.meeting = None
        with self._lock:
            pause = moment - self.now
            if pause > 0:
                attempts.waited += pause
                self.pauses.append(pause)
                self.now = moment
