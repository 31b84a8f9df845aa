"""One NDJSON line, made into a vector as the store keeps it. Pure."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import orjson

from .limits import ID_BYTES, LINE_BYTES, METADATA_BYTES, NAMESPACE_BYTES, VECTORS_PER_INSERT
from .refusals import BadLine, Refusal, id_too_long, oversized_metadata, unknown, unparsable_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where orjson may have written a number otherwise than it came: it holds integers of 64 bits, and floats.
LONG_NUMBER: Final = re.compile(rb"\d{16}|\de")


class Vector(NamedTuple):
    """A vector as the store keeps it.

    Args:
        id: Identifier, unique in its index.
        namespace: Namespace, or None.
        metadata: Compact JSON, or None.
        values: Little-endian float32, four bytes a dimension.

    """

    id: str
    namespace: str | None
    metadata: bytes | None
    values: bytes

    @property
    def dimensions(self) -> int:
        """How many values it has."""
        return len(self.values) // 4


@dataclass
class Discarded:
    """The lines of a batch that were left out without a word.

    Args:
        count: How many.
        first: The first of them.

    """

    count: int = 0
    first: BadLine | None = None

    def add(self, line: BadLine) -> None:
        """Count a line."""
        self.count += 1
        self.first = self.first or line


class UnexpectedFormatError(Exception):
    """The line is not a vector at all, which is what `unparsable-behavior` is about; says why."""


def read_vectors(body: BinaryIO, *, discarded: Discarded | None, check: Callable[[Vector], None]) -> Iterator[Vector]:
    """Read the vectors of an insert body, holding one line at a time.

    Args:
        body: NDJSON, from its beginning.
        discarded: Where unparsable lines are counted that are left out; None refuses the batch for one.
        check: Raises a `Refusal` for a vector that does not fit its index.

    Raises:
        Refusal: The batch is refused: an unparsable line anywhere goes before any other reason, since the service
            seems to look at limits only after it has parsed the whole batch. But for the number of lines, past which
            nothing is read.

    """
    refusal: Refusal | None = None
    number = None
    for number, line in enumerate(_lines(body)):
        if number >= VECTORS_PER_INSERT:
            raise unknown(f"too many vectors in payload; max vector count is {VECTORS_PER_INSERT}")
        try:
            vector = parse_line(line)
            check(vector)
        except UnexpectedFormatError as error:
            bad = BadLine.of(number, str(error), line)
            if discarded is None:
                raise unparsable_line(bad) from None
            discarded.add(bad)
            continue
        except Refusal as error:
            if refusal is None:
                error.line = BadLine.of(number, error.message, line)
                refusal = error
            continue
        if refusal is None:
            yield vector
    if number is None:
        raise unknown("no vectors in payload")
    if refusal is not None:
        raise refusal


def _lines(body: BinaryIO) -> Iterator[bytes]:
    """Yield each line; of one that is too long for any vector, only as much as shows it."""
    while line := body.readline(LINE_BYTES):
        rest = line
        while len(rest) == LINE_BYTES and not rest.endswith(b"\n"):
            rest = body.readline(LINE_BYTES)
        yield line


def parse_line(line: bytes) -> Vector:
    """Make a line into a vector.

    Raises:
        UnexpectedFormatError: It is not a JSON object with the members of a vector, each of its type.
        Refusal: It is one, and exceeds a limit.

    """
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnexpectedFormatError(_not_json(line, error)) from None
    if type(document) is not dict:
        raise UnexpectedFormatError("not an object")
    vector_id, namespace, metadata = document.get("id"), document.get("namespace"), document.get("metadata")
    if type(vector_id) is not str:
        raise UnexpectedFormatError("id is not a string" if "id" in document else "id is missing")
    if type(namespace) not in {str, type(None)}:
        raise UnexpectedFormatError("namespace is not a string")
    if "values" not in document:
        raise UnexpectedFormatError("values is missing")
    values = _float32(document["values"], line)
    packed = None if metadata is None else _compact(metadata, line)
    check_id(vector_id)
    _check_namespace(vector_id, namespace or "")
    _check_metadata(vector_id, metadata or {}, packed or b"")
    return Vector(vector_id, namespace, packed, values)


def _not_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    if not line.strip():
        return "blank"
    if len(line) == LINE_BYTES:
        return f"longer than {LINE_BYTES} bytes"
    return f"not JSON: {error.msg} at character {min(error.pos, len(line.rstrip())) + 1}"


def check_id(vector_id: str) -> None:
    """Refuse an id that no vector can have.

    Raises:
        Refusal: It is empty or too long.

    """
    size = len(vector_id.encode())
    if size == 0:
        raise unknown("id must not be empty")
    if size > ID_BYTES:
        raise id_too_long(size)


def _float32(values: Any, line: bytes) -> bytes:
    if type(values) is not list:
        raise UnexpectedFormatError("values is not an array")
    # `struct` refuses all that is no number but booleans, and a line is searched for those faster than a list.
    if (b"true" in line or b"false" in line) and bool in map(type, values):
        raise UnexpectedFormatError(_bad_value(values))
    try:
        return struct.pack(f"<{len(values)}f", *values)
    except (OverflowError, struct.error):
        raise UnexpectedFormatError(_bad_value(values)) from None


def _bad_value(values: list[Any]) -> str:
    """Name the first value that is no number, or none that float32 has."""
    for place, value in enumerate(values):
        if type(value) not in {int, float}:
            return f"values[{place}] is not a number"
        try:
            struct.pack("<f", value)
        except (OverflowError, struct.error):
            return f"values[{place}] is beyond float32"
    raise AssertionError(values)


def _compact(metadata: Any, line: bytes) -> bytes:
    if type(metadata) is not dict:
        raise UnexpectedFormatError("metadata is not an object")
    try:
        packed = orjson.dumps(metadata)
        if LONG_NUMBER.search(packed):
            as_it_came = json.loads(line, parse_int=_digits, parse_float=_digits)
            packed = orjson.dumps(as_it_came["metadata"])
    except (orjson.JSONEncodeError, RecursionError):  # nested deeper than they write, though not than orjson reads
        raise UnexpectedFormatError("metadata is nested too deeply") from None
    return packed


def _digits(text: str) -> orjson.Fragment:
    return orjson.Fragment(text)


def _check_namespace(vector_id: str, namespace: str) -> None:
    size = len(namespace.encode())
    if size > NAMESPACE_BYTES:
        raise unknown(
            f'namespace too long for vector id="{vector_id}"; max is {NAMESPACE_BYTES} bytes, got {size} bytes'
        )


def _check_metadata(vector_id: str, metadata: dict[str, Any], packed: bytes) -> None:
    if len(packed) > METADATA_BYTES:
        raise oversized_metadata(vector_id, len(packed))
    nested = [value for value in metadata.values() if type(value) is dict]
    for members in (metadata, *nested):
        for key in members:
            if not key or key.startswith("$") or "." in key or '"' in key:
                raise unknown(f'invalid metadata key "{key}" for vector id="{vector_id}"')
