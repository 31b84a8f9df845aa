"""One batch on its way: sent, in pieces where the service finds it too large, and noted durably."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import attrs

from cf_vectorize.base.extras import Late
from cf_vectorize.base.stop import Stop
from cf_vectorize.source.ranges import chunks, size
from cf_vectorize_overlay.body import Body
from cf_vectorize_overlay.errors import InputError, RejectedError, VectorizeError
from cf_vectorize_overlay.pacing import Attempts, Cancelled

from .outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cf_vectorize.base.progress import Progress, Tracker
    from cf_vectorize.checks.rules import BadLine
    from cf_vectorize_overlay.index import Index

    from . import journal as journals
    from .examine import Batch
    from .journal import Journal
    from .options import InsertOptions
    from .outcome import BatchOutcome
    from .plan import Planner
    from .rejects import Rejects
    from .resume import Acknowledged
else:
    journals = Late("cf_vectorize.load.journal")


class Notes(NamedTuple):
    """Where what becomes of batches is noted, durably.

    Attributes:
        journal: For each acknowledged batch, None where nobody asked.
        rejects: For lines that are kept back, likewise.
        acknowledged: What earlier runs had acknowledged of each source, by its name.

    """

    journal: Journal | None
    rejects: Rejects | None
    acknowledged: Mapping[str, Acknowledged]


@attrs.define(eq=False)
class Sender:
    """Sends batches and notes what became of them, each on the thread that calls it.

    Attributes:
        index: Where they go.
        options: What the caller asked for.
        planner: Cuts again what the service finds too large.
        notes: Where it is noted what became of them.
        tracker: Is told how far they are.
        stop: Breaks everything off when it is set.
        decided: Set too once a failure has decided the load: what is being sent goes on, and what waits does not.

    """

    index: Index
    options: InsertOptions
    planner: Planner
    notes: Notes
    tracker: Tracker[Progress]
    stop: threading.Event
    decided: threading.Event = attrs.field(factory=threading.Event, init=False)
    _noting: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _open_to_notes: bool = attrs.field(default=True, init=False)
    _sending: dict[int, Attempts] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.stop, Stop):
            self.stop.hang(self.decided)

    def awaited(self) -> int:
        """Return how many requests are under way that do not wait for their turn."""
        return sum(not attempts.waiting for attempts in list(self._sending.values()))

    def close_notes(self) -> None:
        """Note nothing more: a second Ctrl-C leaves requests under way, and the files are about to be closed."""
        with self._noting:
            self._open_to_notes = False

    def deliver(self, batch: Batch) -> list[BatchOutcome]:
        """Send one batch, in pieces where the service finds it too large; return nothing where it was not begun."""
        attempts = Attempts(self.decided)
        mutation_id: str | None = None
        failures: list[VectorizeError] = []
        try:
            range_digest = journals.digest(batch.raw) if self.notes.journal else ""
            if batch.vectors:
                mutation_id = self._send(batch, attempts, failures)
            failures.clear()
            self._note(batch, range_digest, mutation_id)
            self.tracker.add(acknowledged=batch.cut.size, vectors=batch.vectors)
        except RejectedError as error:
            if error.too_large and batch.cut.lines > 1:
                return [outcome for half in self.planner.halves(batch) for outcome in self.deliver(half)]
            error.place = batch.place(error.line)
            failures.append(error)
        except VectorizeError as error:
            failures.append(error)
        except Cancelled:
            if self.stop.is_set():
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
                if self.stop.is_set():
                    raise Cancelled
                sent += len(chunk)
                self.tracker.add(sent=len(chunk))
                yield chunk

        def on_retry(error: VectorizeError, pause: float) -> None:
            nonlocal sent
            failures.append(error)
            said = {"pause": pause, "reason": str(error)}
            self.tracker.change(said, sent=-sent, taken_back=sent, retries=1)
            sent = 0

        def on_wait(seconds: float, reason: str) -> None:
            self.tracker.change({"waits_until": time.monotonic() + seconds, "waits_for": reason})

        attempts.on_retry, attempts.on_wait = on_retry, on_wait
        self._sending[id(attempts)] = attempts
        try:
            return self.index.insert(
                Body(counted, size(batch.body)), unparsable=self.options.unparsable, attempts=attempts
            )
        except VectorizeError:
            self.tracker.add(sent=-sent, taken_back=sent)
            raise
        finally:
            del self._sending[id(attempts)]

    def _note(self, batch: Batch, range_digest: str, mutation_id: str | None) -> None:
        """Make durable what became of an acknowledged batch: first the lines it lacks, then the batch."""
        with self._noting:
            if not self._open_to_notes:
                return
            rejects, journal, cut = self.notes.rejects, self.notes.journal, batch.cut
            if rejects and batch.rejected:
                rejects.append(batch.rejected_lines)
            if self.options.on_reject and batch.rejected:
                self._hand_over(batch, self.options.on_reject)
            if journal:
                entry = journals.Entry(
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
