"""A whole source, looked through before anything is sent: every problem, and what loading it would take."""

from __future__ import annotations

import os
from collections import Counter, deque
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from .body import OpenFile, Segment, lines
from .duplicates import DuplicateIds
from .errors import BadLine, InputError
from .limits import REQUESTS_PER_WINDOW, WINDOW_SECONDS
from .linecheck import LineCheck
from .ndjson import BatchLimits, split
from .plan import oversized
from .records import compact
from .sources import open_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from .ndjson import Cut
    from .sources import Source

# One line in so many is rewritten to estimate the compact size: rewriting all would take most of the time.
COMPACT_EVERY: Final = 50
# Below this size starting other processes takes longer than they save.
WORTH_PROCESSES: Final = 64_000_000
# Keys and namespaces are counted one by one up to so many.
MOST_COUNTED: Final = 1_000
SHOWN: Final = 6


@attrs.define
class Findings:
    """What was found in some lines; those of two ranges can be added up."""

    vectors: int = 0
    problems: list[BadLine] = attrs.field(factory=list)
    ids: list[tuple[str, int]] = attrs.field(factory=list)
    namespaces: Counter[str | None] = attrs.field(factory=Counter)
    metadata_keys: Counter[str] = attrs.field(factory=Counter)
    metadata_bytes: int = 0
    metadata_bytes_most: int = 0
    sampled_size: int = 0
    sampled_compact_size: int = 0

    def take(self, good: LineCheck) -> None:
        """Count the line that was just found good."""
        self.vectors += 1
        _count(self.namespaces, good.namespace)
        if good.metadata:
            size = len(orjson.dumps(good.metadata))
            self.metadata_bytes += size
            self.metadata_bytes_most = max(self.metadata_bytes_most, size)
            for key in good.metadata:
                _count(self.metadata_keys, key)

    def add(self, other: Findings) -> None:
        """Add what was found in a later range, but for its ids."""
        self.vectors += other.vectors
        self.problems += other.problems
        for name, count in other.namespaces.items():
            _count(self.namespaces, name, count)
        for key, count in other.metadata_keys.items():
            _count(self.metadata_keys, key, count)
        self.metadata_bytes += other.metadata_bytes
        self.metadata_bytes_most = max(self.metadata_bytes_most, other.metadata_bytes_most)
        self.sampled_size += other.sampled_size
        self.sampled_compact_size += other.sampled_compact_size


def _count(counts: Counter[Any], name: str | None, count: int = 1) -> None:
    if name in counts or len(counts) < MOST_COUNTED:
        counts[name] += count


@attrs.frozen
class CheckReport:
    """What a source holds, and what is wrong with it.

    Attributes:
        vectors: Lines without a problem of their own.
        problems: Every problem, in the order of the lines; ids that come again are at the end.
        complete: Whether the whole source was read; False where `max_problems` ended it early.
        dimensions: Values in each vector, None where no line is good.
        namespaces: Vectors in each namespace, None for those without; 1,000 namespaces are told apart.
        metadata_keys: Vectors that have each metadata key; 1,000 keys are told apart.
        metadata_bytes: Bytes of all metadata as compact JSON.
        metadata_bytes_most: Bytes of the largest one; Cloudflare allows 10,240.
        size: Bytes of all lines.
        compact_size: Bytes when rewritten with `compact=True`, estimated from one line in 50.
        requests: Requests that `insert` would make.

    """

    vectors: int
    problems: tuple[BadLine, ...]
    complete: bool
    dimensions: int | None
    namespaces: dict[str | None, int]
    metadata_keys: dict[str, int]
    metadata_bytes: int
    metadata_bytes_most: int
    size: int
    compact_size: int
    requests: int

    @property
    def seconds_by_budget(self) -> int:
        """Seconds that the account's budget of 1,200 requests in 5 minutes makes the load take at least."""
        return max(0, self.requests - 1) // REQUESTS_PER_WINDOW * WINDOW_SECONDS

    def as_json(self) -> dict[str, Any]:
        """Give the report as what JSON can say; the namespace of vectors without one is the empty string."""
        document = attrs.asdict(self)
        document["namespaces"] = {name or "": count for name, count in self.namespaces.items()}
        return document | {"seconds_by_budget": self.seconds_by_budget}

    def summary(self) -> str:
        """Say what the source holds, one fact a line."""
        named = {name: count for name, count in self.namespaces.items() if name is not None}
        facts = [
            ("vectors", f"{self.vectors:,}" + ("" if self.complete else " (not read to the end)")),
            ("problems", f"{len(self.problems):,}"),
            ("dimensions", "unknown" if self.dimensions is None else f"{self.dimensions:,}"),
            ("namespaces", _most_common(named) if named else "none"),
            ("metadata", self._metadata_summary()),
            ("bytes", f"{self.size:,}; about {self.compact_size:,} with --compact"),
            ("requests", f"{self.requests:,}, at least {self.seconds_by_budget:,} s by the account's budget"),
        ]
        return "\n".join(f"{name:<11} {value}" for name, value in facts)

    def _metadata_summary(self) -> str:
        if not self.metadata_keys:
            return "none"
        average = self.metadata_bytes / max(1, self.vectors)
        sizes = f"{average:,.0f} bytes on average, {self.metadata_bytes_most:,} at most"
        return f"{sizes}; {_most_common(self.metadata_keys)}"


def check(
    source: object,
    *,
    dimensions: int | None = None,
    max_problems: int | None = None,
    processes: int | None = None,
) -> CheckReport:
    """Look through a source without any network: what `insert` would refuse, and what it would take.

    Args:
        source: As for `insert`.
        dimensions: Values a vector must have; by default as many as the first good line has.
        max_problems: End early after so many problems. Default: never.
        processes: How many processes judge a large file. Default: one for each processor.

    Returns:
        Every problem with its place, ids that come more than once among them, and a summary.

    Raises:
        InputError: The source cannot be read, or holds nothing.

    """
    survey = _Survey(dimensions, max_problems, processes or os.cpu_count() or 1)
    sources = open_sources(source)
    for number, each in enumerate(sources):
        survey.read(number, each)
    return survey.report([each.name for each in sources])


class _Survey:
    """Reads sources one after the other and adds up what is found."""

    def __init__(self, dimensions: int | None, max_problems: int | None, processes: int) -> None:
        self._check = LineCheck(dimensions)
        self._most = max_problems
        self._processes = processes
        self._limits = BatchLimits()
        self._duplicates = DuplicateIds()
        self._found = Findings()
        self._size = 0
        self._requests = 0

    def _is_full(self) -> bool:
        return self._most is not None and len(self._found.problems) >= self._most

    def read(self, number: int, source: Source) -> None:
        """Look through one source, unless enough problems have been found."""
        if self._is_full():
            return
        parallel = source.in_place and (source.size or 0) >= WORTH_PROCESSES and self._processes > 1
        found = self._in_processes(source) if parallel else self._here(source)
        for cut, findings in found:
            self._requests += 1
            self._size += cut.size
            for identity, line in findings.ids:
                self._duplicates.add(identity, number, line)
            self._found.add(findings)
            if self._is_full():
                return
        if not self._requests:
            raise InputError(f"{source.name}: holds no vectors")

    def _here(self, source: Source) -> Iterator[tuple[Cut, Findings]]:
        with source.open() as readable:
            for cut in split(readable.read_into, self._limits):
                yield cut, look(source.name, cut, readable.segments(cut.start, cut.stop), self._check)

    def _in_processes(self, source: Source) -> Iterator[tuple[Cut, Findings]]:
        """Judge the first range here, for its dimensions, and the others in processes, a few ahead."""
        with (
            source.open() as readable,
            ProcessPoolExecutor(self._processes, get_context("spawn")) as pool,
        ):
            under_way: deque[tuple[Cut, Future[Findings]]] = deque()
            try:
                for cut in split(readable.read_into, self._limits):
                    if self._check.dimensions is None:
                        yield cut, look(source.name, cut, readable.segments(cut.start, cut.stop), self._check)
                        continue
                    under_way.append((cut, pool.submit(look_in_file, source.name, cut, self._check.dimensions)))
                    if len(under_way) > 2 * self._processes:
                        first, findings = under_way.popleft()
                        yield first, findings.result()
                for later, findings in under_way:
                    yield later, findings.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def report(self, names: Sequence[str]) -> CheckReport:
        """Add the ids that come again, and sum up."""
        found = self._found
        complete = not self._is_full()
        if complete:
            found.problems.extend(_repeated(names, self._duplicates))
        share = found.sampled_compact_size / found.sampled_size if found.sampled_size else 1.0
        return CheckReport(
            vectors=found.vectors,
            problems=tuple(found.problems[: self._most]),
            complete=complete,
            dimensions=self._check.dimensions,
            namespaces=dict(found.namespaces),
            metadata_keys=dict(found.metadata_keys),
            metadata_bytes=found.metadata_bytes,
            metadata_bytes_most=found.metadata_bytes_most,
            size=self._size,
            compact_size=round(self._size * share),
            requests=self._requests,
        )


def look_in_file(path: str, cut: Cut, dimensions: int) -> Findings:
    """Look through one range of a file, in a process of its own."""
    file = OpenFile(os.open(path, os.O_RDONLY), path)
    return look(path, cut, (Segment(file, cut.start, cut.stop),), LineCheck(dimensions))


def look(source: str, cut: Cut, segments: Sequence[Segment], line_check: LineCheck) -> Findings:
    """Judge the lines of one range."""
    findings = Findings()
    if cut.size > BatchLimits().size:
        findings.problems.append(oversized(source, cut, BatchLimits().size))
        return findings
    for number, line in enumerate(lines(segments), cut.first_line):
        text = line.rstrip(b"\r\n")
        if not text or text.isspace():
            continue
        problems = line_check(text)
        if line_check.id is not None:
            findings.ids.append((line_check.id, number))
        if problems:
            findings.problems.extend(
                BadLine(source, number, problem.id, problem.rule, problem.reason) for problem in problems
            )
        else:
            findings.take(line_check)
            if number % COMPACT_EVERY == 1:
                findings.sampled_size += len(line)
                findings.sampled_compact_size += len(compact(text)) + 1
    return findings


def _repeated(names: Sequence[str], duplicates: DuplicateIds) -> Iterator[BadLine]:
    for identity, (number, line), (first_number, first_line) in duplicates.find():
        reason = f"the id stands already at {names[first_number]}:{first_line}; the service keeps one of them"
        yield BadLine(names[number], line, identity, "duplicate-id", reason)


def _most_common(counts: dict[str, int]) -> str:
    """Name the most frequent few with their counts."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name!r} {count:,}" for name, count in ordered[:SHOWN])
    return shown + (f" and {len(ordered) - SHOWN:,} more" if len(ordered) > SHOWN else "")
