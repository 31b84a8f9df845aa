"""One line of a source against the vector that the index holds. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from cf_vectorize.checks.line import LineCheck
from cf_vectorize.checks.rules import BadLine

from .vectors import nests_too_deeply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cf_vectorize_overlay.vector import Vector

# Rules of `check` without which a line has nothing that could be asked for or compared.
UNREADABLE: Final = {"record", "line-size", "utf8", "json", "id", "id-bytes", "values", "float32"}


@attrs.frozen
class Expected:
    """What one line says its vector is.

    Attributes:
        source: Name of its source.
        line: Number in that source, from 1.
        id: The vector's id.
        values: As float32, which is what the service stores.
        namespace: None where it has none.
        metadata: None where it has none.
        problem: Why the service may have refused the line; None where it is good.

    """

    source: str
    line: int
    id: str
    values: array[float]
    namespace: str | None
    metadata: dict[str, Any] | None
    problem: BadLine | None


class LineReader:
    """Reads what a line says its vector is, or why that cannot be told."""

    def __init__(self) -> None:
        self._check = LineCheck()

    def __call__(self, line: bytes, source: str, number: int) -> Expected | BadLine:
        """Read one line, which may end in a newline."""
        text = line.rstrip(b"\r\n")
        # Each line is judged for itself: no order of lines is right to take the number of dimensions from.
        self._check.dimensions = None
        problems = self._check(text, source, number)
        unreadable = [problem for problem in problems if problem.rule in UNREADABLE]
        if unreadable:
            return unreadable[0]
        document = orjson.loads(text)
        if nests_too_deeply(document.get("metadata")):
            return BadLine(source, number, document["id"], "metadata", "metadata is nested too deeply to be compared")
        return Expected(
            source,
            number,
            document["id"],
            array("f", document["values"]),
            document.get("namespace"),
            document.get("metadata"),
            problems[0] if problems else None,
        )


@attrs.frozen
class Difference:
    """One field in which the index departs from the source.

    Attributes:
        field: `namespace`, `metadata`, `dimensions`, or `values[N]` for the
            first value that differs, counted from 0.
        expected: What the source holds.
        found: What the index holds.
        others: How many more values differ.

    """

    field: str
    expected: Any
    found: Any
    others: int = 0

    def __str__(self) -> str:
        others = f" (and {self.others:,} more values)" if self.others else ""
        return f"{self.field}: {_json(self.expected)} in the source, {_json(self.found)} in the index{others}"


def differences(expected: Expected, vector: Vector) -> tuple[Difference, ...]:
    """Return what differs: values as float32, metadata by value, where none and empty are the same."""
    return (
        *_value_differences(expected.values, array("f", vector.values)),
        *_difference("namespace", expected.namespace, vector.namespace),
        *(
            _difference("metadata", expected.metadata, vector.metadata)
            if expected.metadata or vector.metadata
            else ()
        ),
    )


def _value_differences(expected: array[float], found: array[float]) -> Iterator[Difference]:
    if len(expected) != len(found):
        yield Difference("dimensions", len(expected), len(found))
    elif expected != found:
        places = [place for place, pair in enumerate(zip(expected, found, strict=True)) if pair[0] != pair[1]]
        first = places[0]
        values = _shortest(expected[first]), _shortest(found[first])
        yield Difference(f"values[{first}]", *values, others=len(places) - 1)


def _shortest(value: float) -> float:
    """Return the number of fewest digits that is the same float32, as `get` prints it."""
    numbers = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next(number for number in numbers if array("f", [number])[0] == value)


def _difference(field: str, expected: Any, found: Any) -> Iterator[Difference]:
    if not _same(expected, found):
        yield Difference(field, expected, found)


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values; unlike `==`, tell true from 1 and false from 0."""
    pairs = [(one, other)]
    for left, right in pairs:  # which grows: a call for each level would end at Python's limit
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pairs += [(left[key], right[key]) for key in left]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif left != right or isinstance(left, bool) != isinstance(right, bool):
            return False
    return True


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
