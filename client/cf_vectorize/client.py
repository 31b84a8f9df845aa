"""One index: `insert` and `get_by_ids`, for code that blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY, SAMPLE, VERIFY_DEADLINE
from cf_vectorize.base.extras import Late
from cf_vectorize.base.options import filled, states_options, takes_options_of
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

from .engine import Client, export, fetch, load, load_options, opening, read_options, reading_back

if TYPE_CHECKING:
    import threading

    from cf_vectorize.base.progress import Progress, VerifyProgress
    from cf_vectorize.checks.rules import BadLine
    from cf_vectorize.load.outcome import BatchOutcome
    from cf_vectorize.load.report import InsertReport
    from cf_vectorize.read.report import VerifyReport
    from cf_vectorize.read.vectors import Vectors
    from cf_vectorize.source.kinds import SourceLike
    from cf_vectorize_overlay.vector import Vector
else:
    threading = Late("threading")


class Vectorize(Client):
    """A Vectorize index.

    Safe to use from several threads. A context manager; without `with`, call
    `close()`.

    Args:
        index: Name of the index.
        account_id: Cloudflare account id. Default: `CLOUDFLARE_ACCOUNT_ID`.
        api_token: API token; `insert` needs Vectorize Write, `get_by_ids`
            Vectorize Read or Write. Default: `CLOUDFLARE_API_TOKEN`.
        api_email: Account email, with `api_key` in place of a token. Default:
            `CLOUDFLARE_EMAIL`.
        api_key: Global API key. Default: `CLOUDFLARE_API_KEY`.
        base_url: Where the API is. Default: `CLOUDFLARE_BASE_URL`, or
            Cloudflare's.
        timeout: Seconds that connecting, each write of a body, and the answer
            after the last of them may take.
        give_up_after: Seconds from the first failure of a request in which it
            is tried again. Default: 600, twice the account's five-minute
            block; and 15 for connecting where nothing was ever answered.
        requests_per_5min: Requests to start in any 5 minutes, retries included,
            by all clients of this process with the same credentials; of
            several numbers the smallest counts. Default: Cloudflare's 1,200
            for all of a user's API calls, lowered by what `Ratelimit-Policy`
            headers say.
        budget: What says when a request may start, in place of
            `requests_per_5min`: for several processes or machines that share
            an account. Default: one for all clients of this process with the
            same credentials.

    Raises:
        InputError: A setting is wrong or a credential is missing.

    Example:
        >>> from cf_vectorize import Vectorize
        >>> records = [{"id": "a", "values": [0.5] * 32}]
        >>> with Vectorize("my-index") as index:
        ...     report = index.insert(records, verify=True)
        ...     found = index.get_by_ids(["a", "b"])
        >>> report.vectors, len(found), found.missing
        (1, 1, ('b',))

    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._index.close()

    @states_options
    def insert(  # noqa: PLR0913 - the options of a load, all of them by name
        self,
        source: SourceLike,
        *,
        unparsable: Literal["error", "discard"] = "error",
        check: bool = True,
        dimensions: int | None = None,
        batch_vectors: int = VECTORS_PER_INSERT,
        batch_bytes: int = INSERT_BODY_BYTES,
        concurrency: int = 4,
        rejects: str | os.PathLike[str] | None = None,
        on_reject: Callable[[bytes, tuple[BadLine, ...]], None] | None = None,
        journal: str | os.PathLike[str] | None = None,
        on_changed: Literal["refuse", "resend"] = "refuse",
        on_error: Literal["stop", "continue"] = "stop",
        on_progress: Callable[[Progress], None] | None = None,
        compact: bool = False,
        verify: bool | int = False,
    ) -> InsertReport:
        """Load vectors from a source of any size.

        An insert never overwrites: of an id that the index already holds, the
        service ignores the new vector. So loading again is safe, and changed
        vectors are not loaded. Accepted vectors can be read some seconds later.

        Args:
            source: A path (`-` for standard input; `.gz`, `.bz2`, `.xz`, `.zst`
                are unpacked), a list of paths, an open binary file, an iterable
                of NDJSON lines (bytes) or of records (dicts, `Vector`s), what
                `columns` or `table` returns, or anything with Arrow's C
                interface.
            unparsable: What the service does with a line that it cannot parse:
                refuse the batch ("error"), or drop the line without a word
                ("discard").
            check: Check every line before its batch is sent.
            dimensions: Values that a vector must have; by default as many as
                the first one has.
            batch_vectors: The most vectors in a request. The default is
                Cloudflare's limit.
            batch_bytes: The most bytes in a request. The default is
                Cloudflare's limit.
            concurrency: Requests under way at a time. Memory is about 37 MB and
                2 MB for each; sources that are not plain files take
                `(concurrency + 2) * batch_bytes` of temporary disk space.
            rejects: A file for bad lines, unchanged, with their reasons in
                FILE.reasons; without it a bad line stops the load.
            on_reject: Called with each bad line as it is and what is wrong
                with it, one at a time, once its batch is accepted; like
                `rejects`, with which it may stand, it lets the load go on.
            journal: A file that notes each acknowledged batch, so that the same
                call goes on from it after an interruption.
            on_changed: When a source has changed since the journal was written:
                "refuse", or "resend" the changed parts.
            on_error: When a batch fails for good: "stop" starting new ones, or
                "continue".
            on_progress: Called with a `Progress` whenever it changes, from the
                threads that send.
            compact: Rewrite NDJSON lines to shortest float32 decimals on the
                way: fewer bytes, more CPU.
            verify: How many lines, chosen at random, are read back after the
                load and compared. True is 3,000, which bounds the share of
                missing or different vectors below 0.1 % at 95 % confidence;
                False reads nothing back.

        Returns:
            What was accepted, batch by batch.

        Raises:
            InputError: The source or an option is wrong; nothing was sent.
            BadLinesError: Lines that the service would refuse; nothing was
                sent.
            ResponseError: The service refused the first batches and nothing was
                accepted, or refused what `verify` reads; `report` of the error
                tells which.
            TransportError: The service could not be reached; likewise.
            InsertError: Some batches were accepted and some were not; it
                carries the report.
            JournalError: The journal is in use, belongs elsewhere, or a source
                has changed since.
            InsertInterrupted: Ctrl-C; it carries the report of what was
                accepted.

        """
        options = load_options.checked(
            unparsable=unparsable,
            check=check,
            dimensions=dimensions,
            batch_vectors=batch_vectors,
            batch_bytes=batch_bytes,
            concurrency=concurrency,
            rejects=rejects,
            on_reject=on_reject,
            journal=journal,
            on_changed=on_changed,
            on_error=on_error,
            on_progress=on_progress,
            compact=compact,
            verify=verify,
        )
        return load.insert(self._index, source, options, threading.Event())

    @takes_options_of(insert)
    def insert_batches(self, source: SourceLike, **options: Any) -> Iterator[BatchOutcome]:
        """Load like `insert`, and yield the outcome of each batch as it ends.

        A failed batch is an outcome too. Leaving the iterator stops the load.

        Yields:
            What became of each batch, in the order they end.

        Raises:
            InputError: The source or an option is wrong; nothing was sent.
            JournalError: The journal is in use, belongs elsewhere, or a source
                has changed since.

        """
        given = load_options.checked(**filled(Vectorize.insert, options))
        return load.insert_batches(self._index, source, given, threading.Event())

    @states_options
    def get_by_ids(self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY) -> Vectors:
        """Fetch vectors by id, 20 to a request.

        Args:
            ids: Any number of ids, each 1 to 64 bytes of UTF-8; repeated ones
                are fetched once.
            concurrency: Requests under way at a time.

        Returns:
            A mapping from id to vector in the order asked, with the ids that
            the index does not hold as `missing`.

        Raises:
            InputError: An id is empty or too long; nothing was sent.
            ResponseError: The service refused a request, or kept failing;
                `fetched` of the error holds what came before.
            TransportError: The service could not be reached; likewise.

        """
        options = read_options.checked(concurrency=concurrency)
        return fetch.fetch(self._index, ids, **options, stop=threading.Event())

    @states_options
    def iter_by_ids(
        self, ids: Iterable[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> Iterator[tuple[str, Vector | None]]:
        """Fetch vectors by id, as they are needed.

        Args:
            ids: Any number of ids, read as they are needed.
            concurrency: Requests under way at a time.

        Yields:
            Each id with its vector, None where the index does not hold it.

        Raises:
            InputError: An id is empty or too long; its request was not sent.
            ResponseError: The service refused a request, or kept failing.
            TransportError: The service could not be reached.

        """
        options = read_options.checked(concurrency=concurrency)
        return fetch.fetch_iter(self._index, ids, **options, stop=threading.Event())

    @states_options
    def export_by_ids(
        self, ids: Iterable[str], output: str | os.PathLike[str], *, concurrency: int = LOOKUP_CONCURRENCY
    ) -> Iterator[tuple[str, bool]]:
        """Fetch vectors by id into a file.

        What is fetched is kept in `OUTPUT.part`; the same call goes on from it
        after an interruption.

        Args:
            ids: Any number of ids, read as they are needed.
            output: A path: `.parquet`, `.npy` (with the ids in `OUTPUT.ids`),
                or any other name for NDJSON.
            concurrency: Requests under way at a time.

        Yields:
            Each id as it is fetched, and whether the index holds it.

        Raises:
            InputError: An id is not one, an extra is missing, or the output
                exists already or cannot be written.
            JournalError: `OUTPUT.part` is in use, is damaged, or belongs to
                another index, account, base URL or other ids.
            ResponseError: The service refused a request, or kept failing.
            TransportError: The service could not be reached.

        """
        options = read_options.checked(output=output, concurrency=concurrency)
        return export.export(self._index, ids, **options, stop=threading.Event())

    @states_options
    def verify(
        self,
        source: SourceLike,
        *,
        sample: int | Literal["all"] = SAMPLE,
        seed: int | None = None,
        deadline: float = VERIFY_DEADLINE,
        concurrency: int = LOOKUP_CONCURRENCY,
        on_progress: Callable[[VerifyProgress], None] | None = None,
    ) -> VerifyReport:
        """Read vectors back and compare them with what they were loaded from.

        Args:
            source: As for `insert`.
            sample: How many lines to look at, chosen at random, or "all". When
                3,000 are found to be equal, less than 0.1 % of all vectors are
                missing or different, at 95 % confidence.
            seed: Repeats an earlier choice of lines.
            deadline: Seconds in which missing vectors may still turn up.
            concurrency: Requests under way at a time.
            on_progress: Called with a `VerifyProgress` as the source is read,
                for each line that is looked at, and at least every second of
                waiting.

        Returns:
            How many are equal, missing, different, not judged; and what that
            proves about all of them.

        Raises:
            InputError: The source cannot be read or holds no vectors, or an
                option is wrong.
            ResponseError: The service refused a request, or kept failing.
            TransportError: The service could not be reached.

        """
        options = read_options.checked(
            sample=sample, seed=seed, deadline=deadline, concurrency=concurrency, on_progress=on_progress
        )
        return reading_back.verify(self._index, opening.open_sources(source), **options, stop=threading.Event())
