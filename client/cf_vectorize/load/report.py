"""What became of a load as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from cf_vectorize.base.extras import Late
from cf_vectorize.base.wording import count
from cf_vectorize.checks.rules import BadLine, BadLinesError

from .outcome import BatchOutcome, as_text, line_as_json

if TYPE_CHECKING:
    from cf_vectorize.read import report as reading
else:
    # Few loads read back, and the types of public fields can be asked for in all.
    reading = Late("cf_vectorize.read.report")

# The most of each that a report keeps; counts go on.
BATCHES_KEPT: Final = 10_000
PROBLEMS_KEPT: Final = 10_000
# More of these are kept beyond the others.
FAILURES_KEPT: Final = 1_000


@attrs.frozen
class Counts:
    """How much became what; adds up over batches, and over loads.

    Attributes:
        vectors: Vectors accepted, without those that the service will have discarded.
        size: Bytes accepted.
        accepted: Batches that the service has accepted, now or, by the journal, earlier.
        failed: Batches that were not accepted, or could not be noted.
        resumed: Batches that an earlier run had acknowledged.
        retries: Requests made beyond the first of each batch.
        waited: Seconds that workers spent waiting.
        rejected: Lines that were kept back.
        rejected_earlier: Lines that an earlier run kept back.
        discarded: Lines that the service will have dropped.

    """

    vectors: int = 0
    size: int = 0
    accepted: int = 0
    failed: int = 0
    resumed: int = 0
    retries: int = 0
    waited: float = 0.0
    rejected: int = 0
    rejected_earlier: int = 0
    discarded: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(sum, zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    @classmethod
    def of(cls, batch: BatchOutcome) -> Counts:
        """Count one batch.

        Args:
            batch: The batch.

        """
        accepted = batch.accepted
        return cls(
            vectors=accepted * (batch.vectors - batch.discarded),
            size=accepted * batch.size,
            accepted=int(accepted),
            failed=int(batch.error is not None),
            resumed=int(batch.resumed),
            retries=max(0, batch.attempts - 1),
            waited=batch.waited,
            rejected=accepted * len({line.line for line in batch.rejected}),
            rejected_earlier=batch.rejected_earlier,
            discarded=accepted * batch.discarded,
        )


@attrs.frozen(repr=False)
class InsertReport:
    """What became of a load, or of several (`combined`).

    Counts are of everything. Of batches the first 10,000 are kept, and 1,000
    more where they failed; of the problems of lines the first 10,000.

    Attributes:
        batches: Batches that were tried or found acknowledged, in the order
            they ended.
        seconds: Time from start to end.
        verification: What reading back found, where `verify` asked for it.
        counts: How much became what.

    """

    batches: tuple[BatchOutcome, ...] = ()
    seconds: float = 0.0
    verification: reading.VerifyReport | None = None
    counts: Counts = attrs.field(
        default=attrs.Factory(lambda self: sum(map(Counts.of, self.batches), Counts()), takes_self=True)
    )

    @classmethod
    def combined(cls, reports: Iterable[InsertReport], seconds: float | None = None) -> InsertReport:
        """Add reports up, such as those of the parts of one load.

        Args:
            reports: Any number of reports; what reading back found is left out,
                since it does not add up.
            seconds: Time that all took; by default that of the longest.

        """
        tally = Tally()
        longest = 0.0
        for report in reports:
            longest = max(longest, report.seconds)
            tally.add(report.batches, report.counts)
        return tally.report(longest if seconds is None else seconds)

    def __repr__(self) -> str:
        return f"<InsertReport: {self._in_one_line()}>"

    @property
    def accepted(self) -> tuple[BatchOutcome, ...]:
        """Batches that the service has accepted, now or, by the journal, earlier."""
        return tuple(batch for batch in self.batches if batch.accepted)

    @property
    def failed(self) -> tuple[BatchOutcome, ...]:
        """Batches that were not accepted, or could not be noted."""
        return tuple(batch for batch in self.batches if batch.error is not None)

    @property
    def vectors(self) -> int:
        """Vectors accepted, without those that the service will have discarded."""
        return self.counts.vectors

    @property
    def size(self) -> int:
        """Bytes accepted."""
        return self.counts.size

    @property
    def mutation_ids(self) -> tuple[str, ...]:
        """Ids of the mutations, in the order they were acknowledged."""
        return tuple(batch.mutation_id for batch in self.accepted if batch.mutation_id is not None)

    @property
    def retries(self) -> int:
        """Requests made beyond the first of each batch."""
        return self.counts.retries

    @property
    def waited(self) -> float:
        """Seconds that workers spent waiting, added up."""
        return self.counts.waited

    @property
    def rejected(self) -> tuple[BadLine, ...]:
        """Problems of the lines that were kept back."""
        return tuple(line for batch in self.accepted for line in batch.rejected)

    @property
    def rejected_earlier(self) -> int:
        """Lines that an earlier run kept back."""
        return self.counts.rejected_earlier

    @property
    def discarded(self) -> int:
        """Lines that the service will have dropped."""
        return self.counts.discarded

    @property
    def resumed(self) -> int:
        """Batches that an earlier run had acknowledged."""
        return self.counts.resumed

    @property
    def anew(self) -> tuple[str, ...]:
        """Sources that have changed since a load of them had ended with success."""
        return tuple(dict.fromkeys(batch.source for batch in self.batches if batch.anew))

    def summary(self) -> str:
        """Say in one line what was accepted, and below what else is to be known."""
        said = [self._in_one_line()]
        said += [
            f"{as_text(source)} has changed since it was loaded to its end, and was loaded anew; "
            "vectors whose ids the index already held keep their first version"
            for source in self.anew
        ]
        if self.verification is not None:
            said.append(self.verification.summary())
        return "\n".join(said)

    def as_json(self) -> dict[str, Any]:
        """Return the report as what JSON can say."""
        return {
            "vectors": self.vectors,
            "bytes": self.size,
            "batches": [batch.as_json() for batch in self.batches],
            "mutation_ids": list(self.mutation_ids),
            "retries": self.retries,
            "waited_seconds": round(self.waited, 3),
            "seconds": round(self.seconds, 3),
            "rejected_lines_earlier": self.rejected_earlier,
            "rejected_lines": [line_as_json(line) for line in self.rejected],
            "discarded_lines": self.discarded,
            "resumed_batches": self.resumed,
            "failed_batches": self.counts.failed,
            "accepted_batches": self.counts.accepted,
            "rejected_line_count": self.counts.rejected,
            "sources_loaded_anew": list(map(as_text, self.anew)),
            "verification": None if self.verification is None else self.verification.as_json(),
        }

    def _in_one_line(self) -> str:
        counts = self.counts
        accepted = f"{count(counts.vectors, 'vector')} accepted in {count(counts.accepted, 'batch')}"
        parts = [accepted if counts.accepted else "nothing accepted"]
        if counts.resumed:
            parts.append(f"{counts.resumed:,} of them in an earlier run")
        if counts.rejected:
            parts.append(f"{count(counts.rejected, 'line')} rejected")
        if counts.rejected_earlier:
            parts.append(f"{count(counts.rejected_earlier, 'line')} rejected in an earlier run")
        if counts.discarded:
            parts.append(f"{count(counts.discarded, 'line')} left to the service to discard")
        if counts.failed:
            parts.append(f"{count(counts.failed, 'batch')} not accepted")
        return f"{', '.join(parts)}, in {self.seconds:.1f} s"


class Tally:
    """Gathers what becomes of batches, in bounded memory."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._batches: list[BatchOutcome] = []
        self._failed = 0
        self._problems = 0

    def add(self, batches: Iterable[BatchOutcome], counts: Counts | None = None) -> None:
        """Add batches.

        Args:
            batches: In the order they ended.
            counts: What they come to, where they are not all.

        """
        for batch in batches:
            if counts is None:
                self._counts += Counts.of(batch)
            late_failure = batch.error is not None and self._failed < FAILURES_KEPT
            if len(self._batches) < BATCHES_KEPT or late_failure:
                self._failed += len(self._batches) >= BATCHES_KEPT
                self._batches.append(self._bounded(batch))
        self._counts += counts or Counts()

    def report(self, seconds: float) -> InsertReport:
        """Return the report of what was added."""
        return InsertReport(tuple(self._batches), seconds, counts=self._counts)

    def _bounded(self, batch: BatchOutcome) -> BatchOutcome:
        """Return the outcome with no more problems than there is room for."""
        room = PROBLEMS_KEPT - self._problems
        self._problems += min(room, len(batch.rejected))
        if len(batch.rejected) <= room:
            return batch
        error = batch.error
        if isinstance(error, BadLinesError):
            error = error.shortened()
        return attrs.evolve(batch, rejected=batch.rejected[:room], error=error)
