"""A body tells its size as a file does, and can be sent again from its start."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from cf_vectorize import InputError
from cf_vectorize_overlay.body import CHUNK, opened

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(256)) * (CHUNK // 128) + b"end"


def test_a_body_can_be_sent_again_from_its_start() -> None:
    with opened(io.BytesIO(DATA)) as body:
        assert len(next(iter(body))) == CHUNK
        assert [b"".join(body) for _ in range(2)] == [DATA, DATA]


def test_an_open_file_stands_where_it_stood_when_its_body_was_read(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"abcdef")
    with path.open("rb") as file:
        file.seek(2)
        for _ in range(2):
            with opened(file) as body:
                assert b"".join(body) == b"cdef"
        assert file.tell() == 2


def test_a_body_tells_its_size_as_a_file_does() -> None:
    file = io.BytesIO(b"abcdef")
    file.seek(2)
    with opened(file) as body:
        assert (len(body), body.tell(), body.seek(0, os.SEEK_END), body.seek(0)) == (4, 0, 4, 0)


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"abcdef")
    with opened(path) as body:
        path.write_bytes(b"abc")
        with pytest.raises(InputError, match=r"vectors\.ndjson became shorter while it was being read"):
            list(body)


def test_a_file_that_is_opened_by_name_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    path.write_bytes(b"abc")
    with opened(path) as body:
        assert list(body) == [b"abc"]
    with pytest.raises(ValueError, match="closed file"):
        list(body)
