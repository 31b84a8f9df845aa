"""Sources -> the batches of a load, examined and ready to be sent, in the order of the lines."""

from __future__ import annotations

import math
from bisect import bisect
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from cf_vectorize.base.ledger import JournalError
from cf_vectorize.checks.line import LineCheck, unencodable
from cf_vectorize.checks.rules import RULES, BadLine, BadLinesError
from cf_vectorize.source.cut import BEGINNING, BatchLimits, Cut, cut_anew, split
from cf_vectorize.source.lines import too_long
from cf_vectorize.source.records import compact
from cf_vectorize.source.spool import temporary_file, write_all
from cf_vectorize_overlay.body import Segment, lines, select
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .journal import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cf_vectorize.read.sampling import Sampler
    from cf_vectorize.source.open import Source
    from cf_vectorize.source.spool import Readable

    from .journal import Entry, Journal
    from .options import InsertOptions


# The service's code for a line that it cannot parse; other faults have codes of their own.
UNPARSABLE: Final = 40023


@attrs.frozen
class BadRange:
    """A line that is kept back, where it lies in its batch, and why."""

    start: int
    stop: int
    problems: tuple[BadLine, ...]


@attrs.frozen(kw_only=True)
class Batch:
    """One request to come.

    Attributes:
        source: Name of its source.
        cut: Its range of the source.
        raw: Where the bytes of that range lie.
        body: Where the bytes to send lie.
        vectors: Lines in the body.
        left_out: Lines of the range that are not in the body, counted from 0, in order.
        first_id: Id of the first vector, None where lines were not checked.
        last_id: Id of the last vector.
        bad: Lines kept back.
        discarded: Lines in the body that the service will drop.
        error: Why it must not be sent.
        entry: The journal's entry, where an earlier run had it acknowledged.

    """

    source: str
    cut: Cut
    raw: tuple[Segment, ...]
    body: tuple[Segment, ...] = ()
    vectors: int = 0
    left_out: tuple[int, ...] = ()
    first_id: str | None = None
    last_id: str | None = None
    bad: tuple[BadRange, ...] = ()
    discarded: int = 0
    error: VectorizeError | None = None
    entry: Entry | None = None

    def place(self, line: int | None) -> str:
        """Give the place in the source of a line of the body, counted from 0; for None, of all of the batch."""
        if line is None:
            return f"{self.source}:{self.cut.first_line}-{self.cut.first_line + self.cut.lines - 1}"
        for left_out in self.left_out:
            line += left_out <= line
        return f"{self.source}:{self.cut.first_line + line}"


@attrs.define
class _Content:
    """What is found while the lines of a batch are read."""

    kept: list[tuple[int, int]] = attrs.field(factory=list)
    left_out: list[int] = attrs.field(factory=list)
    bad: list[BadRange] = attrs.field(factory=list)
    vectors: int = 0
    discarded: int = 0
    first_id: str | None = None
    last_id: str | None = None

    def keep(self, start: int, stop: int) -> None:
        """Add a range to what is sent, joined to the one before where they touch."""
        if self.kept and self.kept[-1][1] == start:
            self.kept[-1] = self.kept[-1][0], stop
        else:
            self.kept.append((start, stop))


class Planner:
    """Finds the batches of a load.

    Args:
        options: What the caller asked for.
        limits: The most a batch may hold, read anew for every batch.
        journal: Says what is acknowledged.
        sampler: Is offered every line that is sent, or was in an earlier run.

    """

    def __init__(
        self,
        options: InsertOptions,
        limits: BatchLimits,
        journal: Journal | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self._options = options
        self._limits = limits
        self._journal = journal
        self._sampler = sampler
        self._check = LineCheck(options.dimensions) if options.check else None
        self._reads_lines = options.check or options.compact or sampler is not None

    def batches(self, sources: Sequence[Source]) -> Iterator[Batch]:
        """Read the sources and give their batches, those already acknowledged among them.

        A source that cannot be read to its end gives, as its last, a batch with the error and nothing to send.

        Raises:
            JournalError: A source is not what the journal says was acknowledged of it.

        """
        noted: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self._journal.entries if self._journal else ():
            noted[entry.source].append(entry)
        acknowledged = {source.name: self._acknowledged(source, latest(noted[source.name])) for source in sources}
        for source in sources:
            end = Cut(0, 0, 1, 0, ragged=False, fixed=False)
            try:
                for batch in self._batches_of(source, acknowledged[source.name]):
                    end = batch.cut
                    yield batch
            except VectorizeError as error:
                after = Cut(end.stop, end.stop, end.first_line + end.lines, 0, ragged=False, fixed=False)
                yield Batch(source=source.name, cut=after, raw=(), error=error)

    def halves(self, batch: Batch) -> list[Batch]:
        """Cut a batch that the service finds too large into smaller ones, and make those to come no larger."""
        smaller = BatchLimits(self._limits.vectors, max(1, batch.cut.size // 2), line=self._limits.line)
        self._limits.size = min(self._limits.size, smaller.size)
        dimensions = self._check.dimensions if self._check else None
        # A planner of its own: this is called from the thread that was sending, beside the planning one.
        planner = Planner(attrs.evolve(self._options, dimensions=dimensions), smaller)
        parts = cut_anew(batch.cut, batch.raw, smaller)
        return [planner.examine(batch.source, cut, raw) for cut, raw in parts]

    def _acknowledged(self, source: Source, entries: dict[int, Entry]) -> dict[int, Entry]:
        """Give what the journal says of a source; where it lies in place, only what still holds."""
        if source.size is None or self._journal is None:
            return entries
        with source.open() as readable:
            changed = [entry for entry in entries.values() if not self._holds(entry, source.size, readable)]
        if changed:
            self._refuse_change(source.name)
            self._journal.note_end(source.name, source.size)
        return {entry.start: entry for entry in entries.values() if entry not in changed}

    @staticmethod
    def _holds(entry: Entry, size: int, readable: Readable) -> bool:
        return entry.stop <= size and digest(readable.segments(entry.start, entry.stop)) == entry.digest

    def _refuse_change(self, name: str) -> None:
        if self._options.on_changed == "refuse":
            raise JournalError(
                f"{name}: has changed since the journal was written; load it with another journal, or tell this one "
                'to send the changed parts again (on_changed="resend", --on-changed resend)'
            )

    def _batches_of(self, source: Source, acknowledged: dict[int, Entry]) -> Iterator[Batch]:
        fixed = {start: entry.stop for start, entry in acknowledged.items()}
        end = None
        with source.open() as readable:
            for cut in split(readable, self._limits, fixed):
                end = cut.stop
                raw = readable.segments(cut.start, cut.stop)
                entry = acknowledged.pop(cut.start, None)
                if entry and cut.fixed and (source.in_place or digest(raw) == entry.digest):
                    self._offer(source.name, cut, raw)
                    yield Batch(source=source.name, cut=cut, raw=raw, vectors=entry.vectors, entry=entry)
                    continue
                if entry:
                    self._refuse_change(source.name)
                    # Its range was that of a batch under the limits of an earlier run, and of other bytes.
                    for part, part_raw in cut_anew(cut, raw, self._limits):
                        yield self.examine(source.name, part, part_raw)
                else:
                    yield self.examine(source.name, cut, raw)
        if end is None:
            raise InputError(f"{source.name}: holds no vectors; there is nothing to insert")
        if acknowledged and self._journal:
            self._refuse_change(source.name)
            self._journal.note_end(source.name, end)

    def examine(self, source: str, cut: Cut, raw: tuple[Segment, ...]) -> Batch:
        """Decide what of a batch is sent."""
        if cut.too_long:
            bad = BadRange(0, min(cut.size, BEGINNING), unencodable(too_long(cut), source, cut.first_line))
            content = _Content(left_out=[0], bad=[bad])
        elif self._reads_lines or cut.ragged:
            content = self._read(source, cut, raw)
        else:
            return Batch(source=source, cut=cut, raw=raw, body=raw, vectors=cut.lines)
        body = self._compacted(raw, content) if self._options.compact else select(raw, content.kept)
        problems = [problem for bad in content.bad for problem in bad.problems]
        return Batch(
            source=source,
            cut=cut,
            raw=raw,
            body=body,
            vectors=content.vectors,
            left_out=tuple(content.left_out),
            first_id=content.first_id,
            last_id=content.last_id,
            bad=tuple(content.bad),
            discarded=content.discarded,
            error=BadLinesError(problems) if problems and self._options.rejects is None else None,
        )

    def _read(self, source: str, cut: Cut, raw: tuple[Segment, ...]) -> _Content:
        content = _Content()
        # A record that JSON cannot express is kept back though nothing else is checked.
        judge = self._check or unencodable
        stop = 0
        for index, line in enumerate(lines(raw)):
            number = cut.first_line + index
            start, stop = stop, stop + len(line)
            text = line.rstrip(b"\r\n")
            if not text or text.isspace():
                content.left_out.append(index)
                continue
            problems = judge(text, source, number)
            if problems and not self._left_to_service(problems):
                content.bad.append(BadRange(start, stop, problems))
                content.left_out.append(index)
                continue
            content.vectors += 1
            if self._sampler:
                self._sampler.offer(text, source, number)
            if problems:
                content.discarded += 1
            elif self._check:
                content.last_id = self._check.id
                content.first_id = content.first_id or content.last_id
            content.keep(start, start + len(text))
            if line.endswith(b"\n"):
                content.keep(stop - 1, stop)
        return content

    def _offer(self, source: str, cut: Cut, raw: tuple[Segment, ...]) -> None:
        """Let lines that an earlier run has sent be sampled too."""
        if self._sampler:
            for number, line in enumerate(lines(raw), cut.first_line):
                self._sampler.offer(line, source, number)

    def _left_to_service(self, problems: Sequence[BadLine]) -> bool:
        """Tell whether `unparsable="discard"` makes the service drop the line, rather than refuse the batch."""
        discards = self._options.unparsable == "discard"
        return discards and all(RULES[problem.rule].code == UNPARSABLE for problem in problems)

    @staticmethod
    def _compacted(raw: tuple[Segment, ...], content: _Content) -> tuple[Segment, ...]:
        file = temporary_file()
        written = 0
        for line in lines(select(raw, content.kept)):
            shorter = compact(line.rstrip(b"\n")) + b"\n"
            write_all(file, shorter)
            written += len(shorter)
        return (Segment(file, 0, written),)


def latest(entries: Sequence[Entry]) -> dict[int, Entry]:
    """Give the entries by their start, without those that a later entry overlaps, or that pass a later end."""
    starts: list[int] = []
    kept: dict[int, Entry] = {}
    end = math.inf
    for entry in reversed(entries):
        if entry.start == entry.stop:
            end = min(end, entry.stop)
            continue
        at = bisect(starts, entry.start)
        clear_before = at == 0 or kept[starts[at - 1]].stop <= entry.start
        clear_after = at == len(starts) or entry.stop <= starts[at]
        if clear_before and clear_after and entry.stop <= end:
            starts.insert(at, entry.start)
            kept[entry.start] = entry
    return kept
