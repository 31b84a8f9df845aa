"""Many batches at once: threads send what is planned, and note what became of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import attrs

from cf_vectorize.base.progress import Progress, Tracker
from cf_vectorize.source.cut import FIRST_BATCH_BYTES, LINE_BYTES, BatchLimits
from cf_vectorize.source.open import total_size
from cf_vectorize_overlay.body import Body, lines, select, size
from cf_vectorize_overlay.errors import RejectedError, VectorizeError
from cf_vectorize_overlay.index import Attempts, Cancelled

from .journal import Entry, Journal, digest
from .plan import Planner
from .report import BatchOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cf_vectorize.read.sampling import Sampler
    from cf_vectorize.source.open import Source
    from cf_vectorize_overlay.index import Index

    from .options import InsertOptions
    from .plan import Batch
    from .rejects import Rejects


class Load:
    """One load: the planner, the files beside it, and the threads that send."""

    def __init__(
        self,
        index: Index,
        sources: Sequence[Source],
        options: InsertOptions,
        *,
        journal: Journal | None,
        rejects: Rejects | None,
        stop: threading.Event,
        sampler: Sampler | None,
    ) -> None:
        self._index = index
        self._sources = sources
        self._options = options
        self._journal = journal
        self._rejects = rejects
        longest = min(LINE_BYTES, options.batch_bytes)
        limits = BatchLimits(options.batch_vectors, options.batch_bytes, FIRST_BATCH_BYTES, longest)
        self._planner = Planner(options, limits, journal, sampler)
        self._tracker = Tracker(options.on_progress, Progress(total_size(sources)))
        self._stop = stop
        self._noting = threading.Lock()
        self._under_way: set[Future[list[BatchOutcome]]] = set()

    def outcomes(self) -> Iterator[BatchOutcome]:
        """Plan in this thread, one batch ahead of the threads that send."""
        pool = ThreadPoolExecutor(self._options.concurrency, "cf-vectorize")
        try:
            yield from self._dispatch(pool)
        except BaseException as error:
            self._stop.set()
            ended = self._ended_meanwhile()
            if isinstance(error, KeyboardInterrupt):
                yield from ended
            raise
        finally:
            # A second Ctrl-C leaves requests under way: their threads must not write to files that are closed now.
            with self._noting:
                self._journal = self._rejects = None
            pool.shutdown(wait=all(future.done() for future in self._under_way))

    def _dispatch(self, pool: ThreadPoolExecutor) -> Iterator[BatchOutcome]:
        under_way = self._under_way
        failed = False
        for batch in self._planner.batches(self._sources):
            self._tracker.add(queued=batch.cut.size)
            ended = [self._settled(batch)] if batch.error or batch.entry else []
            while not ended and len(under_way) >= self._options.concurrency:
                ended = _next_done(under_way)
            failed = failed or any(outcome.error for outcome in ended)
            yield from ended
            if failed and self._options.on_error == "stop":
                break
            if not batch.error and not batch.entry:
                under_way.add(pool.submit(self._deliver, batch))
        while under_way:
            yield from _next_done(under_way)

    def _ended_meanwhile(self) -> list[BatchOutcome]:
        """Wait for what is under way to end or break off, and give the outcomes of what ended."""
        self._tracker.add(awaited=sum(not future.done() for future in self._under_way))
        ended = wait(self._under_way).done
        return [outcome for future in ended if future.exception() is None for outcome in future.result()]

    def _settled(self, batch: Batch) -> BatchOutcome:
        """Give the outcome of a batch that needs no request."""
        if batch.entry:
            self._tracker.add(acknowledged=batch.cut.size, vectors=batch.vectors)
        return _outcome(batch)

    def _deliver(self, batch: Batch) -> list[BatchOutcome]:
        """Send one batch, in pieces where the service finds it too large."""
        attempts = Attempts(self._stop)
        mutation_id: str | None = None
        failure: VectorizeError | None = None
        try:
            range_digest = digest(batch.raw) if self._journal else ""
            if batch.vectors:
                mutation_id = self._send(batch, attempts)
            self._note(batch, range_digest, mutation_id)
            self._tracker.add(acknowledged=batch.cut.size, vectors=batch.vectors)
        except RejectedError as error:
            if error.too_large and batch.cut.lines > 1:
                return [outcome for half in self._planner.halves(batch) for outcome in self._deliver(half)]
            error.place = batch.place(error.line)
            failure = error
        except VectorizeError as error:
            failure = error
        return [
            attrs.evolve(
                _outcome(batch),
                mutation_id=mutation_id,
                error=failure,
                attempts=attempts.made,
                waited=attempts.waited,
            )
        ]

    def _send(self, batch: Batch, attempts: Attempts) -> str:
        sent = 0

        def on_chunk(count: int) -> None:
            nonlocal sent
            if self._stop.is_set():
                raise Cancelled
            sent += count
            self._tracker.add(sent=count)

        def on_retry(error: VectorizeError, pause: float) -> None:
            nonlocal sent
            said = {"pause": pause, "reason": str(error)}
            self._tracker.change(said, sent=-sent, taken_back=sent, retries=1)
            sent = 0

        def on_wait(seconds: float, reason: str) -> None:
            self._tracker.change({"waits_until": time.monotonic() + seconds, "waits_for": reason})

        attempts.on_retry, attempts.on_wait = on_retry, on_wait
        try:
            return self._index.send(Body(batch.body, on_chunk), self._options.unparsable, attempts)
        except VectorizeError:
            self._tracker.add(sent=-sent, taken_back=sent)
            raise

    def _note(self, batch: Batch, range_digest: str, mutation_id: str | None) -> None:
        """Make durable what became of an acknowledged batch: first the lines it lacks, then the batch."""
        with self._noting:
            if self._rejects and batch.bad:
                self._rejects.append(
                    [(b"".join(lines(select(batch.raw, [(bad.start, bad.stop)]))), bad.problems) for bad in batch.bad]
                )
            if self._journal:
                rejects = self._rejects.state() if self._rejects else None
                cut = batch.cut
                bad = len(batch.bad)
                entry = Entry(
                    batch.source, cut.start, cut.stop, range_digest, batch.vectors, mutation_id, rejects, bad
                )
                self._journal.note(entry)


def _next_done(under_way: set[Future[list[BatchOutcome]]]) -> list[BatchOutcome]:
    """Wait until some batch ends, take those that have out of `under_way`, and give their outcomes."""
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    under_way -= done
    return [outcome for future in done for outcome in future.result()]


def _outcome(batch: Batch) -> BatchOutcome:
    cut = batch.cut
    return BatchOutcome(
        source=batch.source,
        first_line=cut.first_line,
        last_line=cut.first_line + cut.lines - 1,
        start=cut.start,
        stop=cut.stop,
        vectors=batch.vectors,
        size=size(batch.body) if batch.entry is None else cut.size,
        first_id=batch.first_id,
        last_id=batch.last_id,
        mutation_id=batch.entry.mutation_id if batch.entry else None,
        rejected=tuple(problem for bad in batch.bad for problem in bad.problems),
        discarded=batch.discarded,
        resumed=batch.entry is not None,
        rejected_earlier=batch.entry.rejected if batch.entry else 0,
        error=batch.error,
    )
