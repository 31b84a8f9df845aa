"""File formats that are unpacked on the way, and those that are refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cf_vectorize.base.extras import extra, optional
from cf_vectorize_overlay.errors import InputError

# A part of Python from 3.14 on.
zstd = optional("compression.zstd") or optional("backports.zstd")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def refuse_other_formats(name: str, start: bytes) -> None:
    """Refuse what no line of JSON starts with, in place of naming thousands of bad lines."""
    for magic, what in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise InputError(f"{name}: looks like {what}")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which source cannot be read."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{name}: cannot be read to its end: {error}") from None


def _open_zstd(path: str) -> Any:
    return (zstd or extra("backports.zstd", f"{path}: reading .zst")).ZstdFile(path)


_PIECE: Final = 64 * 1024
_PADDING: Final = b"\0"


class _Streams(io.RawIOBase):
    """The contents of compressed streams, one after the other; what follows and is none is an error.

    Python's own readers of these formats end there without a word.
    """

    def __init__(self, path: str, decompressor: Callable[[], Any]) -> None:
        self._file = open(path, "rb")  # noqa: PTH123, SIM115 - a str path, closed below
        self._decompressor = decompressor
        self._current = decompressor()

    def readinto(self, buffer: Any) -> int:
        """Read on into `buffer`."""
        while True:
            given = self._given()
            if given is None:
                return 0
            found: bytes = self._current.decompress(given, len(buffer))
            if found:
                buffer[: len(found)] = found
                return len(found)

    def _given(self) -> bytes | None:
        """Return what the decompressor needs, and put another one in its place at a stream's end; None at the end."""
        if not self._current.eof:
            given: bytes = self._file.read(_PIECE) if self._current.needs_input else b""
            if self._current.needs_input and not given:
                raise EOFError("it ends in the middle of its contents")
            return given
        given = self._current.unused_data.lstrip(_PADDING)
        while not given and (piece := self._file.read(_PIECE)):
            given = piece.lstrip(_PADDING)
        if not given:
            return None
        self._current = self._decompressor()
        return given

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


DECOMPRESSORS: Final[dict[str, Callable[[str], Any]]] = {
    ".bz2": lambda path: _Streams(path, bz2.BZ2Decompressor),
    ".gz": gzip.GzipFile,
    ".xz": lambda path: _Streams(path, lzma.LZMADecompressor),
    ".zst": _open_zstd,
}
