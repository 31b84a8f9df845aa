"""Request bodies, received within bounds."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import anyio

from cf_vectorize_emulator.core.limits import GET_BY_IDS_BODY_BYTES, INSERT_BODY_BYTES

from .envelope import Failure, body_too_large, unknown, unknown_content_type
from .multipart import VectorsFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.requests import Request

# What a body may take in memory before it goes to disk.
SPOOL_BYTES: Final = 1 << 18
# How long a sender may pause.
PAUSE_SECONDS: Final = 30.0


def media_type(request: Request) -> str:
    """Return the media type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def small(request: Request) -> bytes:
    """Return a small body.

    Raises:
        Failure: It is too large, or its sender paused for too long.

    """
    return b"".join([chunk async for chunk in _chunks(request, GET_BY_IDS_BODY_BYTES)])


@asynccontextmanager
async def ndjson(request: Request) -> AsyncIterator[BinaryIO]:
    """Return the NDJSON of an insert, raw or as the multipart file `vectors`, on disk where it is large.

    Raises:
        Failure: It is neither, too large, or its sender paused for too long.

    """
    if "content-encoding" in request.headers:
        raise unknown("a body with a Content-Encoding is not taken")
    with cast("BinaryIO", tempfile.SpooledTemporaryFile(SPOOL_BYTES)) as body:
        kind = media_type(request)
        if kind == "application/x-ndjson":
            async for chunk in _chunks(request, INSERT_BODY_BYTES):
                body.write(chunk)
        elif kind == "multipart/form-data":
            file = VectorsFile(request.headers["content-type"], body)
            async for chunk in _chunks(request, INSERT_BODY_BYTES):
                file.write(chunk)
            file.finish()
        else:
            raise unknown_content_type()
        body.seek(0)
        yield body


async def _chunks(request: Request, limit: int) -> AsyncGenerator[bytes]:
    declared = request.headers.get("content-length", "0")
    size = 0
    if not declared.isdigit() or int(declared) > limit:
        raise body_too_large()
    stream = request.stream()
    while True:
        try:
            with anyio.fail_after(PAUSE_SECONDS):
                chunk = await anext(stream, b"")
        except TimeoutError:
            raise Failure(408, None, "Request Timeout") from None
        if not chunk:
            return
        size += len(chunk)
        if size > limit:
            raise body_too_large()
        yield chunk


async def read_part(request: Request) -> None:
    """Read about half of a body, or the first piece of one whose length is not known."""
    half = int(request.headers.get("content-length", "0")) // 2
    read = 0
    async for chunk in _chunks(request, INSERT_BODY_BYTES):
        read += len(chunk)
        if read >= half:
            return
