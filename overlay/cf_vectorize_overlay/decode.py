"""An answer's JSON -> the document it is, the values of vectors as packed doubles. Pure.

A value that never becomes a Python float is four times as cheap to hold and, with pysimdjson (the extra `fast`),
twice as cheap to read. What pysimdjson does not take, or would read otherwise, is read without it, so that documents
and errors are the same.
"""

from __future__ import annotations

import json
from array import array
from contextlib import suppress
from typing import Any, Final

import orjson

simdjson: Any
try:
    import simdjson
except ImportError:
    simdjson = None

_NUMBERS: Final = frozenset({int, float})


def decode(body: bytes) -> Any:
    """Return the document in `body`, with `values` of each vector in its `result` as `array("d")`.

    Raises:
        ValueError: The body is no JSON, or holds a member twice.
        TypeError: The values of a vector are not numbers.

    """
    document = _read_quickly(body) if simdjson is not None and body.startswith(b"{") else None
    if document is None:
        document = orjson.loads(body)
        for vector in _vectors(document):
            vector["values"] = _doubles(vector["values"])
    # Of a member that is there twice, one parser takes the first and another the last: more quotes than were read.
    if body.count(b'"') != _written(document, '"'):
        json.loads(body, object_pairs_hook=_each_member_once)
    return document


def _read_quickly(body: bytes) -> dict[str, Any] | None:
    """Return a successful envelope of vectors; None for what has to be looked at more closely."""
    with suppress(AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        document = simdjson.Parser().parse(body)
        vectors = document["result"]
        # An object is iterable too.
        if isinstance(vectors, simdjson.Array):
            result = [{key: _packed(vector[key]) if key == "values" else _plain(vector[key]) for key in vector}
                      for vector in vectors]  # fmt: skip
            found = {key: result if key == "result" else _plain(document[key]) for key in document}
            # simdjson flattens arrays that stand in `values`.
            if body.count(b"[") == _written(found, "["):
                return found
    return None


def _packed(numbers: Any) -> array[float]:
    doubles = array("d")
    doubles.frombytes(numbers.as_buffer(of_type="d"))
    return doubles


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _doubles(values: Any) -> array[float]:
    if not isinstance(values, list) or not _NUMBERS.issuperset(map(type, values)):
        raise TypeError("the values of a vector are not numbers")
    return array("d", values)


def _vectors(document: Any) -> list[dict[str, Any]]:
    """Return what of a document may be vectors."""
    result = document.get("result") if isinstance(document, dict) else None
    found = result if isinstance(result, list) else []
    return [vector for vector in found if isinstance(vector, dict) and "values" in vector]


def _each_member_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member of an object stands there twice")
    return found


def _written(document: Any, mark: str) -> int:
    """Count how often a quote, or an opening bracket, stands in what a document is written as without escapes."""
    around = 2 * (mark == '"')
    pending, found = [document], 0
    for value in pending:
        if isinstance(value, str):
            found += around + value.count(mark)
        elif isinstance(value, dict):
            pending += [*value, *value.values()]
        elif isinstance(value, list):
            found += mark == "["
            pending += value
        else:
            found += mark == "[" and isinstance(value, array)
    return found
