"""One NDJSON line, made into a vector as the store keeps it. Pure."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import orjson

from cf_vectorize_emulator.http.envelope import Refusal, id_too_long, oversized_metadata, unknown, unparsable_line

from .limits import ID_BYTES, LINE_BYTES, METADATA_BYTES, NAMESPACE_BYTES, VECTORS_PER_INSERT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


class UnexpectedFormatError(Exception):
    """The line is not a vector at all, which is what `unparsable-behavior` is about."""


def read_vectors(body: BinaryIO, *, discard: bool, check: Callable[[Vector], None]) -> Iterator[Vector]:
    """Read the vectors of an insert body, holding one line at a time.

    Args:
        body: NDJSON, from its beginning.
        discard: Leave unparsable lines out instead of refusing the batch.
        check: Raises a `Refusal` for a vector that does not fit its index.

    Raises:
        Refusal: The batch is refused: an unparsable line anywhere goes before any other reason, since the service
            seems to look at limits only after it has parsed the whole batch.

    """
    refusal: Refusal | None = None
    number = None
    for number, line in enumerate(_lines(body)):
        try:
            vector = parse_line(line)
            if number >= VECTORS_PER_INSERT:
                raise unknown(f"too many vectors in payload; max vector count is {VECTORS_PER_INSERT}")
            check(vector)
        except UnexpectedFormatError:
            if not discard:
                raise unparsable_line(number) from None
            continue
        except Refusal as error:
            refusal = refusal or error
            continue
        if refusal is None:
            yield vector
    if number is None:
        raise unknown("no vectors in payload")
    if refusal is not None:
        raise refusal


def _lines(body: BinaryIO) -> Iterator[bytes]:
    """Give each line; of one that is too long for any vector, only as much as shows it."""
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
    except orjson.JSONDecodeError:
        raise UnexpectedFormatError from None
    if type(document) is not dict:
        raise UnexpectedFormatError
    vector_id, namespace, metadata = document.get("id"), document.get("namespace"), document.get("metadata")
    if type(vector_id) is not str or type(namespace) not in {str, type(None)}:
        raise UnexpectedFormatError
    values = _float32(document.get("values"), line)
    packed = None if metadata is None else _compact(metadata)
    check_id(vector_id)
    _check_namespace(vector_id, namespace or "")
    _check_metadata(vector_id, metadata or {}, packed or b"")
    return Vector(vector_id, namespace, packed, values)


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
        raise UnexpectedFormatError
    # `struct` refuses all that is no number but booleans, and a line is searched for those faster than a list.
    if (b"true" in line or b"false" in line) and bool in map(type, values):
        raise UnexpectedFormatError
    try:
        return struct.pack(f"<{len(values)}f", *values)
    except (OverflowError, struct.error):
        raise UnexpectedFormatError from None


def _compact(metadata: Any) -> bytes:
    if type(metadata) is not dict:
        raise UnexpectedFormatError
    try:
        return orjson.dumps(metadata)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes, though not deeper than it reads
        raise UnexpectedFormatError from None


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
