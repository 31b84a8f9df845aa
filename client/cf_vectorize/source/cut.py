"""Bytes -> batches that obey the limits. Pure: reads through a function, decodes nothing, holds one buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from cf_vectorize_overlay.body import chunks, select
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

from .encode import STAND_IN_END

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cf_vectorize_overlay.body import Segment

    from .spool import ReadInto
BLOCK: Final = 1024 * 1024
# The first batch of a load is small: it is soon checked and under way, and a middling file uses all connections.
FIRST_BATCH_BYTES: Final = 8_000_000
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
NEWLINE: Final = b"\n"
# Last bytes of what is not sent: of a blank line, of one that ends with a carriage return, and of a stand-in.
NOT_SENT: Final = b"\n\r" + STAND_IN_END


@attrs.define
class BatchLimits:
    """The most a batch may hold; lowered while a load runs when the service finds a body too large.

    Attributes:
        vectors: Lines in a batch, at most Cloudflare's 5,000.
        size: Bytes of a batch with its last newline, less than Cloudflare's 100 MB.
        ramp: Bytes that the next batch may hold, if that is less; doubled by every batch.

    """

    vectors: int = VECTORS_PER_INSERT
    size: int = INSERT_BODY_BYTES
    ramp: int = INSERT_BODY_BYTES

    def next_size(self) -> int:
        """Give the bytes that the next batch may hold."""
        room = min(self.size, self.ramp)
        self.ramp = 2 * room
        return room


@attrs.frozen
class Cut:
    """One batch as a range of its source.

    Attributes:
        start: Offset of its first byte.
        stop: Offset after its last byte.
        first_line: Number of its first line, from 1.
        lines: How many lines it has, blank ones included.
        ragged: Whether it may hold what is not sent: a blank line, a carriage return at a line's end, a stand-in.
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
    """Iterates the offset after each line of a stream, the last one's newline or not.

    Attributes:
        text_start: Where the first line starts, after a byte order mark.
        last_ragged: The offset after the latest line of which something is not sent, 0 without one.

    """

    def __init__(self, read_into: ReadInto) -> None:
        self._read_into = read_into
        self.text_start = 0
        self.last_ragged = 0

    def __iter__(self) -> Iterator[int]:
        # The byte before the block is the last one of the block before: the first is preceded by a line's end.
        buffer = bytearray(NEWLINE) + bytes(BLOCK)
        block, find = memoryview(buffer)[1:], buffer.find
        offset = end = 0
        read = self._read_into(block)
        # A pipe may give the mark piece by piece.
        while 0 < read < len(BYTE_ORDER_MARK) and (more := self._read_into(block[read:])):
            read += more
        if buffer.startswith(BYTE_ORDER_MARK, 1, read + 1):
            self.text_start = len(BYTE_ORDER_MARK)
            buffer[1 : 1 + self.text_start] = self.text_start * b" "
            buffer[self.text_start] = NEWLINE[0]
        newline = find(NEWLINE, 1 + self.text_start, read + 1)
        while read:
            while newline >= 0:
                end = offset + newline
                if buffer[newline - 1] in NOT_SENT:
                    self.last_ragged = end
                yield end
                newline = find(NEWLINE, newline + 1, read + 1)
            buffer[0] = buffer[read]
            offset += read
            read = self._read_into(block)
            newline = find(NEWLINE, 1, read + 1)
        if max(end, self.text_start) < offset:
            if buffer[0] in NOT_SENT:
                self.last_ragged = offset
            yield offset


def split(read_into: ReadInto, limits: BatchLimits, fixed: Mapping[int, int] | None = None) -> Iterator[Cut]:
    """Cut a stream of NDJSON at newlines only, as late as the limits allow; nothing for an empty stream.

    A line over the byte limit becomes a batch of its own, for the caller to refuse.

    Args:
        read_into: Fills the start of a buffer and gives the count of bytes read, 0 at the end.
        limits: Read anew for every batch.
        fixed: Ranges, start to stop, that are batches whatever the limits say: those already acknowledged.

    """
    fixed = fixed or {}
    line_ends = _LineEnds(read_into)

    def cut(start: int, stop: int, first_line: int, lines: int, fixed_stop: int | None) -> Cut:
        return Cut(start, stop, first_line, lines, ragged=line_ends.last_ragged > start, fixed=fixed_stop == stop)

    start = line_start = lines = most = latest = 0
    first_line = 1
    fixed_stop: int | None = None
    for end in line_ends:
        if lines and end > latest:
            yield cut(start, line_start, first_line, lines, fixed_stop)
            first_line, lines = first_line + lines, 0
        if not lines:
            start = line_start or line_ends.text_start
            fixed_stop = fixed.get(start)
            most = limits.vectors
            latest = start + limits.next_size() if fixed_stop is None else fixed_stop
        lines += 1
        line_start = end
        if end >= latest or end in fixed or (lines >= most and fixed_stop is None):
            yield cut(start, end, first_line, lines, fixed_stop)
            first_line, lines = first_line + lines, 0
    if lines:
        yield cut(start, line_start, first_line, lines, fixed_stop)


def cut_anew(cut: Cut, raw: tuple[Segment, ...], limits: BatchLimits) -> Iterator[tuple[Cut, tuple[Segment, ...]]]:
    """Cut a range of a source by other limits."""
    for part in split(_read_into(raw), limits):
        start, stop = cut.start + part.start, cut.start + part.stop
        first_line = cut.first_line + part.first_line - 1
        yield (
            attrs.evolve(part, start=start, stop=stop, first_line=first_line),
            select(raw, [(part.start, part.stop)]),
        )


def _read_into(segments: Sequence[Segment]) -> ReadInto:
    pieces = chunks(segments, BLOCK)

    def read_into(buffer: memoryview) -> int:
        piece = next(pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)

    return read_into
