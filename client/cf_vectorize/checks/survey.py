"""A whole source, looked through before anything is sent: every problem, and what loading it would take."""

from __future__ import annotations

import signal
from collections import deque
from contextlib import contextmanager
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cf_vectorize.base.extras import Late
from cf_vectorize.base.stop import result_of
from cf_vectorize.source.cut import FIRST_BATCH_BYTES, BatchLimits, cut_anew, split
from cf_vectorize.source.kinds import SourceLike  # noqa: TC001 - the type of a public argument
from cf_vectorize.source.open import open_sources
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .duplicates import DuplicateIds
from .line import LineCheck
from .look import Tally, look, look_in_file
from .report import CheckReport
from .rules import BadLine

if TYPE_CHECKING:
    import multiprocessing
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from concurrent.futures import process as pools

    from cf_vectorize.source.cut import Cut
    from cf_vectorize.source.open import Source
    from cf_vectorize.source.ranges import Segment
else:
    # A tenth of what a check of a few lines takes.
    multiprocessing, pools = Late("multiprocessing"), Late("concurrent.futures.process")

# Windows waits for no more of them at a time.
_MOST_PROCESSES: Final = 61
# Below this size starting other processes takes longer than they save.
WORTH_PROCESSES: Final = 500_000_000
# What a process judges at a time: small, so that all of them have work up to the end.
PIECE: Final = BatchLimits(size=8_000_000)


def check(
    source: SourceLike, *, dimensions: int | None = None, max_problems: int | None = None, processes: int = 1
) -> CheckReport:
    """Look through a source without any network.

    Tells what `insert` would refuse, and what it would take.

    Args:
        source: As for `insert`.
        dimensions: Values a vector must have; by default as many as the first
            good line has.
        max_problems: End after so many problems. Default: never; each one is
            kept in memory.
        processes: How many judge a file of 500 MB or more. Default 1, since
            others import the calling script anew: a script that asks for more
            needs `if __name__ == "__main__":`. The command line uses every
            processor.

    Returns:
        Every problem with its place, ids that come more than once among them,
        and a summary.

    Raises:
        InputError: A source cannot be read or holds no vectors, or an argument
            is out of range.
        VectorizeError: Another process was killed, or the script that asks for
            `processes` lacks the above.

    Example:
        >>> from cf_vectorize import check
        >>> report = check([{"id": "a", "values": [0.5] * 31 + [float("inf")]}])
        >>> print(*report.problems)
        <records>:1 (id "a"): values[31] is Infinity; JSON has no Infinity

    """
    for name, number in (("max_problems", max_problems), ("processes", processes)):
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}; it is at least 1")
    survey = _Survey(dimensions, max_problems, processes)
    sources = open_sources(source)
    for number, each in enumerate(sources):
        survey.read(number, each)
    return survey.report([each.name for each in sources])


class _Survey:
    """Reads sources one after the other and adds up what is found."""

    def __init__(self, dimensions: int | None, max_problems: int | None, processes: int) -> None:
        self._asked = dimensions
        self._most = max_problems
        self._processes = processes
        self._check = LineCheck(dimensions)
        self._limits = BatchLimits(ramp=FIRST_BATCH_BYTES)
        self._duplicates = DuplicateIds()
        self._found = Tally()
        self._requests = 0

    def _is_full(self) -> bool:
        return self._most is not None and len(self._found.problems) >= self._most

    def read(self, number: int, source: Source) -> None:
        """Look through one source, unless enough problems have been found."""
        if self._is_full():
            return
        before = self._found.lines
        parallel = (
            self._processes > 1
            and source.in_place
            and Path(source.name).exists()
            and (source.size or 0) >= WORTH_PROCESSES
        )
        for findings in self._in_processes(source) if parallel else self._here(source):
            for identity, line in findings.ids:
                self._duplicates.add(identity, number, line)
            self._found.add(findings)
            if self._is_full():
                return
        if self._found.lines == before:
            raise InputError(f"{source.name}: holds no vectors")

    def _here(self, source: Source) -> Iterator[Tally]:
        with source.open() as readable:
            for request in split(readable, self._limits):
                self._requests += 1
                raw = readable.segments(request.start, request.stop)
                yield look(source.name, request, raw, self._check)

    def _in_processes(self, source: Source) -> Iterator[Tally]:
        """Judge here until the dimensions are known, and from there on in processes, a few pieces ahead."""
        pool = pools.ProcessPoolExecutor(min(self._processes, _MOST_PROCESSES), multiprocessing.get_context("spawn"))
        under_way: deque[Future[Tally]] = deque()
        try:
            for piece, segments in self._pieces(source):
                if self._check.dimensions is None:
                    yield look(source.name, piece, segments, self._check)
                    continue
                try:
                    with _interrupts_held_back():
                        findings = pool.submit(look_in_file, source.name, piece, self._asked, self._check.dimensions)
                except (OSError, ValueError):  # how a pool that breaks while it starts a process says so
                    raise pools.BrokenProcessPool from None
                under_way.append(findings)
                if len(under_way) > 2 * self._processes:
                    yield result_of(under_way.popleft())
            while under_way:
                yield result_of(under_way.popleft())
        except pools.BrokenProcessPool:
            raise VectorizeError(
                f"{source.name}: a process that judged it was killed, maybe for want of memory, or the script has no "
                f'`if __name__ == "__main__":`; leave out processes=, or on the command line check - < {source.name}'
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    def _pieces(self, source: Source) -> Iterator[tuple[Cut, tuple[Segment, ...]]]:
        with source.open() as readable:
            for request in split(readable, self._limits):
                self._requests += 1
                yield from cut_anew(request, readable.segments(request.start, request.stop), PIECE)

    def report(self, names: Sequence[str]) -> CheckReport:
        """Add the ids that come again, and sum up."""
        found = self._found
        if not self._is_full():
            found.problems += self._repeated(names)
        share = found.sampled_compact_size / found.sampled_size if found.sampled_size else 1.0
        return CheckReport(
            vectors=found.vectors,
            problems=tuple(found.problems[: self._most]),
            complete=not self._is_full(),
            dimensions=self._check.dimensions,
            namespaces=dict(found.namespaces),
            metadata_keys=dict(found.metadata_keys),
            uncounted_namespaces=found.uncounted_namespaces,
            uncounted_metadata_keys=found.uncounted_metadata_keys,
            metadata_bytes=found.metadata_bytes,
            metadata_bytes_most=found.metadata_bytes_most,
            size=found.size,
            compact_size=round(found.size * share),
            requests=self._requests,
        )

    def _repeated(self, names: Sequence[str]) -> Iterator[BadLine]:
        """Yield the ids that come again in the order of the lines, no more than there is room for."""
        again = ((place, first, identity) for identity, place, first in self._duplicates.find())
        room = None if self._most is None else self._most - len(self._found.problems)
        for (number, line), (first_number, first_line), identity in (
            sorted(again) if room is None else nsmallest(room, again)
        ):
            reason = f"the id stands already at {names[first_number]}:{first_line}; the service keeps one of them"
            yield BadLine(names[number], line, identity, "duplicate-id", reason)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to every process, from those that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
