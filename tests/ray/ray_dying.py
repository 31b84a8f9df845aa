"""A worker that dies in the middle of its task."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import ray

from cf_vectorize.ray.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

    from cf_vectorize import BatchOutcome

# Workers know no modules of tests.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Dying(Ledger):
    """Kills its worker once, when the first request was acknowledged and noted."""

    marker: Path

    def watched(self, outcomes: Iterable[BatchOutcome], task: int) -> Iterator[BatchOutcome]:
        for outcome in super().watched(outcomes, task):
            yield outcome
            if not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)


def die_once(monkeypatch: pytest.MonkeyPatch, marker: Path) -> None:
    """Let the first worker die that gets so far, and leave a file."""
    monkeypatch.setattr("cf_vectorize.ray.sink.Ledger", Dying)
    monkeypatch.setattr(Dying, "marker", marker, raising=False)
