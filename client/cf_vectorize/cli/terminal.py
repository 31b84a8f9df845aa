"""Progress as one line on a terminal."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Final, Self

from cf_vectorize.base.defaults import VERIFY_DEADLINE
from cf_vectorize.base.wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize.base.progress import Progress

BAR: Final = 24
REDRAW_AFTER: Final = 0.1
MEGABYTE: Final = 1_000_000


def line(progress: Progress, seconds: float) -> str:
    """Write where a load stands after `seconds`."""
    rate = progress.sent / seconds if seconds > 0 else 0.0
    parts = [f"{progress.vectors:,} vectors", f"{rate / MEGABYTE:,.1f} MB/s"]
    if progress.total:
        parts.insert(0, _bar(progress.acknowledged / progress.total))
        if rate and progress.acknowledged < progress.total:
            parts.append(f"{duration((progress.total - progress.acknowledged) / rate)} left")
    if progress.retries:
        parts.append(f"{progress.retries} retries, last waited {progress.pause:.0f} s")
    return "  ".join(parts)


def read_back(progress: Progress, left: float) -> str:
    """Write where reading back stands, when missing vectors are waited for `left` seconds more at most."""
    total, lines = progress.total, progress.lines
    if not lines:
        read = f"{progress.queued / MEGABYTE:,.0f} MB read"
        return f"{_bar(progress.queued / total)}  {read}" if total else read
    # Where all are looked at, how many there are is known by their share of the bytes.
    in_all = lines * (total or 0) // progress.queued if progress.queued else lines
    about = "about " if in_all > lines else ""
    parts = [f"{progress.looked_at:,}{f' of {about}{in_all:,}' if in_all else ''} lines looked at"]
    if progress.missing and progress.looked_at == lines and left > 0:
        parts.append(f"waiting up to {duration(left)} for {count(progress.missing, 'missing one')}")
        return "  ".join(parts)
    if in_all:
        parts.insert(0, _bar(progress.looked_at / in_all))
    if progress.missing:
        parts.append(f"{progress.missing:,} missing")
    return "  ".join(parts)


def _bar(share: float) -> str:
    filled = int(min(1.0, share) * BAR)
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {min(1.0, share):4.0%}"


class _Line:
    """One line of standard error, drawn anew again and again; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._draws = sys.stderr.isatty()
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._draws:
            _write("\r\x1b[K")

    def _draw(self, text: Callable[[], str]) -> None:
        """Draw, at most ten times a second."""
        now = time.monotonic()
        if self._draws and now - self._drawn_at >= REDRAW_AFTER:
            self._drawn_at = now
            # A line that wraps could not be taken off.
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            _write(f"\r\x1b[K{text()[: width - 1]}")


class ReadBackLine(_Line):
    """Shows how far reading back is.

    Args:
        wait: Seconds from the first request in which missing vectors may still turn up.

    """

    def __init__(self, wait: float) -> None:
        super().__init__()
        self._left = wait
        self._until: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Show the latest state."""
        now = time.monotonic()
        if self._until is None and progress.lines:
            self._until = now + self._left
        until = self._until or now
        self._draw(lambda: read_back(progress, until - now))


class ProgressLine(ReadBackLine):
    """Shows how far a load is; where there is no terminal it only says what it waits for."""

    def __init__(self) -> None:
        super().__init__(VERIFY_DEADLINE)
        self._started = time.monotonic()
        self._awaited = 0

    def __call__(self, progress: Progress) -> None:
        """Show the latest state."""
        if progress.lines:
            super().__call__(progress)
            return
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
