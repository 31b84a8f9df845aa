"""What the service answers to bad input: a code and a message. How HTTP says it is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .limits import ID_BYTES, IDS_PER_GET_BY_IDS, METADATA_BYTES

# The live code is not known: this one is the emulator's, and no client should match on it.
UNKNOWN_CODE: Final = 40000
# As much of a line as a person needs to recognise it.
EXCERPT_BYTES: Final = 400


@dataclass(frozen=True)
class BadLine:
    """A line of a batch that was refused or discarded, for whoever looks for it; no answer holds it.

    Args:
        number: Its number, counted from one.
        reason: What is wrong with it.
        excerpt: How it begins.

    """

    number: int
    reason: str
    excerpt: str

    @classmethod
    def of(cls, number: int, reason: str, line: bytes) -> BadLine:
        """Make one of a line whose number is counted from zero."""
        return cls(number + 1, reason[:EXCERPT_BYTES], line[:EXCERPT_BYTES].decode(errors="replace").rstrip("\r\n"))


class Refusal(Exception):  # noqa: N818 - a refusal is the service's normal answer to bad input
    """The service does not do what it was asked.

    Args:
        code: The service's code.
        message: The service's words.
        line: The line of a batch that is the reason, where there is one.

    """

    def __init__(self, code: int, message: str, line: BadLine | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.line = line


def index_not_found(name: str) -> Refusal:
    """Refuse an index that does not exist."""
    return Refusal(3000, f'vectorize.index.not_found - Index name "{name}"')


def too_many_ids(count: int) -> Refusal:
    """Refuse more ids than one request may ask for."""
    return Refusal(40007, f"too many ids in payload; max id count is {IDS_PER_GET_BY_IDS}, got {count}")


def id_too_long(size: int) -> Refusal:
    """Refuse an id, in an insert or in a lookup."""
    return Refusal(40008, f"id too long; max is {ID_BYTES} bytes, got {size} bytes")


def wrong_dimensions(vector_id: str, expected: int | str, count: int) -> Refusal:
    """Refuse a vector that does not fit its index."""
    return Refusal(
        40012, f'invalid vector for id="{vector_id}", expected {expected} dimensions, and got {count} dimensions'
    )


def oversized_metadata(vector_id: str, size: int) -> Refusal:
    """Refuse a vector with too much metadata."""
    return Refusal(
        40016,
        f'oversized metadata for vector id="{vector_id}"; the compact JSON representation of the metadata '
        f"must not exceed {METADATA_BYTES} bytes, got {size} bytes",
    )


def unparsable_line(line: BadLine) -> Refusal:
    """Refuse a batch for a line, which the service counts from zero."""
    number = line.number - 1
    return Refusal(
        40023,
        f"failed to parse insert vectors request in ndjson format: line Some({number}) was not expected format",
        line,
    )


def not_json(reason: str) -> Refusal:
    """Refuse a lookup whose body is not what it should be."""
    return Refusal(40026, f"Failed to parse the request body as JSON: {reason}")


def unknown(message: str) -> Refusal:
    """Refuse what the live service is thought to refuse, with a code that is not known."""
    return Refusal(UNKNOWN_CODE, message)
