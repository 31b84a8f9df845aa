"""Lines and parts of ranges, whatever files they lie in."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize.source.ranges import select, split_lines
from cf_vectorize_overlay.body import CHUNK, OpenFile, Segment, chunks


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


@given(segmented())
@settings(max_examples=200, deadline=None)
def test_lines_of_segments(drawn: tuple[bytes, list[Segment]]) -> None:
    data, segments = drawn
    assert list(split_lines(segments)) == data.splitlines(keepends=True)


@given(segmented(), st.data())
@settings(max_examples=300, deadline=None)
def test_parts_of_segments(drawn: tuple[bytes, list[Segment]], choice: st.DataObject) -> None:
    data, segments = drawn
    if not segments:
        return
    bounds = sorted(choice.draw(st.sets(st.integers(0, len(data)), max_size=8)))
    ranges = list(zip(bounds[::2], bounds[1::2], strict=False))
    assert content(select(segments, ranges)) == b"".join(data[start:stop] for start, stop in ranges)


@given(segmented(), st.data())
@settings(max_examples=200, deadline=None)
def test_parts_that_touch(drawn: tuple[bytes, list[Segment]], choice: st.DataObject) -> None:
    data, segments = drawn
    if not segments:
        return
    bounds = sorted(choice.draw(st.sets(st.integers(0, len(data)), max_size=8)))
    ranges = list(pairwise(bounds))
    assert content(select(segments, ranges)) == b"".join(data[start:stop] for start, stop in ranges)


def test_lines_across_chunks() -> None:
    data = b"a" * (CHUNK - 3) + b"\n" + b"b" * (2 * CHUNK) + b"\nlast"
    segments = [Segment(open_file(data), 0, len(data))]
    assert list(split_lines(segments)) == data.splitlines(keepends=True)
    assert all(len(chunk) <= CHUNK for chunk in chunks(segments))
