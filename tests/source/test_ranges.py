"""Lines and parts of ranges, whatever files they lie in."""

from __future__ import annotations

import gc
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize import InputError
from cf_vectorize.source.ranges import OpenFile, Segment, chunks, select, size, split_lines
from cf_vectorize_overlay.body import CHUNK
from segments import content, open_file, segmented

if TYPE_CHECKING:
    from pathlib import Path


@given(segmented())
@settings(max_examples=200)
def test_segments_are_read_as_one(drawn: tuple[bytes, list[Segment]]) -> None:
    data, segments = drawn
    assert content(segments) == data
    assert size(segments) == len(data)


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"abcdef")
    segment = Segment(OpenFile(os.open(path, os.O_RDONLY), str(path)), 0, 6)
    path.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"vectors\.ndjson became shorter while it was being read"):
        content([segment])


def test_a_descriptor_is_closed_with_the_last_segment() -> None:
    file = open_file(b"abc")
    descriptor = file.descriptor
    segment = Segment(file, 0, 3)
    del file
    assert os.fstat(descriptor)
    del segment
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@given(segmented())
@settings(max_examples=200)
def test_lines_of_segments(drawn: tuple[bytes, list[Segment]]) -> None:
    data, segments = drawn
    assert list(split_lines(segments)) == data.splitlines(keepends=True)


@given(segmented(), st.data())
@settings(max_examples=300)
def test_parts_of_segments(drawn: tuple[bytes, list[Segment]], choice: st.DataObject) -> None:
    data, segments = drawn
    if not segments:
        return
    bounds = sorted(choice.draw(st.sets(st.integers(0, len(data)), max_size=8)))
    ranges = list(zip(bounds[::2], bounds[1::2], strict=False))
    assert content(select(segments, ranges)) == b"".join(data[start:stop] for start, stop in ranges)


@given(segmented(), st.data())
@settings(max_examples=200)
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
