"""How far a load is, and how far reading back is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class VerifyProgress(NamedTuple):
    """How far reading back is.

    Attributes:
        total: Bytes of the sources, None where a source's size is not known.
        read: Bytes that were read of them.
        lines: Lines to read back, as far as they are read or chosen.
        looked_at: Of these, those that were asked for, or cannot be.
        missing: Of these, those that the index does not hold, or not yet.
        left: Seconds in which missing ones may still turn up, while it waits
            for them; None while it does not.
        waits_until: When requests may go on that wait for the account's budget,
            by `time.monotonic()`; 0 where none ever waited.
        waits_for: Why they wait, None where none ever waited.

    """

    total: int | None = None
    read: int = 0
    lines: int = 0
    looked_at: int = 0
    missing: int = 0
    left: float | None = None
    waits_until: float = 0.0
    waits_for: str | None = None


class Progress(NamedTuple):
    """How far a load is; counts of bytes but where it says otherwise.

    Attributes:
        total: Bytes of the sources, None where a source's size is not known.
        queued: Made into batches.
        sent: Handed to the network, without what a retry took back.
        acknowledged: Accepted by the service, now or by the journal earlier.
        taken_back: Sent in vain: attempts that failed.
        vectors: Vectors accepted.
        retries: Attempts after the first of each batch.
        pause: Seconds that the latest retry waits.
        reason: Why it waits, None where nothing was ever retried.
        waits_until: When requests may go on that wait for the account's budget,
            by `time.monotonic()`; 0 where none ever waited.
        waits_for: Why they wait, None where none ever waited.
        awaited: Requests that were under way when the load was broken off, 0
            before; it waits for them.
        verification: How far reading back is, after a load with `verify`; None
            before.

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
    waits_until: float = 0.0
    waits_for: str | None = None
    awaited: int = 0
    verification: VerifyProgress | None = None


class Tracker(Generic[T]):
    """Keeps the one state that many threads report to, and tells it."""

    def __init__(self, on_progress: Callable[[T], None] | None, start: T) -> None:
        self._lock = threading.Lock()
        self._on_progress = on_progress
        self._latest = start

    def add(self, **counts: int) -> None:
        """Add to counts, and tell the caller."""
        self.change({}, **counts)

    def change(self, said: dict[str, Any], **counts: int) -> None:
        """Replace what is said, add to counts, and tell the caller."""
        if self._on_progress is None:
            return
        with self._lock:
            added = {name: getattr(self._latest, name) + count for name, count in counts.items()}
            latest: Any = self._latest
            self._latest = latest._replace(**added, **said)
            self._on_progress(self._latest)


class Continued:
    """Tells a load's progress, and then reading back as what it goes on with.

    Args:
        on_progress: Is told of both.

    """

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._on_progress = on_progress
        self._latest = Progress()

    def load(self, progress: Progress) -> None:
        """Tell how far the load is."""
        self._latest = progress
        self._on_progress(progress)

    def verification(self, progress: VerifyProgress) -> None:
        """Tell how far reading back is."""
        self._on_progress(self._latest._replace(verification=progress))
