"""Records of any kind -> NDJSON lines, lazily."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import orjson

from cf_vectorize_overlay.errors import InputError

from .columns import Columns
from .encode import encode, pack, stand_in
from .table import Table, table

_VALUES: Final = b'"values"'
_QUOTE: Final = ord('"')
_COLON: Final = re.compile(rb"\s*:")
_ARRAY: Final = re.compile(rb"\s*:\s*\[")
# All that opens or closes, and strings, which may hold the like.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]')


def rows_to_lines(source: object) -> Iterator[bytes]:
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
    return map(row_to_line, source)


def row_to_line(record: object) -> bytes:
    """Write one record; see `rows_to_lines`."""
    if isinstance(record, (bytes, bytearray, memoryview)):
        return bytes(record)
    if isinstance(record, Mapping):
        return encode(record)
    try:
        for method in ("members", "to_dict"):  # our own vector; the generated models
            if hasattr(record, method):
                return encode(getattr(record, method)())
    except Exception as error:  # noqa: BLE001 - whatever the caller's own class raises
        return stand_in(f"cannot be read: {type(error).__name__}: {error}")
    return stand_in(f"is of type {type(record).__name__}; a record is a mapping, a Vector or bytes")


def compact(line: bytes) -> bytes:
    """Return an NDJSON line with its values as shortest float32 decimals, all else byte by byte as it was.

    A line whose JSON or values are bad, or that has values twice, comes back as it is, for `check` to judge.
    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(document, dict) or not isinstance(document.get("values"), list):
        return line
    values = pack(document["values"])
    found = None if values is None else _find_values(line)
    if found is None:
        return line
    start, stop = found
    return line[:start] + orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY) + line[stop:]


def _find_values(line: bytes) -> tuple[int, int] | None:
    """Return where in a good line the array of `values` stands; None where the key is there more than once."""
    # Where the key is there once as it is mostly written, the array behind it is looked at once, for its end.
    key = line.find(_VALUES) + len(_VALUES)
    array = _ARRAY.match(line, key)
    if array and line.find(_VALUES, stop := line.find(b"]", key)) < 0 and not (b"\\" in line and b"\\u" in line):
        return array.end() - 1, stop + 1
    after = list(_after_keys(line))
    array = _ARRAY.match(line, after[0]) if len(after) == 1 else None
    return (array.end() - 1, line.index(b"]", array.end()) + 1) if array else None


def _after_keys(line: bytes) -> Iterator[int]:
    """Yield the offset after each key `values` among a good line's own members, however it is written."""
    depth = 0
    for token in _TOKEN.finditer(line):
        text = token[0]
        if text[0] != _QUOTE:
            depth += 1 if text in b"[{" else -1
        elif depth == 1 and _COLON.match(line, token.end()) and orjson.loads(text) == "values":
            yield token.end()
