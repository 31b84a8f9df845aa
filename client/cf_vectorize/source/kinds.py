"""What people may give as a source, as type checkers see it; `source.open` tells the kinds apart when it runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from cf_vectorize_overlay.vector import Vector

from .named import Named


class Readable(Protocol):
    """A file that is open as binary, or what reads like one."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most `size` bytes, none at the end."""
        ...


class ArrowTable(Protocol):
    """A table, data frame or stream with Arrow's C interface, as pyarrow, pandas, Polars and DuckDB have."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the table's batches."""
        ...


class ArrowBatch(Protocol):
    """One batch of rows with Arrow's C interface."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        """Return the rows."""
        ...


class Rows(Protocol):
    """What `columns` and `table` return."""

    def to_lines(self) -> Iterator[bytes]:
        """Write each row as a line of NDJSON."""
        ...


class Model(Protocol):
    """A model that was generated from the specification."""

    def to_dict(self) -> dict[str, Any]:
        """Return its JSON object."""
        ...


Path: TypeAlias = str | os.PathLike[str]
Record: TypeAlias = bytes | bytearray | memoryview | Mapping[str, Any] | Vector | Model
# In the order in which help shows them.
SourceLike: TypeAlias = Path | Sequence[Path] | Readable | Iterable[Record] | Rows | ArrowTable | ArrowBatch | Named
AsyncSourceLike: TypeAlias = SourceLike | AsyncIterable[Record]
