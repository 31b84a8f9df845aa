"""Where bad lines are set aside: unchanged in one file, and their reasons, one for each, in another beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .errors import BadLine


class Rejects:
    """Appends to `PATH` (the lines) and `PATH.reasons` (a JSON document a line, in the same order)."""

    def __init__(self, path: Path) -> None:
        self._paths = path, Path(f"{path}.reasons")
        for file in self._paths:
            file.touch()

    def size(self) -> tuple[int, int]:
        """Give the sizes of both files in bytes."""
        lines, reasons = (path.stat().st_size for path in self._paths)
        return lines, reasons

    def truncate(self, sizes: tuple[int, int]) -> None:
        """Take back what was written after both files had these sizes."""
        for path, size in zip(self._paths, sizes, strict=True):
            os.truncate(path, min(size, path.stat().st_size))

    def append(self, lines: Sequence[tuple[bytes, Sequence[BadLine]]]) -> None:
        """Add lines, each with its problems; they are on disk when this returns."""
        texts = b"".join(line.removesuffix(b"\n") + b"\n" for line, _ in lines)
        reasons = b"".join(orjson.dumps(_reasons(problems)) + b"\n" for _, problems in lines)
        for path, data in zip(self._paths, (texts, reasons), strict=True):
            with path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())


def _reasons(problems: Sequence[BadLine]) -> dict[str, Any]:
    first = problems[0]
    return {
        "source": first.source,
        "line": first.line,
        "id": first.id,
        "problems": [{"rule": problem.rule, "reason": problem.reason} for problem in problems],
    }
