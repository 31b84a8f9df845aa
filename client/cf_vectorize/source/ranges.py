"""Ranges of bytes that lie in files: read in pieces, their lines, and their parts."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, NamedTuple

from cf_vectorize_overlay.body import CHUNK, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Copies of a descriptor have one position.
_SEEKING: Final = threading.Lock()


class OpenFile:
    """A file descriptor for reading, closed when the last segment that lies in it is let go.

    Args:
        descriptor: The descriptor, owned from now on.
        name: For messages.

    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        weakref.finalize(self, os.close, descriptor)

    def read(self, size: int, position: int) -> bytes:
        """Read at most `size` bytes from `position` on."""
        if hasattr(os, "pread"):
            return os.pread(self.descriptor, size, position)
        with _SEEKING:
            before = os.lseek(self.descriptor, 0, os.SEEK_CUR)
            os.lseek(self.descriptor, position, os.SEEK_SET)
            try:
                return os.read(self.descriptor, size)
            finally:
                os.lseek(self.descriptor, before, os.SEEK_SET)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` at the end."""
        rest = memoryview(data)
        with _SEEKING:
            os.lseek(self.descriptor, 0, os.SEEK_END)
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]


class Segment(NamedTuple):
    """The bytes from `start` up to `stop` of an open file."""

    file: OpenFile
    start: int
    stop: int

    def chunks(self, size: int) -> Iterator[bytes]:
        """Read the bytes in pieces of at most `size`."""
        return pieces(self.file.read, self.file.name, self.start, self.stop, size)


def size(segments: Sequence[Segment]) -> int:
    """Return the bytes of all segments together."""
    return sum(segment.stop - segment.start for segment in segments)


def chunks(segments: Sequence[Segment], size: int = CHUNK) -> Iterator[bytes]:
    """Read the segments one after the other, in pieces of at most `size` bytes."""
    for segment in segments:
        yield from segment.chunks(size)


def split_lines(segments: Sequence[Segment]) -> Iterator[bytes]:
    """Yield each line of the segments with its newline, which the last one may lack."""
    parts: list[bytes] = []
    for chunk in chunks(segments):
        start = 0
        while end := chunk.find(b"\n", start) + 1:
            if parts:
                yield b"".join([*parts, chunk[start:end]])
                parts.clear()
            else:
                yield chunk[start:end]
            start = end
        if start < len(chunk):
            parts.append(chunk[start:])
    if parts:
        yield b"".join(parts)


def select(segments: Sequence[Segment], ranges: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    """Return the parts of the segments that `ranges`, counted from the first segment's start, name in order."""
    found = []
    position = 0
    remaining = iter(segments)
    segment = next(remaining)
    for start, stop in ranges:
        while position < stop:
            length = segment.stop - segment.start
            first, last = max(start - position, 0), min(stop - position, length)
            if first < last:
                found.append(Segment(segment.file, segment.start + first, segment.start + last))
            if stop - position < length:
                break
            position += length
            segment = next(remaining, segment)
    return tuple(found)
