"""Vectors by id into a file, in a way that can be broken off and taken up again.

Beside the output grows `OUTPUT.part`: a line that says what it belongs to, then one for each id asked for, with its
vector, or the id alone where the index does not hold it. When all are there, the output is made from it.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from cf_vectorize.base.ledger import JournalError
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.vector import Vector

from .fetch import checked, fetch_iter
from .vectors import arrow_batch, arrow_schema, dimensions_of, extra

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator

    from cf_vectorize_overlay.index import Index

FORMAT: Final = "cf-vectorize export 1"
ROWS_PER_GROUP: Final = 1_000
COMPRESSED: Final = {".gz", ".bz2", ".xz", ".zst"}


def export(
    index: Index,
    ids: Iterable[str],
    output: Path,
    *,
    concurrency: int,
    stop: threading.Event,
) -> Generator[tuple[str, bool], None, None]:
    """Fetch vectors into a file; give each id and whether the index holds it, those of an earlier run among them.

    The output is written when all are fetched, and is complete once `OUTPUT.part` is gone.

    Args:
        index: Sends the requests.
        ids: Any number of ids; the same ones in the same order where an earlier run is taken up.
        output: `.parquet` (columns as in `Vectors.to_arrow`), `.npy` (with the ids in `OUTPUT.ids`, one a line), or
            any other name for NDJSON, which is not compressed.
        concurrency: Requests under way at a time.
        stop: Set by whoever no longer wants the answer, also when this ends early.

    Raises:
        InputError: An id is not one, an extra is missing, or the output (or its ids) exists already, cannot be
            written, or has the name of a compressed file.
        JournalError: `OUTPUT.part` is in use, is damaged, or belongs to another index or other ids.
        ResponseError: A request was refused, or kept failing.
        TransportError: The service could not be reached.

    """
    write = _writer(output)
    part = Path(f"{output}.part")
    for path in [output, _ids_of(output)] if write is _write_npy else [output]:
        if path.exists() and not part.exists():
            raise InputError(f"{path}: exists already; name another output, or move it away")
    remaining = _each_on_a_line(ids) if write is _write_npy else iter(ids)
    count = 0
    try:
        with _exclusive(part) as file:
            for identity, held in _resume(file, {"format": FORMAT, "target": index.target}, remaining):
                count += held
                yield identity, held
            for identity, vector in fetch_iter(index, remaining, concurrency=concurrency, stop=stop):
                file.write(orjson.dumps({"id": identity}) + b"\n" if vector is None else ndjson_line(vector))
                count += vector is not None
                yield identity, vector is not None
            file.flush()
            write(_vectors(part), count, output)
            part.unlink()
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}; {part} keeps what was fetched") from None


def ndjson_line(vector: Vector) -> bytes:
    """Write a vector as `insert` reads it, with its newline."""
    return orjson.dumps({**vector.to_json(), "values": list(vector.values)}) + b"\n"


@contextmanager
def _exclusive(part: Path) -> Iterator[IO[bytes]]:
    try:
        opened = part.open("a+b")
    except OSError as error:
        raise InputError(f"{part}: cannot be written: {error.strerror}") from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{part}: another process is writing it") from None
        yield file


def _resume(file: IO[bytes], header: dict[str, str], ids: Iterator[str]) -> Iterator[tuple[str, bool]]:
    """Take the ids that the file already has off `ids`; cut off a last line that was torn by a kill."""
    file.seek(0)
    whole = 0
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            break
        document = _document(file.name, number, line)
        if number == 1:
            if document != header:
                raise JournalError(f"{file.name}: belongs to another index; move it away, or name another output")
        else:
            asked = next(ids, None)
            if asked is None or asked != document.get("id"):
                raise JournalError(
                    f"{file.name}:{number}: was begun with other ids ({document.get('id')!r} here, {asked!r} now); "
                    "ask for the same ones in the same order, or move it away"
                )
            yield asked, "values" in document
        whole += len(line)
    file.truncate(whole)
    if not whole:
        file.write(orjson.dumps(header) + b"\n")


def _document(name: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        return dict(orjson.loads(line))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise JournalError(f"{name}:{number}: is damaged; move it away to begin anew") from None


def _vectors(part: Path) -> Iterator[Vector]:
    with part.open("rb") as file:
        for line in islice(file, 1, None):
            document = orjson.loads(line)
            if "values" in document:
                yield Vector.from_json(document)


def _each_on_a_line(ids: Iterable[str]) -> Iterator[str]:
    for place, identity in enumerate(checked(ids)):
        if identity.splitlines() != [identity]:
            raise InputError(f"ids[{place}] has a line break, and .npy takes ids one a line; write .parquet instead")
        yield identity


def _ids_of(output: Path) -> Path:
    """Give where the ids of an .npy file go."""
    return Path(f"{output}.ids")


def _writer(output: Path) -> Callable[[Iterator[Vector], int, Path], None]:
    """Give what writes a format; fail before anything is fetched where it cannot be written."""
    if output.suffix in COMPRESSED:
        raise InputError(f"{output}: would not be compressed; name it without {output.suffix}, and compress it then")
    if output.suffix == ".parquet":
        extra("pyarrow.parquet", "arrow", "writing .parquet")
        return _write_parquet
    if output.suffix == ".npy":
        extra("numpy", "numpy", "writing .npy")
        return _write_npy
    return _write_ndjson


def _write_ndjson(vectors: Iterator[Vector], count: int, output: Path) -> None:  # noqa: ARG001 - as the others
    with output.open("wb") as file:
        file.writelines(map(ndjson_line, vectors))


def _write_parquet(vectors: Iterator[Vector], count: int, output: Path) -> None:  # noqa: ARG001 - as the others
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - an extra

    group = list(islice(vectors, ROWS_PER_GROUP))
    schema = arrow_schema(dimensions_of(group))
    with ParquetWriter(output, schema) as writer:
        while group:
            writer.write_batch(arrow_batch(group, schema))
            group = list(islice(vectors, ROWS_PER_GROUP))


def _write_npy(vectors: Iterator[Vector], count: int, output: Path) -> None:
    from numpy.lib.format import open_memmap  # noqa: PLC0415 - an extra

    first = list(islice(vectors, 1))
    matrix = open_memmap(output, "w+", "<f4", (count, dimensions_of(first)))
    with _ids_of(output).open("w", encoding="utf-8", newline="\n") as ids:
        for row, vector in enumerate(chain(first, vectors)):
            matrix[row] = vector.values
            ids.write(f"{vector.id}\n")
    matrix.flush()
