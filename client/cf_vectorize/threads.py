"""The engine's threads under an event loop: calls and iterators from one world in the other."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar, cast

from cf_vectorize.base.stop import Stop
from cf_vectorize_overlay.pacing import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterator

T = TypeVar("T")
END = object()
# How long a thread that waits for an item may not see that it should stop.
STOP_SEEN_AFTER = 0.1


async def call_in_thread(pool: ThreadPoolExecutor, work: Callable[[threading.Event], T], *, settle: bool) -> T:
    """Run blocking work in a thread of the pool; when the caller is cancelled, tell the work to stop.

    Args:
        pool: Where it runs.
        work: Called with an event that is set when nobody wants its result any more.
        settle: Whether a cancelled caller waits until the work has really ended.

    """
    stop = Stop()
    future = asyncio.get_running_loop().run_in_executor(pool, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        # Looked at, so that the loop does not report it as forgotten.
        future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if settle:
            await asyncio.wait([future])
        raise


async def iterate_in_thread(
    items: Callable[[threading.Event], Generator[T, None, None]], *, settle: bool
) -> AsyncIterator[T]:
    """Drive a blocking generator from a coroutine, each step in one thread of its own."""
    stop = Stop()
    generator = items(stop)
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(1, "cf-vectorize")
    try:
        while (item := await loop.run_in_executor(pool, next, generator, END)) is not END:
            yield cast("T", item)
    finally:
        stop.set()
        closing = loop.run_in_executor(pool, generator.close)
        pool.shutdown(wait=False)
        if settle:
            await asyncio.wait([closing])


def iterate_in_loop(items: AsyncIterable[T], loop: asyncio.AbstractEventLoop, stop: threading.Event) -> Iterator[T]:
    """Drive an async iterable of `loop` from another thread, and leave off when `stop` is set."""
    iterator = aiter(items)

    async def following() -> object:
        return await anext(iterator, END)

    while (item := _result(asyncio.run_coroutine_threadsafe(following(), loop), stop)) is not END:
        yield cast("T", item)


def _result(future: Future[object], stop: threading.Event) -> object:
    while not wait([future], STOP_SEEN_AFTER).done:
        if stop.is_set():
            future.cancel()
            raise Cancelled
    return future.result()
