"""Arrow tables, streams and Parquet files -> NDJSON lines, in blocks of rows: a stream of any length passes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs
import orjson

from cf_vectorize.base.extras import extra
from cf_vectorize_overlay.errors import InputError

from .columns import BLOCK_ROWS, block_lines
from .encode import as_float32, as_json, numpy

_NAMESPACE: Final = "namespace"
_METADATA: Final = "metadata"


@attrs.frozen(eq=False)
class Table:
    """An Arrow table, a stream or a path of Parquet, and which columns are what; made by `table`."""

    source: Any
    id_column: str
    values_column: str
    namespace_column: str
    metadata_column: str
    metadata_columns: Sequence[str]
    rest_to_metadata: bool

    def to_lines(self) -> Iterator[bytes]:
        """Write each row; see `records.rows_to_lines`."""
        with self._naming():
            for batch in self._batches():
                for start in range(0, batch.num_rows, BLOCK_ROWS):
                    yield from self._block_lines(batch.slice(start, BLOCK_ROWS))

    def has_rows(self) -> bool:
        """Tell by its footer whether a Parquet file holds any row."""
        with self._naming(), self._parquet() as parquet:
            return bool(parquet.metadata.num_rows)

    def judge(self, schema: Any) -> None:
        """Say of a schema what the first row would be refused for.

        Raises:
            InputError: A column is missing, or is of a type that is none of a vector's.

        """
        with self._naming():
            roles = {getattr(self, f"{member}_column"): member for member in ("id", "values", _NAMESPACE, _METADATA)}
            for name in self._columns(schema.names):
                role, kind = roles.get(name, _METADATA), schema.field(name).type
                if role == "values":
                    _list_values(name, _pyarrow().nulls(0, kind))
                elif role in {"id", _NAMESPACE} and not _is_text(kind):
                    raise InputError(f"column {name!r} is {kind}; {role}s are strings")
                elif name == self.metadata_column and not (_is_text(kind) or _is_object(kind)):
                    raise InputError(f"column {name!r} is {kind}; metadata are structs, maps or JSON text")
                elif not _is_json(kind):
                    raise InputError(f"column {name!r} is {kind}, which JSON does not have; convert it first")

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
                yield from parquet.iter_batches(batch_size=BLOCK_ROWS, columns=names)
            return
        streams = hasattr(self.source, "__arrow_c_stream__")
        batches = pa.RecordBatchReader.from_stream(self.source) if streams else [pa.record_batch(self.source)]
        yield from (batch.select(self._columns(batch.schema.names)) for batch in batches)

    def _parquet(self) -> Any:
        return extra("pyarrow.parquet", "a table").ParquetFile(self.path)

    def _columns(self, present: list[str]) -> list[str]:
        """Return the columns to read; those that were asked for must be there."""
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
        for name in self.metadata_columns:
            if name not in present:
                raise InputError(
                    f"there is no column {name!r} for the metadata, only {', '.join(present)}; "
                    "table(…, metadata_columns=…) or --metadata-columns names it"
                )
        return present if self.rest_to_metadata else [*wanted, *self.metadata_columns]

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
        yield from block_lines(ids, values, namespaces, metadata)


def table(
    source: Any,
    *,
    id_column: str = "id",
    values_column: str = "values",
    namespace_column: str = _NAMESPACE,
    metadata_column: str = _METADATA,
    metadata_columns: Sequence[str] = (),
    rest_to_metadata: bool = False,
) -> Table:
    """Return a table for `insert`, which reads it batch by batch.

    Args:
        source: An object with `__arrow_c_stream__` or `__arrow_c_array__` (of
            pyarrow, Polars, pandas, DuckDB), or the path of a Parquet file or
            of a folder of them, each a source of its own, in order of their
            names; or a bare `pyarrow.Schema`, which is judged as the first row
            would be, before there is one.
        id_column: Strings.
        values_column: Lists, of fixed or variable size, of numbers.
        namespace_column: Strings or null. May be missing where it is not named.
        metadata_column: Structs, maps or JSON text, or null; a struct's null
            fields are left out, since a struct has each field in each row. May
            be missing where it is not named.
        metadata_columns: Other columns to put into the metadata, each under
            its name, where they are not null; what `metadata_column` holds
            under the same name wins.
        rest_to_metadata: Put all other columns there.

    Raises:
        InputError: pyarrow is missing, the source is no table, a schema is of
            no vectors, or `metadata_columns` names no other columns.

    Example:
        >>> import pyarrow as pa
        >>> from cf_vectorize import Vectorize, table
        >>> rows = [{"key": "a", "values": [0.5] * 32, "lang": "de"}]
        >>> articles = pa.Table.from_pylist(rows)
        >>> source = table(articles, id_column="key", rest_to_metadata=True)
        >>> with Vectorize("my-index") as index:
        ...     index.insert(source, verify=True).vectors
        ...     index.get_by_ids(["a"])["a"].metadata
        1
        {'lang': 'de'}

    """
    roles = {"id": id_column, "values": values_column, _NAMESPACE: namespace_column, _METADATA: metadata_column}
    _check_chosen(metadata_columns, roles, rest_to_metadata=rest_to_metadata)
    chosen = tuple(metadata_columns)
    given = Table(source, id_column, values_column, namespace_column, metadata_column, chosen, rest_to_metadata)
    if isinstance(source, _pyarrow().Schema):
        given.judge(source)
        return attrs.evolve(given, source=source.empty_table())
    if given.path is None and not hasattr(source, "__arrow_c_stream__") and not hasattr(source, "__arrow_c_array__"):
        raise InputError(f"{type(source).__name__} is no Arrow table; give one, a data frame, or a path of Parquet")
    return given


def _check_chosen(names: object, roles: dict[str, str], *, rest_to_metadata: bool) -> None:
    """Refuse columns for the metadata that are no other columns.

    Raises:
        InputError: They are no list of names, or one of them has another role already, or is there twice.

    """
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f"metadata_columns is {names!r}; it is a list of names of columns")
    if names and rest_to_metadata:
        raise InputError(
            f"metadata_columns is {names!r}, and rest_to_metadata (--rest-to-metadata) takes all columns; give one"
        )
    for place, name in enumerate(names):
        role = next((role for role, column in roles.items() if column == name), None)
        if role is not None:
            raise InputError(f"metadata_columns is {names!r}; {name!r} holds the {role}, name other columns")
        if name in names[:place]:
            raise InputError(f"metadata_columns is {names!r}; {name!r} is there twice")


def _pyarrow() -> Any:
    return extra("pyarrow", "a table")


def _is_text(kind: Any) -> bool:
    types = _pyarrow().types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    is_view = getattr(types, "is_string_view", types.is_null)  # newer than the oldest pyarrow that serves
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind) or is_view(kind))


def _is_object(kind: Any) -> bool:
    types = _pyarrow().types
    return bool(types.is_struct(kind) or types.is_map(kind))


def _is_json(kind: Any) -> bool:
    """Tell whether JSON has values of a type, and of all that is nested in it."""
    types = _pyarrow().types
    if types.is_struct(kind):
        return all(_is_json(kind.field(number).type) for number in range(kind.num_fields))
    if types.is_map(kind):
        return _is_text(kind.key_type) and _is_json(kind.item_type)
    inner = getattr(kind, "value_type", None)
    if inner is not None:
        return _is_json(inner)
    return _is_text(kind) or bool(types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind))


def _python(name: str, column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except ValueError as error:  # nanoseconds, which Python's times do not have
        raise InputError(f"column {name!r} of {column.type} cannot be read: {error}; cast it to strings") from None
    if _pyarrow().types.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in values]
    return values


def _list_values(name: str, column: Any) -> list[Any]:
    """Return each list of an Arrow array as finite float32, or as it is for `check` to judge."""
    pa, np = _pyarrow(), numpy()
    compute = extra("pyarrow.compute", "a table")
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    item = getattr(column.type, "value_type", None)
    if item is None or not (pa.types.is_floating(item) or pa.types.is_integer(item)):
        raise InputError(f"column {name!r} is {column.type}; values are lists of numbers")
    items = column.flatten()  # of the lists that are not null, which may begin anywhere in the buffers
    floats = as_float32(items.to_numpy(zero_copy_only=False))
    stops = np.cumsum(compute.call_function("list_value_length", [column]).fill_null(0).to_numpy())
    rows = np.split(floats, stops[:-1])
    if not column.null_count and not items.null_count and np.isfinite(floats).all():
        return list(rows)
    return [
        row if element.is_valid and np.isfinite(row).all() else as_json(element.as_py())
        for row, element in zip(rows, column, strict=True)
    ]


def _metadata(value: Any) -> Any:
    """Return a cell as a metadata object; what is none stays what it is, for `check` to judge."""
    if isinstance(value, str):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return _without_nulls(value)


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}


def _merged(rest: dict[str, Any], metadata: Any) -> Any:
    """Return the other columns and the metadata as one; the metadata's own members win."""
    return {**_without_nulls(rest), **metadata} if isinstance(metadata, dict) else metadata or _without_nulls(rest)
