"""One NDJSON line, and what is wrong with it.

The rules live here once, and `insert`, `check` and the emulator's tests share them. orjson reads a line and plain
Python judges it. Where pysimdjson is installed (the extra `fast`) it looks first, without making the values Python
floats, and only ever says "good" or "look closer", so rules and messages are the same without it.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import attrs
import orjson

from cf_vectorize.source.encode import read_stand_in
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import DIMENSIONS_MAX, DIMENSIONS_MIN, ID_BYTES, METADATA_BYTES, NAMESPACE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cf_vectorize.source.cut import Cut

    Fault = tuple[str, str]  # the rule's name, and the reason

Standing = Literal["documented", "observed", "prudent"]


@attrs.frozen
class Rule:
    """What a line must satisfy, and how that is known.

    Attributes:
        name: The short name that problems carry.
        standing: "documented" by Cloudflare; "observed" in reports about the live service; "prudent" where it is
            unknown whether the service refuses such a line, and sending it may lose something or spoil its batch.
        says: What is asked of a line.
        code: The service's error code for it, where one is known.

    """

    name: str
    standing: Standing
    says: str
    code: int | None = None


RULES: Final = {
    rule.name: rule
    for rule in (
        Rule("utf8", "prudent", "The line is UTF-8."),
        Rule("json", "observed", "The line is one JSON object, without NaN, Infinity or lone surrogates.", 40023),
        Rule("record", "prudent", "A record holds only what JSON expresses without guessing."),
        Rule("id", "documented", "`id` is there and a string."),
        Rule("id-bytes", "documented", f"`id` is 1 to {ID_BYTES} bytes of UTF-8.", 40008),
        Rule("values", "observed", "`values` is there and an array of numbers.", 40023),
        Rule("float32", "prudent", "Each value is within float32, which is what the service stores."),
        Rule(
            "dimensions",
            "documented",
            f"`values` has {DIMENSIONS_MIN} to {DIMENSIONS_MAX} numbers, as many as the index has dimensions.",
            40012,
        ),
        Rule(
            "namespace", "documented", f"`namespace` is a string of at most {NAMESPACE_BYTES} bytes, null or absent."
        ),
        Rule("metadata", "documented", "`metadata` is an object, null or absent."),
        Rule("metadata-bytes", "documented", f"`metadata` is at most {METADATA_BYTES} bytes of compact JSON.", 40016),
        Rule(
            "metadata-key", "documented", 'A metadata key is not empty, has no `.` or `"`, does not start with `$`.'
        ),
    )
}

_KEYS: Final = frozenset({"id", "values", "namespace", "metadata"})
_NUMBERS: Final = frozenset({int, float})
_METADATA_KEY: Final = re.compile(r'[^$."][^."]*')
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SHOWN: Final = 40  # characters of a value that a reason quotes
_BRACE: Final = ord("{")
_TOO_DEEP: Final = "the line is nested too deeply to be read"
# A double's high byte is its sign and the top of its exponent: up to 0x46 it is below 2**113, well within float32.
_SAFE_HIGH_BYTES: Final = bytes([*range(0x47), *range(0x80, 0xC7)])


@attrs.frozen
class BadLine:
    """One problem of one line.

    Attributes:
        source: The file's path as given, or a name in angle brackets such as `<stdin>`.
        line: The line's number in that source (for records: the row's), from 1.
        id: The vector's id, where it could be read.
        rule: The rule's name in `RULES`.
        reason: What is wrong, in words.

    """

    source: str
    line: int
    id: str | None
    rule: str
    reason: str

    def __str__(self) -> str:
        named = "" if self.id is None else f' (id "{self.id}")'
        return f"{self.source}:{self.line}{named}: {self.reason}"


class BadLinesError(InputError):
    """Lines of one batch that the service would refuse; the batch was not sent.

    Attributes:
        lines: Every bad line of the batch, in order.

    """

    SHOWN: ClassVar[int] = 10

    def __init__(self, lines: Sequence[BadLine]) -> None:
        super().__init__(tuple(lines))
        self.lines = tuple(lines)

    def __str__(self) -> str:
        shown = [str(line) for line in self.lines[: self.SHOWN]]
        more = len(self.lines) - len(shown)
        return "\n".join([*shown, f"… and {more} more in this batch"] if more else shown)


def unencodable(line: bytes, source: str, number: int) -> tuple[BadLine, ...]:
    """Return what a stand-in says of its record; nothing for any other line, good or bad."""
    said = read_stand_in(line)
    return () if said is None else (BadLine(source, number, said[1], "record", said[0]),)


def oversized(source: str, cut: Cut, most: int) -> BadLine:
    """Give the problem of a line that fits no request."""
    return BadLine(source, cut.first_line, None, "line-size", f"is {cut.size:,} bytes; a request takes {most:,}")


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
        if dimensions is not None and not DIMENSIONS_MIN <= dimensions <= DIMENSIONS_MAX:
            raise InputError(f"dimensions={dimensions}: an index has {DIMENSIONS_MIN} to {DIMENSIONS_MAX}")
        self.dimensions = dimensions
        self.id: str | None = None
        self.namespace: str | None = None
        self.metadata: dict[str, Any] | None = None
        self._inferred = dimensions is None
        self._parse = _simdjson_parse()

    def __call__(
        self, line: bytes | bytearray | memoryview, source: str = "<line>", number: int = 1
    ) -> tuple[BadLine, ...]:
        """Return all that is wrong with a line, nothing when it is good.

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
            and isinstance(namespace, str | None)
            and not any(_id_faults(identity))
            and not any(_namespace_faults(namespace))
            and not any(_metadata_faults(metadata))
            and _has_flat_values(line, metadata)
        )
        if good:
            self.dimensions, self.id, self.namespace, self.metadata = count, identity, namespace, metadata
        return good

    def _judge(self, line: bytes) -> Sequence[Fault]:
        self.id = self.namespace = self.metadata = None
        if (said := read_stand_in(line)) is not None:
            reason, self.id = said
            return [("record", reason)]
        try:
            document, faults = _read(line)
        except _UnreadableError as error:
            return [(error.rule, error.reason)]
        identity = document.get("id")
        if type(identity) is str and not _SURROGATE.search(identity):
            self.id = identity
        faults = [*self._faults(document), *faults]
        if not faults:
            self.dimensions = len(document["values"])
            self.namespace, self.metadata = document.get("namespace"), document.get("metadata")
        return faults

    def _faults(self, document: dict[str, Any]) -> Iterator[Fault]:
        if "id" in document:
            yield from _id_faults(document["id"])
        else:
            yield "id", "id is missing"
        if "values" in document:
            yield from _values_faults(document["values"])
            yield from self._dimensions_faults(document["values"])
        else:
            yield "values", "values is missing"
        yield from _namespace_faults(document.get("namespace"))
        yield from _metadata_faults(document.get("metadata"))

    def _dimensions_faults(self, values: Any) -> Iterator[Fault]:
        if type(values) is not list or len(values) == self.dimensions:
            return
        has = f"values has {len(values)} number{'s' * (len(values) != 1)}"
        if self.dimensions is not None:
            yield "dimensions", f"{has}, expected {self.dimensions}{' as in the first good line' * self._inferred}"
        elif not DIMENSIONS_MIN <= len(values) <= DIMENSIONS_MAX:
            yield "dimensions", f"{has}, an index takes {DIMENSIONS_MIN} to {DIMENSIONS_MAX}"


class _NoNumber(str):
    """NaN, an infinity, or a number beyond float64, as the line has it: the standard library's parser takes them."""

    __slots__ = ()


class _UnreadableError(Exception):
    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(rule, reason)
        self.rule = rule
        self.reason = reason


def _simdjson_parse() -> Callable[[bytes], Any] | None:
    try:
        from simdjson import Parser  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return Parser().parse  # one for each check: a parser holds one document at a time


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
        faults = list(_json_faults(document))
        if not faults and not any(_values_faults(document.get("values"))):
            faults = [("json", f"the line is not JSON: {error.msg}")]
        return document, faults


def _as_object(document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise _UnreadableError("json", f"the line is {_kind(document)}, not an object: write one object a line")
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
        return json.loads(text, parse_constant=_NoNumber, parse_float=_finite(float), parse_int=_finite(int))
    except json.JSONDecodeError as error:
        raise _UnreadableError("json", _syntax_fault(text, error)) from None
    except RecursionError:
        raise _UnreadableError("json", _TOO_DEEP) from None


def _finite(number: Callable[[str], float]) -> Callable[[str], float | _NoNumber]:
    return lambda text: number(text) if math.isfinite(float(text)) else _NoNumber(text)


def _syntax_fault(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    place = f"byte {len(text[: error.pos].encode()) + 1}"
    if error.msg == "Extra data":
        return f"after its first JSON value the line goes on at {place} ({_quoted(rest)}): write one object a line"
    if not text.strip():
        return "the line is blank"
    if text.startswith("\ufeff"):
        return "the line begins with a byte order mark, which only the first line of a file may have"
    if text.lstrip().startswith("["):
        return "the line begins an array: write one object a line, not one array of them"
    if text.lstrip().startswith("{") and not text.rstrip().endswith("}"):
        return "the line ends before its object does: it is cut short, or the object spans several lines"
    return f"the line is not JSON: {error.msg} at {place} ({_quoted(rest)})"


def _json_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """Find what only the lenient parser reads, outside `values`, which have rules of their own."""
    pending = list(document.items())
    for place, value in pending:
        if type(value) is _NoNumber:
            yield "json", f"{place} is {_kind(value)}"
        elif type(value) is str and _SURROGATE.search(value):
            yield "json", f"{place} holds half a surrogate pair, which is no character: {_quoted(value)}"
        elif type(value) is dict:
            pending += [(f"a key of {place}", key) for key in value]
            pending += [(f"{place}.{_shown(key)}", item) for key, item in value.items()]
        elif type(value) is list and place != "values":
            pending += [(f"{place}[{number}]", item) for number, item in enumerate(value)]


def _id_faults(identity: Any) -> Iterator[Fault]:
    if type(identity) in _NUMBERS:
        yield "id", f'id is {_kind(identity)}; ids are strings: write "{identity}" if that is meant'
    elif not isinstance(identity, str):
        yield "id", f"id is {_kind(identity)}; ids are strings"
    elif not identity:
        yield "id-bytes", "id is empty"
    elif (size := _utf8_bytes(identity)) > ID_BYTES:
        yield "id-bytes", f"id is {size} bytes of UTF-8, at most {ID_BYTES} are allowed"


def _values_faults(values: Any) -> Iterator[Fault]:
    if type(values) is dict and "0" in values:
        yield "values", "values is an object with numbered keys, as JavaScript writes a typed array: use Array.from"
    elif type(values) is not list:
        yield "values", f"values is {_kind(values)}, not an array of numbers"
    elif not _NUMBERS.issuperset(map(type, values)):
        bad = [place for place, value in enumerate(values) if type(value) not in _NUMBERS]
        value = values[bad[0]]
        no_number = "" if type(value) is _NoNumber else ", not a number"
        yield "values", f"values[{bad[0]}] is {_kind(value)}{no_number}{_of_how_many(bad)}"
    elif not _fits_float32(values):
        bad = [place for place, value in enumerate(values) if not _fits_float32([value])]
        yield "float32", f"values[{bad[0]}] is {_kind(values[bad[0]])}, beyond float32 (3.4e38){_of_how_many(bad)}"


def _fits_float32(values: list[float]) -> bool:
    try:
        struct.pack(f"<{len(values)}f", *values)  # "<" because native packing makes them infinite instead
    except OverflowError:
        return False
    return True


def _of_how_many(places: list[int]) -> str:
    return f" (the first of {len(places)} such values)" if len(places) > 1 else ""


def _namespace_faults(namespace: Any) -> Iterator[Fault]:
    if namespace is None:
        return
    if not isinstance(namespace, str):
        yield "namespace", f"namespace is {_kind(namespace)}, not a string or null"
    elif (size := _utf8_bytes(namespace)) > NAMESPACE_BYTES:
        yield "namespace", f"namespace is {size} bytes of UTF-8, at most {NAMESPACE_BYTES} are allowed"


def _metadata_faults(metadata: Any) -> Iterator[Fault]:
    if metadata is None:
        return
    if type(metadata) is not dict:
        yield "metadata", f"metadata is {_kind(metadata)}, not an object or null"
        return
    objects = [("metadata", metadata)]
    objects += [(f"metadata.{_shown(key)}", value) for key, value in metadata.items() if type(value) is dict]
    for place, members in objects:
        for key in members:
            if not _METADATA_KEY.fullmatch(key):
                yield "metadata-key", f"{place} has the key {_quoted(key)}: {_key_fault(key)}"
    if (size := _compact_bytes(metadata)) > METADATA_BYTES:
        yield "metadata-bytes", f"metadata is {size} bytes of compact JSON, at most {METADATA_BYTES} are allowed"


def _key_fault(key: str) -> str:
    if not key:
        return "a key must not be empty"
    return "a key must not start with $" if key.startswith("$") else 'a key must not contain . or "'


def _compact_bytes(metadata: dict[str, Any]) -> int:
    try:
        return len(orjson.dumps(metadata))
    except TypeError:  # orjson has refused the line too: lone surrogates, integers beyond 64 bits
        return _utf8_bytes(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")))


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _kind(value: Any) -> str:
    """Name a JSON value as a reader of the line would."""
    if type(value) is _NoNumber:
        return f"{value[:_SHOWN]}, beyond float64" if value[-1].isdigit() else f"{value}; JSON has no {value}"
    if isinstance(value, str):
        return f"a string ({_quoted(value)})"
    if type(value) in _NUMBERS:
        return f"a number ({str(value)[:_SHOWN]})"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array of objects" if value and type(value[0]) is dict else "an array"
    return json.dumps(value)  # null, true, false


def _quoted(text: str) -> str:
    return f'"{_shown(text)}"'


def _shown(text: str) -> str:
    """Give the beginning of a text in printable form, on one line."""
    shown = json.dumps(text[:_SHOWN], ensure_ascii=False)[1:-1].encode("utf-8", "backslashreplace").decode()
    return shown if len(text) <= _SHOWN else f"{shown}..."
