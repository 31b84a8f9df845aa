"""An event that ends something, and what hangs on it."""

from __future__ import annotations

import threading


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
