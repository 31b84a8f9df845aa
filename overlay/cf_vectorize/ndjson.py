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


class _LineEnds:
    """Iterates the offset after each line of a stream, the last one's newline or not."""

    def __init__(self, read_into: ReadInto) -> None:
        self._read_into = read_into
        self.text_start = 0
        self.carriage_return_before = 0

    def __iter__(self) -> Iterator[int]:
        buffer = bytearray(BLOCK)
        view = memoryview(buffer)
        offset = end = 0
        while read := self._read_into(view):
            if offset == 0 and buffer.startswith(BYTE_ORDER_MARK, 0, read):
                self.text_start = len(BYTE_ORDER_MARK)
            if buffer.find(CARRIAGE_RETURN, 0, read) >= 0:
                self.carriage_return_before = offset + read
            newline = buffer.find(NEWLINE, 0, read)
            while newline >= 0:
                end = offset + newline + 1
                yield end
                newline = buffer.find(NEWLINE, newline + 1, read)
            offset += read
        if max(end, self.text_start) < offset:
            yield offset


def split(read_into: ReadInto, limits: BatchLimits, fixed: Mapping[int, int] | None = None) -> Iterator[Cut]:
    """Cut a stream of NDJSON at newlines only, as late as the limits allow; nothing for an empty stream.

    A line over the byte limit becomes a batch of its own, for the caller to refuse.

    Args:
        read_into: Fills the start of a buffer and gives the count of bytes read, 0 at the end.
        limits: Read anew at every line.
        fixed: Ranges, start to stop, that are batches whatever the limits say: those already acknowledged.

    """
    fixed = fixed or {}
    line_ends = _LineEnds(read_into)
    start = line_start = lines = 0
    first_line = 1
    blank = False

    def cut() -> Cut:
        ragged = blank or line_ends.carriage_return_before > start
        return Cut(start, line_start, first_line, lines, ragged, fixed_stop == line_start)

    for end in line_ends:
        if line_start == 0:
            start = line_start = line_ends.text_start
        fixed_stop = fixed.get(start)
        if lines and fixed_stop is None and end > start + limits.size:
            yield cut()
            start, first_line, lines, blank = line_start, first_line + lines, 0, False
            fixed_stop = fixed.get(start)
        blank = blank or end == line_start + 1
        lines += 1
        line_start = end
        if fixed_stop is None:
            full = lines >= limits.vectors or end > start + limits.size or end in fixed
        else:
            full = end >= fixed_stop
        if full:
            yield cut()
            start, first_line, lines, blank = line_start, first_line + lines, 0, False
    if lines:
        yield cut()
