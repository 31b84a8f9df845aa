"""The two operations, as the service is known to perform them. Knows nothing of HTTP."""

from __future__ import annotations

import re
import time
import uuid
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np
import orjson

from .limits import DIMENSIONS_MAX, DIMENSIONS_MIN, IDS_PER_GET_BY_IDS
from .lines import Discarded, Vector, check_id, read_vectors
from .refusals import index_not_found, not_json, too_many_ids, unknown, wrong_dimensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .store import Index, Store, Transaction
    from .visibility import Visibility

# But for -0.0, which without its point would be read as the integer 0.
POINT_ZERO: Final = re.compile(rb"(?<![\[,]-0)\.0(?=[,\]])")


class Inserted(NamedTuple):
    """What became of a batch: its mutation, how many vectors it holds, and what was left out of it."""

    mutation_id: str
    vectors: int
    discarded: Discarded


class Found(NamedTuple):
    """The vectors that a lookup found, and the ids that are accepted but not readable yet."""

    vectors: list[Vector]
    pending: list[str]


class Service:
    """Indexes of any account.

    Args:
        store: Where they are kept.
        visibility: When accepted vectors become readable.
        declared: Dimensions of indexes that exist from the start: by `NAME` for every account, by `ACCOUNT/NAME`
            for one.
        declared_only: Refuse an insert into any other index, as the live service does, instead of creating it.
        clock: Seconds since the epoch.

    """

    def __init__(
        self,
        store: Store,
        visibility: Visibility,
        *,
        declared: Mapping[str, int],
        declared_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.visibility = visibility
        self.declared = dict(declared)
        self._declared_only = declared_only
        self._clock = clock

    def insert(self, account: str, name: str, body: BinaryIO, *, discard: bool) -> Inserted:
        """Store a batch durably.

        Raises:
            Refusal: The batch is refused, and nothing of it is stored.

        """
        mutation_id, count = str(uuid.uuid4()), 0
        discarded = Discarded() if discard else None
        with self.store.writing() as transaction:
            index = transaction.index(account, name) or self._declare(transaction, account, name)
            if index is None and self._declared_only:
                raise index_not_found(name)
            vectors = read_vectors(body, discarded=discarded, check=_same_dimensions(index))
            first = next(vectors, None)
            if index is None:
                if first is None:
                    raise index_not_found(name)
                index = transaction.create_index(account, name, first.dimensions)
            mutation = transaction.create_mutation(index, mutation_id)
            if first is not None:
                count = transaction.add(index, mutation, self._lagging(chain([first], vectors)))
            transaction.schedule(mutation, *self._moments(transaction.last_settled_at(index)))
        return Inserted(mutation_id, count, discarded or Discarded())

    def _declared(self, account: str, name: str) -> int | None:
        return self.declared.get(f"{account}/{name}", self.declared.get(name))

    def _declare(self, transaction: Transaction, account: str, name: str) -> Index | None:
        dimensions = self._declared(account, name)
        return None if dimensions is None else transaction.create_index(account, name, dimensions)

    def _lagging(self, vectors: Iterable[Vector]) -> Iterator[tuple[Vector, float]]:
        visibility = self.visibility
        scattered = visibility.order == "scattered"
        return ((vector, visibility.draw() if scattered else 0.0) for vector in vectors)

    def _moments(self, previous: float) -> tuple[float, float]:
        """Return the moments from which the first and the last vector of a mutation can be read."""
        visibility, now = self.visibility, self._clock()
        if visibility.order == "scattered":
            return now + visibility.delay, now + visibility.delay + visibility.jitter
        moment = visibility.readable_at(now, previous)
        return moment, moment

    def get_by_ids(self, account: str, name: str, ids: list[str]) -> Found:
        """Find the vectors that are readable among those asked for.

        Raises:
            Refusal: There is no such index.

        """
        stored = self.store.get(account, name, ids)
        if stored is None:
            if self._declared(account, name) is None:
                raise index_not_found(name)
            return Found([], [])
        now = self._clock()
        return Found(
            [vector for vector, readable_at in stored if readable_at <= now],
            [vector.id for vector, readable_at in stored if readable_at > now],
        )

    def release(self) -> int:
        """Make everything readable that was accepted, and return how many mutations were pending."""
        with self.store.writing() as transaction:
            return transaction.release(self._clock())

    def delete_index(self, account: str, name: str) -> int:
        """Delete an index with all that it holds, and return how many vectors that were."""
        with self.store.writing() as transaction:
            return transaction.delete_index(account, name)

    def delete_everything(self) -> int:
        """Delete every index, and return how many vectors they held."""
        with self.store.writing() as transaction:
            return transaction.delete_everything()


def _same_dimensions(index: Index | None) -> Callable[[Vector], None]:
    """Return the check of a batch's vectors, whose first decides for an index that does not exist yet."""
    dimensions = None if index is None else index.dimensions

    def check(vector: Vector) -> None:
        nonlocal dimensions
        if dimensions is None:
            if not DIMENSIONS_MIN <= vector.dimensions <= DIMENSIONS_MAX:
                raise wrong_dimensions(vector.id, f"{DIMENSIONS_MIN} to {DIMENSIONS_MAX}", vector.dimensions)
            dimensions = vector.dimensions
        if vector.dimensions != dimensions:
            raise wrong_dimensions(vector.id, dimensions, vector.dimensions)

    return check


def read_ids(body: bytes) -> list[str]:
    """Read the body of a lookup.

    Raises:
        Refusal: It is not what it should be, or asks for too much.

    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise not_json(error.msg) from None
    if type(document) is not dict:
        raise not_json("expected an object")
    if "ids" not in document:
        raise not_json("missing field `ids`")
    ids = document["ids"]
    if type(ids) is not list or not all(type(item) is str for item in ids):
        raise not_json("`ids` is not a sequence of strings")
    if not ids:
        raise unknown("no ids in payload")
    if len(ids) > IDS_PER_GET_BY_IDS:
        raise too_many_ids(len(ids))
    for vector_id in ids:
        check_id(vector_id)
    return ids


def render(vector: Vector) -> dict[str, Any]:
    """Return a vector as the service answers it: shortest float32 decimals, whole numbers without a point."""
    return {
        "id": vector.id,
        "namespace": vector.namespace,
        "metadata": None if vector.metadata is None else orjson.Fragment(vector.metadata),
        "values": orjson.Fragment(_decimals(vector.values)),
    }


def _decimals(values: bytes) -> bytes:
    shortest = orjson.dumps(np.frombuffer(values, "<f4"), option=orjson.OPT_SERIALIZE_NUMPY)
    return POINT_ZERO.sub(b"", shortest)
