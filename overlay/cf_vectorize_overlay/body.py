"""A batch's bytes, lying in files, as a sized stream that can be sent again from its start."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Final

import attrs

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK: Final = 512 * 1024


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


@attrs.frozen
class Segment:
    """The bytes from `start` up to `stop` of an open file."""

    file: OpenFile
    start: int
    stop: int

    def chunks(self, size: int) -> Iterator[bytes]:
        """Read the bytes in pieces of at most `size`."""
        position = self.start
        while position < self.stop:
            # Fresh bytes cost less than a reused buffer: the HTTP stack sends them as they are, and copies a buffer.
            try:
                chunk = os.pread(self.file.descriptor, min(size, self.stop - position), position)
            except OSError as error:
                raise InputError(f"{self.file.name}: {error.strerror}") from None
            if not chunk:
                raise InputError(f"{self.file.name} became shorter while it was being read; do not write to it")
            position += len(chunk)
            yield chunk


def size(segments: Sequence[Segment]) -> int:
    """Give the bytes of all segments together."""
    return sum(segment.stop - segment.start for segment in segments)


def chunks(segments: Sequence[Segment], size: int = CHUNK) -> Iterator[bytes]:
    """Read the segments one after the other, in pieces of at most `size` bytes."""
    for segment in segments:
        yield from segment.chunks(size)


def lines(segments: Sequence[Segment]) -> Iterator[bytes]:
    """Give each line of the segments with its newline, which the last one may lack."""
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
    """Give the parts of the segments that `ranges`, counted from the first segment's start, name in order."""
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


class Body:
    """What the generated `insert` sends: iterable as often as there are attempts, with a known size.

    Args:
        segments: Where the bytes lie.
        on_chunk: Called with the size of each piece just before it is sent.

    """

    def __init__(self, segments: Sequence[Segment], on_chunk: Callable[[int], None]) -> None:
        self._segments = segments
        self._on_chunk = on_chunk

    def __iter__(self) -> Iterator[bytes]:
        for chunk in chunks(self._segments):
            self._on_chunk(len(chunk))
            yield chunk

    def tell(self) -> int:
        """Give 0: httpx sets Content-Length from `tell` and `seek` of what it streams."""
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Give the size for the end, `offset` for any other place."""
        return size(self._segments) if whence == os.SEEK_END else offset
