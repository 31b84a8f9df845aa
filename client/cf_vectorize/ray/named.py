"""Lines as a file that has a name, so that what is said of a row says of which task."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class NamedLines(io.RawIOBase):
    """Lines without their newlines, read as one file.

    Args:
        name: What errors and reports call it.
        lines: Taken one by one as they are read.

    """

    def __init__(self, name: str, lines: Iterator[bytes]) -> None:
        self.name = name
        self._lines = lines
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with whole lines, and the beginning of one more."""
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                line = next(self._lines, None)
                if line is None:
                    break
                self._rest = memoryview(line + b"\n")
            taken = min(len(self._rest), len(buffer) - filled)
            buffer[filled : filled + taken] = self._rest[:taken]
            self._rest = self._rest[taken:]
            filled += taken
        return filled
