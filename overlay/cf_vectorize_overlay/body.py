"""A request's bytes as a sized stream that can be sent again from its start."""

from __future__ import annotations

import io
import os
import stat
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

from .errors import InputError
from .limits import INSERT_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK: Final = 896 * 1024


class Body:
    """What the generated `insert` sends: iterable as often as there are attempts, with a known size.

    Args:
        chunks: Called for each attempt; yields the bytes in pieces.
        size: Their number.

    """

    def __init__(self, chunks: Callable[[], Iterator[bytes]], size: int) -> None:
        self._chunks = chunks
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks()

    def __len__(self) -> int:
        return self._size

    def tell(self) -> int:
        """Return 0: the HTTP library sets Content-Length from `tell` and `seek` of what it streams."""
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the size for the end, `offset` for any other place.

        Args:
            offset: A place in the body.
            whence: What it counts from.

        """
        return self._size if whence == os.SEEK_END else offset


@contextmanager
def opened(source: Any) -> Iterator[Body]:
    """Open a path, a binary file or bytes as a body; one that is a body already is taken as it is.

    Raises:
        InputError: It cannot be read, has no size beforehand, holds nothing, or is more than a request takes.

    """
    if isinstance(source, Body):
        yield source
        return
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else f"the {type(source).__name__}"
    with ExitStack() as closing:
        file = _binary_file(source, closing)
        size = _size_of(file, name)
        start = file.tell()
        if size <= start:
            raise InputError(f"{name}: is empty; there is nothing to insert")
        if size - start > INSERT_BODY_BYTES:
            raise InputError(
                f"{name}: is {size - start:,} bytes and a request takes {INSERT_BODY_BYTES:,}; "
                "cf_vectorize.Vectorize.insert cuts it into as many requests as it needs"
            )

        def read(count: int, position: int) -> bytes:
            file.seek(position)
            return file.read(count)

        yield Body(partial(pieces, read, name, start, size), size - start)


def _binary_file(source: Any, closing: ExitStack) -> IO[bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source)
    if isinstance(source, (str, os.PathLike)):
        try:
            return closing.enter_context(open(source, "rb", buffering=0))  # noqa: PTH123 - it takes both
        except OSError as error:
            raise InputError(f"{source}: {error.strerror}") from None
    if isinstance(source, (io.BytesIO, io.FileIO, io.BufferedReader, io.BufferedRandom)):
        return source
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    raise InputError(f"a {type(source).__name__} has no size beforehand; give a path, bytes or a file open with 'rb'")


def _size_of(file: IO[bytes], name: str) -> int:
    if isinstance(file, io.BytesIO):
        return len(file.getbuffer())
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{name}: is no regular file and has no size beforehand; give its bytes")
    return found.st_size


def pieces(read: Callable[[int, int], bytes], name: str, start: int, stop: int, size: int = CHUNK) -> Iterator[bytes]:
    """Yield a file's bytes from `start` to `stop` in pieces; `read` returns at most so many from a position on."""
    while start < stop:
        # Fresh bytes cost less than a reused buffer: the HTTP stack sends them as they are, and copies a buffer.
        try:
            chunk = read(min(size, stop - start), start)
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}") from None
        if not chunk:
            raise InputError(f"{name} became shorter while it was being read; do not write to it")
        start += len(chunk)
        yield chunk
