"""What became of each batch, and of a load as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from cf_vectorize.base.wording import count
from cf_vectorize_overlay.errors import VectorizeError

if TYPE_CHECKING:
    from cf_vectorize.checks.rules import BadLine
    from cf_vectorize.read.report import VerifyReport


@attrs.frozen
class BatchOutcome:
    """What became of one batch.

    Attributes:
        source: The file's path as given, or a name in angle brackets.
        first_line: Number of its first line in the source, from 1.
        last_line: Number of its last line.
        start: Offset of its first byte in the source (after decompression).
        stop: Offset after its last byte.
        vectors: Lines that were sent, or would have been.
        size: Bytes of the body.
        first_id: Id of the first vector, None where lines were not checked.
        last_id: Id of the last vector, None where lines were not checked.
        mutation_id: What the service answered; None where the batch failed or held only rejected lines.
        attempts: Requests made, 0 where nothing was sent.
        waited: Seconds spent waiting for the account's budget and between attempts.
        rejected: Problems of the lines that were kept back.
        discarded: How many of the sent lines the service will have dropped, by our own judgement of them.
        resumed: Whether a journal says that an earlier run had it acknowledged.
        rejected_earlier: Lines that this earlier run kept back.
        error: Why it was not accepted, None where it was.

    """

    source: str
    first_line: int
    last_line: int
    start: int
    stop: int
    vectors: int
    size: int
    first_id: str | None = None
    last_id: str | None = None
    mutation_id: str | None = None
    attempts: int = 0
    waited: float = 0.0
    rejected: tuple[BadLine, ...] = ()
    discarded: int = 0
    resumed: bool = False
    rejected_earlier: int = 0
    error: VectorizeError | None = None

    @property
    def accepted(self) -> bool:
        """Whether the service has it, or there was nothing to send; a note of it may have failed all the same."""
        return self.error is None or self.mutation_id is not None

    def as_json(self) -> dict[str, Any]:
        """Give the outcome as what JSON can say."""
        document = attrs.asdict(self)
        document["error"] = None if self.error is None else str(self.error)
        document["error_type"] = None if self.error is None else type(self.error).__name__
        return document


@attrs.frozen
class InsertReport:
    """What became of a load.

    Attributes:
        batches: Every batch that was tried or found acknowledged, in the order they ended.
        seconds: Time from start to end.
        verification: What reading back found, where `verify` asked for it.

    """

    batches: tuple[BatchOutcome, ...]
    seconds: float
    verification: VerifyReport | None = None

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
        return sum(batch.vectors - batch.discarded for batch in self.accepted)

    @property
    def size(self) -> int:
        """Bytes accepted."""
        return sum(batch.size for batch in self.accepted)

    @property
    def mutation_ids(self) -> tuple[str, ...]:
        """Ids of the mutations, in the order they were acknowledged."""
        return tuple(batch.mutation_id for batch in self.accepted if batch.mutation_id is not None)

    @property
    def retries(self) -> int:
        """Requests made beyond the first of each batch."""
        return sum(max(0, batch.attempts - 1) for batch in self.batches)

    @property
    def waited(self) -> float:
        """Seconds that workers spent waiting, added up."""
        return sum(batch.waited for batch in self.batches)

    @property
    def rejected(self) -> tuple[BadLine, ...]:
        """Problems of the lines that were kept back."""
        return tuple(line for batch in self.accepted for line in batch.rejected)

    @property
    def rejected_earlier(self) -> int:
        """Lines that an earlier run kept back."""
        return sum(batch.rejected_earlier for batch in self.batches)

    @property
    def discarded(self) -> int:
        """Lines that the service will have dropped."""
        return sum(batch.discarded for batch in self.accepted)

    @property
    def resumed(self) -> int:
        """Batches that an earlier run had acknowledged."""
        return sum(batch.resumed for batch in self.batches)

    def summary(self) -> str:
        """Say in one line what was accepted and what was not, and below it what reading back found."""
        accepted = f"{count(self.vectors, 'vector')} accepted in {count(len(self.accepted), 'batch')}"
        parts = [accepted if self.accepted else "nothing accepted"]
        if self.resumed:
            parts.append(f"{self.resumed:,} of them in an earlier run")
        if self.rejected:
            parts.append(f"{count(len({(line.source, line.line) for line in self.rejected}), 'line')} rejected")
        if self.rejected_earlier:
            parts.append(f"{count(self.rejected_earlier, 'line')} rejected in an earlier run")
        if self.discarded:
            parts.append(f"{count(self.discarded, 'line')} left to the service to discard")
        if self.failed:
            parts.append(f"{count(len(self.failed), 'batch')} not accepted")
        said = f"{', '.join(parts)}, in {self.seconds:.1f} s"
        return said if self.verification is None else f"{said}\n{self.verification.summary()}"

    def as_json(self) -> dict[str, Any]:
        """Give the report as what JSON can say."""
        return {
            "vectors": self.vectors,
            "bytes": self.size,
            "batches": [batch.as_json() for batch in self.batches],
            "mutation_ids": list(self.mutation_ids),
            "retries": self.retries,
            "waited_seconds": round(self.waited, 3),
            "seconds": round(self.seconds, 3),
            "rejected_lines_earlier": self.rejected_earlier,
            "rejected_lines": [attrs.asdict(line) for line in self.rejected],
            "discarded_lines": self.discarded,
            "resumed_batches": self.resumed,
            "failed_batches": len(self.failed),
            "verification": None if self.verification is None else self.verification.as_json(),
        }


class InsertError(ExceptionGroup[VectorizeError], VectorizeError):
    """Some batches of a load failed; one exception for each, in the order they failed.

    Attributes:
        report: What was accepted and what was not, batch by batch.

    """

    def __new__(cls, report: InsertReport) -> Self:
        """Group the errors of the failed batches of `report`."""
        errors = [outcome.error for outcome in report.failed if outcome.error is not None]
        return super().__new__(cls, report.summary(), errors)

    def __init__(self, report: InsertReport) -> None:
        self.report: InsertReport = report

    def __reduce__(self) -> tuple[type[InsertError], tuple[InsertReport]]:
        return type(self), (self.report,)


class InsertInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a load; no `VectorizeError`, so that it goes up like any Ctrl-C.

    Attributes:
        report: What was accepted until then.

    """

    def __init__(self, report: InsertReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return self.report.summary()
