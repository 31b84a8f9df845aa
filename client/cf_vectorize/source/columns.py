"""NumPy arrays -> NDJSON lines, in blocks of rows: a memory-mapped array passes in the memory of one block."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from cf_vectorize.base.extras import extra
from cf_vectorize_overlay.errors import InputError

from .encode import MASKED, NUMBER_KINDS, as_float32, as_json, encode, numpy

BLOCK_ROWS: Final = 256


@attrs.frozen(eq=False)
class Columns:
    """Vectors as columns of equal length; made by `columns`."""

    ids: Collection[str]
    values: Any
    namespace: str | Collection[str | None] | None
    metadata: Collection[Mapping[str, Any] | None] | None

    def to_lines(self) -> Iterator[bytes]:
        """Write each row; see `records.rows_to_lines`."""
        for start in range(0, len(self.ids), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            ids, namespaces, metadata = (_cells(column, rows) for column in (self.ids, self.namespace, self.metadata))
            yield from block_lines(ids, _block_values(self.values[rows]), namespaces, metadata)


def columns(
    *,
    ids: Collection[str],
    values: Any,
    metadata: Collection[Mapping[str, Any] | None] | None = None,
    namespace: str | Collection[str | None] | None = None,
) -> Columns:
    """Return vectors held as columns, for `insert`.

    Args:
        ids: N strings: a list or an array.
        values: N x dimensions numbers as a NumPy array, or what NumPy takes as
            one: float16, float32, float64 or integers, any memory order,
            memory-mapped where it is larger than memory.
        metadata: N dicts or None.
        namespace: One for all, or N of them or None.

    Raises:
        InputError: NumPy is missing, `values` is no two-dimensional array of
            numbers, or lengths differ.

    Example:
        >>> import numpy as np
        >>> from cf_vectorize import Vectorize, columns
        >>> source = columns(ids=["a", "b"], values=np.eye(2, 32))
        >>> with Vectorize("my-index") as index:
        ...     index.insert(source).vectors
        2

    """
    np = extra("numpy", "columns(…)")
    if np.ma.is_masked(values):
        raise InputError(f"values {MASKED}")
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in NUMBER_KINDS:  # noqa: PLR2004 - rows and dimensions
        raise InputError(
            f"values is an array of {array.dtype} of shape {array.shape}; give numbers as N x dimensions"
        )
    for name, column in (("ids", ids), ("metadata", metadata), ("namespace", namespace)):
        if isinstance(column, str) and name != "namespace":
            raise InputError(f"{name} is one string; give one for each row")
        if column is not None and (isinstance(column, Mapping) or not hasattr(column, "__getitem__")):
            raise InputError(f"{name} is of type {type(column).__name__}; make a list of it with list(…)")
        if column is not None and not isinstance(column, str) and len(column) != len(array):
            raise InputError(f"{name} has {len(column)} rows, values has {len(array)}; give one for each row")
    return Columns(ids, array, namespace, metadata)


def _cells(column: Any, rows: slice) -> Sequence[Any]:
    """Return some rows of a column, or of the one value for all rows, as Python's objects."""
    if column is None or isinstance(column, str):
        return [column] * BLOCK_ROWS
    cells: Any = column[rows]
    return cells.tolist() if hasattr(cells, "tolist") else list(cells)


def _block_values(block: Any) -> list[Any]:
    """Return each row of a two-dimensional array as finite float32, or as it is for `check` to judge."""
    floats = as_float32(block)
    finite = numpy().isfinite(floats)
    if finite.all():
        return list(floats)
    return [
        row if whole else as_json(source.tolist())
        for row, source, whole in zip(floats, block, finite.all(axis=1), strict=True)
    ]


def block_lines(
    ids: Sequence[Any], values: Sequence[Any], namespaces: Sequence[Any], metadata: Sequence[Any]
) -> Iterator[bytes]:
    """Yield the line of each row of a block."""
    for offset, identity in enumerate(ids):
        record = {"id": identity, "values": values[offset]}
        if namespaces[offset] is not None:
            record["namespace"] = namespaces[offset]
        if metadata[offset] is not None:
            record["metadata"] = metadata[offset]
        yield encode(record, ready=True)
