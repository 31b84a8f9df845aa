"""An answer's JSON -> the document it is, the values of vectors as packed doubles. Pure.

A value that never becomes a Python float is four times as cheap to hold and, with pysimdjson (the extra `fast`),
twice as cheap to read. What pysimdjson does not take, or would read otherwise, is read without it, so that documents
and errors are the same.
"""

from __future__ import annotations

import json
import threading
from array import array
from contextlib import suppress
from typing import Any, Final

import orjson

simdjson: Any
try:
    import simdjson
except ImportError:
    simdjson = None

FEW: Final = 1_000
# The largest answer, in bytes, whose parser is kept: 20 vectors of 1,536 values are about 400,000.
KEPT: Final = 1_000_000
_HERE = threading.local()
_NUMBERS: Final = frozenset({int, float})


def decode(body: bytes) -> Any:
    """Return the document in `body`, with `values` of each vector in its `result` as `array("d")`.

    Raises:
        ValueError: The body is no JSON, or holds a member twice.
        TypeError: The values of a vector are not numbers.

    """
    if simdjson is not None and body.startswith(b"{"):
        document = _read_quickly(body)
        # simdjson flattens arrays that stand in `values`.
        if document is not None and all(map(_stands, (body, body), (b'"', b"["), _marks(document))):
            return document
    document = orjson.loads(body)
    for vector in _vectors(document):
        vector["values"] = _doubles(vector["values"])
    # Of a member that is there twice, one parser takes the first and another the last: more quotes than were read.
    if not _stands(body, b'"', _marks(document)[0]):
        json.loads(body, object_pairs_hook=_each_member_once)
    return document


def _read_quickly(body: bytes) -> dict[str, Any] | None:
    """Return a successful envelope of vectors; None for what has to be looked at more closely."""
    with suppress(AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        document = _parser(len(body)).parse(body)
        vectors = document["result"]
        # An object is iterable too.
        if isinstance(vectors, simdjson.Array):
            result = [{key: _packed(vector[key]) if key == "values" else _plain(vector[key]) for key in vector}
                      for vector in vectors]  # fmt: skip
            return {key: result if key == "result" else _plain(document[key]) for key in document}
    return None


def _parser(size: int) -> Any:
    """Return this thread's parser: its buffers, many times an answer, would be made anew and given back each time."""
    if size > KEPT:
        return simdjson.Parser()
    if not hasattr(_HERE, "parser"):
        _HERE.parser = simdjson.Parser()
    return _HERE.parser


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


def _marks(document: Any) -> tuple[int, int]:
    """Count the quotes and the opening brackets that a document is written with, packed values as arrays."""
    packed: list[array[float]] = []
    text = orjson.dumps(document, default=packed.append)
    return text.count(b'"'), text.count(b"[") + len(packed)


def _stands(body: bytes, mark: bytes, times: int) -> bool:
    """Tell whether a byte stands in a body so often; few are found faster than counted."""
    if times > FEW:
        return body.count(mark) == times
    at = -1
    for _ in range(times):
        at = body.find(mark, at + 1)
        if at < 0:
            return False
    return body.find(mark, at + 1) < 0
