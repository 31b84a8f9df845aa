"""Bad rows as Parquet, one file for each task that had any."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import fs, parquet

from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cf_vectorize.checks.rules import BadLine

NUMBER, TEXT, TEXTS = pa.int64(), pa.string(), pa.list_(pa.string())
SCHEMA: Final = pa.schema(
    {"task": NUMBER, "row": NUMBER, "id": TEXT, "rules": TEXTS, "reasons": TEXTS, "line": pa.binary()}
)
# Rows that are held before they are written.
HELD: Final = 1_000


def new_folder(folder: str) -> str:
    """Make a folder for bad rows.

    Args:
        folder: A path that all workers see, or a URI that pyarrow knows.

    Returns:
        Where it is, from wherever one looks.

    Raises:
        InputError: It is not empty, or cannot be written.

    """
    place = folder if "://" in folder else str(Path(folder).absolute())
    try:
        files, path = fs.FileSystem.from_uri(place)
        files.create_dir(path, recursive=True)
        found = files.get_file_info(fs.FileSelector(path))
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"rejects {folder!r} cannot be written: {error}") from None
    if found:
        raise InputError(f"rejects {folder!r} is not empty; name a new folder, or empty this one")
    return place


@contextmanager
def file_of(folder: str, task: int) -> Iterator[Callable[[bytes, tuple[BadLine, ...]], None]]:
    """Yield what takes a task's bad rows; the file has the task's name, so that a second attempt replaces it."""
    held: list[dict[str, Any]] = []
    writer: parquet.ParquetWriter | None = None

    def write() -> None:
        nonlocal writer
        writer = writer or parquet.ParquetWriter(f"{folder}/task-{task:06}.parquet", SCHEMA)
        writer.write_table(pa.Table.from_pylist(held, SCHEMA))
        held.clear()

    def keep(line: bytes, problems: tuple[BadLine, ...]) -> None:
        rules, reasons = [problem.rule for problem in problems], [problem.reason for problem in problems]
        row = task, problems[0].line, problems[0].id, rules, reasons, line.rstrip(b"\n")
        held.append(dict(zip(SCHEMA.names, row, strict=True)))
        if len(held) == HELD:
            write()

    try:
        yield keep
    finally:
        if held:
            write()
        if writer is not None:
            writer.close()
