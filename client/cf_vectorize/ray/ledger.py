"""What became of every batch of a write, noted on the driver's machine as it happens."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cf_vectorize.load.report import InsertReport, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cf_vectorize.load.outcome import BatchOutcome


class LedgerActor:
    """Keeps what became of the batches of each attempt of each task."""

    def __init__(self) -> None:
        self._tasks: dict[int, dict[str, Tally]] = {}

    def begin(self, task: int, attempt: str) -> None:
        """Take an attempt for the one that counts, and those before for dead."""
        self._tasks.setdefault(task, {})[attempt] = Tally()

    def note(self, task: int, attempt: str, outcome: BatchOutcome) -> None:
        """Add what became of a batch."""
        self._tasks[task][attempt].add([outcome])

    def told(self, seconds: float) -> tuple[InsertReport, tuple[str, ...]]:
        """Return the report of all tasks, and the mutation ids of attempts that died."""
        tasks = [[tally.report(0) for tally in attempts.values()] for attempts in self._tasks.values()]
        abandoned = (identity for *dead, _ in tasks for report in dead for identity in report.mutation_ids)
        return InsertReport.combined((report for *_, report in tasks), seconds), tuple(abandoned)


class Ledger:
    """The ledger of one write, which ends with the last of these that knows it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._actor: Any = ray.remote(num_cpus=0)(LedgerActor).options(scheduling_strategy=here).remote()

    def watched(self, outcomes: Iterable[BatchOutcome], task: int) -> Iterator[BatchOutcome]:
        """Yield the outcomes of a task, each noted before."""
        attempt = secrets.token_hex(8)
        self._actor.begin.remote(task, attempt)
        for outcome in outcomes:
            self._actor.note.remote(task, attempt, outcome).future().result()
            yield outcome

    def told(self) -> tuple[InsertReport, tuple[str, ...]]:
        """Return the report of all tasks, and the mutation ids of attempts that died."""
        told: tuple[InsertReport, tuple[str, ...]] = ray.get(self._actor.told.remote(time.monotonic() - self._began))
        return told
