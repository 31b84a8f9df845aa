"""What people hold -> readable NDJSON whose every byte range can be read again.

A regular, uncompressed file is read where it lies. Everything else (standard input, compressed files, lines,
records) passes once through a spool of temporary files, which are gone as soon as their batches are done.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections import deque
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeGuard, cast

import attrs
import orjson

from . import records
from .body import OpenFile, Segment
from .encode import Unencodable
from .errors import InputError

zstd: Any
try:
    from backports import zstd
except ImportError:
    zstd = None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from .ndjson import ReadInto

# A spool file is closed to writing at this size, so that disk space comes back while a load runs.
SPOOL_FILE_SIZE: Final = 32 * 1024 * 1024
STANDARD_INPUT: Final = "-"
# What the standard library and zstd raise for files that are damaged, cut short or gone.
UNREADABLE: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, *([] if zstd is None else [zstd.ZstdError]))


class Readable(Protocol):
    """An opened source.

    Attributes:
        unencodable: Rows read so far that are no lines, by number; a line stands in their place.

    """

    unencodable: dict[int, Unencodable]

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer` and give the count of bytes, 0 at the end."""
        ...

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Give where the bytes from `start` to `stop`, already read, lie."""
        ...


@attrs.frozen
class Source:
    """One source by name, not yet opened.

    Attributes:
        name: Its path as given, or a name in angle brackets.
        size: Its bytes, None where they are not known beforehand.
        in_place: Whether it is a regular file, whose ranges can be read before it is read through.
        open: Opens it.

    """

    name: str
    size: int | None
    in_place: bool
    open: Callable[[], AbstractContextManager[Readable]]


class FileInPlace:
    """A regular file, read where it lies."""

    def __init__(self, file: OpenFile) -> None:
        self.unencodable: dict[int, Unencodable] = {}
        self._file = file
        self._offset = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`."""
        read = os.preadv(self._file.descriptor, [buffer], self._offset)
        self._offset += read
        return read

    def segments(self, start: int, stop: int) -> tuple[Segment, ...]:
        """Give the one range of the file."""
        return (Segment(self._file, start, stop),)


class Spool:
    """A stream that can be read once, kept in temporary files for as long as a batch needs them."""

    def __init__(self, read_into: ReadInto, unencodable: dict[int, Unencodable] | None = None) -> None:
        self.unencodable = {} if unencodable is None else unencodable
        self._read_into = read_into
        self._files: deque[tuple[int, OpenFile]] = deque()
        self._end = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`, and write the same bytes to the spool."""
        read = self._read_into(buffer)
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
    with tempfile.TemporaryFile() as file:
        return OpenFile(os.dup(file.fileno()), "a temporary file")


def write_all(file: OpenFile, data: memoryview | bytes | bytearray) -> None:
    """Append `data`; a full disk is an error that names the temporary folder."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file.descriptor, view) :]
    except OSError as error:
        raise InputError(
            f"cannot spool to {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with more room"
        ) from None


def open_sources(source: object) -> list[Source]:
    """Give the sources that an argument of `insert` stands for.

    Args:
        source: A path, `-` for standard input, a list of paths, an open binary file, or what `records.lines` takes.

    Raises:
        InputError: A path is not a readable file, or holds nothing; the message names it.

    """
    paths: Sequence[Any] = source if isinstance(source, (list, tuple)) else [source]
    if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
        return [_path_source(os.fspath(path)) for path in paths]
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if _is_regular_file(source):
        return [_file_in_place(source.name, lambda: os.dup(source.fileno()))]
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        # The caller's own: left open.
        return [_stream(name if isinstance(name, str) else "<file>", lambda: nullcontext(cast("IO[bytes]", source)))]
    if isinstance(source, records.Table) and isinstance(source.source, (str, os.PathLike)):
        return [_records_source(source, os.fspath(source.source))]
    return [_records_source(source)]


def _path_source(path: str) -> Source:
    if path == STANDARD_INPUT:
        return _stream("<stdin>", lambda: nullcontext(sys.stdin.buffer))
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a str path keeps the name as it was given
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if stat.S_ISDIR(mode) or Path(path).suffix == ".parquet":
        return _records_source(records.table(path), path)
    if Path(path).suffix == ".npy":
        raise InputError(f"{path}: has no ids; give them with --ids FILE, or columns(ids=…, values=numpy.load(…))")
    decompress = DECOMPRESSORS.get(Path(path).suffix)
    if decompress is not None:
        return _stream(path, lambda: decompress(path))
    if not stat.S_ISREG(mode):
        return _stream(path, lambda: open(path, "rb"))  # noqa: PTH123 - a str path, as above
    return _file_in_place(path, lambda: os.open(path, os.O_RDONLY))


def _file_in_place(name: str, open_descriptor: Callable[[], int]) -> Source:
    try:
        file = OpenFile(open_descriptor(), name)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    size = os.fstat(file.descriptor).st_size
    if size == 0:
        raise InputError(f"{name}: is empty; there is nothing to insert")
    return Source(name, size, in_place=True, open=lambda: nullcontext(FileInPlace(file)))


def _stream(name: str, open_stream: Callable[[], AbstractContextManager[IO[bytes]]]) -> Source:
    @contextmanager
    def opened() -> Iterator[Readable]:
        with _naming(name):
            opening = open_stream()
        with opening as stream:
            yield Spool(_read_into_of(name, stream))

    return Source(name, None, in_place=False, open=opened)


def _read_into_of(name: str, stream: IO[bytes]) -> ReadInto:
    fill: Callable[[memoryview], int | None] = getattr(stream, "readinto", None) or _read_into_by_read(stream)

    def read_into(buffer: memoryview) -> int:
        with _naming(name):
            read = fill(buffer)
        if read is None:
            raise InputError(f"{name}: has nothing to read yet and does not wait; open it in blocking mode")
        return read

    return read_into


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which source cannot be read."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{name}: cannot be read to its end: {error}") from None


def _records_source(source: object, name: str = "<records>") -> Source:
    lines = records.lines(source)

    @contextmanager
    def opened() -> Iterator[Readable]:
        unencodable: dict[int, Unencodable] = {}
        yield Spool(_read_into_by_lines(lines, unencodable), unencodable)

    return Source(name, None, in_place=False, open=opened)


def _read_into_by_read(stream: IO[bytes]) -> Callable[[memoryview], int | None]:
    def read_into(buffer: memoryview) -> int | None:
        data: object = stream.read(len(buffer))
        if data is None:
            return None
        if not isinstance(data, bytes):
            raise InputError("the file gives text; open it with mode 'rb'")
        buffer[: len(data)] = data
        return len(data)

    return read_into


def _read_into_by_lines(lines: Iterator[bytes | Unencodable], unencodable: dict[int, Unencodable]) -> ReadInto:
    rest = memoryview(b"")

    def read_into(buffer: memoryview) -> int:
        nonlocal rest
        filled = 0
        while filled < len(buffer):
            if not rest:
                line = next(lines, None)
                if line is None:
                    break
                if isinstance(line, Unencodable):
                    unencodable[line.row] = line
                    line = orjson.dumps({"id": line.id, "unencodable": f"{line.column} {line.reason}"})
                rest = memoryview(line.removesuffix(b"\n") + b"\n")
            taken = min(len(rest), len(buffer) - filled)
            buffer[filled : filled + taken] = rest[:taken]
            rest = rest[taken:]
            filled += taken
        return filled

    return read_into


def _is_regular_file(source: object) -> TypeGuard[io.FileIO]:
    """Tell whether bytes of an open file are bytes on disk, from the first on."""
    if not isinstance(source, (io.BufferedReader, io.FileIO)) or not isinstance(getattr(source, "name", None), str):
        return False
    return stat.S_ISREG(os.fstat(source.fileno()).st_mode) and source.tell() == 0


def _open_zstd(path: str) -> Any:
    if zstd is None:
        raise InputError(f"{path}: reading .zst needs an extra: pip install 'cf-vectorize[zstd]'")
    return zstd.ZstdFile(path)


DECOMPRESSORS: Final[dict[str, Callable[[str], Any]]] = {
    ".bz2": bz2.BZ2File,
    ".gz": gzip.GzipFile,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zstd,
}
