"""Ids -> requests of 20, fetched concurrently, and their vectors in the order asked."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Final

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY
from cf_vectorize.base.stop import result_of
from cf_vectorize_overlay.errors import InputError, UnexpectedResponseError, VectorizeError
from cf_vectorize_overlay.limits import IDS_PER_GET_BY_IDS
from cf_vectorize_overlay.pacing import Attempts
from cf_vectorize_overlay.text import printable
from cf_vectorize_overlay.vector import id_problem

from .vectors import Vectors, nests_too_deeply

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from cf_vectorize_overlay.index import Index
    from cf_vectorize_overlay.vector import Vector

# Requests handed to the pool for each of its threads, so that none idles while the oldest answer is awaited.
AHEAD: Final = 2


class Believed:
    """What vectors of one index have in common: an answer that departs from it is not believed.

    Attributes:
        dimensions: As the first vector has them; None before the first.

    """

    def __init__(self) -> None:
        self.dimensions: int | None = None

    def check(self, index: Index, vectors: Iterable[Vector]) -> None:
        """Hold the vectors of one answer against those before them.

        Raises:
            UnexpectedResponseError: One has another number of values than the vectors before it, or members that are
                nested too deeply to be written again.

        """
        for vector in vectors:
            count = len(vector.values)
            if self.dimensions not in {None, count}:
                has = f"has {count:,} values, those before it have {self.dimensions:,}"
                raise _unexpected(index, vector, has)
            self.dimensions = count
            if nests_too_deeply(vector.metadata) or nests_too_deeply(vector.extra):
                raise _unexpected(index, vector, "is nested too deeply to be written again")


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
        answer = _fetch_once(index, asked, Attempts(stop))
        Believed().check(index, answer.values())
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
    index: Index,
    ids: Iterable[str],
    *,
    concurrency: int = LOOKUP_CONCURRENCY,
    stop: threading.Event,
    believed: Believed | None = None,
    on_wait: Callable[[float, str], None] = lambda seconds, reason: None,  # noqa: ARG005
) -> Generator[tuple[str, Vector | None], None, None]:
    """Yield each id with its vector, None where the index does not hold it, in the order asked, as answers come.

    Ids are read as requests need them, at most `20 * 2 * concurrency` ahead. An id that comes twice is yielded twice;
    it is fetched once where both fall into one request. Abandoning the iterator stops the requests.

    Args:
        index: Sends the requests.
        ids: Any number of ids.
        concurrency: Requests under way at a time.
        stop: Set by whoever no longer wants the answer, also when this ends early.
        believed: What is known of the index's vectors from earlier requests.
        on_wait: Called with the seconds of each wait for the account's budget, and why, from the threads that ask.

    Raises:
        InputError: An id is not one; its request was not sent.
        ResponseError: A request was refused, or kept failing, or its answer is not to be believed.
        TransportError: The service could not be reached.

    """
    believed = believed or Believed()
    under_way: deque[tuple[list[str], Future[dict[str, Vector]]]] = deque()

    def oldest() -> Iterator[tuple[str, Vector | None]]:
        asked, answer = under_way.popleft()
        found = result_of(answer)
        believed.check(index, found.values())
        for identity in asked:
            yield identity, found.get(identity)

    with ThreadPoolExecutor(concurrency, "cf-vectorize") as pool:
        try:
            for asked in in_requests(checked(ids)):
                under_way.append((asked, pool.submit(_fetch_once, index, asked, Attempts(stop, on_wait=on_wait))))
                if len(under_way) == AHEAD * concurrency:
                    yield from oldest()
            while under_way:
                yield from oldest()
        except BaseException:
            # In this order, so that none of those not yet begun books a request of the account's budget.
            pool.shutdown(wait=False, cancel_futures=True)
            stop.set()
            raise


def checked(ids: Iterable[str]) -> Iterator[str]:
    """Yield the ids, and refuse what is none.

    Raises:
        InputError: Names the place, counted from 0, and the reason.

    """
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__iter__"):
        raise InputError(f"ids is one {type(ids).__name__}; give a list of ids")
    for place, identity in enumerate(ids):
        if problem := id_problem(identity):
            raise InputError(f"ids[{place}] {problem}")
        yield identity


def in_requests(ids: Iterable[str]) -> Iterator[list[str]]:
    """Cut into lists of as many ids as one request takes."""
    remaining = iter(ids)
    while batch := list(islice(remaining, IDS_PER_GET_BY_IDS)):
        yield batch


def _fetch_once(index: Index, asked: list[str], attempts: Attempts) -> dict[str, Vector]:
    return {vector.id: vector for vector in index.get_by_ids(asked, attempts)}


def _unexpected(index: Index, vector: Vector, why: str) -> UnexpectedResponseError:
    message = f'the answer cannot be believed: vector "{printable(vector.id)}" {why}'
    return UnexpectedResponseError(message, 200, None, "POST", f"…/indexes/{index.name}/get_by_ids")
