"""One load under way: hands the planned batches to threads that send them, and collects what becomes of each."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from cf_vectorize.base.progress import Progress, Tracker
from cf_vectorize.base.stop import ended
from cf_vectorize.source.cut import Cut
from cf_vectorize.source.open import total_size
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .examine import Batch
from .outcome import outcome_of
from .send import Sender

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from cf_vectorize.source.open import Source
    from cf_vectorize_overlay.index import Index

    from .options import InsertOptions
    from .outcome import BatchOutcome
    from .plan import Planner
    from .send import Notes

T = TypeVar("T")


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
        self._under_way: set[Future[list[BatchOutcome]]] = set()

    def outcomes(self, sources: Sequence[Source]) -> Iterator[BatchOutcome]:
        """Yield what becomes of each batch as it ends.

        Args:
            sources: What is loaded.

        """
        self._tracker = Tracker(self._watched.callback, Progress(total_size(sources)))
        self._sender = Sender(self._index, self._options, self._planner, self._notes, self._tracker, self._stop)
        pool = ThreadPoolExecutor(self._options.concurrency, "cf-vectorize")
        try:
            yield from self._dispatch(pool, sources)
        except BaseException as error:
            # What waits for its turn ends at once, and nobody has to wait for it.
            awaited = self._sender.awaited()
            self._stop.set()
            self._sender.decided.set()
            self._tracker.add(awaited=awaited)
            ended = self._ended_meanwhile()
            if isinstance(error, KeyboardInterrupt):
                yield from ended
            raise
        finally:
            self._sender.close_notes()
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
                self._sender.decided.set()
                break
            if not batch.error and not batch.entry:
                self._hand_to(pool, batch)
        while under_way:
            ended = _next_done(under_way)
            failed = failed or any(outcome.error for outcome in ended)
            if failed and self._options.on_error == "stop":
                self._sender.decided.set()
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
            future.set_result(self._sender.deliver(batch))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    def _completed(self, last: Batch) -> Iterator[BatchOutcome]:
        """Note that the sources are loaded to their ends."""
        journal = self._notes.journal
        if journal is None:
            return
        try:
            journal.note(*filter(None, [each.completed() for each in self._notes.acknowledged.values()]))
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
