"""What is wrong with the members of a line, each fault in words. Pure."""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING, Any, Final

import orjson

from cf_vectorize_overlay.limits import ID_BYTES, METADATA_BYTES, NAMESPACE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

Fault = tuple[str, str]  # the rule's name, and the reason

_NUMBERS: Final = frozenset({int, float})
_METADATA_KEY: Final = re.compile(r'[^$."][^."]*')
SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SHOWN: Final = 40  # characters of a value that a reason quotes


class NoNumber(str):
    """NaN, an infinity, or a number beyond float64, as the line has it: the standard library's parser takes them."""

    __slots__ = ()


def json_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """Find what only the lenient parser reads, outside `values`, which have rules of their own."""
    # Iterators, since a line may hold millions of items: a list of their places would take more than they do.
    pending: list[Iterator[tuple[str, Any]]] = [iter(document.items())]
    while pending:
        place, value = next(pending[-1], (None, None))
        if place is None:
            pending.pop()
        elif type(value) is NoNumber:
            yield "json", f"{place} is {kind(value)}"
        elif type(value) is str and SURROGATE.search(value):
            yield "json", f"{place} holds half a surrogate pair, which is no character: {quoted(value)}"
        elif type(value) is dict:
            pending.append(_items(place, value))
        elif type(value) is list and place != "values":
            pending.append((f"{place}[{number}]", item) for number, item in enumerate(value))


def _items(place: str, members: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys, and then the items, each with its place."""
    yield from ((f"a key of {place}", key) for key in members)
    yield from ((f"{place}.{_shown(key)}", item) for key, item in members.items())


def id_faults(identity: Any) -> Iterator[Fault]:
    """Find what is wrong with an id."""
    if type(identity) in _NUMBERS:
        yield "id", f'id is {kind(identity)}; ids are strings: write "{identity}" if that is meant'
    elif not isinstance(identity, str):
        yield "id", f"id is {kind(identity)}; ids are strings"
    elif not identity:
        yield "id-bytes", "id is empty"
    elif (size := _utf8_bytes(identity)) > ID_BYTES:
        yield "id-bytes", f"id is {size} bytes of UTF-8, at most {ID_BYTES} are allowed"


def values_faults(values: Any) -> Iterator[Fault]:
    """Find what is wrong with values, their number left out."""
    if type(values) is dict and "0" in values:
        yield "values", "values is an object with numbered keys, as JavaScript writes a typed array: use Array.from"
    elif type(values) is not list:
        yield "values", f"values is {kind(values)}, not an array of numbers"
    elif not _NUMBERS.issuperset(map(type, values)):
        bad = [place for place, value in enumerate(values) if type(value) not in _NUMBERS]
        value = values[bad[0]]
        no_number = "" if type(value) is NoNumber else ", not a number"
        yield "values", f"values[{bad[0]}] is {kind(value)}{no_number}{_of_how_many(bad)}"
    elif not _fits_float32(values):
        bad = [place for place, value in enumerate(values) if not _fits_float32([value])]
        yield "float32", f"values[{bad[0]}] is {kind(values[bad[0]])}, beyond float32 (3.4e38){_of_how_many(bad)}"


def values_by_another_name(document: dict[str, Any]) -> str:
    """Return a question about a member that looks like values, where a line has none."""
    for name, value in document.items():
        if name not in {"id", "namespace", "metadata"} and type(value) is list and value and type(value[0]) is float:
            return f"; is it {quoted(name)}? call it values"
    return ""


def _fits_float32(values: list[float]) -> bool:
    try:
        struct.pack(f"<{len(values)}f", *values)  # "<" because native packing makes them infinite instead
    except OverflowError:
        return False
    return True


def _of_how_many(places: list[int]) -> str:
    return f" (the first of {len(places)} such values)" if len(places) > 1 else ""


def namespace_faults(namespace: Any) -> Iterator[Fault]:
    """Find what is wrong with a namespace; None is none."""
    if namespace is None:
        return
    if not isinstance(namespace, str):
        yield "namespace", f"namespace is {kind(namespace)}, not a string or null"
    elif (size := _utf8_bytes(namespace)) > NAMESPACE_BYTES:
        yield "namespace", f"namespace is {size} bytes of UTF-8, at most {NAMESPACE_BYTES} are allowed"


def metadata_faults(metadata: Any) -> Iterator[Fault]:
    """Find what is wrong with metadata; None is none."""
    if metadata is None:
        return
    if type(metadata) is not dict:
        yield "metadata", f"metadata is {kind(metadata)}, not an object or null"
        return
    objects = [("metadata", metadata)]
    objects += [(f"metadata.{_shown(key)}", value) for key, value in metadata.items() if type(value) is dict]
    for place, members in objects:
        for key in members:
            if not _METADATA_KEY.fullmatch(key):
                yield "metadata-key", f"{place} has the key {quoted(key)}: {_key_fault(key)}"
    size = _compact_bytes(metadata)
    if size is None:
        yield "metadata", "metadata is nested too deeply to be read"
    elif size > METADATA_BYTES:
        yield "metadata-bytes", f"metadata is {size} bytes of compact JSON, at most {METADATA_BYTES} are allowed"


def _key_fault(key: str) -> str:
    if not key:
        return "a key must not be empty"
    return "a key must not start with $" if key.startswith("$") else 'a key must not contain . or "'


def _compact_bytes(metadata: dict[str, Any]) -> int | None:
    """Return the size as compact JSON; None where it is nested more deeply than orjson writes."""
    try:
        return len(orjson.dumps(metadata))
    except orjson.JSONEncodeError as error:
        if "ecursion" in str(error):
            return None
    try:  # orjson has refused the line too: lone surrogates, integers beyond 64 bits
        return _utf8_bytes(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")))
    except RecursionError:
        return None


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def kind(value: Any) -> str:
    """Name a JSON value as a reader of the line would."""
    if type(value) is NoNumber:
        return f"{value[:_SHOWN]}, beyond float64" if value[-1].isdigit() else f"{value}; JSON has no {value}"
    if isinstance(value, str):
        return f"a string ({quoted(value)})"
    if type(value) in _NUMBERS:
        return f"a number ({str(value)[:_SHOWN]})"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array of objects" if value and type(value[0]) is dict else "an array"
    return json.dumps(value)  # null, true, false


def quoted(text: str) -> str:
    """Return the beginning of a text in quotation marks."""
    return f'"{_shown(text)}"'


def _shown(text: str) -> str:
    """Return the beginning of a text in printable form, on one line."""
    shown = json.dumps(text[:_SHOWN], ensure_ascii=False)[1:-1].encode("utf-8", "backslashreplace").decode()
    return shown if len(text) <= _SHOWN else f"{shown}..."
