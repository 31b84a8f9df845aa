"""Many ids at once: cut into requests, fetched concurrently, given back in the order asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY
from cf_vectorize_overlay.errors import InputError, VectorizeError
from cf_vectorize_overlay.index import Attempts
from cf_vectorize_overlay.limits import ID_BYTES, IDS_PER_GET_BY_IDS
from cf_vectorize_overlay.vector import Vector

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Sequence

    import numpy as np
    import pyarrow as pa

    from cf_vectorize_overlay.index import Index

# Requests handed to the pool for each of its threads, so that none idles while the oldest answer is awaited.
AHEAD: Final = 2


@attrs.frozen(eq=False, repr=False)
class Vectors(Mapping[str, Vector]):
    """Vectors by id, in the order they were asked for.

    Attributes:
        missing: The ids that the index does not hold, in the order they were asked for.

    """

    _found: dict[str, Vector]
    missing: tuple[str, ...] = ()

    def __getitem__(self, identity: str) -> Vector:
        return self._found[identity]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Vectors: {len(self):,} found, {len(self.missing):,} missing>"

    def to_numpy(self) -> tuple[list[str], np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
        """Give the ids, and the values as float32 of shape (vectors, dimensions). Needs the extra `numpy`."""
        np = extra("numpy", "numpy", "to_numpy()")
        matrix = np.empty((len(self), dimensions_of(self._found.values())), np.float32)
        for row, vector in zip(matrix, self._found.values(), strict=True):
            row[:] = vector.values
        return list(self._found), matrix

    def to_arrow(self) -> pa.Table:
        """Give a table with columns id, values, namespace and metadata. Needs the extra `arrow`.

        `values` is a fixed-size list of float32; `metadata` is JSON text, since its members may differ from vector to
        vector.
        """
        pa = extra("pyarrow", "arrow", "to_arrow()")
        vectors = list(self._found.values())
        schema = arrow_schema(dimensions_of(vectors))
        return pa.Table.from_batches([arrow_batch(vectors, schema)] if vectors else [], schema)


def fetch(
    index: Index, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY, stop: threading.Event
) -> Vectors:
    """Fetch vectors; an id asked for more than once is fetched once.

    Args:
        index: Sends the requests.
        ids: Any number of ids.
        concurrency: Requests under way at a time.
        stop: Set by whoever no longer wants the answer.

    Raises:
        InputError: An id is not one; nothing was sent.
        ResponseError: A request was refused, or kept failing; `fetched` of the error holds what came before.
        TransportError: The service could not be reached; likewise.

    """
    asked = list(dict.fromkeys(checked(ids)))
    if 0 < len(asked) <= IDS_PER_GET_BY_IDS:
        # Threads would cost a single request a fifth of its time.
        answer = _fetch_once(index, asked, stop)
        return _vectors([(identity, answer.get(identity)) for identity in asked])
    pairs: list[tuple[str, Vector | None]] = []
    try:
        for pair in fetch_iter(index, asked, concurrency=concurrency, stop=stop):
            pairs.append(pair)  # noqa: PERF402 - what came before an error is kept
    except VectorizeError as error:
        error.fetched = _vectors(pairs)
        raise
    return _vectors(pairs)


def _vectors(pairs: Sequence[tuple[str, Vector | None]]) -> Vectors:
    found = {identity: vector for identity, vector in pairs if vector is not None}
    return Vectors(found, tuple(identity for identity, vector in pairs if vector is None))


def fetch_iter(
    index: Index, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY, stop: threading.Event
) -> Generator[tuple[str, Vector | None], None, None]:
    """Fetch lazily: give each id with its vector, None where the index does not hold it, in the order asked.

    Ids are read as requests need them, at most `20 * 2 * concurrency` ahead. An id that comes twice is given twice;
    it is fetched once where both fall into one request. Abandoning the iterator stops the requests.

    Args:
        index: Sends the requests.
        ids: Any number of ids.
        concurrency: Requests under way at a time.
        stop: Set by whoever no longer wants the answer, also when this ends early.

    Raises:
        InputError: An id is not one; its request was not sent.
        ResponseError: A request was refused, or kept failing.
        TransportError: The service could not be reached.

    """
    under_way: deque[tuple[list[str], Future[dict[str, Vector]]]] = deque()

    def oldest() -> Iterator[tuple[str, Vector | None]]:
        asked, answer = under_way.popleft()
        found = answer.result()
        for identity in asked:
            yield identity, found.get(identity)

    with ThreadPoolExecutor(concurrency, "cf-vectorize") as pool:
        try:
            for asked in in_requests(checked(ids)):
                under_way.append((asked, pool.submit(_fetch_once, index, asked, stop)))
                if len(under_way) == AHEAD * concurrency:
                    yield from oldest()
            while under_way:
                yield from oldest()
        except BaseException:
            # In this order, so that none of those not yet begun books a request of the account's budget.
            pool.shutdown(wait=False, cancel_futures=True)
            stop.set()
            raise


def extra(module: str, name: str, what: str) -> Any:
    """Import a module of an extra that `what` needs.

    Raises:
        InputError: It is not installed; the message names the extra.

    """
    try:
        return import_module(module)
    except ImportError:
        raise InputError(f"{what} needs an extra: pip install 'cf-vectorize[{name}]'") from None


def checked(ids: Iterable[str]) -> Iterator[str]:
    """Give the ids, and refuse what is none.

    Raises:
        InputError: Names the place, counted from 0, and the reason.

    """
    if isinstance(ids, (str, bytes)):
        raise InputError(f"ids is one {type(ids).__name__}; give a list of ids")
    for place, identity in enumerate(ids):
        if problem := problem_of(identity):
            raise InputError(f"ids[{place}] {problem}")
        yield identity


def problem_of(identity: object) -> str | None:
    """Say why something is no id: not a string, empty, or longer than 64 bytes of UTF-8."""
    if not isinstance(identity, str):
        return f"is {type(identity).__name__}; an id is a string"
    try:
        size = len(identity.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which UTF-8 cannot express"
    return None if 0 < size <= ID_BYTES else f"is {size} bytes of UTF-8; an id is 1 to {ID_BYTES}"


def in_requests(ids: Iterable[str]) -> Iterator[list[str]]:
    """Cut into lists of as many ids as one request takes."""
    remaining = iter(ids)
    while batch := list(islice(remaining, IDS_PER_GET_BY_IDS)):
        yield batch


def dimensions_of(vectors: Iterable[Vector]) -> int:
    """Give the dimensions of the first vector, which are those of all in an index; 0 where there is none."""
    return next((len(vector.values) for vector in vectors), 0)


def arrow_schema(dimensions: int) -> pa.Schema:
    """Give the Arrow schema of vectors; without dimensions, values are a list of any size."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("values", pa.list_(pa.float32(), dimensions or -1), nullable=False),
            pa.field("namespace", pa.string()),
            pa.field("metadata", pa.string()),
        ]
    )


def arrow_batch(vectors: list[Vector], schema: pa.Schema) -> pa.RecordBatch:
    """Give vectors as Arrow."""
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # noqa: PLC0415

    values = np.empty((len(vectors), schema.field("values").type.list_size), np.float32)
    for row, vector in zip(values, vectors, strict=True):
        row[:] = vector.values
    columns: list[Any] = [
        pa.array([vector.id for vector in vectors], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=schema.field("values").type),
        pa.array([vector.namespace for vector in vectors], pa.string()),
        pa.array([orjson.dumps(v.metadata).decode() if v.metadata else None for v in vectors], pa.string()),
    ]
    return pa.record_batch(columns, schema=schema)


def _fetch_once(index: Index, asked: list[str], stop: threading.Event) -> dict[str, Vector]:
    return {vector.id: vector for vector in index.fetch(list(dict.fromkeys(asked)), Attempts(stop))}
