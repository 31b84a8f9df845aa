"""One index: `insert` and `get_by_ids`, for code that blocks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY

from .engine import Engine

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from typing import Unpack

    from cf_vectorize.load.options import InsertArguments, VerifyArguments
    from cf_vectorize.load.report import BatchOutcome, InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize_overlay.vector import Vector


class Vectorize(Engine):
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
        self._index.close()

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
            ResponseError: The service refused the first batches and nothing was accepted, or refused what `verify`
                reads; `report` of the error tells which.
            TransportError: The service could not be reached; likewise.
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
