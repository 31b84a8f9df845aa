"""The last requests, for people who look and tests that assert."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .refusals import BadLine

KEPT: Final = 1_000
SUCCESS: Final = range(200, 300)


@dataclass
class RequestRecord:
    """One request to the API, without its secrets.

    Args:
        number: 1 for the first request of the server's life.
        at: When it came, as seconds since the epoch.
        method: HTTP method.
        path: Path and query, without the account's id.
        endpoint: `insert` or `get_by_ids`; None for a path that the emulator does not have.
        index: Name of the index, where the path names one.
        headers: Headers of the request; those that may be secret have no value.
        length: Length of the body as its Content-Length says it, where there is one.
        bytes: Length of the body, as far as it was read.
        checksum: Checksum of the beginning of a body, where it was read to its end.
        vectors: Vectors stored or found.
        ids: Ids asked for.
        pending: Ids asked for that are accepted and not readable yet.
        discarded: Lines that `unparsable-behavior=discard` left out.
        line: The line that was refused, or the first that was discarded, and why.
        status: HTTP status; None where no answer was sent.
        code: Code of the envelope's error, where there is one.
        message: Message of that error.
        answer_headers: Headers of the answer.
        fault: Whether a fault was injected.
        ray: The answer's `cf-ray`.
        seconds: How long it took.
        again: Number of the request that failed before and sent the same to the same endpoint of the same index.

    """

    number: int
    at: float
    method: str
    path: str
    endpoint: str | None
    index: str | None
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    bytes: int = 0
    checksum: int | None = None
    vectors: int = 0
    ids: int = 0
    pending: list[str] = field(default_factory=list)
    discarded: int = 0
    line: BadLine | None = None
    status: int | None = None
    code: int | None = None
    message: str | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    fault: bool = False
    ray: str = ""
    seconds: float = 0.0
    again: int | None = None

    @property
    def failed(self) -> bool:
        """Whether the whole and true answer was not sent, or says no."""
        return self.fault or self.status not in SUCCESS

    def repeats(self, earlier: RequestRecord) -> bool:
        """Tell whether this is an earlier request that failed, sent again.

        A body that was not read, as before a 429, is taken for one of the same length.

        Args:
            earlier: A record with a lower number.

        """
        if (self.endpoint, self.index, self.path) != (earlier.endpoint, earlier.index, earlier.path):
            return False
        if self.checksum is None or earlier.checksum is None:
            return self.length is not None and self.length == earlier.length
        return (self.checksum, self.bytes) == (earlier.checksum, earlier.bytes)


class Activity:
    """The last requests, the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[RequestRecord] = deque(maxlen=KEPT)
        # Requests that failed and were not repeated yet: what the next ones are compared with.
        self._failed: dict[int, RequestRecord] = {}
        self._started = 0

    def start(self, at: float, method: str, path: str, endpoint: str | None, index: str | None) -> RequestRecord:
        """Begin the record of a request, which nobody sees before it is finished."""
        with self._lock:
            self._started += 1
            return RequestRecord(self._started, at, method, path, endpoint, index)

    def finish(self, record: RequestRecord) -> None:
        """Keep a record, and forget the oldest past a thousand."""
        with self._lock:
            earlier = next((item for item in reversed(self._failed.values()) if record.repeats(item)), None)
            if earlier is not None:
                record.again = self._failed.pop(earlier.number).number
            if record.failed:
                self._failed[record.number] = record
            if len(self._records) == KEPT:
                self._failed.pop(self._records[0].number, None)
            self._records.append(record)

    def records(self) -> list[RequestRecord]:
        """Return what is kept."""
        with self._lock:
            return list(self._records)

    def attempts(self, number: int) -> list[RequestRecord]:
        """Return a request with those that it repeats and those that repeat it; none where it is not kept."""
        records = {record.number: record for record in self.records()}
        if number not in records:
            return []
        followers = {record.again: record for record in records.values() if record.again is not None}
        first = records[number]
        while first.again in records:
            first = records[first.again]
        chain = [first]
        while chain[-1].number in followers:
            chain.append(followers[chain[-1].number])
        return chain

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._records.clear()
            self._failed.clear()

    @property
    def started(self) -> int:
        """How many requests have come since the server began."""
        return self._started
