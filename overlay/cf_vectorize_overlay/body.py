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
        read, start, stop = _reader(source, name, closing)
        if stop <= start:
            raise InputError(f"{name}: is empty; there is nothing to insert")
        if stop - start > INSERT_BODY_BYTES:
            raise InputError(
                f"{name}: is {stop - start:,} bytes and a request takes {INSERT_BODY_BYTES:,}; "
                "cf_vectorize.Vectorize.insert cuts it into as many requests as it needs"
            )
        yield Body(partial(pieces, read, name, start, stop), stop - start)


def _reader(source: Any, name: str, closing: ExitStack) -> tuple[Callable[[int, int], bytes], int, int]:
    """Return what reads so many bytes from a position on, where they begin, and where they end."""
    if isinstance(source, (bytes, bytearray, memoryview, io.BytesIO)):
        start, held = (source.tell(), source.getvalue()) if isinstance(source, io.BytesIO) else (0, source)
        view = memoryview(held).cast("B")
        return lambda count, position: bytes(view[position : position + count]), start, len(view)
    if isinstance(source, (str, os.PathLike)):
        try:
            source = closing.enter_context(open(source, "rb", buffering=0))  # noqa: PTH123, SIM115 - it takes both
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}") from None
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if not isinstance(source, (io.FileIO, io.BufferedReader, io.BufferedRandom)):
        raise InputError(
            f"a {type(source).__name__} has no size beforehand; give a path, bytes or a file open with 'rb'"
        )
    found = os.fstat(source.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{name}: is no regular file and has no size beforehand; give its bytes")
    return partial(_read_at, source), source.tell(), found.st_size


def _read_at(file: IO[bytes], count: int, position: int) -> bytes:
    # Where the file stands is its owner's, and no other thread's.
    if hasattr(os, "pread"):
        return os.pread(file.fileno(), count, position)
    file.seek(position)
    return file.read(count)


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
