"""What is read: a file in place, or a stream that passes through temporary files."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from cf_vectorize_overlay.errors import InputError

from .formats import MAGIC_SIZE, naming, refuse_other_formats
from .ranges import OpenFile, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    ReadInto = Callable[[memoryview], int]

# A spool file is closed to writing at this size, so that disk space comes back while a load runs.
SPOOL_FILE_SIZE: Final = 32 * 1024 * 1024


class Readable(Protocol):
    """An opened source.

    Attributes:
        name: Of the source.

    """

    name: str

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer` and return the count of bytes, 0 at the end."""
        ...

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Return where the bytes from `start` to `stop`, already read, lie, up to the first that are forgotten."""
        ...

    def forget(self, start: int) -> None:
        """Hold no longer what was read from `start` on."""
        ...


class FileInPlace:
    """A regular file, read where it lies."""

    def __init__(self, file: OpenFile) -> None:
        self.name = file.name
        self._file = file
        self._offset = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`."""
        with naming(self.name):
            if hasattr(os, "preadv"):
                read = os.preadv(self._file.descriptor, [buffer], self._offset)
            else:
                data = self._file.read(len(buffer), self._offset)
                read = len(data)
                buffer[:read] = data
        if not self._offset:
            refuse_other_formats(self.name, bytes(buffer[: min(read, MAGIC_SIZE)]))
        self._offset += read
        return read

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Return the one range of the file."""
        return (Segment(self._file, start, stop),)

    def forget(self, start: int) -> None:
        """Forget nothing: the file holds it anyway."""


class _Part:
    """Bytes of a stream in a file of their own."""

    def __init__(self, start: int) -> None:
        self.start = self.stop = start
        self.file = temporary_file()


class Spool:
    """A stream that can be read once, kept in temporary files for as long as a batch needs them."""

    def __init__(self, name: str, read_into: ReadInto) -> None:
        self.name = name
        self._read_into = read_into
        self._parts: deque[_Part] = deque()
        self._end = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`, and write the same bytes to the spool."""
        read = self._read_into(buffer)
        if not self._end:
            # A pipe may give the first bytes piece by piece.
            while 0 < read < MAGIC_SIZE and (more := self._read_into(buffer[read:])):
                read += more
            refuse_other_formats(self.name, bytes(buffer[: min(read, MAGIC_SIZE)]))
        last = self._parts[-1] if self._parts else None
        if last is None or last.stop < self._end or last.stop - last.start >= SPOOL_FILE_SIZE:
            last = _Part(self._end)
            self._parts.append(last)
        write_all(last.file, buffer[:read])
        last.stop = self._end = self._end + read
        return read

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Return the ranges of the spool's files, and let go of the files before `start`."""
        while len(self._parts) > 1 and self._parts[0].stop <= start:
            self._parts.popleft()
        found = []
        for part in self._parts:
            if part.start <= start < min(part.stop, stop):
                end = min(part.stop, stop)
                found.append(Segment(part.file, start - part.start, end - part.start))
                start = end
        return tuple(found)

    def forget(self, start: int) -> None:
        """Make room on the disk."""
        while self._parts and self._parts[-1].start >= start:
            self._parts.pop()
        if self._parts and self._parts[-1].stop > start:
            self._parts[-1].stop = start
            with _spooling():
                os.ftruncate(self._parts[-1].file.descriptor, start - self._parts[-1].start)


def temporary_file() -> OpenFile:
    """Return an empty file without a name."""
    with _spooling(), tempfile.TemporaryFile() as file:
        return OpenFile(os.dup(file.fileno()), "a temporary file")


def write_all(file: OpenFile, data: memoryview | bytes | bytearray) -> None:
    """Append `data`; a full disk is an error that names the temporary folder."""
    with _spooling():
        file.append(data)


def spooled(pieces: Iterable[bytes]) -> tuple[Segment, ...]:
    """Write pieces to a temporary file, and return where they lie."""
    file = temporary_file()
    size = 0
    for piece in pieces:
        write_all(file, piece)
        size += len(piece)
    return (Segment(file, 0, size),)


@contextmanager
def _spooling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot spool to {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with more room"
        ) from None
