"""One load under way: threads send what is planned, and note what became of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from cf_vectorize.base.progress import Progress, Tracker
from cf_vectorize.base.stop import Stop, ended
from cf_vectorize.source.cut import Cut
from cf_vectorize.source.open import total_size
from cf_vectorize.source.ranges import chunks, size
from cf_vectorize_overlay.body import Body
from cf_vectorize_overlay.errors import InputError, RejectedError, VectorizeError
from cf_vectorize_overlay.pacing import Attempts, Cancelled

from .examine import Batch
from .journal import Entry, digest
from .outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cf_vectorize.checks.rules import BadLine
    from cf_vectorize.source.open import Source
    from cf_vectorize_overlay.index import Index

    from .journal import Journal
    from .options import InsertOptions
    from .outcome import BatchOutcome
    from .plan import Planner
    from .rejects import Rejects
    from .resume import Acknowledged

T = TypeVar("T")


@attrs.frozen
class Notes:
    """Where what becomes of batches is noted, durably.

    Attributes:
        journal: For each acknowledged batch, None where nobody asked.
        rejects: For lines that are kept back, likewise.
        acknowledged: What earlier runs had acknowledged of each source, by its name.

    """

    journal: Journal | None
    rejects: Rejects | None
    acknowledged: Mapping[str, Acknowledged]


class Load:
    """Takes batches from the planner, one ahead of the threads that send.

    Args:
        index: Where they go.
        options: What the caller asked for.
        planner: Makes the batches.
        notes: Where it is noted what became of them.
        stop: Breaks everything off when it is set.

    """

    def __init__(
        self, index: Index, options: InsertOptions, planner: Planner, notes: Notes, stop: threading.Event
    ) -> None:
        self._index = index
        self._options = options
        self._planner = planner
        self._notes = notes
        self._watched = Watched(options.on_progress)
        self._stop = stop
        # Set too once a failure has decided the load: what is being sent goes on, and what waits does not.
        self._decided = threading.Event()
        if isinstance(stop, Stop):
            stop.hang(self._decided)
        self._noting = threading.Lock()
        self._open_to_notes = True
        self._sending: dict[int, Attempts] = {}
        self._under_way: set[Future[list[BatchOutcome]]] = set()

    def outcomes(self, sources: Sequence[Source]) -> Iterator[BatchOutcome]:
        """Yield what becomes of each batch as it ends.

        Args:
            sources: What is loaded.

        """
        self._tracker = Tracker(self._watched.callback, Progress(total_size(sources)))
        pool = ThreadPoolExecutor(self._options.concurrency, "cf-vectorize")
        try:
            yield from self._dispatch(pool, sources)
        except BaseException as error:
            # What waits for its turn ends at once, and nobody has to wait for it.
            awaited = sum(not attempts.waiting for attempts in list(self._sending.values()))
            self._stop.set()
            self._decided.set()
            self._tracker.add(awaited=awaited)
            ended = self._ended_meanwhile()
            if isinstance(error, KeyboardInterrupt):
                yield from ended
            raise
        finally:
            # A second Ctrl-C leaves requests under way: their threads must not write to files that are closed now.
            with self._noting:
                self._open_to_notes = False
            pool.shutdown(wait=all(future.done() for future in self._under_way))

    def _dispatch(self, pool: ThreadPoolExecutor, sources: Sequence[Source]) -> Iterator[BatchOutcome]:
        under_way = self._under_way
        failed = False
        last = Batch(source="", cut=Cut(0, 0, 1, 0, ragged=False, fixed=False))
        for batch in self._planner.batches(sources):
            last = batch
            self._tracker.add(queued=batch.cut.size)
            ended = [self._settled(batch)] if batch.error or batch.entry else []
            while not ended and len(under_way) >= self._options.concurrency:
                ended = _next_done(under_way)
            ended += self._watched.failures(batch)
            failed = failed or any(outcome.error for outcome in ended)
            yield from ended
            if failed and self._options.on_error == "stop":
                self._decided.set()
                break
            if not batch.error and not batch.entry:
                self._hand_to(pool, batch)
        while under_way:
            ended = _next_done(under_way)
            failed = failed or any(outcome.error for outcome in ended)
            if failed and self._options.on_error == "stop":
                self._decided.set()
            yield from ended
        ended = self._watched.failures(last)
        yield from ended
        if not failed and not ended:
            yield from self._completed(last)

    def _hand_to(self, pool: ThreadPoolExecutor, batch: Batch) -> None:
        """Let a thread send a batch, which counts as under way before: Ctrl-C may come between any two steps."""
        future: Future[list[BatchOutcome]] = Future()
        self._under_way.add(future)
        pool.submit(self._fulfil, future, batch)

    def _fulfil(self, future: Future[list[BatchOutcome]], batch: Batch) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._deliver(batch))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    def _completed(self, last: Batch) -> Iterator[BatchOutcome]:
        """Note that the sources are loaded to their ends."""
        entries = [each.completed() for each in self._notes.acknowledged.values()]
        try:
            if self._notes.journal:
                self._notes.journal.note(*filter(None, entries))
        except VectorizeError as error:
            yield _failure_after(last, error)

    def _ended_meanwhile(self) -> list[BatchOutcome]:
        """Wait for what is under way to end or break off, and return the outcomes of what ended."""
        done = ended([future for future in self._under_way if not future.cancel()])
        return [outcome for future in done if future.exception() is None for outcome in future.result()]

    def _settled(self, batch: Batch) -> BatchOutcome:
        """Return the outcome of a batch that needs no request."""
        if batch.entry:
            self._tracker.add(acknowledged=batch.cut.size, vectors=batch.vectors)
        return outcome_of(batch)

    def _deliver(self, batch: Batch) -> list[BatchOutcome]:
        """Send one batch, in pieces where the service finds it too large; return nothing where it was not begun."""
        attempts = Attempts(self._decided)
        mutation_id: str | None = None
        failures: list[VectorizeError] = []
        try:
            range_digest = digest(batch.raw) if self._notes.journal else ""
            if batch.vectors:
                mutation_id = self._send(batch, attempts, failures)
            failures.clear()
            self._note(batch, range_digest, mutation_id)
            self._tracker.add(acknowledged=batch.cut.size, vectors=batch.vectors)
        except RejectedError as error:
            if error.too_large and batch.cut.lines > 1:
                return [outcome for half in self._planner.halves(batch) for outcome in self._deliver(half)]
            error.place = batch.place(error.line)
            failures.append(error)
        except VectorizeError as error:
            failures.append(error)
        except Cancelled:
            if self._stop.is_set():
                raise
            # The load was decided while this batch waited: for its turn, or after a failure of its own.
            if not failures:
                return []
        return [
            attrs.evolve(
                outcome_of(batch),
                mutation_id=mutation_id,
                error=failures[-1] if failures else None,
                attempts=attempts.made,
                waited=attempts.waited,
            )
        ]

    def _send(self, batch: Batch, attempts: Attempts, failures: list[VectorizeError]) -> str:
        sent = 0

        def counted() -> Iterator[bytes]:
            nonlocal sent
            for chunk in chunks(batch.body):
                if self._stop.is_set():
                    raise Cancelled
                sent += len(chunk)
                self._tracker.add(sent=len(chunk))
                yield chunk

        def on_retry(error: VectorizeError, pause: float) -> None:
            nonlocal sent
            failures.append(error)
            said = {"pause": pause, "reason": str(error)}
            self._tracker.change(said, sent=-sent, taken_back=sent, retries=1)
            sent = 0

        def on_wait(seconds: float, reason: str) -> None:
            self._tracker.change({"waits_until": time.monotonic() + seconds, "waits_for": reason})

        attempts.on_retry, attempts.on_wait = on_retry, on_wait
        self._sending[id(attempts)] = attempts
        try:
            return self._index.insert(
                Body(counted, size(batch.body)), unparsable=self._options.unparsable, attempts=attempts
            )
        except VectorizeError:
            self._tracker.add(sent=-sent, taken_back=sent)
            raise
        finally:
            del self._sending[id(attempts)]

    def _note(self, batch: Batch, range_digest: str, mutation_id: str | None) -> None:
        """Make durable what became of an acknowledged batch: first the lines it lacks, then the batch."""
        with self._noting:
            if not self._open_to_notes:
                return
            rejects, journal, cut = self._notes.rejects, self._notes.journal, batch.cut
            if rejects and batch.rejected:
                rejects.append(batch.rejected_lines)
            if self._options.on_reject and batch.rejected:
                self._hand_over(batch, self._options.on_reject)
            if journal:
                entry = Entry(
                    batch.source,
                    cut.start,
                    cut.stop,
                    range_digest,
                    batch.vectors,
                    mutation_id,
                    rejects.state() if rejects else None,
                    len({problem.line for problem in batch.rejected}),
                )
                journal.note(entry)

    @staticmethod
    def _hand_over(batch: Batch, on_reject: Callable[[bytes, tuple[BadLine, ...]], None]) -> None:
        for line, problems in batch.rejected_lines():
            try:
                on_reject(line, problems)
            except Exception as error:
                raise InputError(f"on_reject raised {error!r}") from error


class Watched(Generic[T]):
    """Calls the caller's function until it fails once.

    Args:
        on_progress: The function, None where nobody asked.

    """

    def __init__(self, on_progress: Callable[[T], None] | None) -> None:
        self._on_progress = on_progress
        self._failure: Exception | None = None
        self._told = False
        self.callback = on_progress and self._call

    def _call(self, progress: T) -> None:
        if self._failure is None and self._on_progress:
            try:
                self._on_progress(progress)
            except Exception as error:  # noqa: BLE001 - it is not ours
                self._failure = error

    def failures(self, batch: Batch) -> list[BatchOutcome]:
        """Return an outcome with what the function raised, once, and nothing before that; it stands after `batch`."""
        if self._told:
            return []
        try:
            self.raise_failure()
        except InputError as error:
            self._told = True
            return [_failure_after(batch, error)]
        return []

    def raise_failure(self) -> None:
        """Raise what the function raised, as an error of ours."""
        if self._failure is not None:
            raise InputError(f"on_progress raised {self._failure!r}") from self._failure


def _failure_after(batch: Batch, error: VectorizeError) -> BatchOutcome:
    cut = batch.cut
    after = Cut(cut.stop, cut.stop, cut.first_line + cut.lines, 0, ragged=False, fixed=False)
    return outcome_of(Batch(source=batch.source, cut=after, error=error))


def _next_done(under_way: set[Future[list[BatchOutcome]]]) -> list[BatchOutcome]:
    """Wait until some batch ends, take those that have out of `under_way`, and return their outcomes."""
    done = ended(under_way, FIRST_COMPLETED)
    under_way -= done
    return [outcome for future in done for outcome in future.result()]
