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

from cf_vectorize.source import records
from cf_vectorize_overlay.body import OpenFile, Segment
from cf_vectorize_overlay.errors import InputError, VectorizeError

zstd: Any
try:
    from backports import zstd
except ImportError:
    zstd = None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from .cut import ReadInto

# A spool file is closed to writing at this size, so that disk space comes back while a load runs.
SPOOL_FILE_SIZE: Final = 32 * 1024 * 1024
STANDARD_INPUT: Final = "-"
PARQUET: Final = ".parquet"
_DECOMPRESS: Final = "; give the path of a file whose name ends in {}, or decompress it on the way"
# First bytes -> what they are of, and what to do.
OTHER_FORMATS: Final = {
    b"\x1f\x8b": "gzip" + _DECOMPRESS.format(".gz"),
    b"BZh": "bzip2" + _DECOMPRESS.format(".bz2"),
    b"\xfd7zXZ\x00": "xz" + _DECOMPRESS.format(".xz"),
    b"\x28\xb5\x2f\xfd": "zstd" + _DECOMPRESS.format(".zst"),
    b"PAR1": "Parquet; give its path: table(path), or a name that ends in .parquet",
    b"\x93NUMPY": "a NumPy array, which has no ids; give --ids FILE, or columns(ids=…, values=numpy.load(…))",
    b"PK\x03\x04": "a zip archive, such as .npz; unpack it, or give its arrays to columns(ids=…, values=…)",
}
MAGIC_SIZE: Final = max(map(len, OTHER_FORMATS))
# What the standard library and zstd raise for files that are damaged, cut short or gone.
UNREADABLE: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, *([] if zstd is None else [zstd.ZstdError]))


class Readable(Protocol):
    """An opened source."""

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


def total_size(sources: Sequence[Source]) -> int | None:
    """Give the bytes of all sources, None where those of one are not known beforehand."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(filter(None, sizes))


class FileInPlace:
    """A regular file, read where it lies."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._offset = 0

    def read_into(self, buffer: memoryview) -> int:
        """Read on into `buffer`."""
        with _naming(self._file.name):
            read = os.preadv(self._file.descriptor, [buffer], self._offset)
        if not self._offset:
            _refuse_other_formats(self._file.name, bytes(buffer[:MAGIC_SIZE]))
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
            _refuse_other_formats(self._name, bytes(buffer[:MAGIC_SIZE]))
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


def open_sources(source: object) -> list[Source]:
    """Give the sources that an argument of `insert` stands for.

    Args:
        source: A path, `-` for standard input, a list of paths, an open binary file, or what `records.lines` takes.

    Raises:
        InputError: A path is not a readable file, or holds nothing; the message names it.

    """
    paths: Sequence[Any] = source if isinstance(source, (list, tuple)) else [source]
    if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
        return [source for path in paths for source in _path_sources(os.fspath(path))]
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if _is_regular_file(source):
        file = OpenFile(os.dup(source.fileno()), source.name)
        return [_file_in_place(source.name, lambda: file)]
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        # The caller's own: left open.
        return [_stream(name if isinstance(name, str) else "<file>", lambda: nullcontext(cast("IO[bytes]", source)))]
    if isinstance(source, records.Table) and source.path is not None:
        return _parquet_sources(source.path, source)
    return [_records_source(source)]


def _path_sources(path: str) -> list[Source]:
    if path == STANDARD_INPUT:
        return [_stream("<stdin>", lambda: nullcontext(sys.stdin.buffer))]
    mode, suffix = _mode(path), Path(path).suffix.lower()
    if stat.S_ISDIR(mode) or suffix == PARQUET:
        return _parquet_sources(path, records.table(path))
    if suffix in DECOMPRESSORS:
        return [_stream(path, lambda: DECOMPRESSORS[suffix](path))]
    if not stat.S_ISREG(mode):
        return [_stream(path, lambda: open(path, "rb"))]  # noqa: PTH123 - a str path keeps the name as it was given
    return [_file_in_place(path, lambda: OpenFile(os.open(path, os.O_RDONLY), path))]


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - a str path, as above
    except OSError as error:
        if path.lstrip().startswith("{"):
            raise InputError("a str is a path; give a line of NDJSON as bytes, as line.encode() makes") from None
        raise InputError(f"{path}: {error.strerror}") from None


def _parquet_sources(path: str, table: records.Table) -> list[Source]:
    """Give the Parquet file, or each of a folder's that holds vectors; the names are those that Spark reads."""
    if not stat.S_ISDIR(_mode(path)):
        return [_records_source(table, path)]
    files = [
        attrs.evolve(table, source=str(file))
        for file in sorted(Path(path).rglob("*"))
        if file.suffix.lower() == PARQUET
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
        and not file.is_dir()
    ]
    found = [_records_source(file, file.source) for file in files if file.has_rows()]
    if not found:
        raise InputError(f"{path}: is a folder without a .parquet file that holds vectors")
    return found


def _file_in_place(name: str, open_file: Callable[[], OpenFile]) -> Source:
    def opened() -> OpenFile:
        try:
            return open_file()
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}") from None

    def again() -> OpenFile:
        file = opened()
        if not os.path.samestat(os.fstat(file.descriptor), found):
            raise InputError(f"{name}: has been replaced by another file meanwhile; load it anew")
        return file

    # Opened again in its turn: a load may have more files than a process may have open.
    probe = opened()
    found = os.fstat(probe.descriptor)
    size = found.st_size
    if size == 0:
        raise InputError(f"{name}: is empty; there is nothing to insert")
    return Source(name, size, in_place=True, open=lambda: nullcontext(FileInPlace(again())))


def _stream(name: str, open_stream: Callable[[], AbstractContextManager[IO[bytes]]]) -> Source:
    @contextmanager
    def opened() -> Iterator[Readable]:
        with _naming(name):
            opening = open_stream()
        with opening as stream:
            yield Spool(name, _read_into_of(name, stream))

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


def _refuse_other_formats(name: str, start: bytes) -> None:
    """Refuse what no line of JSON starts with, in place of naming thousands of bad lines."""
    for magic, what in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise InputError(f"{name}: looks like {what}")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which source cannot be read."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{name}: cannot be read to its end: {error}") from None


def _records_source(source: object, name: str = "<records>") -> Source:
    lines = _until_failure(records.lines(source), name)

    @contextmanager
    def opened() -> Iterator[Readable]:
        yield Spool(name, _read_into_by_lines(lines))

    return Source(name, None, in_place=False, open=opened)


def _until_failure(lines: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Give the lines; whatever the caller's iterable raises ends the load as any other failure does."""
    try:
        yield from lines
    except VectorizeError:
        raise
    except Exception as error:
        raise InputError(f"{name}: cannot be read to its end: {type(error).__name__}: {error}") from error


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


def _read_into_by_lines(lines: Iterator[bytes]) -> ReadInto:
    rest = memoryview(b"")

    def read_into(buffer: memoryview) -> int:
        nonlocal rest
        filled = 0
        while filled < len(buffer):
            if not rest:
                line = next(lines, None)
                if line is None:
                    break
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
