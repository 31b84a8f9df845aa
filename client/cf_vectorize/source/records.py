"""Records of any kind -> NDJSON lines, lazily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import orjson

from cf_vectorize_overlay.errors import InputError

from .columns import Columns
from .encode import encode, pack, stand_in
from .table import Table, table


def lines_of(source: object) -> Iterator[bytes]:
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
        return source.to_lines()
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return table(source).to_lines()
    if hasattr(source, "__array__"):
        raise InputError("an array has no ids: give columns(ids=..., values=array)")
    if isinstance(source, (str, bytes, Mapping)) or not isinstance(source, Iterable):
        raise InputError(f"{type(source).__name__} is no iterable of records; give a list of them")
    return map(line_of, source)


def line_of(record: object) -> bytes:
    """Write one record; see `lines_of`."""
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
