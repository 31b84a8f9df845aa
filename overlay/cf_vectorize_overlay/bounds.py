"""What one exchange may take: time and bytes, and an answer only after its request.

The HTTP library's timeouts are for each read and write, and its connections keep what came before it was asked for.
So each connection's stream is held to one deadline for the body, one for the answer, and to what was heard since the
request was sent.
"""

from __future__ import annotations

import math
import re
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

fcntl: Any
termios: Any
try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The slowest line on which a body still arrives, in bytes a second.
SLOWEST: Final = 16_000
PIECE: Final = 128 * 1024
READ: Final = 64 * 1024
# The most that TLS hands out at a time.
RECORD: Final = 16 * 1024
INFORMATIONAL: Final = re.compile(rb"HTTP/1\.[01] 1")


class Exchange:
    """One request, and what is known of its answer.

    Args:
        most: Bytes that a successful answer may have.
        size: Bytes of the body.

    Attributes:
        connecting: Seconds that connecting may take; None for as long as any other step.
        headers: The answer's headers by lower-case name, None where none came.
        notices: What the service said beside its success.
        problem: Says why a result is not what was asked for, None where it is.

    """

    connecting: float | None = None
    headers: Mapping[str, str] | None = None
    notices: tuple[str, ...] = ()
    method: str = ""
    path: str = ""
    status: int = 0
    problem: Callable[[Any], str | None]
    # What the stream has seen: a first write; a write that did not go out whole; a read since the last write.
    begun: bool = False
    unsent: bool = True
    heard: bool = False
    # When the answer and the whole body are due, by the clock.
    timeout: float = math.inf
    answer_by: float = math.inf
    body_by: float = math.inf

    def __init__(self, most: int, size: int = 0) -> None:
        self.most, self.size = most, size

    def begin(self, timeout: float) -> None:
        """Start the clock: each step may take `timeout` seconds, all of the body as many more as its size asks."""
        self.timeout = timeout
        self.body_by = time.monotonic() + timeout + self.size / SLOWEST


class LateError(Exception):
    """A deadline of an exchange has passed."""


class BoundedStream:
    """A connection's stream, held to the bounds of the exchange that its thread is in.

    Args:
        stream: The stream, whose `read` and `write` are replaced; one thread at a time uses it.
        current: Returns the exchange that this thread is in.
        library: The module of the errors that the stream raises.

    """

    def __init__(self, stream: Any, current: Callable[[], Exchange], library: Any) -> None:
        self._stream, self._read, self._write = stream, stream.read, stream.write
        self._current = current
        self._library = library
        self._encrypted = stream.get_extra_info("ssl_object") is not None
        self._ahead: list[bytes] = []
        stream.read, stream.write = self.read, self.write

    def read(self, most: int, timeout: float) -> bytes:
        """Read what the service says, until the answer is due."""
        exchange = self._current()
        while True:
            left = _left(exchange.answer_by, "no answer in time")
            try:
                data = self._ahead.pop() if self._ahead else self._filled(most, min(left, timeout))
            except self._library.ReadTimeout:
                # A slow line: the body is written, and has not left this machine.
                if time.monotonic() > exchange.body_by or not _unsent_bytes(self._stream):
                    raise
                exchange.answer_by = time.monotonic() + exchange.timeout
            else:
                exchange.heard = True
                return data

    def _filled(self, most: int, timeout: float) -> bytes:
        """Read once, and what else is there by then: the library takes longer over a piece than over its bytes."""
        pieces = [self._read(most, timeout)]
        # A record that is full is seldom the last; an error stays for the next read.
        with suppress(self._library.NetworkError, self._library.TimeoutException):
            while len(pieces[-1]) == RECORD and len(pieces) * RECORD < most:
                pieces.append(self._read(RECORD, 0))
        return b"".join(pieces)

    def write(self, data: bytes, timeout: float) -> None:
        """Write until the whole body is due, or the service has answered what it has not got yet."""
        # The end of a message is written as nothing; the answer may have come before it.
        if not data:
            return
        exchange = self._current()
        if exchange.begun:
            self._stop_where_answered(exchange)
        exchange.begun, exchange.unsent, exchange.heard = True, True, False
        view = memoryview(data)
        try:
            # As few writes as the slowest line takes in time; but in plain each part of one has all of the time anew.
            piece = max(PIECE, int(timeout * SLOWEST)) if self._encrypted else PIECE
            for start in range(0, len(view), piece):
                left = _left(exchange.body_by, "the service took the body too slowly")
                self._write(view[start : start + piece], min(left, timeout))
        except self._library.WriteTimeout:
            self._stop_where_answered(exchange)
            raise
        exchange.unsent = False
        exchange.answer_by = time.monotonic() + exchange.timeout

    def _stop_where_answered(self, exchange: Exchange) -> None:
        # A read that finds nothing costs an exception for each piece.
        if self._ahead or not self._stream.get_extra_info("is_readable"):
            return
        try:
            early = self._read(READ, 0)
        except (self._library.NetworkError, self._library.TimeoutException):
            return
        if early:
            self._ahead.append(early)
        if early and not INFORMATIONAL.match(early):
            exchange.unsent = True
            exchange.answer_by = time.monotonic() + exchange.timeout
            # After this one the library reads what the service has said.
            raise self._library.WriteError("answered before the request was sent")


def _unsent_bytes(stream: Any) -> int:
    """Return how many bytes the other end has not yet confirmed; 0 where the system does not say."""
    if fcntl is None:
        return 0
    try:
        queued = fcntl.ioctl(stream.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:  # macOS asks terminals only
        return 0
    return int.from_bytes(queued, sys.byteorder)


def _left(moment: float, late: str) -> float:
    left = moment - time.monotonic()
    if left <= 0:
        raise LateError(late)
    return left
