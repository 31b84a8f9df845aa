"""One index, for code that awaits.

The same functions on threads as the blocking client's, so that the two cannot differ in meaning, and loads do not
keep an event loop from its other work.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from cf_vectorize.base.options import filled, takes_options_of, takes_settings_of

from .client import Vectorize
from .engine import Client, export, fetch, load, load_options, opening, read_options, reading_back
from .threads import call_in_thread, iterate_in_loop, iterate_in_thread

if TYPE_CHECKING:
    import threading

    from cf_vectorize.load.outcome import BatchOutcome
    from cf_vectorize.load.report import InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize.source.kinds import AsyncSourceLike
    from cf_vectorize_overlay.vector import Vector


@takes_settings_of(Vectorize)
class AsyncVectorize(Client):
    """A Vectorize index, for code that awaits.

    Arguments, options, results and errors are those of `Vectorize`. An async
    context manager; without `async with`, await `aclose()`.

    Example:
        >>> import asyncio
        >>> from cf_vectorize import AsyncVectorize
        >>> async def main():
        ...     records = [{"id": "a", "values": [0.5] * 32}]
        ...     async with AsyncVectorize("my-index") as index:
        ...         await index.insert(records, verify=True)
        ...         async for identity, vector in index.iter_by_ids(["a", "b"]):
        ...             print(identity, vector is not None)
        >>> asyncio.run(main())
        a True
        b False

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

    @takes_options_of(Vectorize.insert)
    async def insert(self, source: AsyncSourceLike, **options: Any) -> InsertReport:
        """Load vectors from a source of any size.

        Cancelling it breaks off what is under way, and returns when the journal
        is closed. An insert never overwrites, as `Vectorize.insert` says.

        Args:
            source: As for `Vectorize.insert`, or an async iterable of lines or
                records.
            options: As for `Vectorize.insert`.

        """
        readable, given = _readable(source), load_options.checked(**filled(Vectorize.insert, options))
        return await call_in_thread(
            self._pool, lambda stop: load.insert(self._index, readable(stop), given, stop), settle=True
        )

    @takes_options_of(Vectorize.insert_batches)
    def insert_batches(self, source: AsyncSourceLike, **options: Any) -> AsyncIterator[BatchOutcome]:
        """Load like `insert`, and yield the outcome of each batch as it ends.

        A failed batch is an outcome too. Leaving the iterator stops the load.

        Args:
            source: As for `insert`.
            options: As for `insert`.

        """
        readable, given = _readable(source), load_options.checked(**filled(Vectorize.insert, options))
        return iterate_in_thread(
            lambda stop: load.insert_batches(self._index, readable(stop), given, stop), settle=True
        )

    @takes_options_of(Vectorize.get_by_ids)
    async def get_by_ids(self, ids: Iterable[str] | AsyncIterable[str], **options: Any) -> Vectors:
        """Fetch vectors by id, 20 to a request."""
        readable, given = _readable(ids), read_options.checked(**filled(Vectorize.get_by_ids, options))
        return await call_in_thread(
            self._pool, lambda stop: fetch.fetch(self._index, readable(stop), **given, stop=stop), settle=False
        )

    @takes_options_of(Vectorize.iter_by_ids)
    def iter_by_ids(
        self, ids: Iterable[str] | AsyncIterable[str], **options: Any
    ) -> AsyncIterator[tuple[str, Vector | None]]:
        """Fetch vectors by id, as they are needed."""
        readable, given = _readable(ids), read_options.checked(**filled(Vectorize.iter_by_ids, options))
        return iterate_in_thread(
            lambda stop: fetch.fetch_iter(self._index, readable(stop), **given, stop=stop), settle=False
        )

    @takes_options_of(Vectorize.export_by_ids)
    def export_by_ids(
        self, ids: Iterable[str] | AsyncIterable[str], output: str | os.PathLike[str], **options: Any
    ) -> AsyncIterator[tuple[str, bool]]:
        """Fetch vectors by id into a file.

        What is fetched is kept in `OUTPUT.part`; the same call goes on from it
        after an interruption.
        """
        readable = _readable(ids)
        given = read_options.checked(output=output, **filled(Vectorize.export_by_ids, options))
        return iterate_in_thread(
            lambda stop: export.export(self._index, readable(stop), **given, stop=stop), settle=False
        )

    @takes_options_of(Vectorize.verify)
    async def verify(self, source: AsyncSourceLike, **options: Any) -> VerifyReport:
        """Read vectors back and compare them with what they were loaded from."""
        readable, given = _readable(source), read_options.checked(**filled(Vectorize.verify, options))
        return await call_in_thread(
            self._pool,
            lambda stop: reading_back.verify(self._index, opening.open_sources(readable(stop)), **given, stop=stop),
            settle=False,
        )


def _readable(source: object) -> Callable[[threading.Event], Any]:
    """Return what lets a thread read a source or ids, also those of this loop, until the thread is to stop."""
    if isinstance(source, AsyncIterable):
        loop = asyncio.get_running_loop()
        return lambda stop: iterate_in_loop(source, loop, stop)
    return lambda _stop: source
