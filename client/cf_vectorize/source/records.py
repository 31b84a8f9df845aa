"""Records, NumPy arrays and tables -> NDJSON lines. Pure.

NumPy and pyarrow are extras, imported only where a caller's data needs them. Arrays and tables are encoded in blocks
of rows, so that a memory-mapped array or a stream of any length passes in the memory of one block.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs
import orjson

from cf_vectorize_overlay.errors import InputError

from .encode import NUMBER_KINDS, as_float32, as_json, encode, numpy, pack, stand_in

_BLOCK_ROWS: Final = 256
_NAMESPACE: Final = "namespace"
_METADATA: Final = "metadata"


def lines(source: object) -> Iterator[bytes]:
    """Write each row of a source as an NDJSON line without a newline, one item a row, lazily.

    Values are written as shortest float32 decimals, which is what the service stores. A row that JSON can express is
    written even where it is wrong (NaN, an integer id), for `check` to judge; a stand-in takes the place of others.

    Args:
        source: What `columns` or `table` gave; an object with `__arrow_c_stream__` or `__arrow_c_array__`; or an
            iterable of records: mappings, `Vector`s, generated models, or lines as bytes, which pass unchanged.

    Raises:
        InputError: The source is none of these, or a table lacks a column.

    """
    if isinstance(source, (Columns, Table)):
        return source.lines()
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return table(source).lines()
    if hasattr(source, "__array__"):
        raise InputError("an array has no ids: give columns(ids=..., values=array)")
    if isinstance(source, (str, bytes, Mapping)) or not isinstance(source, Iterable):
        raise InputError(f"{type(source).__name__} is no iterable of records; give a list of them")
    return map(line, source)


def line(record: object) -> bytes:
    """Write one record; see `lines`."""
    if isinstance(record, (bytes, bytearray, memoryview)):
        return bytes(record)
    if isinstance(record, Mapping):
        return encode(record)
    for method in ("members", "to_dict"):  # our own vector; the generated models
        if hasattr(record, method):
            return encode(getattr(record, method)())
    return stand_in(f"is of type {type(record).__name__}; a record is a mapping, a Vector or bytes")


def compact(line: bytes) -> bytes:
    """Rewrite an NDJSON line as compact JSON with its values as shortest float32 decimals.

    Other members are kept. A line whose JSON or values are bad comes back as it is, for `check` to judge.
    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(document, dict) or not isinstance(document.get("values"), list):
        return line
    values = pack(document["values"])
    if values is None:
        return line
    return orjson.dumps({**document, "values": values}, option=orjson.OPT_SERIALIZE_NUMPY)


@attrs.frozen(eq=False)
class Columns:
    """Vectors as columns of equal length; made by `columns`."""

    ids: Collection[str]
    values: Any
    namespace: str | Collection[str | None] | None
    metadata: Collection[Mapping[str, Any] | None] | None

    def lines(self) -> Iterator[bytes]:
        """Write each row; see `lines` of this module."""
        for start in range(0, len(self.ids), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            ids, namespaces, metadata = (_cells(column, rows) for column in (self.ids, self.namespace, self.metadata))
            yield from _block_lines(ids, _block_values(self.values[rows]), namespaces, metadata)


def columns(
    *,
    ids: Collection[str],
    values: Any,
    metadata: Collection[Mapping[str, Any] | None] | None = None,
    namespace: str | Collection[str | None] | None = None,
) -> Columns:
    """Give vectors held as columns to `insert`.

    Args:
        ids: N strings: a list or an array.
        values: N x dimensions numbers as a NumPy array, or what NumPy takes as one: float16, float32, float64 or
            integers, any memory order, memory-mapped where it is larger than memory.
        metadata: N dicts or None.
        namespace: One for all, or N of them or None.

    Raises:
        InputError: NumPy is missing, `values` is no two-dimensional array of numbers, or lengths differ.

    """
    np = numpy()
    if np is None:
        raise InputError("columns needs NumPy: pip install 'cf-vectorize[numpy]'")
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in NUMBER_KINDS:  # noqa: PLR2004 - rows and dimensions
        raise InputError(
            f"values is an array of {array.dtype} of shape {array.shape}; give numbers as N x dimensions"
        )
    for name, column in (("ids", ids), ("metadata", metadata), ("namespace", namespace)):
        if isinstance(column, str) and name != "namespace":
            raise InputError(f"{name} is one string; give one for each row")
        if column is not None and not hasattr(column, "__getitem__"):
            raise InputError(f"{name} is of type {type(column).__name__}; make a list of it with list(…)")
        if column is not None and not isinstance(column, str) and len(column) != len(array):
            raise InputError(f"{name} has {len(column)} rows, values has {len(array)}; give one for each row")
    return Columns(ids, array, namespace, metadata)


def _cells(column: Any, rows: slice) -> Sequence[Any]:
    """Give some rows of a column, or of the one value for all rows, as Python's objects."""
    if column is None or isinstance(column, str):
        return [column] * _BLOCK_ROWS
    cells: Any = column[rows]
    return cells.tolist() if hasattr(cells, "tolist") else list(cells)


def _block_values(block: Any) -> list[Any]:
    """Give each row of a two-dimensional array as finite float32, or as it is for `check` to judge."""
    floats = as_float32(block)
    finite = numpy().isfinite(floats)
    if finite.all():
        return list(floats)
    return [
        row if whole else as_json(source.tolist())
        for row, source, whole in zip(floats, block, finite.all(axis=1), strict=True)
    ]


def _block_lines(
    ids: Sequence[Any], values: Sequence[Any], namespaces: Sequence[Any], metadata: Sequence[Any]
) -> Iterator[bytes]:
    for offset, identity in enumerate(ids):
        record = {"id": identity, "values": values[offset]}
        if namespaces[offset] is not None:
            record[_NAMESPACE] = namespaces[offset]
        if metadata[offset] is not None:
            record[_METADATA] = metadata[offset]
        yield encode(record, ready=True)


@attrs.frozen(eq=False)
class Table:
    """An Arrow table, a stream or a path of Parquet, and which columns are what; made by `table`."""

    source: Any
    id_column: str
    values_column: str
    namespace_column: str
    metadata_column: str
    rest_to_metadata: bool

    def lines(self) -> Iterator[bytes]:
        """Write each row; see `lines` of this module."""
        with self._naming():
            for batch in self._batches():
                for start in range(0, batch.num_rows, _BLOCK_ROWS):
                    yield from self._block_lines(batch.slice(start, _BLOCK_ROWS))

    def has_rows(self) -> bool:
        """Tell by its footer whether a Parquet file holds any row."""
        with self._naming(), self._parquet() as parquet:
            return bool(parquet.metadata.num_rows)

    @property
    def path(self) -> str | None:
        """Where the Parquet lies, None for a table."""
        return os.fspath(self.source) if isinstance(self.source, (str, os.PathLike)) else None

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Say which file or table cannot be read."""
        name = self.path or f"<{type(self.source).__name__}>"
        try:
            yield
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        except (OSError, _pyarrow().ArrowInvalid) as error:
            what = "Parquet or a data frame, which table(…) and options such as --id-column are for"
            raise InputError(f"{name}: cannot be read as {what}: {error}") from None

    def _batches(self) -> Iterator[Any]:
        pa = _pyarrow()
        if self.path is not None:
            with self._parquet() as parquet:
                names = self._columns(parquet.schema_arrow.names)
                yield from parquet.iter_batches(batch_size=_BLOCK_ROWS, columns=names)
            return
        streams = hasattr(self.source, "__arrow_c_stream__")
        batches = pa.RecordBatchReader.from_stream(self.source) if streams else [pa.record_batch(self.source)]
        yield from (batch.select(self._columns(batch.schema.names)) for batch in batches)

    def _parquet(self) -> Any:
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - an extra

        return ParquetFile(self.path)

    def _columns(self, present: list[str]) -> list[str]:
        """Give the columns to read; those that were asked for must be there."""
        wanted = []
        for member in ("id", "values", _NAMESPACE, _METADATA):
            name = getattr(self, f"{member}_column")
            if name in present:
                wanted.append(name)
            elif name not in {_NAMESPACE, _METADATA}:
                raise InputError(
                    f"there is no column {name!r}, only {', '.join(present)}; "
                    f"say which one it is: table(…, {member}_column=…), or --{member}-column"
                )
        return present if self.rest_to_metadata else wanted

    def _block_lines(self, block: Any) -> Iterator[bytes]:
        held = dict(zip(block.schema.names, block.columns, strict=True))
        ids = _python(self.id_column, held.pop(self.id_column))
        values = _list_values(self.values_column, held.pop(self.values_column))
        nothing: list[Any] = [None] * block.num_rows
        namespaces, metadata = (
            _python(name, held.pop(name)) if name in held else nothing
            for name in (self.namespace_column, self.metadata_column)
        )
        metadata = [_metadata(value) for value in metadata]
        if held:
            rest = {name: _python(name, column) for name, column in held.items()}
            metadata = [
                _merged(dict(zip(rest, row, strict=True)), own)
                for row, own in zip(zip(*rest.values(), strict=True), metadata, strict=True)
            ]
        yield from _block_lines(ids, values, namespaces, metadata)


def table(
    source: Any,
    *,
    id_column: str = "id",
    values_column: str = "values",
    namespace_column: str = _NAMESPACE,
    metadata_column: str = _METADATA,
    rest_to_metadata: bool = False,
) -> Table:
    """Give a table to `insert`, batch by batch.

    Args:
        source: An object with `__arrow_c_stream__` or `__arrow_c_array__` (of pyarrow, Polars, pandas, DuckDB), or
            the path of a Parquet file or of a folder of them, each a source of its own, in order of their names.
        id_column: Strings.
        values_column: Lists, of fixed or variable size, of numbers.
        namespace_column: Strings or null. May be missing where it is not named.
        metadata_column: Structs, maps or JSON text, or null; a struct's null fields are left out, since a struct has
            each field in each row. May be missing where it is not named.
        rest_to_metadata: Put the other columns into the metadata, where they are not null; else they are left out.

    Raises:
        InputError: pyarrow is missing, or the source is no table.

    """
    _pyarrow()
    given = Table(source, id_column, values_column, namespace_column, metadata_column, rest_to_metadata)
    if given.path is None and not hasattr(source, "__arrow_c_stream__") and not hasattr(source, "__arrow_c_array__"):
        raise InputError(f"{type(source).__name__} is no Arrow table; give one, a data frame, or a path of Parquet")
    return given


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError("a table needs pyarrow: pip install 'cf-vectorize[arrow]'") from None
    return pa


def _python(name: str, column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except ValueError as error:  # nanoseconds, which Python's times do not have
        raise InputError(f"column {name!r} of {column.type} cannot be read: {error}; cast it to strings") from None
    if _pyarrow().types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in values]
    return values


def _list_values(name: str, column: Any) -> list[Any]:
    """Give each list of an Arrow array as finite float32, or as it is for `check` to judge."""
    pa, np = _pyarrow(), numpy()
    from pyarrow.compute import call_function  # noqa: PLC0415 - an extra

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    item = getattr(column.type, "value_type", None)
    if item is None or not (pa.types.is_floating(item) or pa.types.is_integer(item)):
        raise InputError(f"column {name!r} is {column.type}; values are lists of numbers")
    items = column.flatten()  # of the lists that are not null, which may begin anywhere in the buffers
    floats = as_float32(items.to_numpy(zero_copy_only=False))
    stops = np.cumsum(call_function("list_value_length", [column]).fill_null(0).to_numpy())
    rows = np.split(floats, stops[:-1])
    if not column.null_count and not items.null_count and np.isfinite(floats).all():
        return list(rows)
    return [
        row if element.is_valid and np.isfinite(row).all() else as_json(element.as_py())
        for row, element in zip(rows, column, strict=True)
    ]


def _metadata(value: Any) -> Any:
    """Give a cell as a metadata object; what is none stays what it is, for `check` to judge."""
    if isinstance(value, str):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return _without_nulls(value)


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}


def _merged(rest: dict[str, Any], metadata: Any) -> Any:
    """Give the other columns and the metadata as one; the metadata's own members win."""
    return {**_without_nulls(rest), **metadata} if isinstance(metadata, dict) else metadata or _without_nulls(rest)
