"""Lines and parts of ranges, whatever files they lie in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize.source.ranges import select, split_lines
from cf_vectorize_overlay.body import CHUNK, Segment, chunks
from segments import content, open_file, segmented


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
