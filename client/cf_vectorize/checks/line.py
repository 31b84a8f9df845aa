"""One NDJSON line, and what is wrong with it.

The rules live here once, and `insert`, `check` and the emulator's tests share them. orjson reads a line and plain
Python judges it. Where pysimdjson is installed (the extra `fast`) it looks first, without making the values Python
floats, and only ever says "good" or "look closer", so rules and messages are the same without it.
"""

from __future__ import annotations

import json
import math
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from cf_vectorize.base.arguments import refuse
from cf_vectorize.base.extras import optional
from cf_vectorize.source.encode import read_stand_in
from cf_vectorize_overlay.limits import DIMENSIONS_MAX, DIMENSIONS_MIN

from .faults import (
    SURROGATE,
    NoNumber,
    id_faults,
    json_faults,
    kind,
    metadata_faults,
    namespace_faults,
    quoted,
    values_by_another_name,
    values_faults,
)
from .rules import BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .faults import Fault

# A line may have millions; each is kept in a report.
MOST_PROBLEMS: Final = 20
_KEYS: Final = frozenset({"id", "values", "namespace", "metadata"})
_BRACE: Final = ord("{")
_TOO_DEEP: Final = "the line is nested too deeply to be read"
# A double's high byte is its sign and the top of its exponent: up to 0x46 it is below 2**113, well within float32.
_SAFE_HIGH_BYTES: Final = bytes([*range(0x47), *range(0x80, 0xC7)])


def unencodable(line: bytes, source: str, number: int) -> tuple[BadLine, ...]:
    """Return what a stand-in says of its record; nothing for any other line, good or bad."""
    said = read_stand_in(line)
    return () if said is None else (BadLine(source, number, said[2], said[0], said[1]),)


class LineCheck:
    """Judges lines, one call a line, and keeps what the last one held.

    Members of a line other than `id`, `values`, `namespace` and `metadata` are left alone: what the service does with
    them is unknown. So are keys that are there twice.

    Args:
        dimensions: How many values each vector must have, 32 to 1,536; None takes it from the first good line.

    Attributes:
        dimensions: As given, or as the first good line had it.
        id: The last line's id where it is a string, be the line good or bad.
        namespace: The last line's namespace; None where it has none or is bad.
        metadata: The last line's metadata; None where it has none or is bad.

    Raises:
        InputError: `dimensions` is outside the service's limits.

    """

    __slots__ = ("_inferred", "_parse", "dimensions", "id", "metadata", "namespace")

    def __init__(self, dimensions: int | None = None) -> None:
        if dimensions is not None and not (
            isinstance(dimensions, int) and DIMENSIONS_MIN <= dimensions <= DIMENSIONS_MAX
        ):
            refuse("dimensions", dimensions, f"from {DIMENSIONS_MIN:,} to {DIMENSIONS_MAX:,}, as an index has")
        self.dimensions = dimensions
        self.id: str | None = None
        self.namespace: str | None = None
        self.metadata: dict[str, Any] | None = None
        self._inferred = dimensions is None
        self._parse = _simdjson_parse()

    def __call__(
        self, line: bytes | bytearray | memoryview, source: str = "<line>", number: int = 1
    ) -> tuple[BadLine, ...]:
        """Return what is wrong with a line, at most 20 problems, nothing when it is good.

        Args:
            line: Without its newline.
            source: Name of the source, for the problems.
            number: The line's number there.

        """
        line = bytes(line)
        if self._parse is not None and self._accepts(line, self._parse):
            return ()
        return tuple(BadLine(source, number, self.id, rule, reason) for rule, reason in self._judge(line))

    def _accepts(self, line: bytes, parse: Callable[[bytes], Any]) -> bool:
        """Keep what the line holds if it is good beyond doubt; otherwise `_judge` must look closer."""
        try:
            document = parse(line)
            keys = list(document)
            identity = document["id"]
            doubles = bytes(document["values"].as_buffer(of_type="d"))
            namespace = document["namespace"] if "namespace" in keys else None
            metadata = document["metadata"] if "metadata" in keys else None
            if metadata is not None:
                metadata = metadata.as_dict()
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
            return False
        count = len(doubles) // 8
        good = (
            (count == self.dimensions or (self.dimensions is None and DIMENSIONS_MIN <= count <= DIMENSIONS_MAX))
            and not doubles[7::8].translate(None, _SAFE_HIGH_BYTES)
            and line[0] == _BRACE  # simdjson skips a byte order mark
            and len(keys) == len(_KEYS.intersection(keys))  # of a key that is there twice it takes the first
            and isinstance(identity, str)
            and not any(id_faults(identity))
            and (namespace is None or (isinstance(namespace, str) and not any(namespace_faults(namespace))))
            and (metadata is None or not any(metadata_faults(metadata)))
            and _has_flat_values(line, metadata)
        )
        if good:
            self.dimensions, self.id, self.namespace, self.metadata = count, identity, namespace, metadata
        return good

    def _judge(self, line: bytes) -> Sequence[Fault]:
        self.id = self.namespace = self.metadata = None
        if (said := read_stand_in(line)) is not None:
            rule, reason, self.id = said
            return [(rule, reason)]
        try:
            document, faults = _read(line)
        except _UnreadableError as error:
            return [(error.rule, error.reason)]
        identity = document.get("id")
        if type(identity) is str and not SURROGATE.search(identity):
            self.id = identity
        faults = list(islice(chain(self._faults(document), faults), MOST_PROBLEMS))
        if not faults:
            self.dimensions = len(document["values"])
            self.namespace, self.metadata = document.get("namespace"), document.get("metadata")
        return faults

    def _faults(self, document: dict[str, Any]) -> Iterator[Fault]:
        if "id" in document:
            yield from id_faults(document["id"])
        else:
            yield "id", "id is missing"
        if "values" in document:
            yield from values_faults(document["values"])
            yield from self._dimensions_faults(document["values"])
        else:
            yield "values", "values is missing" + values_by_another_name(document)
        yield from namespace_faults(document.get("namespace"))
        yield from metadata_faults(document.get("metadata"))

    def _dimensions_faults(self, values: Any) -> Iterator[Fault]:
        if type(values) is not list or len(values) == self.dimensions:
            return
        has = f"values has {len(values)} number{'s' * (len(values) != 1)}"
        if self.dimensions is not None:
            yield "dimensions", f"{has}, expected {self.dimensions}{' as in the first good line' * self._inferred}"
        elif not DIMENSIONS_MIN <= len(values) <= DIMENSIONS_MAX:
            yield "dimensions", f"{has}, an index takes {DIMENSIONS_MIN} to {DIMENSIONS_MAX}"


class _UnreadableError(Exception):
    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(rule, reason)
        self.rule = rule
        self.reason = reason


def _simdjson_parse() -> Callable[[bytes], Any] | None:
    simdjson = optional("simdjson")
    return (
        None if simdjson is None else simdjson.Parser().parse
    )  # one for each check: a parser holds one document at a time


def _has_flat_values(line: bytes, metadata: dict[str, Any] | None) -> bool:
    """Say whether arrays stand in the metadata only, but for `values`: simdjson flattens those it finds in there."""
    in_metadata = orjson.dumps(metadata).count(b"[") if metadata else 0
    # An escaped bracket is not in the line, but it is in the metadata. One byte is looked for much faster than five.
    if in_metadata and b"\\" in line and b"\\u005" in line:
        return False
    position = -1
    for _ in range(1 + in_metadata):
        position = line.find(b"[", position + 1)
    return line.find(b"[", position + 1) < 0


def _read(line: bytes) -> tuple[dict[str, Any], list[Fault]]:
    """Read the line as an object, with what is wrong with its JSON where it can be read all the same."""
    try:
        return _as_object(orjson.loads(line)), []
    except orjson.JSONDecodeError as error:
        document = _as_object(_read_leniently(line, error))
        faults = list(islice(json_faults(document), MOST_PROBLEMS))
        if not faults and not any(values_faults(document.get("values"))):
            faults = [("json", f"the line is not JSON: {error.msg}")]
        return document, faults


def _as_object(document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise _UnreadableError("json", f"the line is {kind(document)}, not an object: write one object a line")
    return document


def _read_leniently(line: bytes, refusal: orjson.JSONDecodeError) -> Any:
    """Read what orjson refused as far as the standard library does, or say where it cannot be read."""
    if "limit" in refusal.msg:  # of depth; newer Pythons read on where orjson ends
        raise _UnreadableError("json", _TOO_DEEP)
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        at = error.start
        raise _UnreadableError("utf8", f"byte {at + 1} of the line (0x{line[at]:02x}) is not UTF-8") from None
    try:
        return json.loads(text, parse_constant=NoNumber, parse_float=_finite(float), parse_int=_finite(int))
    except json.JSONDecodeError as error:
        raise _UnreadableError("json", _syntax_fault(text, error)) from None
    except RecursionError:
        raise _UnreadableError("json", _TOO_DEEP) from None


def _finite(number: Callable[[str], float]) -> Callable[[str], float | NoNumber]:
    return lambda text: number(text) if math.isfinite(float(text)) else NoNumber(text)


def _syntax_fault(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    place = f"byte {len(text[: error.pos].encode()) + 1}"
    if error.msg == "Extra data":
        return f"after its first JSON value the line goes on at {place} ({quoted(rest)}): write one object a line"
    if not text.strip():
        return "the line is blank"
    if text.startswith("\ufeff"):
        return "the line begins with a byte order mark, which only the first line of a file may have"
    if text.lstrip().startswith("["):
        return "the line begins an array: write one object a line, not one array of them"
    if text.lstrip().startswith("{") and not text.rstrip().endswith("}"):
        return "the line ends before its object does: it is cut short, or the object spans several lines"
    return f"the line is not JSON: {error.msg} at {place} ({quoted(rest)})"
