"""What people hold -> readable NDJSON whose every byte range can be read again.

A regular, uncompressed file is read where it lies. Everything else (standard input, compressed files, lines,
records) passes once through a spool of temporary files, which are gone as soon as their batches are done.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard, cast

import attrs

from cf_vectorize.base.extras import Late
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .formats import DECOMPRESSORS, naming
from .named import Named
from .ranges import OpenFile
from .spool import FileInPlace, Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from . import records
    from . import table as tables
    from .spool import Readable, ReadInto
    from .table import Table
else:
    records, tables = Late("cf_vectorize.source.records"), Late("cf_vectorize.source.table")

STANDARD_INPUT: Final = "-"
PARQUET: Final = ".parquet"
NDJSON: Final = frozenset({".ndjson", ".jsonl"})
_BINARY: Final = getattr(os, "O_BINARY", 0)  # on Windows


class Source(NamedTuple):
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
    """Return the bytes of all sources, None where those of one are not known beforehand."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(filter(None, sizes))


def open_sources(source: object, name: str | None = None) -> list[Source]:
    """Return the sources that an argument of `insert` stands for.

    Args:
        source: A path, `-` for standard input, a list of paths, an open binary file, or what `rows_to_lines` takes.
        name: What to call it; None where it has a name of its own, or needs none.

    Raises:
        InputError: A path is not a readable file, or holds nothing; the message names it.

    """
    if isinstance(source, Named):
        return open_sources(source.source, source.name)
    paths: Sequence[Any] = source if isinstance(source, (list, tuple)) else [source]
    if paths and all(isinstance(path, (str, os.PathLike)) for path in paths):
        if name is not None:
            raise InputError(f"{name}: names a path, which has a name; give the path alone")
        return [source for path in paths for source in _path_sources(os.fspath(path))]
    if isinstance(source, io.TextIOBase):
        raise InputError("the file is open as text; open it with mode 'rb'")
    if _is_regular_file(source):
        opened_as = name or _printable(source.name)
        file = OpenFile(os.dup(source.fileno()), opened_as)
        return [_file_in_place(opened_as, lambda: file)]
    if hasattr(source, "read"):
        own = getattr(source, "name", None)
        name = name or (_printable(own) if isinstance(own, str) else "<file>")
        # The caller's own: left open.
        return [_stream(name, lambda: nullcontext(cast("IO[bytes]", source)))]
    if isinstance(source, tables.Table) and source.path is not None and name is None:
        return _parquet_sources(source.path, source)
    return [_records_source(source, name or "<records>")]


def _path_sources(path: str) -> list[Source]:
    if path == STANDARD_INPUT:
        return [_stream("<stdin>", lambda: nullcontext(sys.stdin.buffer))]
    mode, suffix = _mode(path), Path(path).suffix.lower()
    name = _printable(path)
    if stat.S_ISDIR(mode):
        return _folder_sources(path)
    if suffix == PARQUET:
        return _parquet_sources(path, tables.table(path))
    if suffix in DECOMPRESSORS:
        return [_stream(name, lambda: DECOMPRESSORS[suffix](path))]
    if not stat.S_ISREG(mode):
        return [_stream(name, lambda: open(path, "rb"))]  # noqa: PTH123 - a str path keeps the name as it was given
    return [_file_in_place(name, lambda: OpenFile(os.open(path, os.O_RDONLY | _BINARY), name))]


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - a str path, as above
    except OSError as error:
        if path.lstrip().startswith("{"):
            raise InputError("a str is a path; give a line of NDJSON as bytes, as line.encode() makes") from None
        raise InputError(f"{_printable(path)}: {error.strerror}{_remedy(path)}") from None
    except ValueError:
        raise InputError(f"{path!r}: is no path") from None


def _remedy(path: str) -> str:
    """Return what to do about a path that is none yet."""
    if "://" in path:
        return "; only files are opened by name: give an open file, as fsspec.open(…, 'rb') makes, or pipe it in"
    if path.startswith("~"):
        return "; ~ is the shell's: give os.path.expanduser(…), or leave the quotation marks out"
    if any(mark in path for mark in "*?["):
        return "; patterns are the shell's: give sorted(glob.glob(…)), or leave the quotation marks out"
    return ""


def _printable(path: str) -> str:
    """Return a path's name, in which bytes that are no characters are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def _folder_sources(path: str) -> list[Source]:
    """Return the sources that the files of a folder are, in order of their names."""
    found = []
    for file in _files_of(path):
        if file.suffix.lower() == PARQUET:
            found += _parquet_files([file], tables.table(path))
        elif _is_ndjson(file):
            found += _path_sources(str(file))
    if not found:
        raise InputError(f"{path}: is a folder without a .parquet, .ndjson or .jsonl file that holds vectors")
    return found


def _parquet_sources(path: str, parquet: Table) -> list[Source]:
    """Return the Parquet file, or each of a folder's that holds vectors."""
    if not stat.S_ISDIR(_mode(path)):
        return [_records_source(parquet, path)]
    files = _files_of(path)
    given = [file for file in files if file.suffix.lower() == PARQUET]
    if left_out := next(filter(_is_ndjson, files), None):
        apart = ", or its Parquet files in a folder of their own" if given else ""
        raise InputError(
            f"{left_out}: is NDJSON, which table(…) and options such as --id-column are not for; give the folder "
            f"without them{apart}"
        )
    found = _parquet_files(given, parquet)
    if not found:
        raise InputError(f"{path}: is a folder without a .parquet file that holds vectors")
    return found


def _parquet_files(files: Sequence[Path], parquet: Table) -> list[Source]:
    each_file = [attrs.evolve(parquet, source=str(file)) for file in files]
    return [_records_source(each, each.source) for each in each_file if each.has_rows()]


def _files_of(path: str) -> list[Path]:
    """Return the files of a folder and its subfolders in order of their names, but those that Spark skips."""
    return [
        file
        for file in sorted(Path(path).rglob("*"))
        if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts) and not file.is_dir()
    ]


def _is_ndjson(file: Path) -> bool:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in DECOMPRESSORS:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in NDJSON:
        return False
    try:
        return file.stat().st_size > 0
    except OSError as error:  # a link that leads nowhere
        raise InputError(f"{_printable(str(file))}: {error.strerror}") from None


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
        with naming(name):
            opening = open_stream()
        with opening as stream:
            yield Spool(name, _read_into_of(name, stream))

    return Source(name, None, in_place=False, open=opened)


def _read_into_of(name: str, stream: IO[bytes]) -> ReadInto:
    fill: Callable[[memoryview], int | None] = getattr(stream, "readinto", None) or _read_into_by_read(stream)

    def read_into(buffer: memoryview) -> int:
        with _naming_all(name), naming(name):
            read: object = fill(buffer)
        if read is None:
            raise InputError(f"{name}: has nothing to read yet and does not wait; open it in blocking mode")
        if not isinstance(read, int) or not 0 <= read <= len(buffer):
            raise InputError(f"{name}: is no file: asked for {len(buffer):,} bytes, readinto() says {read!r}")
        return read

    return read_into


def _records_source(source: object, name: str) -> Source:
    lines = _until_failure(records.rows_to_lines(source), name)

    @contextmanager
    def opened() -> Iterator[Readable]:
        yield Spool(name, _read_into_by_lines(lines))

    return Source(name, None, in_place=False, open=opened)


def _until_failure(lines: Iterator[bytes], name: str) -> Iterator[bytes]:
    with _naming_all(name):
        yield from lines


@contextmanager
def _naming_all(name: str) -> Iterator[None]:
    """Let whatever the caller's own object raises end the load as any other failure does."""
    try:
        yield
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
        if len(data) > len(buffer):
            return len(data)
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
