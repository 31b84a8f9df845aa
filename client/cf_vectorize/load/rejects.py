"""Where bad lines are set aside: unchanged in one file, and their reasons, one for each, in another beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import orjson

from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cf_vectorize.checks.rules import BadLine


class Rejects:
    """Appends to `PATH` (the lines) and `PATH.reasons` (a JSON document a line, in the same order).

    Raises:
        InputError: The files cannot be written.

    """

    class State(TypedDict):
        """Which files, and their sizes in bytes."""

        path: str
        lines: int
        reasons: int

    def __init__(self, path: Path) -> None:
        self._lines, self._reasons = path.absolute(), Path(f"{path.absolute()}.reasons")
        for file in (self._lines, self._reasons):
            try:
                file.touch()
            except OSError as error:
                raise InputError(f"{file}: {error.strerror}") from None

    def state(self) -> State:
        """Tell how much is in the files."""
        return {
            "path": str(self._lines),
            "lines": self._lines.stat().st_size,
            "reasons": self._reasons.stat().st_size,
        }

    def take_back(self, states: Sequence[State | None]) -> None:
        """Take back what was written after the latest of the states that are of these files."""
        for state in reversed(states):
            if state is not None and state["path"] == str(self._lines):
                os.truncate(self._lines, min(state["lines"], self._lines.stat().st_size))
                os.truncate(self._reasons, min(state["reasons"], self._reasons.stat().st_size))
                return

    def append(self, lines: Sequence[tuple[bytes, Sequence[BadLine]]]) -> None:
        """Add lines, each with its problems; they are on disk when this returns."""
        texts = b"".join(line.removesuffix(b"\n") + b"\n" for line, _ in lines)
        reasons = b"".join(orjson.dumps(_reasons(problems)) + b"\n" for _, problems in lines)
        for path, data in ((self._lines, texts), (self._reasons, reasons)):
            try:
                with path.open("ab") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise InputError(f"{path}: {error.strerror}") from None


def _reasons(problems: Sequence[BadLine]) -> dict[str, Any]:
    first = problems[0]
    return {
        "source": first.source,
        "line": first.line,
        "id": first.id,
        "problems": [{"rule": problem.rule, "reason": problem.reason} for problem in problems],
    }
