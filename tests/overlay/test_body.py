"""Bytes in files: read in pieces, line by line, in part, and again from the start."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from cf_vectorize import InputError
from cf_vectorize_overlay.body import Body, OpenFile, Segment, size
from segments import content, open_file, segmented

if TYPE_CHECKING:
    from pathlib import Path


@given(segmented())
@settings(max_examples=200, deadline=None)
def test_segments_are_read_as_one(drawn: tuple[bytes, list[Segment]]) -> None:
    data, segments = drawn
    assert content(segments) == data
    assert size(segments) == len(data)


def test_a_body_can_be_sent_again_from_its_start() -> None:
    told: list[int] = []
    body = Body([Segment(open_file(b"abcdef"), 1, 4)], told.append)
    first = iter(body)
    assert bytes(next(first)) == b"bcd"
    assert [b"".join(map(bytes, body)) for _ in range(2)] == [b"bcd", b"bcd"]
    assert told == [3, 3, 3]


def test_a_body_tells_its_size_as_a_file_does() -> None:
    body = Body([Segment(open_file(b"abcdef"), 1, 4), Segment(open_file(b"xyz"), 0, 3)], lambda _count: None)
    assert body.tell() == 0
    assert body.seek(0, os.SEEK_END) == 6
    assert body.seek(0) == 0


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
