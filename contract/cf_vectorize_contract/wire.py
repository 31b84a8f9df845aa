"""What goes over the wire, and what may be wrong with it. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOWN = 200


@attrs.frozen
class Problem:
    """One way in which a request or an answer departs from the fragment.

    Attributes:
        place: Which part of it, such as `response body` or `request line 2`.
        path: JSON path in that part; empty where the part as a whole is meant.
        rule: The JSON Schema keyword, or a word of the contract's own, such as `undocumented` or `media type`.
        message: What is wrong, in words.

    """

    place: str
    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{self.place} {self.path}".rstrip() + f": {self.message}"


@attrs.frozen
class Request:
    """A request as it is on the wire.

    Args:
        method: HTTP method.
        target: The path with its query.
        headers: By name, in any letters.
        body: Whole.

    """

    method: str
    target: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = b""


@attrs.frozen
class Response:
    """An answer as it is on the wire.

    Args:
        status: HTTP status.
        headers: By name, in any letters.
        body: Whole.

    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers as a mapping; one that comes more than once is a list, which HTTP writes with commas."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        first, values = found.get(name.lower(), (name, ""))
        found[name.lower()] = (first, f"{values}, {value}" if values else value)
    return dict(found.values())


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type that lower-case headers state, without its parameters; empty where they state none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def read_json(text: bytes) -> Any:
    """Return the document that `text` is to every reader of JSON.

    Raises:
        ValueError: It is none, or readers differ about it: it is not UTF-8, names a member twice, or holds a number
            beyond a double or half a surrogate pair.

    """
    try:
        document = json.loads(
            text.decode(), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_members
        )
        # Only an escape can say half a surrogate pair.
        if b"\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply to be read") from None
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{shown(text)} is beyond a double")
    return number


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object names a member twice, and readers differ in which one they take")
    return members


def shown(text: str, most: int = SHOWN) -> str:
    """Return a text as one line that a terminal shows as it is, without its middle where it is long."""
    if len(text) > most:
        text = f"{text[: most // 2]} … {len(text) - most:,} characters … {text[-most // 2 :]}"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
