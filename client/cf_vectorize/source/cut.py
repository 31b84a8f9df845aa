"""Bytes -> batches that obey the limits. Pure: reads through a `Readable`, decodes nothing, holds one buffer."""

from __future__ import annotations

import re
from bisect import bisect
from sys import maxsize
from typing import TYPE_CHECKING, Final, NamedTuple

from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

from .encode import STAND_IN_END
from .ranges import chunks, select

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .ranges import Segment
    from .spool import Readable

BLOCK: Final = 1024 * 1024
# The first batch of a load is small: it is soon checked and under way, and a middling file uses all connections.
FIRST_BATCH_BYTES: Final = 8_000_000
# What Cloudflare documents of a line fits into 200,000 bytes. Reading JSON takes up to 45 times its size in memory.
LINE_BYTES: Final = 4_000_000
# How much is kept of a longer line, to be shown.
BEGINNING: Final = 4_096
# Where no line ends for so long, none will.
ENDLESS: Final = 1_000_000_000
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
NEWLINE: Final = b"\n"
LINE_END: Final = len(b"\r\n")
BLANK: Final = b" \t\r\n\v\f"
BLANK_LINES: Final = re.compile(rb"[ \t\r\n\v\f]*\n")
# Last bytes of lines that may not be sent as they are: blank ones, those with a carriage return, and stand-ins.
ODD_ENDS: Final = BLANK
assert STAND_IN_END in ODD_ENDS


class BatchLimits:
    """The most a batch may hold; lowered while a load runs when the service finds a body too large.

    Attributes:
        vectors: Lines in a batch, at most Cloudflare's 5,000; blank ones do not count.
        size: Bytes of a batch with its last newline, less than Cloudflare's 100 MB.
        ramp: Bytes that the next batch may hold, if that is less; doubled by every batch.
        line: Bytes of a line with its newline; a longer one is too long to be read.

    """

    def __init__(
        self,
        vectors: int = VECTORS_PER_INSERT,
        size: int = INSERT_BODY_BYTES,
        ramp: int = INSERT_BODY_BYTES,
        line: int = LINE_BYTES,
    ) -> None:
        self.vectors, self.size, self.ramp, self.line = vectors, size, ramp, line

    def next_size(self) -> int:
        """Return the bytes that the next batch may hold."""
        room = min(self.size, self.ramp)
        self.ramp = 2 * room
        return room


class Cut(NamedTuple):
    """One batch as a range of its source. Blank lines between two batches belong to neither.

    Attributes:
        start: Offset of its first byte.
        stop: Offset after its last byte.
        first_line: Number of its first line, from 1.
        lines: How many lines it has, blank ones included.
        ragged: Whether some line may not be sent as it is: a blank one, one with a carriage return, a stand-in.
        fixed: Whether the range was asked for, and not chosen by the limits.
        too_long: Whether it is one line that is too long; of a source that is not in place its beginning is held.

    """

    start: int
    stop: int
    first_line: int
    lines: int
    ragged: bool
    fixed: bool
    too_long: bool = False

    @property
    def size(self) -> int:
        """Bytes from start to stop."""
        return self.stop - self.start


def split(readable: Readable, limits: BatchLimits, fixed: Mapping[int, int] | None = None) -> Iterator[Cut]:
    """Cut NDJSON at newlines only, as late as the limits allow; nothing where there are blank lines only.

    A line that is too long becomes a batch of its own.

    Args:
        readable: What is read from where it is to its end.
        limits: Read anew for every batch.
        fixed: Ranges, start to stop, that are batches whatever the limits say: those already acknowledged.

    Raises:
        InputError: What is read cannot be, or a line does not end.

    """
    return _Cutter(readable, limits, fixed or {}).cuts()


class _Cutter:
    """Keeps one block of the stream and one open batch; its loops touch each line and little else."""

    def __init__(self, readable: Readable, limits: BatchLimits, fixed: Mapping[int, int]) -> None:
        self._readable = readable
        self._limits = limits
        self._fixed = fixed
        self._fixed_starts = sorted(fixed)
        # The byte before the block is the last one of the block before: the first is preceded by a line's end.
        self._buffer = bytearray(NEWLINE) + bytes(BLOCK)
        self._offset = 0  # of the block
        self._passed = 0  # the offset after the latest line, blank or not
        self._begun = False  # whether a line that starts before the block has more than blanks there
        self._last_odd = 0  # the offset after the latest line that may not be sent as it is
        self._lines = 0  # before the open batch, blank ones left out
        self._blank = 0  # blank lines
        self._run = 0, 0, 0  # the latest blank lines: where they begin and end, and how many
        # The open batch; without one the next line has to open it.
        self._start = self._first_line = self._blank_before = self._most = self._left = self._longest = 0
        self._latest = -1
        self._fixed_stop: int | None = None

    def cuts(self) -> Iterator[Cut]:
        """Read to the end."""
        block, read_into = memoryview(self._buffer)[1:], self._readable.read_into
        read = read_into(block)
        # A pipe may give the mark piece by piece.
        while 0 < read < len(BYTE_ORDER_MARK) and (more := read_into(block[read:])):
            read += more
        if self._buffer.startswith(BYTE_ORDER_MARK, 1, read + 1):
            self._passed = len(BYTE_ORDER_MARK)
            self._buffer[self._passed] = NEWLINE[0]
        while read:
            yield from self._cuts_of_block(read + 1)
            self._buffer[0] = self._buffer[read]
            self._offset += read
            self._let_go()
            read = read_into(block)
        if self._begun:
            if self._buffer[0] in ODD_ENDS:
                self._last_odd = self._offset
            yield from self._turn(self._passed, self._offset)
            self._passed = self._offset
        if self._is_open():
            yield self._closed(self._passed)

    def _cuts_of_block(self, stop: int) -> Iterator[Cut]:
        buffer, find, offset = self._buffer, self._buffer.find, self._offset
        passed, latest, longest, left = self._passed, self._latest, self._longest, self._left
        newline = find(NEWLINE, max(1, passed - offset + 1), stop)
        while newline >= 0:
            end = offset + newline
            if buffer[newline - 1] in ODD_ENDS:
                if self._is_blank(passed, newline + 1):
                    passed = self._pass_blank(passed, newline, stop)
                    newline = find(NEWLINE, passed - offset + 1, stop)
                    continue
                self._last_odd = end
            self._begun = False
            left -= 1
            if end >= latest or not left or end - passed > longest:
                self._left = left + 1
                yield from self._turn(passed, end)
                latest, longest, left = self._latest, self._longest, self._left
            passed = end
            newline = find(NEWLINE, newline + 1, stop)
        self._passed, self._left = passed, left
        self._begun = self._begun or not self._is_blank(passed, stop)

    def _is_blank(self, passed: int, stop: int) -> bool:
        """Tell whether the line that starts at `passed` is blank up to `stop` of the buffer."""
        start = max(1, passed - self._offset + 1)
        if self._begun or start >= stop:
            return not self._begun
        return self._buffer[start] in BLANK and self._buffer[start:stop].isspace()

    def _pass_blank(self, passed: int, newline: int, stop: int) -> int:
        """Pass over a blank line and those that follow in the buffer; return the offset after them."""
        more = BLANK_LINES.match(self._buffer, newline + 1, stop)
        after = more.end() if more else newline + 1
        return self._note_blank(passed, self._offset + after - 1, self._buffer.count(NEWLINE, newline, after))

    def _note_blank(self, start: int, stop: int, count: int) -> int:
        run_start, run_stop, run_count = self._run
        self._run = (run_start, stop, run_count + count) if run_stop == start else (start, stop, count)
        self._blank += count
        self._last_odd = stop
        return stop

    def _let_go(self) -> None:
        """Let the source forget, of what was read, what nobody will ask for.

        Raises:
            InputError: A line does not end.

        """
        size = self._offset - self._passed
        if self._begun:
            if size > LINE_BYTES:
                self._readable.forget(self._passed + BEGINNING)
            if size > ENDLESS:
                number = self._lines + self._most - self._left + self._blank + 1
                place = f"{self._readable.name}:{number}: begins at byte {self._passed + 1:,}"
                raise InputError(f"{place}, does not end within {ENDLESS:,} bytes; write one object a line")
            return
        start, stop, _ = self._run
        start = start if stop == self._passed else self._passed
        if self._offset - start > BLOCK:
            self._passed = self._note_blank(self._passed, self._offset, 0)
            self._readable.forget(start)
            # The open batch cannot go on after them.
            self._latest = min(self._latest, start)

    def _turn(self, begin: int, end: int) -> Iterator[Cut]:
        """Take the line from `begin` to `end` up, where a batch begins or ends with it, or before it."""
        if self._is_open() and (end > self._most_of(begin) or end - begin > self._longest):
            yield self._closed(begin)
        if not self._is_open():
            self._open(begin)
        self._left -= 1
        too_long = end - begin > self._longest
        if too_long or end >= self._latest or not self._left:
            yield self._closed(end, too_long=too_long)

    def _most_of(self, begin: int) -> int:
        """Return where the open batch has to end; a last line that had no newline may have got one since."""
        return self._latest + LINE_END * (self._fixed_stop == self._latest > begin)

    def _is_open(self) -> bool:
        return self._left < self._most

    def _open(self, begin: int) -> None:
        stop, skipped = self._before(begin)
        self._start, self._blank_before = begin, self._blank
        # Ranges that were batches of an earlier version may begin with blank lines, or end with them.
        if stop in self._fixed:
            self._start, self._blank_before = stop, self._blank - skipped
        self._first_line = self._lines + self._blank_before + 1
        self._fixed_stop = self._fixed.get(self._start)
        if self._fixed_stop is None:
            self._most, self._longest = self._limits.vectors, self._limits.line
            self._latest = self._start + self._limits.next_size()
            if self._fixed:
                following = bisect(self._fixed_starts, self._start)
                self._latest = min([self._latest, *self._fixed_starts[following : following + 1]])
        else:
            self._most, self._longest, self._latest = maxsize, LINE_BYTES, self._fixed_stop
        self._left = self._most

    def _closed(self, after: int, *, too_long: bool = False) -> Cut:
        """Close the batch, which ends at `after` or before the blank lines that end there."""
        stop, skipped = self._before(after)
        vectors = self._most - self._left
        lines = vectors + self._blank - skipped - self._blank_before
        if self._fixed_stop is not None and stop < self._fixed_stop <= after:
            stop = self._fixed_stop
        fixed = self._fixed_stop is not None and 0 <= stop - self._fixed_stop <= LINE_END
        ragged = too_long or self._last_odd > self._start
        self._lines += vectors
        self._most = self._left = 0
        self._latest = -1
        return Cut(self._start, stop, self._first_line, lines, ragged=ragged, fixed=fixed, too_long=too_long)

    def _before(self, offset: int) -> tuple[int, int]:
        """Return where the blank lines that end at `offset` begin, and how many they are."""
        start, stop, count = self._run
        return (start, count) if stop == offset else (offset, 0)


def cut_anew(cut: Cut, raw: tuple[Segment, ...], limits: BatchLimits) -> Iterator[tuple[Cut, tuple[Segment, ...]]]:
    """Cut a range of a source by other limits."""
    if cut.too_long:
        yield cut, raw
        return
    for part in split(_Again(raw), limits):
        start, stop = cut.start + part.start, cut.start + part.stop
        first_line = cut.first_line + part.first_line - 1
        yield (
            part._replace(start=start, stop=stop, first_line=first_line),
            select(raw, [(part.start, part.stop)]),
        )


class _Again:
    """Reads a range of a source again."""

    name = "<range>"

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self._pieces = chunks(segments, BLOCK)
        self._segments = segments

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`."""
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Return where a part of it lies."""
        return select(self._segments, [(start, stop)])

    def forget(self, start: int) -> None:
        """Forget nothing: the source still holds it."""
