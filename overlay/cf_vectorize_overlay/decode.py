"""An answer's JSON -> the document it is, the values of vectors as packed doubles. Pure.

A value that never becomes a Python float is four times as cheap to hold and, with pysimdjson (the extra `fast`),
twice as cheap to read. What pysimdjson does not take is read without it, so that documents and errors are the same.
"""

from __future__ import annotations

from array import array
from contextlib import suppress
from typing import Any

import orjson

simdjson: Any
try:
    import simdjson
except ImportError:
    simdjson = None


def decode(body: bytes) -> Any:
    """Give the document in `body`, with `values` of each vector in its `result` as `array("d")`.

    Raises:
        orjson.JSONDecodeError: The body is no JSON.
        TypeError: The values of a vector are not numbers.

    """
    if simdjson is not None:
        with suppress(AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return _decode_vectors(simdjson.Parser().parse(body))
    document = orjson.loads(body)
    for vector in _vectors(document):
        vector["values"] = array("d", vector["values"])
    return document


def _decode_vectors(document: Any) -> dict[str, Any]:
    """Give a lazily parsed envelope whose result is an array of vectors; raise for any other."""
    vectors = document["result"]
    if not isinstance(vectors, simdjson.Array):
        raise TypeError("an object is iterable too")
    result = [_decode_vector(vector) for vector in vectors]
    return {key: result if key == "result" else _plain(document[key]) for key in document}


def _decode_vector(vector: Any) -> dict[str, Any]:
    return {key: _doubles(vector[key]) if key == "values" else _plain(vector[key]) for key in vector}


def _doubles(numbers: Any) -> array[float]:
    doubles = array("d")
    doubles.frombytes(numbers.as_buffer(of_type="d"))
    return doubles


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _vectors(document: Any) -> list[dict[str, Any]]:
    """Give what of a document may be vectors."""
    result = document.get("result") if isinstance(document, dict) else None
    found = result if isinstance(result, list) else []
    return [vector for vector in found if isinstance(vector, dict) and "values" in vector]
