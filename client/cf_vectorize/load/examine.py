"""One range of a source -> a batch: what of it is sent, and what is bad."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from cf_vectorize.base.extras import Late
from cf_vectorize.checks.line import LineCheck, unencodable
from cf_vectorize.checks.rules import RULES, BadLinesError
from cf_vectorize.source.cut import BEGINNING
from cf_vectorize.source.lines import too_long
from cf_vectorize.source.ranges import chunks, select, split_lines
from cf_vectorize.source.spool import spooled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cf_vectorize.checks.rules import BadLine
    from cf_vectorize.read.sampling import Sampler
    from cf_vectorize.source import records
    from cf_vectorize.source.cut import Cut
    from cf_vectorize.source.ranges import Segment
    from cf_vectorize_overlay.errors import VectorizeError

    from .journal import Entry
    from .options import InsertOptions
else:
    records = Late("cf_vectorize.source.records")

# The service's code for a line that it cannot parse; other faults have codes of their own.
UNPARSABLE: Final = 40023


class Batch(NamedTuple):
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
        rejected: Problems of the lines kept back.
        discarded: Lines in the body that the service will drop.
        anew: Whether a load of its source had ended with success, and the source has changed since.
        error: Why it must not be sent.
        entry: The journal's entry, where an earlier run had it acknowledged.

    """

    source: str
    cut: Cut
    raw: tuple[Segment, ...] = ()
    body: tuple[Segment, ...] = ()
    vectors: int = 0
    left_out: tuple[int, ...] = ()
    first_id: str | None = None
    last_id: str | None = None
    rejected: tuple[BadLine, ...] = ()
    discarded: int = 0
    anew: bool = False
    error: VectorizeError | None = None
    entry: Entry | None = None

    def place(self, line: int | None) -> str:
        """Return the place in the source of a line of the body, counted from 0; for None, of all of the batch."""
        if line is None:
            return f"{self.source}:{self.cut.first_line}-{self.cut.first_line + self.cut.lines - 1}"
        for left_out in self.left_out:
            line += left_out <= line
        return f"{self.source}:{self.cut.first_line + line}"

    def rejected_lines(self) -> Iterator[tuple[bytes, tuple[BadLine, ...]]]:
        """Yield each line that is kept back, as it is in the source, and what is wrong with it."""
        if self.cut.too_long:
            yield next(chunks(self.raw, BEGINNING)), self.rejected
            return
        text = enumerate(split_lines(self.raw), self.cut.first_line)
        for bad, problems in groupby(self.rejected, lambda problem: problem.line):
            yield next(line for number, line in text if number == bad), tuple(problems)


class _Content:
    """What is found while the lines of a batch are read."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, int]] = []
        self.left_out: list[int] = []
        self.rejected: list[BadLine] = []
        self.vectors = self.discarded = 0
        self.first_id: str | None = None
        self.last_id: str | None = None

    def keep(self, start: int, stop: int) -> None:
        """Add a range to what is sent, joined to the one before where they touch."""
        if self.kept and self.kept[-1][1] == start:
            self.kept[-1] = self.kept[-1][0], stop
        else:
            self.kept.append((start, stop))

    def keep_back(self, index: int, problems: Sequence[BadLine]) -> None:
        """Add a line that is not sent, and why."""
        self.left_out.append(index)
        self.rejected += problems


class Examiner:
    """Decides what of a range is sent. For one thread: it remembers the dimensions of the lines before.

    Args:
        options: What the caller asked for.
        sampler: Is offered every line that is sent, or was in an earlier run.

    """

    def __init__(self, options: InsertOptions, sampler: Sampler | None = None) -> None:
        self._options = options
        self._sampler = sampler
        self._check = LineCheck(options.dimensions) if options.check else None
        self._refuses_bad_lines = options.rejects is None and options.on_reject is None
        self._reads_lines = options.check or options.compact or sampler is not None

    def for_another_thread(self) -> Examiner:
        """Return one that knows the dimensions too, for lines that this one has examined before."""
        dimensions = self._check.dimensions if self._check else None
        return Examiner(self._options._replace(dimensions=dimensions))

    def acknowledged(self, source: str, cut: Cut, raw: tuple[Segment, ...], entry: Entry) -> Batch:
        """Return the batch of a range that an earlier run has sent; its lines are sampled, and say the dimensions."""
        check, sampler = self._check, self._sampler
        if sampler or (check and check.dimensions is None):
            for number, line in enumerate(split_lines(raw), cut.first_line):
                if check and check.dimensions is None:
                    check(line.rstrip(b"\r\n"), source, number)
                if sampler:
                    sampler.offer(line, source, number)
                elif check and check.dimensions is not None:
                    break
        return Batch(source=source, cut=cut, raw=raw, vectors=entry.vectors, entry=entry)

    def examine(self, source: str, cut: Cut, raw: tuple[Segment, ...], *, anew: bool = False) -> Batch:
        """Return the batch of a range, without the lines that are bad or blank.

        Args:
            source: Name of its source.
            cut: The range.
            raw: Where its bytes lie.
            anew: Handed on to the batch.

        """
        if cut.too_long:
            problems = unencodable(too_long(cut), source, cut.first_line)
            content = _Content()
            content.keep_back(0, problems)
        elif self._reads_lines or cut.ragged:
            content = self._read(source, cut, raw)
        else:
            return Batch(source=source, cut=cut, raw=raw, body=raw, vectors=cut.lines, anew=anew)
        return Batch(
            source=source,
            cut=cut,
            raw=raw,
            body=self._body(raw, content),
            vectors=content.vectors,
            left_out=tuple(content.left_out),
            first_id=content.first_id,
            last_id=content.last_id,
            rejected=tuple(content.rejected),
            discarded=content.discarded,
            anew=anew,
            error=BadLinesError(content.rejected) if content.rejected and self._refuses_bad_lines else None,
        )

    def _read(self, source: str, cut: Cut, raw: tuple[Segment, ...]) -> _Content:
        content = _Content()
        # A record that JSON cannot express is kept back though nothing else is checked.
        judge = self._check or unencodable
        stop = 0
        for index, line in enumerate(split_lines(raw)):
            number = cut.first_line + index
            start, stop = stop, stop + len(line)
            text = line.rstrip(b"\r\n")
            if not text or text.isspace():
                content.left_out.append(index)
                continue
            problems = judge(text, source, number)
            if problems and not self._left_to_service(problems):
                content.keep_back(index, problems)
                continue
            content.vectors += 1
            if self._sampler:
                self._sampler.offer(text, source, number)
            if problems:
                content.discarded += 1
            elif self._check:
                content.last_id = self._check.id
                content.first_id = content.first_id or content.last_id
            ended = line.endswith(b"\n")
            if len(line) == len(text) + ended:
                content.keep(start, stop)
                continue
            # Without its carriage returns.
            content.keep(start, start + len(text))
            if ended:
                content.keep(stop - 1, stop)
        return content

    def _left_to_service(self, problems: Sequence[BadLine]) -> bool:
        """Tell whether `unparsable="discard"` makes the service drop the line, rather than refuse the batch."""
        discards = self._options.unparsable == "discard"
        return discards and all(RULES[problem.rule].code == UNPARSABLE for problem in problems)

    def _body(self, raw: tuple[Segment, ...], content: _Content) -> tuple[Segment, ...]:
        body = select(raw, content.kept)
        if not self._options.compact:
            return body
        compact = records.compact
        return spooled(compact(line.rstrip(b"\n")) + b"\n" for line in split_lines(body))
