"""Segments of files for tests: drawn at random, and read back."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import strategies as st

from cf_vectorize.source.ranges import OpenFile, Segment, chunks


def open_file(data: bytes) -> OpenFile:
    descriptor = os.memfd_create("test")
    os.write(descriptor, data)
    return OpenFile(descriptor, "test")


def content(segments: tuple[Segment, ...] | list[Segment]) -> bytes:
    return b"".join(map(bytes, chunks(segments)))


@st.composite
def segmented(draw: st.DrawFn) -> tuple[bytes, list[Segment]]:
    """Draw bytes, and segments of several files that hold them between other bytes."""
    data = draw(st.text("ab\n", max_size=60).map(str.encode))
    bounds = sorted({0, len(data), *draw(st.sets(st.integers(0, len(data)), max_size=4))})
    found = []
    for start, stop in pairwise(bounds):
        before, after = draw(st.binary(max_size=3)), draw(st.binary(max_size=3))
        file = open_file(before + data[start:stop] + after)
        found.append(Segment(file, len(before), len(before) + stop - start))
    return data, found
