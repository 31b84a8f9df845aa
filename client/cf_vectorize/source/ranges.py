"""Ranges of bytes that lie in files: their lines, and their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cf_vectorize_overlay.body import Segment, chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
