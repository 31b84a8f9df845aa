"""Ids that come more than once, found in bounded memory: on disk in buckets, looked at one bucket at a time."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from cf_vectorize.source.ranges import Segment, chunks
from cf_vectorize.source.spool import temporary_file, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, int]

BUCKETS: Final = 256
BUFFER: Final = 32 * 1024
# Number of the source, line, bytes of the id that follows.
HEADER: Final = struct.Struct("<IQI")


class DuplicateIds:
    """Takes ids with their places; memory is 8 MiB and one bucket, a 256th of the ids."""

    def __init__(self) -> None:
        self._file = temporary_file()
        self._written = 0
        self._buffers = [bytearray() for _ in range(BUCKETS)]
        self._segments: list[list[Segment]] = [[] for _ in range(BUCKETS)]

    def add(self, identity: str, source: int, line: int) -> None:
        """Note one id."""
        encoded = identity.encode()
        bucket = hash(encoded) % BUCKETS  # which nobody can foresee, so that none of them grows beyond its share
        buffer = self._buffers[bucket]
        buffer += HEADER.pack(source, line, len(encoded))
        buffer += encoded
        if len(buffer) >= BUFFER:
            self._flush(bucket)

    def find(self) -> Iterator[tuple[str, Place, Place]]:
        """Yield each id that came again, with its place (number of the source, line) and that of its first time.

        Those of one bucket come in the order they were added; buckets come in no order.
        """
        for bucket in range(BUCKETS):
            first: dict[bytes, Place] = {}
            for identity, place in self._entries(bucket):
                if (seen := first.setdefault(identity, place)) is not place:
                    yield identity.decode(), place, seen

    def _flush(self, bucket: int) -> None:
        """Move a bucket's buffer to disk."""
        buffer, self._buffers[bucket] = self._buffers[bucket], bytearray()
        write_all(self._file, buffer)
        stop = self._written + len(buffer)
        self._segments[bucket].append(Segment(self._file, self._written, stop))
        self._written = stop

    def _entries(self, bucket: int) -> Iterator[tuple[bytes, Place]]:
        data = b"".join([*chunks(self._segments[bucket]), self._buffers[bucket]])
        position = 0
        while position < len(data):
            source, line, size = HEADER.unpack_from(data, position)
            position += HEADER.size + size
            yield data[position - size : position], (source, line)
