"""How a load ends that was not accepted whole; each carries its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from cf_vectorize_overlay.errors import VectorizeError

if TYPE_CHECKING:
    from .report import InsertReport


class InsertError(ExceptionGroup[VectorizeError], VectorizeError):
    """Some batches of a load failed; one exception for each, in their order.

    Other batches were accepted: where none was, the first failure is raised
    itself.

    What to do: `report.failed` has each batch with its error. When the causes
    are mended, call again: with a journal only what is missing is sent, and
    without one sending everything again is safe.

    Attributes:
        report: What was accepted and what was not, batch by batch.

    """

    __module__ = "cf_vectorize"

    def __new__(cls, report: InsertReport) -> Self:
        """Group the errors of the failed batches of `report`."""
        errors = [outcome.error for outcome in report.failed if outcome.error is not None]
        return super().__new__(cls, report.summary(), errors)

    def __init__(self, report: InsertReport) -> None:
        self.report: InsertReport = report

    def __reduce__(self) -> tuple[type[InsertError], tuple[InsertReport]]:
        return type(self), (self.report,)


class InsertInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a load; no `VectorizeError`: it goes up like any Ctrl-C.

    What to do: call again; with a journal the load goes on where it was.

    Attributes:
        report: What was accepted until then.

    """

    __module__ = "cf_vectorize"

    def __init__(self, report: InsertReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return self.report.summary()
