"""Bad rows as Parquet, one file for each task that had any."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import fs, parquet

from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cf_vectorize.checks.rules import BadLine

SCHEMA: Final = pa.schema(
    [
        ("task", pa.int64()),
        ("row", pa.int64()),
        ("id", pa.string()),
        ("rules", pa.list_(pa.string())),
        ("reasons", pa.list_(pa.string())),
        ("line", pa.binary()),
    ]
)
# Rows that are held before they are written.
HELD: Final = 1_000


class RejectsFolder:
    """A folder for bad rows.

    Args:
        folder: A path that all workers see, or a URI that pyarrow knows.

    Raises:
        InputError: It is not empty, or cannot be written.

    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        files, path = self._opened()
        try:
            files.create_dir(path, recursive=True)
            if files.get_file_info(fs.FileSelector(path)):
                raise InputError(f"rejects {folder!r} is not empty; name a new folder, or empty this one")
        except OSError as error:
            raise InputError(f"rejects {folder!r} cannot be written: {error}") from None

    @contextmanager
    def file_of(self, task: int) -> Iterator[Callable[[bytes, tuple[BadLine, ...]], None]]:
        """Return what takes a task's bad rows; the file has the task's name, so that a second attempt replaces it."""
        held: list[dict[str, Any]] = []
        writer: Any = None

        def write() -> None:
            nonlocal writer
            if writer is None:
                files, path = self._opened()
                writer = parquet.ParquetWriter(f"{path}/task-{task:06}.parquet", SCHEMA, filesystem=files)
            writer.write_table(pa.Table.from_pylist(held, SCHEMA))
            held.clear()

        def keep(line: bytes, problems: tuple[BadLine, ...]) -> None:
            row = {
                "task": task,
                "row": problems[0].line,
                "id": problems[0].id,
                "rules": [problem.rule for problem in problems],
                "reasons": [problem.reason for problem in problems],
                "line": line.rstrip(b"\n"),
            }
            held.append(row)
            if len(held) >= HELD:
                write()

        try:
            yield keep
        finally:
            if held:
                write()
            if writer is not None:
                writer.close()

    def _opened(self) -> tuple[Any, str]:
        try:
            files, path = fs.FileSystem.from_uri(self._folder)
        except pa.ArrowInvalid:
            files, path = fs.LocalFileSystem(), self._folder
        return files, path
