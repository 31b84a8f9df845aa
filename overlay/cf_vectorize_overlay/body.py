"""A request's bytes, lying in files or in memory, as a sized stream that can be sent again from its start."""

from __future__ import annotations

import io
import os
import stat
import threading
import weakref
from typing import IO, TYPE_CHECKING, Any, Final

import attrs

from .errors import InputError
from .limits import INSERT_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK: Final = 512 * 1024


class OpenFile:
    """A file descriptor for reading, closed when the last segment that lies in it is let go.

    Args:
        descriptor: The descriptor, owned from now on.
        name: For messages.

    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        self._seeking = threading.Lock()
        weakref.finalize(self, os.close, descriptor)

    def read(self, size: int, position: int) -> bytes:
        """Read at most `size` bytes from `position` on."""
        if hasattr(os, "pread"):
            return os.pread(self.descriptor, size, position)
        with self._seeking:
            os.lseek(self.descriptor, position, os.SEEK_SET)
            return os.read(self.descriptor, size)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` at the end."""
        rest = memoryview(data)
        with self._seeking:
            os.lseek(self.descriptor, 0, os.SEEK_END)
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]


@attrs.frozen
class Segment:
    """The bytes from `start` up to `stop` of an open file."""

    file: OpenFile
    start: int
    stop: int

    def chunks(self, size: int) -> Iterator[bytes]:
        """Read the bytes in pieces of at most `size`."""
        position = self.start
        while position < self.stop:
            # Fresh bytes cost less than a reused buffer: the HTTP stack sends them as they are, and copies a buffer.
            try:
                chunk = self.file.read(min(size, self.stop - position), position)
            except OSError as error:
                raise InputError(f"{self.file.name}: {error.strerror}") from None
            if not chunk:
                raise InputError(f"{self.file.name} became shorter while it was being read; do not write to it")
            position += len(chunk)
            yield chunk


@attrs.frozen
class Held:
    """Bytes in memory, in place of a segment."""

    data: memoryview
    start: int = 0

    @property
    def stop(self) -> int:
        """Their number."""
        return len(self.data)

    def chunks(self, size: int) -> Iterator[bytes]:
        """Copy the bytes in pieces of at most `size`."""
        for position in range(0, len(self.data), size):
            yield bytes(self.data[position : position + size])


def size(segments: Sequence[Segment | Held]) -> int:
    """Return the bytes of all segments together."""
    return sum(segment.stop - segment.start for segment in segments)


def chunks(segments: Sequence[Segment | Held], size: int = CHUNK) -> Iterator[bytes]:
    """Read the segments one after the other, in pieces of at most `size` bytes."""
    for segment in segments:
        yield from segment.chunks(size)


class Body:
    """What the generated `insert` sends: iterable as often as there are attempts, with a known size.

    Args:
        segments: Where the bytes lie.
        on_chunk: Called with the size of each piece just before it is sent.

    """

    def __init__(self, segments: Sequence[Segment | Held], on_chunk: Callable[[int], None] = lambda _: None) -> None:
        self._segments = segments
        self._on_chunk = on_chunk

    def __iter__(self) -> Iterator[bytes]:
        for chunk in chunks(self._segments):
            self._on_chunk(len(chunk))
            yield chunk

    def tell(self) -> int:
        """Return 0: the HTTP library sets Content-Length from `tell` and `seek` of what it streams."""
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the size for the end, `offset` for any other place."""
        return size(self._segments) if whence == os.SEEK_END else offset

    def __len__(self) -> int:
        return size(self._segments)


def body_of(source: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview) -> Body:
    """Return the body that an NDJSON source is, its lines not looked at.

    Raises:
        InputError: It cannot be read, has no size beforehand, holds nothing, or is more than a request takes.

    """
    body = Body([_whole(source)])
    name = source if isinstance(source, (str, os.PathLike)) else f"the {type(source).__name__}"
    if not len(body):
        raise InputError(f"{name}: is empty; there is nothing to insert")
    if len(body) > INSERT_BODY_BYTES:
        raise InputError(
            f"{name}: is {len(body):,} bytes and a request takes {INSERT_BODY_BYTES:,}; "
            "cf_vectorize.Vectorize.insert cuts it into as many requests as it needs"
        )
    return body


def _whole(source: Any) -> Segment | Held:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Held(memoryview(source).cast("B"))
    if isinstance(source, io.BytesIO):
        return Held(memoryview(source.getvalue())[source.tell() :])
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if isinstance(source, (str, os.PathLike)):
        try:
            file = OpenFile(os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0)), os.fspath(source))
        except OSError as error:
            raise InputError(f"{source}: {error.strerror}") from None
        return Segment(file, 0, _size_of(file))
    if isinstance(source, (io.FileIO, io.BufferedReader, io.BufferedRandom)):
        file = OpenFile(os.dup(source.fileno()), str(source.name))
        size = _size_of(file)
        return Segment(file, source.tell(), size)
    raise InputError(f"a {type(source).__name__} has no size beforehand; give a path, bytes or a file open with 'rb'")


def _size_of(file: OpenFile) -> int:
    found = os.fstat(file.descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{file.name}: is no regular file and has no size beforehand; give its bytes")
    return found.st_size
