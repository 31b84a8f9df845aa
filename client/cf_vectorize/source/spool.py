"""What is read: a file in place, or a stream that passes through temporary files."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from cf_vectorize_overlay.body import OpenFile, Segment
from cf_vectorize_overlay.errors import InputError

from .formats import MAGIC_SIZE, naming, refuse_other_formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    ReadInto = Callable[[memoryview], int]

# A spool file is closed to writing at this size, so that disk space comes back while a load runs.
SPOOL_FILE_SIZE: Final = 32 * 1024 * 1024


class Readable(Protocol):
    """An opened source."""

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer` and give the count of bytes, 0 at the end."""
        ...

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Give where the bytes from `start` to `stop`, already read, lie."""
        ...


class FileInPlace:
    """A regular file, read where it lies."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._offset = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`."""
        with naming(self._file.name):
            read = os.preadv(self._file.descriptor, [buffer], self._offset)
        if not self._offset:
            refuse_other_formats(self._file.name, bytes(buffer[:MAGIC_SIZE]))
        self._offset += read
        return read

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Give the one range of the file."""
        return (Segment(self._file, start, stop),)


class Spool:
    """A stream that can be read once, kept in temporary files for as long as a batch needs them."""

    def __init__(self, name: str, read_into: ReadInto) -> None:
        self._name = name
        self._read_into = read_into
        self._files: deque[tuple[int, OpenFile]] = deque()
        self._end = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`, and write the same bytes to the spool."""
        read = self._read_into(buffer)
        if not self._files:
            refuse_other_formats(self._name, bytes(buffer[:MAGIC_SIZE]))
        if not self._files or self._end - self._files[-1][0] >= SPOOL_FILE_SIZE:
            self._files.append((self._end, temporary_file()))
        write_all(self._files[-1][1], buffer[:read])
        self._end += read
        return read

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Give the ranges of the spool's files, and let go of the files before `start`."""
        bounds = [*(base for base, _ in self._files), self._end]
        while len(self._files) > 1 and bounds[1] <= start:
            self._files.popleft()
            del bounds[0]
        return tuple(
            Segment(file, max(start, base) - base, min(stop, end) - base)
            for (base, file), end in zip(self._files, bounds[1:], strict=True)
            if base < stop and start < end
        )


def temporary_file() -> OpenFile:
    """Give an empty file without a name."""
    with _spooling(), tempfile.TemporaryFile() as file:
        return OpenFile(os.dup(file.fileno()), "a temporary file")


def write_all(file: OpenFile, data: memoryview | bytes | bytearray) -> None:
    """Append `data`; a full disk is an error that names the temporary folder."""
    view = memoryview(data)
    with _spooling():
        while view:
            view = view[os.write(file.descriptor, view) :]


@contextmanager
def _spooling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot spool to {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with more room"
        ) from None
