"""An event that ends something, and what hangs on it."""

from __future__ import annotations

import threading
from concurrent.futures import ALL_COMPLETED, wait
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Future

T = TypeVar("T")
# Windows tells the main thread of Ctrl-C only between its waits.
_LONGEST_WAIT: Final = 1.0


def ended(futures: Collection[Future[T]], return_when: str = ALL_COMPLETED) -> set[Future[T]]:
    """Wait for futures as `concurrent.futures.wait` does, and return those that ended; Ctrl-C comes between."""
    while True:
        done, others = wait(futures, _LONGEST_WAIT, return_when)
        if not others or (done and return_when != ALL_COMPLETED):
            return done


def result_of(future: Future[T]) -> T:
    """Wait for the result of a future, or raise its exception."""
    return ended([future]).pop().result()


class Stop(threading.Event):
    """Says that nobody wants a result any more; set with it are the events that hang on it."""

    def __init__(self) -> None:
        super().__init__()
        self._hanging: list[threading.Event] = []

    def hang(self, event: threading.Event) -> None:
        """Let an event be set when this one is, at once if this one is set already."""
        self._hanging.append(event)
        if self.is_set():
            event.set()

    def set(self) -> None:
        """Set this one, and what hangs on it."""
        super().set()
        for event in self._hanging:
            event.set()
