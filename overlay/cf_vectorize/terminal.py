"""Progress of a load as one line on a terminal."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Final

from .wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from .progress import Progress

BAR: Final = 24
REDRAW_AFTER: Final = 0.1
MEGABYTE: Final = 1_000_000


def line(progress: Progress, seconds: float) -> str:
    """Write where a load stands after `seconds`."""
    rate = progress.sent / seconds if seconds > 0 else 0.0
    parts = [f"{progress.vectors:,} vectors", f"{rate / MEGABYTE:,.1f} MB/s"]
    if progress.total:
        share = min(1.0, progress.acknowledged / progress.total)
        filled = int(share * BAR)
        parts.insert(0, f"[{'#' * filled}{'-' * (BAR - filled)}] {share:4.0%}")
        if rate and progress.acknowledged < progress.total:
            parts.append(f"{duration((progress.total - progress.acknowledged) / rate)} left")
    if progress.retries:
        parts.append(f"{progress.retries} retries, last waited {progress.pause:.0f} s")
    return "  ".join(parts)


class _Line:
    """One line of standard error, drawn anew again and again; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._draws = sys.stderr.isatty()
        self._drawn_at = 0.0

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._draws:
            _write("\r\x1b[K")

    def _draw(self, text: Callable[[], str]) -> None:
        """Draw, at most ten times a second."""
        now = time.monotonic()
        if self._draws and now - self._drawn_at >= REDRAW_AFTER:
            self._drawn_at = now
            _write(f"\r\x1b[K{text()}")


class ProgressLine(_Line):
    """Shows how far a load is; where there is no terminal it only says what it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._awaited = 0

    def __call__(self, progress: Progress) -> None:
        """Show the latest state."""
        if progress.awaited > self._awaited:
            self._awaited = progress.awaited
            self.clear()
            _write(f"waiting for {count(self._awaited, 'request')} under way; Ctrl-C again leaves them\n")
        self._draw(lambda: line(progress, time.monotonic() - self._started))


class CountLine(_Line):
    """Shows a count.

    Args:
        what: What the things counted are, such as "fetched".
        alone: Whether nothing else is written to the terminal meanwhile; otherwise nothing is drawn.

    """

    def __init__(self, what: str, *, alone: bool) -> None:
        super().__init__()
        self._draws &= alone
        self._what = what
        self._count = 0

    def add(self) -> None:
        """Count one more."""
        self._count += 1
        self._draw(lambda: f"{self._count:,} {self._what}")


class Warnings(logging.Handler):
    """Says what the client warns of, in place of a line that is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        _Line().clear()
        _write(f"{record.getMessage()}\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
