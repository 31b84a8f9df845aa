"""File formats that are unpacked on the way, and those that are refused by name."""

from __future__ import annotations

import bz2
import gzip
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


DECOMPRESSORS: Final[dict[str, Callable[[str], Any]]] = {
    ".bz2": bz2.BZ2File,
    ".gz": gzip.GzipFile,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zstd,
}
