"""Vectors by id into a file, in a way that can be broken off and taken up again.

Beside the output grows `OUTPUT.part`, a ledger with a note for each id asked for: its vector, or the id alone where
the index does not hold it. When all are there, the output is made from it.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from cf_vectorize.base.extras import extra
from cf_vectorize.base.ledger import JournalError, Ledger
from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.vector import Vector

from .fetch import Believed, checked, fetch, fetch_iter
from .vectors import arrow_batch, arrow_schema, dimensions_of, matrix_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator

    from cf_vectorize_overlay.index import Index

    Write = Callable[[Iterator[list[Vector]], int, Path], None]

FORMAT: Final = "cf-vectorize export 2"
# Vectors written at a time, and rows of a group of Parquet.
GROUP: Final = 1_000
COMPRESSED: Final = {".gz", ".bz2", ".xz", ".zst"}


def export(
    index: Index,
    ids: Iterable[str],
    output: Path,
    *,
    concurrency: int,
    stop: threading.Event,
) -> Generator[tuple[str, bool], None, None]:
    """Fetch vectors into a file; yield each id and whether the index holds it, those of an earlier run among them.

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
        JournalError: `OUTPUT.part` is in use, cannot be written, is damaged, or belongs to another index, account
            or base URL, or to other ids.
        ResponseError: A request was refused, or kept failing, or its answer is not to be believed.
        TransportError: The service could not be reached.

    """
    write = _writer(output)
    part = Path(f"{output}.part")
    if not os.access(output.absolute().parent, os.W_OK | os.X_OK):
        raise InputError(f"{output}: cannot be written: its folder is not there, or nothing may be written in it")
    for path in [output, _ids_of(output)] if write is _write_npy else [output]:
        if path.exists() and not part.exists():
            raise InputError(f"{path}: exists already; name another output, or move it away")
    remaining = _each_on_a_line(ids) if write is _write_npy else iter(ids)
    believed = Believed()
    count = 0
    _let_go_of_other_dimensions(index, part, stop)
    with Ledger(part, FORMAT, index.target) as ledger:
        for identity, vector in _taken_up(ledger, remaining):
            if vector is not None:
                believed.dimensions = len(vector["values"])
                count += 1
            yield identity, vector is not None
        for identity, found in fetch_iter(index, remaining, concurrency=concurrency, stop=stop, believed=believed):
            ledger.note({"id": identity} if found is None else _note(found), durable=False)
            count += found is not None
            yield identity, found is not None
        try:
            write(_groups(ledger), count, output)
            ledger.delete()
        except OSError as error:
            raise InputError(
                f"{output}: cannot be written: {error.strerror or error}; {part} keeps what was fetched"
            ) from None


def ndjson_line(vector: Vector) -> bytes:
    """Return a vector as `insert` reads it, with its newline."""
    return orjson.dumps(vector.to_json()) + b"\n"


def _note(vector: Vector) -> dict[str, Any]:
    return {"id": vector.id, "vector": vector.to_json()}


def _let_go_of_other_dimensions(index: Index, part: Path, stop: threading.Event) -> None:
    """Begin anew where the index's vectors are not of the dimensions that an earlier run was answered.

    One of the two answers was wrong, or there is another index of that name now: no run could end with both.
    """
    if not part.exists():
        return
    with Ledger(part, FORMAT, index.target) as ledger:
        held = next((note["vector"] for note in ledger.notes() if "vector" in note), None)
        if held is None:
            return
        found = fetch(index, [held["id"]], stop=stop)
        if found and dimensions_of(found.values()) != len(held["values"]):
            ledger.delete()


def _taken_up(ledger: Ledger, ids: Iterator[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Take the ids that were fetched already off `ids`, and yield them with their vectors."""
    for number, note in enumerate(ledger.notes(), 2):
        asked = next(ids, None)
        if asked is None or asked != note.get("id"):
            raise JournalError(
                f"{ledger.path}:{number}: was begun with other ids ({note.get('id')!r} here, {asked!r} now); "
                "ask for the same ones in the same order, or move it away"
            )
        yield asked, note.get("vector")


def _groups(ledger: Ledger) -> Iterator[list[Vector]]:
    vectors = (Vector.from_json(note["vector"]) for note in ledger.notes() if "vector" in note)
    while group := list(islice(vectors, GROUP)):
        yield group


def _each_on_a_line(ids: Iterable[str]) -> Iterator[str]:
    for place, identity in enumerate(checked(ids)):
        if identity.splitlines() != [identity]:
            raise InputError(f"ids[{place}] has a line break, and .npy takes ids one a line; write .parquet instead")
        yield identity


def _ids_of(output: Path) -> Path:
    """Return where the ids of an .npy file go."""
    return Path(f"{output}.ids")


def _writer(output: Path) -> Write:
    """Return what writes a format; fail before anything is fetched where it cannot be written."""
    if output.suffix in COMPRESSED:
        raise InputError(f"{output}: would not be compressed; name it without {output.suffix}, and compress it then")
    if output.suffix == ".parquet":
        extra("pyarrow.parquet", "writing .parquet")
        return _write_parquet
    if output.suffix == ".npy":
        extra("numpy", "writing .npy")
        return _write_npy
    return _write_ndjson


def _write_ndjson(groups: Iterator[list[Vector]], count: int, output: Path) -> None:  # noqa: ARG001 - as the others
    with output.open("wb") as file:
        for group in groups:
            file.writelines(map(ndjson_line, group))


def _write_parquet(groups: Iterator[list[Vector]], count: int, output: Path) -> None:  # noqa: ARG001 - as the others
    first = next(groups, [])
    schema = arrow_schema(dimensions_of(first))
    with extra("pyarrow.parquet", "writing .parquet").ParquetWriter(output, schema) as writer:
        if first:
            writer.write_batch(arrow_batch(first, schema))
        for group in groups:
            writer.write_batch(arrow_batch(group, schema))


def _write_npy(groups: Iterator[list[Vector]], count: int, output: Path) -> None:
    first = next(groups, [])
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimensions_of(first))}
    with output.open("wb") as file, _ids_of(output).open("w", encoding="utf-8", newline="\n") as ids:
        # Not mapped into memory: where the disk is full, that would kill the process.
        extra("numpy.lib.format", "writing .npy").write_array_header_1_0(file, header)
        group = first
        while group:
            file.write(matrix_of(group).astype("<f4", copy=False).tobytes())
            ids.writelines(f"{vector.id}\n" for vector in group)
            group = next(groups, [])
