"""What became of every batch of a write, noted on the driver's machine as it happens."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cf_vectorize.load.report import InsertReport, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cf_vectorize.load.outcome import BatchOutcome


class LedgerActor:
    """Keeps the batches of the last attempt of each task, and the mutation ids of those before."""

    def __init__(self) -> None:
        self._attempts: dict[int, tuple[str, Tally]] = {}
        self._abandoned: list[str] = []

    def begin(self, task: int, attempt: str) -> None:
        """Take an attempt for the one that counts, and those before for dead."""
        _, before = self._attempts.pop(task, ("", Tally()))
        self._abandoned += before.report(0).mutation_ids
        self._attempts[task] = attempt, Tally()

    def note(self, task: int, attempt: str, outcome: BatchOutcome) -> None:
        """Add what became of a batch."""
        counting, tally = self._attempts[task]
        if attempt == counting:
            tally.add([outcome])
        elif outcome.mutation_id is not None:
            self._abandoned.append(outcome.mutation_id)

    def told(self, seconds: float) -> tuple[InsertReport, tuple[str, ...]]:
        """Return the report of all tasks, and the mutation ids of attempts that died."""
        reports = (tally.report(0) for _, tally in self._attempts.values())
        return InsertReport.combined(reports, seconds), tuple(self._abandoned)


class Ledger:
    """The ledger of one write, which ends with the last of these that knows it."""

    def __init__(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._actor: Any = ray.remote(num_cpus=0)(LedgerActor).options(scheduling_strategy=here).remote()

    def watched(self, outcomes: Iterable[BatchOutcome], task: int) -> Iterator[BatchOutcome]:
        """Yield the outcomes of a task, each noted before."""
        attempt = secrets.token_hex(8)
        self._actor.begin.remote(task, attempt)
        for outcome in outcomes:
            self._actor.note.remote(task, attempt, outcome).future().result()
            yield outcome

    def told(self, seconds: float) -> tuple[InsertReport, tuple[str, ...]]:
        """Return the report of all tasks, and the mutation ids of attempts that died."""
        told: tuple[InsertReport, tuple[str, ...]] = ray.get(self._actor.told.remote(seconds))
        return told
