"""One index, for code that awaits.

The same engine on threads as the blocking client's, so that the two cannot differ in meaning, and loads do not keep
an event loop from its other work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY

from .engine import Engine
from .threads import call_in_thread, iterate_in_loop, iterate_in_thread

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Unpack

    from cf_vectorize.load.options import InsertArguments, VerifyArguments
    from cf_vectorize.load.report import BatchOutcome, InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize_overlay.vector import Vector


class AsyncVectorize(Engine):
    """A Vectorize index, for code that awaits. Arguments, results and errors are those of `Vectorize`.

    An async context manager; without `async with`, await `aclose()`.
    """

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads of its own, so that long loads do not starve the loop's."""
        return ThreadPoolExecutor(32, "cf-vectorize")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        self._index.close()
        self._pool.shutdown(wait=False)
        del self._pool  # a later call is told by the index that the client is closed

    async def insert(self, source: object, **options: Unpack[InsertArguments]) -> InsertReport:
        """Load vectors from a source of any size; see `Vectorize.insert`.

        Cancelling it breaks off what is under way, and returns when the journal is closed.

        Args:
            source: As for `Vectorize.insert`, or an async iterable of lines.
            options: See `InsertArguments`.

        """
        readable = _readable(source)
        return await call_in_thread(self._pool, lambda stop: self._insert(readable(stop), options, stop), settle=True)

    def insert_batches(self, source: object, **options: Unpack[InsertArguments]) -> AsyncIterator[BatchOutcome]:
        """Load like `insert`, and give each batch's outcome as it ends; see `Vectorize.insert_batches`."""
        readable = _readable(source)
        return iterate_in_thread(lambda stop: self._insert_batches(readable(stop), options, stop), settle=True)

    async def get_by_ids(
        self, ids: Iterable[str] | AsyncIterable[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> Vectors:
        """Fetch vectors by id, 20 to a request; see `Vectorize.get_by_ids`."""
        readable = _readable(ids)
        return await call_in_thread(
            self._pool, lambda stop: self._get_by_ids(readable(stop), concurrency, stop), settle=False
        )

    def iter_by_ids(
        self, ids: Iterable[str] | AsyncIterable[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> AsyncIterator[tuple[str, Vector | None]]:
        """Fetch lazily; see `Vectorize.iter_by_ids`."""
        readable = _readable(ids)
        return iterate_in_thread(lambda stop: self._iter_by_ids(readable(stop), concurrency, stop), settle=False)

    def export_by_ids(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        output: str | os.PathLike[str],
        *,
        concurrency: int = LOOKUP_CONCURRENCY,
    ) -> AsyncIterator[tuple[str, bool]]:
        """Fetch vectors into a file; see `Vectorize.export_by_ids`."""
        readable = _readable(ids)
        return iterate_in_thread(
            lambda stop: self._export_by_ids(readable(stop), output, concurrency, stop), settle=False
        )

    async def verify(self, source: object, **options: Unpack[VerifyArguments]) -> VerifyReport:
        """Read vectors back and compare them with the source; see `Vectorize.verify`."""
        readable = _readable(source)
        return await call_in_thread(
            self._pool, lambda stop: self._verify(readable(stop), options, stop), settle=False
        )


def _readable(source: object) -> Callable[[threading.Event], Any]:
    """Give what lets the engine's threads read a source or ids, be they of this loop, until the threads stop."""
    if isinstance(source, AsyncIterable):
        loop = asyncio.get_running_loop()
        return lambda stop: iterate_in_loop(source, loop, stop)
    return lambda _stop: source
