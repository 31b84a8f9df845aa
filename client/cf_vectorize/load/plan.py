"""Sources -> the batches of a load, in the order of the lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cf_vectorize.source.cut import BatchLimits, Cut, cut_anew, split
from cf_vectorize_overlay.errors import InputError, VectorizeError

from .examine import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cf_vectorize.source.open import Source

    from .examine import Examiner
    from .resume import Acknowledged


class Planner:
    """Cuts the sources of a load into batches.

    Args:
        limits: The most a batch may hold, read anew for every batch.
        examiner: Decides what of each batch is sent.
        acknowledged: What earlier runs had acknowledged of each source, by its name.

    """

    def __init__(self, limits: BatchLimits, examiner: Examiner, acknowledged: Mapping[str, Acknowledged]) -> None:
        self._limits = limits
        self._examiner = examiner
        self._acknowledged = acknowledged

    def batches(self, sources: Sequence[Source]) -> Iterator[Batch]:
        """Read the sources and yield their batches, those already acknowledged among them.

        The last batch of a source that cannot be read to its end, or is not what the journal says, has the error and
        nothing to send.
        """
        for source in sources:
            end = Cut(0, 0, 1, 0, ragged=False, fixed=False)
            try:
                for batch in self._batches_of(source):
                    end = batch.cut
                    yield batch
            except VectorizeError as error:
                after = Cut(end.stop, end.stop, end.first_line + end.lines, 0, ragged=False, fixed=False)
                yield Batch(source=source.name, cut=after, error=error)

    def halves(self, batch: Batch) -> list[Batch]:
        """Cut a batch that the service finds too large into smaller ones, and make those to come no larger.

        Called from the threads that send, beside the one that plans.
        """
        smaller = BatchLimits(self._limits.vectors, max(1, batch.cut.size // 2), line=self._limits.line)
        self._limits.size = min(self._limits.size, smaller.size)
        examiner = self._examiner.for_another_thread()
        parts = cut_anew(batch.cut, batch.raw, smaller)
        return [examiner.examine(batch.source, cut, raw, anew=batch.anew) for cut, raw in parts]

    def _batches_of(self, source: Source) -> Iterator[Batch]:
        acknowledged = self._acknowledged[source.name]
        end = None
        with source.open() as readable:
            for cut in split(readable, self._limits, acknowledged.fixed):
                end = cut.stop
                raw = readable.segments(cut.start, cut.stop)
                noted = acknowledged.fixed.get(cut.start)
                if entry := acknowledged.entry_of(cut, raw):
                    yield self._examiner.acknowledged(source.name, cut, raw, entry)
                    continue
                # A range that was a batch under the limits of an earlier run is cut by those of this one.
                parts = cut_anew(cut, raw, self._limits) if noted else [(cut, raw)]
                for part, part_raw in parts:
                    acknowledged.sent = True
                    yield self._examiner.examine(source.name, part, part_raw, anew=acknowledged.anew)
        if end is None:
            raise InputError(f"{source.name}: holds no vectors; there is nothing to insert")
        acknowledged.end_at(end)
