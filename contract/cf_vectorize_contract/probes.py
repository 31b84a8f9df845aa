"""The probes of `cf-vectorize contract`: what is asked, and what the contract says of the answer."""

from __future__ import annotations

import json
import struct
import uuid
from typing import Any, Final

import attrs

IDS_PER_GET: Final = 20
NDJSON, JSON, TEXT = "application/x-ndjson", "application/json", "text/plain"
NO_SUCH_INDEX = "cf-vectorize-contract-no-such-index"
UNKNOWN = "cf-vectorize-contract-unknown-id"


@attrs.frozen
class Probe:
    """One request, and what the contract says of its answer.

    Attributes:
        name: What is probed, in words.
        operation: The operation of the fragment.
        media_type: The request's content type.
        body: The request's body.
        status: The statuses that keep the contract.
        code: The error's code; None for a success.
        result: What a success has to answer with; None where that is judged elsewhere.
        index: The index to ask; None for the user's.

    """

    name: str
    operation: str
    media_type: str
    body: bytes
    status: tuple[int, ...] = (200,)
    code: int | None = None
    result: Any = None
    index: str | None = None

    @property
    def expectation(self) -> str:
        """What is expected, in words."""
        statuses = " or ".join(map(str, self.status))
        if self.code is None:
            return f"expected status {statuses}" + ("" if self.result is None else f" with result {self.result}")
        return f"expected status {statuses} with code {self.code}"


def ids(*asked: str) -> bytes:
    """Return the body that asks for ids."""
    return json.dumps({"ids": asked}).encode()


def line(vector_id: str, values: list[float]) -> bytes:
    """Return a line of `insert`."""
    vector = {
        "id": vector_id,
        "values": values,
        "namespace": "contract",
        "metadata": {"from": "cf-vectorize contract"},
    }
    return json.dumps(vector).encode() + b"\n"


WRONG_DIMENSIONS = Probe(
    "a vector of another dimension is refused", "insert", NDJSON, line(UNKNOWN, [0.5]), (400,), 40012
)
PROBES = (
    Probe("an id that is not there is left out", "get_by_ids", JSON, ids(UNKNOWN), result=[]),
    Probe("20 ids are accepted", "get_by_ids", JSON,
          ids(*(f"{UNKNOWN}-{n}" for n in range(IDS_PER_GET))), result=[]),
    Probe("more than 20 ids are refused", "get_by_ids", JSON,
          ids(*(f"{UNKNOWN}-{n}" for n in range(IDS_PER_GET + 1))), (400,), 40007),
    Probe("ids that are not sent as JSON are refused", "get_by_ids", TEXT, ids(UNKNOWN), (400,), 40026),
    Probe("a body that is not JSON is refused", "get_by_ids", JSON, b"{", (400,), 40026),
    Probe("an index that does not exist is refused", "get_by_ids", JSON, ids(UNKNOWN), (400, 404), 3000,
          index=NO_SUCH_INDEX),
    Probe("vectors that are not sent as NDJSON are refused", "insert", JSON, b"not a vector\n", (400,), 1005),
    Probe("a line that is no vector is refused", "insert", NDJSON, b"not a vector\n", (400,), 40023),
    WRONG_DIMENSIONS,
)  # fmt: skip


@attrs.frozen
class Story:
    """The vectors that a run stores, and the probes that store them and read them back.

    Attributes:
        first: Its values stay, whatever is sent later under its id.
        refused: Is in a batch that is refused whole.
        marker: Comes after `first` was sent again: when it can be read, so could that.

    """

    values: list[float]
    first: str = attrs.field(factory=lambda: _fresh("stored"))
    refused: str = attrs.field(factory=lambda: _fresh("refused"))
    marker: str = attrs.field(factory=lambda: _fresh("marker"))

    @classmethod
    def of(cls, dimensions: int) -> Story:
        """Return the story of an index of so many dimensions."""
        # All distinct, of both signs, whole and not, very small, and most of them not exact in float32.
        return cls(
            [3.0, 0.0, -1e-7, *(round((-1) ** n * (0.2321 + n / 7), 4) for n in range(dimensions))][:dimensions]
        )

    @property
    def refuse(self) -> Probe:
        """A batch with one bad line."""
        body = line(self.refused, self.values) + b"not a vector\n"
        return Probe("one bad line refuses its whole batch", "insert", NDJSON, body, (400,), 40023)

    @property
    def store(self) -> Probe:
        """A batch of one vector."""
        return Probe("a vector is stored", "insert", NDJSON, line(self.first, self.values))

    @property
    def read(self) -> Probe:
        """That vector, and the one that must not be there."""
        return Probe("the vector is read back as it was sent", "get_by_ids", JSON, ids(self.first, self.refused))

    @property
    def store_again(self) -> Probe:
        """The same id with other values, and the marker."""
        body = line(self.first, self.values[::-1]) + line(self.marker, self.values)
        return Probe("an id is accepted again", "insert", NDJSON, body)

    @property
    def read_again(self) -> Probe:
        """Both of them."""
        asked = ids(self.first, self.marker, self.refused)
        return Probe("the first version of an id stays", "get_by_ids", JSON, asked)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """All of them, in order."""
        return self.refuse, self.store, self.read, self.store_again, self.read_again

    def problems(self, found: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
        """Return what breaks the contract in the vectors that were read, and what is only worth a note."""
        expected = {"namespace": "contract", "metadata": {"from": "cf-vectorize contract"}}
        reasons, notes = [], []
        for vector in found:
            reasons += [f"{name} is not what was sent" for name in expected if vector.get(name) != expected[name]]
            if vector["id"] == self.refused:
                reasons.append("a vector of the refused batch is stored")
            elif vector["id"] == self.first and as_float32(vector["values"]) == as_float32(self.values[::-1]):
                reasons.append("the values are in reverse order: those of a later version, or shuffled")
            elif as_float32(vector["values"]) != as_float32(self.values):
                reasons.append(_difference(vector["values"], self.values))
            elif vector["values"] != self.values:
                notes.append("values are float32, and not in their shortest decimals")
        return reasons, notes


def every_probe(*, insert: bool = True) -> tuple[Probe, ...]:
    """Return all probes, those that store vectors too, of an index of 32 dimensions."""
    return (*PROBES, *Story.of(32).probes) if insert else PROBES


def _fresh(kind: str) -> str:
    return f"cf-vectorize-contract-{kind}-{uuid.uuid4().hex[:12]}"


def as_float32(values: list[float]) -> bytes:
    """Return values as the float32 that an index holds."""
    return struct.pack(f"<{len(values)}f", *(value + 0.0 for value in values))


def _difference(got: list[float], sent: list[float]) -> str:
    if sorted(got) == sorted(sent):
        return "values are not what was sent: they come in another order"
    if len(got) != len(sent):
        return f"values are not what was sent: {len(got):,} of {len(sent):,}"
    place = next(
        n for n, pair in enumerate(zip(got, sent, strict=True)) if as_float32([pair[0]]) != as_float32([pair[1]])
    )
    return f"values are not what was sent: values[{place}] is {got[place]!r}, and was {sent[place]!r}"
