"""Read-back against the source: whether what was inserted is there, and is the same."""

from __future__ import annotations

import math
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

import orjson

from cf_vectorize.base.defaults import LOOKUP_CONCURRENCY, SAMPLE, VERIFY_DEADLINE
from cf_vectorize.base.progress import Tracker, VerifyProgress
from cf_vectorize.checks.rules import BadLine
from cf_vectorize.source.cut import BatchLimits, split
from cf_vectorize.source.lines import lines_of
from cf_vectorize.source.open import total_size
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.limits import IDS_PER_GET_BY_IDS, REQUESTS_PER_WINDOW, WINDOW_SECONDS
from cf_vectorize_overlay.pacing import Cancelled
from cf_vectorize_overlay.vector import Vector

from .comparison import Expected, LineReader, differences
from .fetch import Believed, fetch_iter
from .report import DETAILS, Finding, VerifyReport
from .sampling import Sampler

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from cf_vectorize.source.open import Source
    from cf_vectorize_overlay.index import Index

T = TypeVar("T")

# Between polls: at least a second, and so long that polling takes no more than half of the account's budget.
PAUSE: Final = 1.0
PAUSE_PER_REQUEST: Final = 2 * WINDOW_SECONDS / REQUESTS_PER_WINDOW
# When every line is looked at, as many as this are held at a time.
WINDOW: Final = 1_000
# The vectors of different lines are kept up to this size: an answer may hold far more than a vector should.
DETAIL_BYTES: Final = 64_000_000


def verify(
    index: Index,
    sources: Sequence[Source],
    *,
    sample: int | Literal["all"] | None = None,
    seed: int | None = None,
    deadline: float = VERIFY_DEADLINE,
    concurrency: int = LOOKUP_CONCURRENCY,
    on_progress: Callable[[VerifyProgress], None] | None = None,
    stop: threading.Event,
) -> VerifyReport:
    """Read the sources, fetch the vectors of the same ids, and compare.

    Args:
        index: Sends the requests.
        sources: What was inserted.
        sample: How many lines to look at, chosen at random, or "all". Default 3,000, which bounds the share of
            missing or different lines below 0.1 % at 95 % confidence when none is found.
        seed: Repeats an earlier choice of lines; by default one is drawn and reported.
        deadline: Seconds from the first request in which missing vectors may still turn up. Default 180.
        concurrency: Requests under way at a time.
        on_progress: Called as the source is read and its lines are looked at.
        stop: Set by whoever no longer wants the answer.

    Raises:
        InputError: A source cannot be read or holds no lines.
        ResponseError: A request was refused, or kept failing.
        TransportError: The service could not be reached.

    """
    tracker = Tracker(on_progress, VerifyProgress(total_size(sources)))
    if sample == "all":
        look = _Look(index, deadline, concurrency, stop, tracker)
        read = LineReader()
        everything = (read(*line) for line in _lines(sources, stop, tracker))
        count = 0
        while window := list(islice(everything, WINDOW)):
            count += len(window)
            look.at(window)
        chosen_with = None
    else:
        sampler = Sampler(SAMPLE if sample is None else sample, seed)
        for line in _lines(sources, stop, tracker):
            sampler.offer(*line)
        look = _Look(index, deadline, concurrency, stop, Tracker(on_progress, VerifyProgress()))
        look.at(sampler.lines())
        count, chosen_with = sampler.offered, sampler.seed
    if not count:
        names = ", ".join(source.name for source in sources)
        raise InputError(f"{names}: no vectors in it; there is nothing to verify")
    look.again_at_duplicates(
        _lines([source for source in sources if source.in_place], stop, Tracker(None, VerifyProgress()))
    )
    return look.report(count, chosen_with)


def verify_sample(
    index: Index,
    sampler: Sampler,
    *,
    deadline: float = VERIFY_DEADLINE,
    on_progress: Callable[[VerifyProgress], None] | None = None,
    stop: threading.Event,
) -> VerifyReport:
    """Do the same with lines that were sampled while they passed; for sources that can be read only once."""
    look = _Look(index, deadline, LOOKUP_CONCURRENCY, stop, Tracker(on_progress, VerifyProgress()))
    look.at(sampler.lines())
    return look.report(sampler.offered, sampler.seed)


class _Look:
    """Asks for the vectors of lines, and counts what it finds."""

    def __init__(
        self, index: Index, deadline: float, concurrency: int, stop: threading.Event, tracker: Tracker[VerifyProgress]
    ) -> None:
        self._index = index
        self._concurrency = concurrency
        self._stop = stop
        self._tracker = tracker
        self._started = time.monotonic()
        self._deadline = self._started + deadline
        self._requests = 0
        self._equal = 0
        self._late = 0
        self._believed = Believed()
        self._missing = _Kept[Expected]()
        self._different = _Kept[tuple[Expected, Vector]]()
        self._unjudged = _Kept[BadLine]()

    def at(self, lines: Sequence[Expected | BadLine]) -> None:
        """Look at lines, and wait for those that are not there yet."""
        expected = [line for line in lines if isinstance(line, Expected)]
        for line in lines:
            if isinstance(line, BadLine):
                self._unjudged.add(line)
        self._tracker.add(lines=len(lines), looked_at=len(lines) - len(expected))
        for line in self._wait_for(self._ask(expected, late=False)):
            self._missing.add(line)

    def again_at_duplicates(self, lines: Iterator[tuple[bytes, str, int]]) -> None:
        """Find different lines of which the index holds another line's vector, under the same id."""
        if not self._different.count:
            return
        different = {line.id: vector for line, vector in self._different.kept}
        read = LineReader()
        stored: dict[str, Expected] = {}
        for place in lines:
            other = read(*place)
            if isinstance(other, Expected) and other.id in different and not differences(other, different[other.id]):
                stored.setdefault(other.id, other)
        for line, vector in self._different.take():
            if line.id not in stored:
                self._different.add((line, vector))
                continue
            holder = stored[line.id]
            reason = f"the id is also at {holder.source}:{holder.line}, and the index holds that one"
            self._unjudged.add(BadLine(line.source, line.line, line.id, "duplicate", reason))

    def report(self, lines: int, seed: int | None) -> VerifyReport:
        """Say what was found."""
        findings = [
            *(Finding(line.source, line.line, line.id) for line in self._missing.kept),
            *(
                Finding(line.source, line.line, line.id, differences(line, vector))
                for line, vector in self._different.kept
            ),
        ]
        return VerifyReport(
            lines=lines,
            equal=self._equal,
            missing=self._missing.count,
            different=self._different.count,
            not_judged=self._unjudged.count,
            late=self._late,
            findings=tuple(findings),
            unjudged=tuple(self._unjudged.kept),
            requests=self._requests,
            seconds=time.monotonic() - self._started,
            seed=seed,
        )

    def _ask(self, lines: Sequence[Expected], *, late: bool) -> list[Expected]:
        """Fetch and judge; return the lines whose vectors are not there, but should be."""
        self._requests += math.ceil(len(lines) / IDS_PER_GET_BY_IDS)
        ids = (line.id for line in lines)
        answers = fetch_iter(
            self._index,
            ids,
            concurrency=self._concurrency,
            stop=self._stop,
            believed=self._believed,
            on_wait=self._tell_wait,
        )
        absent = []
        for line, (_, vector) in zip(lines, answers, strict=True):
            if vector is not None:
                self._judge(line, vector, late=late)
            elif line.problem is not None:
                self._unjudged.add(line.problem)
            else:
                absent.append(line)
            is_absent = vector is None and line.problem is None
            self._tracker.add(looked_at=not late, missing=is_absent - late)
        return [line for line in absent if not self._has_other_dimensions(line)]

    def _tell_wait(self, seconds: float, reason: str) -> None:
        self._tracker.change({"waits_until": time.monotonic() + seconds, "waits_for": reason})

    def _has_other_dimensions(self, line: Expected) -> bool:
        """Tell whether the vectors found are of other dimensions than an absent line, and note it as refused then."""
        dimensions = self._believed.dimensions
        if dimensions in {None, len(line.values)}:
            return False
        reason = f"values has {len(line.values)} numbers, the index's vectors have {dimensions}"
        self._unjudged.add(BadLine(line.source, line.line, line.id, "dimensions", reason))
        self._tracker.add(missing=-1)
        return True

    def _judge(self, line: Expected, vector: Vector, *, late: bool) -> None:
        if differences(line, vector):
            size = len(orjson.dumps([vector.namespace, vector.metadata])) + 8 * len(vector.values)
            self._different.add((line, vector), size)
        else:
            self._equal += 1
            self._late += late

    def _wait_for(self, absent: list[Expected]) -> list[Expected]:
        """Poll until all are there or the deadline has passed; return those that are still absent."""
        if not absent or time.monotonic() >= self._deadline:
            return absent
        waiting = deque(absent)
        pause = PAUSE
        while waiting and (left := self._deadline - time.monotonic()) > 0:
            self._tracker.change({"left": left})
            if self._stop.wait(min(pause, left, PAUSE)):
                raise Cancelled
            pause -= PAUSE
            if pause <= 0:
                pause = max(PAUSE, self._poll(waiting) * PAUSE_PER_REQUEST)
        self._tracker.change({"left": None})
        return self._ask(list(waiting), late=True)

    def _poll(self, waiting: deque[Expected]) -> int:
        """Ask for what is waited for, until a request brings nothing; return how many were made."""
        before = self._requests
        for _ in range(math.ceil(len(waiting) / IDS_PER_GET_BY_IDS)):
            asked = [waiting.popleft() for _ in range(min(IDS_PER_GET_BY_IDS, len(waiting)))]
            absent = self._ask(asked, late=True)
            waiting.extend(absent)
            if len(absent) == len(asked):
                break
        return self._requests - before


class _Kept(Generic[T]):
    """Counts all, and keeps the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[T] = []
        self._size = 0

    def add(self, item: T, size: int = 0) -> None:
        """Count one more, of so many bytes where they are not bounded otherwise."""
        self.count += 1
        self._size += size
        if len(self.kept) < DETAILS and self._size <= DETAIL_BYTES:
            self.kept.append(item)

    def take(self) -> list[T]:
        """Return those that are kept, and count them no more."""
        taken, self.kept, self._size = self.kept, [], 0
        self.count -= len(taken)
        return taken


def _lines(
    sources: Sequence[Source], stop: threading.Event, tracker: Tracker[VerifyProgress]
) -> Iterator[tuple[bytes, str, int]]:
    """Yield each line that is not blank, with its source's name and its number there."""
    for source in sources:
        with source.open() as readable:
            for cut in split(readable, BatchLimits(WINDOW)):
                if stop.is_set():
                    raise Cancelled
                tracker.add(read=cut.size)
                for line in lines_of(cut, readable.segments(cut.start, cut.stop)):
                    yield line.text, source.name, line.number
