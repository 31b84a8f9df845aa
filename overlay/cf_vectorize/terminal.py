"""Progress of a load as one line on a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

from .wording import duration

if TYPE_CHECKING:
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


class ProgressLine:
    """Redraws one line of a terminal; elsewhere only says why it waits.

    Args:
        stream: Where it writes, standard error by default.

    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._draws = self._stream.isatty()
        self._started = time.monotonic()
        self._drawn_at = 0.0
        self._retries = 0

    def __call__(self, progress: Progress) -> None:
        """Show the latest state, at most ten times a second."""
        now = time.monotonic()
        if progress.retries > self._retries:
            self._retries = progress.retries
            self._say(f"waiting {progress.pause:.1f} s before sending again: {progress.reason}")
        if self._draws and now - self._drawn_at >= REDRAW_AFTER:
            self._drawn_at = now
            self._stream.write(f"\r\x1b[K{line(progress, now - self._started)}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._draws:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _say(self, text: str) -> None:
        self.clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()


class CountLine:
    """Counts on one line of a terminal; silent elsewhere.

    Args:
        what: What the things counted are, such as "fetched".

    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._draws = sys.stderr.isatty()
        self._count = 0
        self._drawn_at = 0.0

    def add(self) -> None:
        """Count one more, and show it at most ten times a second."""
        self._count += 1
        now = time.monotonic()
        if self._draws and now - self._drawn_at >= REDRAW_AFTER:
            self._drawn_at = now
            sys.stderr.write(f"\r\x1b[K{self._count:,} {self._what}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._draws:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
