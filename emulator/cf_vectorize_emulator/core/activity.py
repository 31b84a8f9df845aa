"""The last requests, for people who look and tests that assert."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT: Final = 1_000


@dataclass
class RequestRecord:
    """One request to the API, without its secrets.

    Args:
        number: 1 for the first request of the server's life.
        at: When it came, as seconds since the epoch.
        method: HTTP method.
        path: Path, without the account's id.
        endpoint: `insert` or `get_by_ids`; None for a path that the API does not have.
        index: Name of the index.
        bytes: Length of the body, as far as it was read.
        vectors: Vectors stored or found.
        ids: Ids asked for.
        status: HTTP status; None where no answer was sent.
        code: Code of the envelope's error, where there is one.
        fault: Whether a fault was injected.
        ray: The answer's `cf-ray`.
        seconds: How long it took.

    """

    number: int
    at: float
    method: str
    path: str
    endpoint: str | None
    index: str | None
    bytes: int = 0
    vectors: int = 0
    ids: int = 0
    status: int | None = None
    code: int | None = None
    fault: bool = False
    ray: str = ""
    seconds: float = 0.0


class Activity:
    """The last requests, the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[RequestRecord] = deque(maxlen=KEPT)
        self._started = 0

    def start(self, at: float, method: str, path: str, endpoint: str | None, index: str | None) -> RequestRecord:
        """Begin the record of a request, which nobody sees before it is finished."""
        with self._lock:
            self._started += 1
            return RequestRecord(self._started, at, method, path, endpoint, index)

    def finish(self, record: RequestRecord) -> None:
        """Keep a record, and forget the oldest past a thousand."""
        with self._lock:
            self._records.append(record)

    def records(self) -> list[RequestRecord]:
        """Give what is kept."""
        with self._lock:
            return list(self._records)

    @property
    def started(self) -> int:
        """How many requests have come since the server began."""
        return self._started
