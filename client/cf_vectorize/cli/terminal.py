"""What people see while a command runs: one line that is drawn anew, and what is said above it."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

from cf_vectorize.base.logs import log_as_told
from cf_vectorize.base.wording import count, duration
from cf_vectorize_overlay.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize.base.progress import Progress, VerifyProgress

LOGGER: Final = logging.getLogger("cf_vectorize")
BAR: Final = 24
REDRAW_AFTER: Final = 0.1
# While nothing changes, a line is drawn anew so often, since it may tell of time that passes.
TICK: Final = 1.0
# Where there is no terminal, a line is written so often.
WRITE_AFTER: Final = 60.0
# Takes the line above off a terminal.
ABOVE: Final = "\x1b[A\r\x1b[K"
MEGABYTE: Final = 1_000_000
# What differs from one retry to the next and says nothing.
VARIES: Final = re.compile(r"cf-ray [^;)]*|\d+")


def load_line(progress: Progress, seconds: float) -> str:
    """Write how far a load is after `seconds`."""
    if progress.verification is not None:
        return read_back_line(progress.verification)
    rate = progress.sent / seconds if seconds > 0 else 0.0
    waits = progress.waits_until - time.monotonic()
    if progress.waits_for is not None and waits > 0:
        # When the wait is over, all that was sent until now has taken as long as the budget allows it.
        rate = progress.sent / (seconds + waits)
        parts = [_share(progress), f"waiting {duration(round(waits))}: {progress.waits_for}"]
        if rate and progress.total is not None:
            left = waits + (progress.total - progress.acknowledged) / rate
            done = time.strftime("%a %H:%M" if left > 86_400 else "%H:%M", time.localtime(time.time() + left))  # noqa: PLR2004
            parts.insert(1, f"done about {done}")
        return "  ".join(filter(None, parts))
    parts = [_bar(progress.acknowledged / progress.total)] if progress.total else []
    parts.append(count(progress.vectors, "vector"))
    if progress.retries:
        parts.append(f"{'1 retry' if progress.retries == 1 else f'{progress.retries} retries'}, "
                     f"last waited {progress.pause:.0f} s")  # fmt: skip
    parts.append(f"{rate / MEGABYTE:,.1f} MB/s")
    if rate and progress.total and progress.acknowledged < progress.total:
        parts.append(f"{duration((progress.total - progress.acknowledged) / rate)} left")
    return "  ".join(parts)


def read_back_line(progress: VerifyProgress) -> str:
    """Write how far reading back is."""
    total, lines = progress.total, progress.lines
    if not lines:
        read = f"{progress.read / MEGABYTE:,.0f} MB read"
        return f"{_bar(progress.read / total)}  {read}" if total else read
    # Where all are looked at, how many there are is known by their share of the bytes.
    in_all = lines * (total or 0) // progress.read if progress.read else lines
    about = "about " if in_all > lines else ""
    parts = [f"{progress.looked_at:,}{f' of {about}{in_all:,}' if in_all else ''} lines looked at"]
    if progress.missing and progress.left is not None:
        parts.append(f"waiting up to {duration(progress.left)} for {count(progress.missing, 'missing one')}")
        return "  ".join(parts)
    if in_all:
        parts.insert(0, _bar(progress.looked_at / in_all))
    waits = progress.waits_until - time.monotonic()
    if progress.waits_for is not None and waits > 0:
        parts.append(f"waiting {duration(round(waits))}: {progress.waits_for}")
    if progress.missing:
        parts.append(f"{progress.missing:,} missing")
    return "  ".join(parts)


def _share(progress: Progress) -> str:
    return f"{min(1.0, progress.acknowledged / progress.total):.0%}" if progress.total else ""


def _bar(share: float) -> str:
    filled = int(min(1.0, share) * BAR)
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {min(1.0, share):4.0%}"


class Display:
    """One line of standard error that is drawn anew; where that is no terminal, a line a minute.

    Args:
        line: Writes the line of a state, and of the seconds since the start.
        draws: Whether it may draw; not where results are written to the same terminal.

    """

    def __init__(self, line: Callable[[Any, float], str], *, draws: bool = True) -> None:
        self._line = line
        self._terminal = sys.stderr.isatty()
        self._draws = draws
        self._lock = threading.RLock()
        self._started = self._written_at = time.monotonic()
        self._drawn_at = 0.0
        self._state: Any = None
        self._ended = threading.Event()
        self._log = Log(self)
        # The last thing said, without what varies, how often it was said in a row, and whether it takes one line.
        self._row = ""
        self._times = 0
        self._is_one_line = False

    def __enter__(self) -> Self:
        if not log_as_told():
            self._listen()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def _listen(self) -> None:
        """Say what is logged, where the environment does not say how it is logged."""
        LOGGER.addHandler(self._log)
        # Every retry and wait is told at this level.
        if LOGGER.getEffectiveLevel() > logging.INFO:
            LOGGER.setLevel(logging.INFO)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        LOGGER.removeHandler(self._log)
        self.clear()

    def __call__(self, state: Any) -> None:
        """Show the latest state."""
        with self._lock:
            self._state = state
            if self._terminal and time.monotonic() - self._drawn_at >= REDRAW_AFTER:
                self._draw()

    def say(self, text: str) -> None:
        """Say something above the line."""
        with self._lock:
            self._row = ""
            self._take_off()
            _write(f"{printable(text)}\n")

    def say_again(self, text: str) -> None:
        """Say something that may come many times: in a row it is one line that counts."""
        with self._lock:
            row, text = VARIES.sub("", text), printable(text)
            again = row == self._row
            self._row, self._times = row, self._times + 1 if again else 1
            counted = f"{self._times} times by now; the last: {text}"
            if not again:
                self._take_off()
                self._is_one_line = self._terminal and self._cut(text) == text
                _write(f"{text}\n")
            elif self._terminal:
                self._take_off()
                _write(f"{ABOVE if self._is_one_line else ''}{self._cut(counted)}\n")
                self._is_one_line = True
            elif self._is_due():
                _write(f"{counted}\n")

    def clear(self) -> None:
        """Take the line off the terminal."""
        with self._lock:
            self._state = None
            self._take_off()

    def _tick(self) -> None:
        while not self._ended.wait(TICK):
            with self._lock:
                if self._ended.is_set() or self._state is None:
                    continue
                if self._terminal:
                    self._draw()
                elif self._is_due():
                    _write(f"{self._text()}\n")

    def _is_due(self) -> bool:
        """Tell whether a minute has passed since a line was written where there is no terminal."""
        now = time.monotonic()
        due = now - self._written_at >= WRITE_AFTER
        if due:
            self._written_at = now
        return due

    def _text(self) -> str:
        return printable(self._line(self._state, time.monotonic() - self._started))

    def _draw(self) -> None:
        if self._draws:
            self._drawn_at = time.monotonic()
            _write(f"\r\x1b[K{self._cut(self._text())}")

    def _cut(self, text: str) -> str:
        # A line that wraps could not be taken off.
        return text[: (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1]

    def _take_off(self) -> None:
        if self._terminal and self._draws:
            _write("\r\x1b[K")


class Log(logging.Handler):
    """Says what the client logs, above the line that is drawn."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        self._display.say_again(record.getMessage())


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
