"""One index: `insert` and `get_by_ids`, for code that blocks and for code that awaits.

Both faces drive one engine on threads: bodies cost a third less CPU than through an event loop, and the two
cannot differ in meaning.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from . import insert, lookup, verify
from .errors import InsertError, InsertInterrupted
from .export import export
from .options import InsertArguments, InsertOptions
from .report import InsertReport
from .sampling import SAMPLE, Sampler
from .sources import open_sources
from .threads import call_in_thread, iterate_in_loop, iterate_in_thread
from .transport import GIVE_UP_AFTER, TIMEOUT, Credentials, Transport

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
    from typing import Unpack

    from .lookup import Vectors
    from .options import VerifyArguments
    from .report import BatchOutcome
    from .vector import Vector
    from .verify import VerifyReport

LOOKUP_CONCURRENCY = 8


class _Engine:
    """What both faces share: the settings, and each operation as a blocking call that an event can stop."""

    def __init__(  # noqa: PLR0913 - the settings of a client, all but the first by name
        self,
        index: str,
        *,
        account_id: str | None = None,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT,
        give_up_after: float = GIVE_UP_AFTER,
        requests_per_5min: int | None = None,
    ) -> None:
        self._transport = Transport(
            index,
            Credentials.find(account_id, api_token, api_email, api_key),
            base_url=base_url,
            timeout=timeout,
            give_up_after=give_up_after,
            requests_per_5min=requests_per_5min,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.index!r})"

    def _insert_batches(
        self, source: object, arguments: InsertArguments, stop: threading.Event
    ) -> Generator[BatchOutcome, None, None]:
        return insert.outcomes(self._transport, open_sources(source), InsertOptions(**arguments), stop)

    def _insert(self, source: object, arguments: InsertArguments, stop: threading.Event) -> InsertReport:
        options = InsertOptions(**arguments)
        sampler = Sampler(SAMPLE if options.verify is True else options.verify) if options.verify else None
        started = time.monotonic()
        batches: list[BatchOutcome] = []
        try:
            for batch in insert.outcomes(self._transport, open_sources(source), options, stop, sampler):
                batches.append(batch)  # noqa: PERF402 - what came before an interruption is kept
        except KeyboardInterrupt:
            raise InsertInterrupted(InsertReport(tuple(batches), time.monotonic() - started)) from None
        report = InsertReport(tuple(batches), time.monotonic() - started)
        _raise_failure(report)
        if sampler is None:
            return report
        return attrs.evolve(report, verification=verify.verify_sample(self._transport, sampler, stop=stop))

    def _get_by_ids(self, ids: Iterable[str], concurrency: int, stop: threading.Event) -> Vectors:
        return lookup.fetch(self._transport, ids, concurrency=concurrency, stop=stop)

    def _iter_by_ids(
        self, ids: Iterable[str], concurrency: int, stop: threading.Event
    ) -> Generator[tuple[str, Vector | None], None, None]:
        return lookup.fetch_iter(self._transport, ids, concurrency=concurrency, stop=stop)

    def _export_by_ids(
        self, ids: Iterable[str], output: str | os.PathLike[str], concurrency: int, stop: threading.Event
    ) -> Generator[tuple[str, bool], None, None]:
        return export(self._transport, ids, Path(output), concurrency=concurrency, stop=stop)

    def _verify(self, source: object, arguments: VerifyArguments, stop: threading.Event) -> VerifyReport:
        return verify.verify(self._transport, open_sources(source), stop=stop, **arguments)


def _raise_failure(report: InsertReport) -> None:
    """Raise what a load ended with: the first failure itself where nothing was accepted, else all of them."""
    errors = [batch.error for batch in report.failed if batch.error is not None]
    if errors and report.accepted:
        raise InsertError(report)
    if errors:
        errors[0].report = report
        raise errors[0]


class Vectorize(_Engine):
    """A Vectorize index.

    Safe to use from several threads. A context manager; without `with`, call `close()`.

    Args:
        index: Name of the index.
        account_id: Cloudflare account id. Default: `CLOUDFLARE_ACCOUNT_ID`.
        api_token: API token; `insert` needs Vectorize Write, `get_by_ids` Vectorize Read or Write. Default:
            `CLOUDFLARE_API_TOKEN`.
        api_email: Account email, with `api_key` in place of a token. Default: `CLOUDFLARE_EMAIL`.
        api_key: Global API key. Default: `CLOUDFLARE_API_KEY`.
        base_url: Where the API is. Default: `CLOUDFLARE_BASE_URL`, or Cloudflare's.
        timeout: Seconds that connecting, each send and each receive may take. Default 60.
        give_up_after: Seconds from the first failure of a request in which it is tried again. Default 600, twice
            the account's five-minute block.
        requests_per_5min: Requests to start in any 5 minutes, retries included. Default: Cloudflare's 1,200 for
            all of a user's API calls, lowered by what `Ratelimit-Policy` headers say.

    Raises:
        InputError: A credential is missing, or `base_url` is no URL.

    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def insert(self, source: object, **options: Unpack[InsertArguments]) -> InsertReport:
        """Load vectors from a source of any size.

        A vector whose id the index already holds is ignored by the service, so loading again is safe. Accepted
        vectors can be read some seconds later.

        Args:
            source: A path (`-` for standard input; `.gz`, `.bz2`, `.xz`, `.zst` are unpacked), a list of paths, an
                open binary file, an iterable of NDJSON lines (bytes) or of records (dicts, `Vector`s, generated
                models), what `columns` or `table` gives, or anything with Arrow's C interface.
            options: See `InsertArguments`.

        Returns:
            What was accepted, batch by batch.

        Raises:
            InputError: The source is wrong, and nothing was sent.
            BadLinesError: Lines that the service would refuse, and nothing was sent.
            ResponseError: The service refused the first batches; nothing was accepted.
            TransportError: The service could not be reached; nothing was accepted.
            InsertError: Some batches were accepted and some were not; it carries the report.
            JournalError: The journal is in use, belongs elsewhere, or a source has changed since.
            InsertInterrupted: Ctrl-C; it carries the report of what was accepted.

        """
        return self._insert(source, options, threading.Event())

    def insert_batches(self, source: object, **options: Unpack[InsertArguments]) -> Iterator[BatchOutcome]:
        """Load like `insert`, and give each batch's outcome as it ends; a failed batch is an outcome too.

        Args:
            source: As for `insert`.
            options: See `InsertArguments`.

        """
        return self._insert_batches(source, options, threading.Event())

    def get_by_ids(self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY) -> Vectors:
        """Fetch vectors by id, 20 to a request.

        Args:
            ids: Any number of ids, each 1 to 64 bytes of UTF-8; repeated ones are fetched once.
            concurrency: Requests under way at a time. Default 8.

        Returns:
            A mapping from id to vector in the order asked, and the ids that the index does not hold as `missing`.

        Raises:
            InputError: An id is empty or too long; nothing was sent.
            ResponseError: The service refused a request, or kept failing.
            TransportError: The service could not be reached.

        """
        return self._get_by_ids(ids, concurrency, threading.Event())

    def iter_by_ids(
        self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> Iterator[tuple[str, Vector | None]]:
        """Fetch like `get_by_ids`, lazily: give each id with its vector, None where the index does not hold it.

        Args:
            ids: Any number of ids, read as they are needed.
            concurrency: Requests under way at a time. Default 8.

        """
        return self._iter_by_ids(ids, concurrency, threading.Event())

    def export_by_ids(
        self, ids: Iterable[str], output: str | os.PathLike[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> Iterator[tuple[str, bool]]:
        """Fetch vectors into a file: give each id as it is fetched, and whether the index holds it.

        What is fetched is kept in `OUTPUT.part`; the same call goes on from it after an interruption.

        Args:
            ids: Any number of ids, read as they are needed.
            output: A path: `.parquet`, `.npy` (with the ids in `OUTPUT.ids`), or any other name for NDJSON.
            concurrency: Requests under way at a time. Default 8.

        """
        return self._export_by_ids(ids, output, concurrency, threading.Event())

    def verify(self, source: object, **options: Unpack[VerifyArguments]) -> VerifyReport:
        """Read vectors back and compare them with the source they were loaded from.

        Args:
            source: As for `insert`.
            options: See `VerifyArguments`.

        Returns:
            How many are equal, missing, different, not judged; and what that proves about all of them.

        Raises:
            InputError: The source cannot be read, or holds no vectors.
            ResponseError: The service refused a request, or kept failing.
            TransportError: The service could not be reached.

        """
        return self._verify(source, options, threading.Event())


class AsyncVectorize(_Engine):
    """A Vectorize index, for code that awaits. Arguments, results and errors are those of `Vectorize`.

    An async context manager; without `async with`, await `aclose()`.
    """

    def __init__(self, index: str, **settings: Any) -> None:
        super().__init__(index, **settings)
        # Its own, so that long loads do not starve the loop's.
        self._pool = ThreadPoolExecutor(32, "cf-vectorize")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._pool.shutdown(wait=False)

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
        return iterate_in_thread(lambda stop: self._insert_batches(readable(stop), options, stop))

    async def get_by_ids(self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY) -> Vectors:
        """Fetch vectors by id, 20 to a request; see `Vectorize.get_by_ids`."""
        return await call_in_thread(self._pool, lambda stop: self._get_by_ids(ids, concurrency, stop), settle=False)

    def iter_by_ids(
        self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> AsyncIterator[tuple[str, Vector | None]]:
        """Fetch lazily; see `Vectorize.iter_by_ids`."""
        return iterate_in_thread(lambda stop: self._iter_by_ids(ids, concurrency, stop))

    def export_by_ids(
        self, ids: Iterable[str], output: str | os.PathLike[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> AsyncIterator[tuple[str, bool]]:
        """Fetch vectors into a file; see `Vectorize.export_by_ids`."""
        return iterate_in_thread(lambda stop: self._export_by_ids(ids, output, concurrency, stop))

    async def verify(self, source: object, **options: Unpack[VerifyArguments]) -> VerifyReport:
        """Read vectors back and compare them with the source; see `Vectorize.verify`."""
        readable = _readable(source)
        return await call_in_thread(
            self._pool, lambda stop: self._verify(readable(stop), options, stop), settle=False
        )


def _readable(source: object) -> Callable[[threading.Event], object]:
    """Give what lets the engine's threads read a source, be it an async iterable of this loop, until they stop."""
    if isinstance(source, AsyncIterable):
        loop = asyncio.get_running_loop()
        return lambda stop: iterate_in_loop(source, loop, stop)
    return lambda _stop: source
