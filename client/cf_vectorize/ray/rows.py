"""Blocks of Ray Data -> what `insert` and `verify` take; what is wrong with a schema, before any row."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from ray.data.block import BlockAccessor

from cf_vectorize.source.records import rows_to_lines
from cf_vectorize.source.table import table
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def lines(blocks: Iterable[Any], columns: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield each row of the blocks as a line: one stream, so that batches are full whatever the blocks are."""
    return chain.from_iterable(rows_to_lines(table(arrow(block), **columns)) for block in blocks)


def arrow(block: Any) -> pa.Table:
    """Return a block, of whatever kind, as Arrow."""
    return BlockAccessor.for_block(block).to_arrow()


def judge(schema: Any, columns: Mapping[str, Any]) -> None:
    """Refuse a schema whose rows would all be refused; blocks of pandas do not say theirs.

    Raises:
        InputError: A column is missing or of another type.

    """
    if isinstance(schema, pa.Schema):
        table(schema, **columns)


def ids(batch: pa.Table, id_column: str) -> list[Any]:
    """Return the ids of a batch's rows.

    Raises:
        InputError: There is no such column.

    """
    if id_column not in batch.column_names:
        raise InputError(f"there is no column {id_column!r}, only {', '.join(batch.column_names)}; say id_column=…")
    return list(batch[id_column].to_pylist())
