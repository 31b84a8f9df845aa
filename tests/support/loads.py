"""What the tests of `insert` share: lines, a client of a local server, and clocks that tests move on."""

from __future__ import annotations

import asyncio
import json
import random
import select
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cf_vectorize import AccountBudget, AsyncVectorize, Vectorize
from cf_vectorize.base import budget
from cf_vectorize_overlay import bounds, pacing, wire
from cf_vectorize_overlay import index as transport

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import pytest

    from cf_vectorize import InsertReport

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "token-that-must-never-be-shown"
DIMENSIONS = 32


def line(identity: str, **members: Any) -> bytes:
    """Return a good line, with a newline."""
    values = [0.5] * DIMENSIONS
    return json.dumps({"id": identity, "values": values, **members}, separators=(",", ":")).encode() + b"\n"


def lines(count: int, prefix: str = "v") -> list[bytes]:
    """Return `count` good lines of distinct ids, which sort in their order."""
    return [line(f"{prefix}{number:06}") for number in range(count)]


def ids(count: int, prefix: str = "v") -> list[str]:
    """Return the ids of `lines(count)`."""
    return [f"{prefix}{number:06}" for number in range(count)]


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Return the arguments of a client of the server at `url`."""
    return {"account_id": ACCOUNT, "api_token": TOKEN, "base_url": url, **more}


def sending(url: str, **more: Any) -> transport.Index:
    """Return what sends single requests to the server at `url`."""
    given = {"timeout": 10.0, "give_up_after": 10.0, "budget": AccountBudget(), **more}
    return transport.Index("an-index", **settings(url, **given))


def environment(url: str) -> dict[str, str]:
    """Return the same as environment variables."""
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
    """The time by which the transport waits: it stands still until somebody waits, and then the moment has come.

    Only the sources of time and of chance, and waiting itself, are replaced: for what, how long and how often to wait
    is left to the code under test. Chance always takes the longest pause.

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
        # What each thread was last told: while it makes up its mind, another may move the clock on.
        self._told = threading.local()
        self._really_wait = threading.Event.wait
        monkeypatch.setattr(transport, "time", self)
        monkeypatch.setattr(budget, "time", self)
        monkeypatch.setattr(random, "uniform", lambda _low, high: high)
        monkeypatch.setattr(threading.Event, "wait", lambda event, timeout=None: self._wait(event, timeout))

    def monotonic(self) -> float:
        self._told.now = self.now
        return self.now

    def _wait(self, event: threading.Event, seconds: float | None) -> bool:
        caller = sys._getframe(2)
        if caller.f_globals is not vars(pacing):
            return self._really_wait(event, seconds)
        assert seconds is not None
        if event.is_set():
            return True
        if meeting := self.meeting:
            meeting.wait(60)
            self.meeting = None
        with self._lock:
            self.pauses.append(seconds)
            self.now = max(self.now, self._told.now + seconds)
        return event.is_set()


class ServersTime:
    """The time by which a client waits for an answer: it stands still until a server lets it run out.

    So no answer is late because the machine is slow. For one connection at a time, without TLS.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 0.0
        # When the wait that is under way is over; each wait has an object of its own.
        self._due: list[float] | None = None
        self._changed = threading.Condition()
        monkeypatch.setattr(bounds, "time", SimpleNamespace(monotonic=lambda: self._now))
        monkeypatch.setattr(wire, "BoundedStream", self._bounded)

    def waited_for(self) -> None:
        """Wait until the client waits for an answer."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._due, 60)

    def run_out(self) -> None:
        """Do the same, and let it have waited in vain."""
        with self._changed:
            self.waited_for()
            (self._now,) = due = self._due or [0.0]
            assert self._changed.wait_for(lambda: self._due is not due, 60)

    def _bounded(self, stream: Any, current: Callable[[], bounds.Exchange], library: Any) -> bounds.BoundedStream:
        read, write = stream.read, stream.write

        def read_in_time(most: int, timeout: float) -> bytes:
            if timeout:
                self._wait(stream.get_extra_info("socket"), timeout, library.ReadTimeout)
            found: bytes = read(most, timeout)
            return found

        stream.read, stream.write = read_in_time, lambda data, _timeout: write(data, 60.0)
        return bounds.BoundedStream(stream, current, library)

    def _wait(self, connection: socket.socket, timeout: float, late: type[Exception]) -> None:
        due = self._now + timeout
        self._tell([due])
        try:
            # Once it is late it is looked again: what was sent before that has come.
            is_late = False
            while not select.select([connection], [], [], 0.01)[0]:
                if is_late:
                    raise late
                is_late = self._now >= due
        finally:
            self._tell(None)

    def _tell(self, due: list[float] | None) -> None:
        with self._changed:
            self._due = due
            self._changed.notify_all()
