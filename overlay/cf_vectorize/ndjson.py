"""Bytes -> batches that obey the limits. Pure: reads through a function, decodes nothing, holds one buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from .limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    ReadInto = Callable[[memoryview], int]

BLOCK: Final = 256 * 1024
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
NEWLINE: Final = b"\n"
CARRIAGE_RETURN: Final = b"\r"


@attrs.define
class BatchLimits:
    """The most a batch may hold; lowered while a load runs when the service finds a body too large.

    Attributes:
        vectors: Lines in a batch, at most Cloudflare's 5,000.
        size: Bytes of a batch with its last newline, less than Cloudflare's 100 MB.

    """

    vectors: int = VECTORS_PER_INSERT
    size: int = INSERT_BODY_BYTES


@attrs.frozen
class Cut:
    """One batch as a range of its source.

    Attributes:
        start: Offset of its first byte.
        stop: Offset after its last byte.
        first_line: Number of its first line, from 1.
        lines: How many lines it has, blank ones included.
        ragged: Whether it may hold a blank line or a carriage return, which are not sent.
        fixed: Whether the range was asked for, and not chosen by the limits.

    """

    start: int
    stop: int
    first_line: int
    lines: int
    ragged: bool
    fixed: bool

    @property
    def size(self) -> int:
        """Bytes from start to stop."""
        return self.stop - self.start


class Splitter:
    """Cuts a stream of NDJSON at newlines only, as late as the limits allow.

    A line over the byte limit becomes a batch of its own, for the caller to refuse.

    Args:
        limits: Read anew at every line.
        fixed: Ranges, start to stop, that are batches whatever the limits say: those already acknowledged.

    """

    def __init__(self, limits: BatchLimits, fixed: Mapping[int, int] | None = None) -> None:
        self._limits = limits
        self._fixed = fixed or {}
        self._start = self._line_start = 0
        self._first_line = 1
        self._lines = 0
        self._ragged = False

    def cuts(self, read_into: ReadInto) -> Iterator[Cut]:
        """Read the stream to its end and give its batches as they are found; none for an empty stream.

        Args:
            read_into: Fills the start of a buffer and gives the count of bytes read, 0 at the end.

        """
        buffer = bytearray(BLOCK)
        view = memoryview(buffer)
        offset = 0
        while read := read_into(view):
            if offset == 0 and buffer.startswith(BYTE_ORDER_MARK, 0, read):
                self._start = self._line_start = len(BYTE_ORDER_MARK)
            self._ragged = self._ragged or buffer.find(CARRIAGE_RETURN, 0, read) >= 0
            newline = buffer.find(NEWLINE, 0, read)
            while newline >= 0:
                yield from self._line_ends(offset + newline + 1)
                newline = buffer.find(NEWLINE, newline + 1, read)
            offset += read
        if self._line_start < offset:
            yield from self._line_ends(offset)
        if self._lines:
            yield self._cut()

    def _line_ends(self, end: int) -> Iterator[Cut]:
        """Take one more line into the batch, and give the batches that are full with it or before it."""
        fixed_stop = self._fixed.get(self._start)
        if fixed_stop is None and self._lines and end - self._start > self._limits.size:
            yield self._cut()
        self._ragged = self._ragged or end - self._line_start == 1
        self._lines += 1
        self._line_start = end
        if fixed_stop is not None:
            full = end == fixed_stop
        else:
            full = self._lines >= self._limits.vectors or end - self._start > self._limits.size or end in self._fixed
        if full:
            yield self._cut()

    def _cut(self) -> Cut:
        cut = Cut(
            self._start,
            self._line_start,
            self._first_line,
            self._lines,
            self._ragged,
            self._fixed.get(self._start) == self._line_start,
        )
        self._start = self._line_start
        self._first_line += self._lines
        self._lines = 0
        self._ragged = False
        return cut
