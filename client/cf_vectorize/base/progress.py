"""How far a load, or reading back, is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen
class Progress:
    """How far a load, or reading back, is; counts of bytes but where it says otherwise.

    Attributes:
        total: Bytes of the sources, None where a source's size is not known.
        queued: Read, and made into batches where they are sent.
        sent: Handed to the network, without what a retry took back.
        acknowledged: Accepted by the service, now or by the journal earlier.
        taken_back: Sent in vain: attempts that failed.
        vectors: Vectors accepted.
        retries: Attempts after the first of each batch.
        pause: Seconds that the latest retry waits.
        reason: Why it waits, None where nothing was ever retried.
        awaited: Requests that were under way when the load was broken off, 0 before; it waits for them.
        lines: Lines to read back, as far as they are read or chosen.
        looked_at: Of these, those that were asked for, or cannot be.
        missing: Of these, those that the index does not hold, or not yet.

    """

    total: int | None = None
    queued: int = 0
    sent: int = 0
    acknowledged: int = 0
    taken_back: int = 0
    vectors: int = 0
    retries: int = 0
    pause: float = 0.0
    reason: str | None = None
    awaited: int = 0
    lines: int = 0
    looked_at: int = 0
    missing: int = 0


class Tracker:
    """Keeps the one `Progress` that many threads report to."""

    def __init__(self, on_progress: Callable[[Progress], None] | None, total: int | None = 0) -> None:
        self._lock = threading.Lock()
        self._progress = Progress(total)
        self._on_progress = on_progress

    def add(self, *, pause: float = 0.0, reason: str | None = None, **counts: int) -> None:
        """Add to the counts, and tell the caller."""
        if self._on_progress is None:
            return
        with self._lock:
            changed = {name: getattr(self._progress, name) + count for name, count in counts.items()}
            if reason is not None:
                changed |= {"pause": pause, "reason": reason}
            self._progress = attrs.evolve(self._progress, **changed)
            self._on_progress(self._progress)
