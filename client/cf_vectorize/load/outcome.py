"""What became of one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize.base.wording import count
from cf_vectorize.checks.rules import BadLine  # noqa: TC001 - types of public fields
from cf_vectorize.source.ranges import size
from cf_vectorize_overlay.errors import VectorizeError  # noqa: TC001 - types of public fields

if TYPE_CHECKING:
    from .examine import Batch


@attrs.frozen(repr=False)
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
        mutation_id: What the service answered; None where the batch failed or
            held only rejected lines.
        attempts: Requests made, 0 where nothing was sent.
        waited: Seconds spent waiting for the account's budget and between
            attempts.
        rejected: Problems of the lines that were kept back.
        discarded: How many of the sent lines the service will have dropped, by
            our own judgement of them.
        resumed: Whether a journal says that an earlier run had it acknowledged.
        rejected_earlier: Lines that this earlier run kept back.
        anew: Whether an earlier load of its source had ended with success, and
            the source has changed since.
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
    anew: bool = False
    error: VectorizeError | None = None

    def __repr__(self) -> str:
        state = f"failed, {type(self.error).__name__}" if self.error else "accepted"
        lines = f"{as_text(self.source)}:{self.first_line}-{self.last_line}"
        return f"<BatchOutcome: {lines}, {count(self.vectors, 'vector')}, {state}>"

    @property
    def accepted(self) -> bool:
        """Whether the service has it, or there was nothing to send.

        A note of it may have failed all the same.
        """
        return self.error is None or self.mutation_id is not None

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as what JSON can say."""
        document = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return {
            **document,
            "source": as_text(self.source),
            "rejected": [line_as_json(line) for line in self.rejected],
            "error": None if self.error is None else as_text(str(self.error)),
            "error_type": None if self.error is None else type(self.error).__name__,
        }


def line_as_json(line: BadLine) -> dict[str, Any]:
    """Return a problem of a line as what JSON can say."""
    return {**attrs.asdict(line), "source": as_text(line.source)}


def as_text(name: str) -> str:
    """Return a text that any encoder of JSON takes, though names of files may hold bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def outcome_of(batch: Batch) -> BatchOutcome:
    """Return what is known of a batch before it is sent; for one that must not be or need not be, that is all."""
    cut = batch.cut
    return BatchOutcome(
        source=batch.source,
        first_line=cut.first_line,
        last_line=cut.first_line + cut.lines - 1,
        start=cut.start,
        stop=cut.stop,
        vectors=batch.vectors,
        size=size(batch.body) if batch.entry is None else cut.size,
        first_id=batch.first_id,
        last_id=batch.last_id,
        mutation_id=batch.entry.mutation_id if batch.entry else None,
        rejected=batch.rejected,
        discarded=batch.discarded,
        resumed=batch.entry is not None,
        rejected_earlier=batch.entry.rejected if batch.entry else 0,
        anew=batch.anew,
        error=batch.error,
    )
