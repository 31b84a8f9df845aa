"""Blocks of Ray Data -> what `insert` and `verify` take, and what is wrong with their schema before any row is read."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from ray.data.block import BlockAccessor

from cf_vectorize.source.records import lines_of
from cf_vectorize.source.table import table
from cf_vectorize_overlay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def lines(blocks: Iterable[Any], columns: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield each row of the blocks as a line: one stream, so that batches are full whatever the blocks are."""
    return chain.from_iterable(lines_of(table(arrow(block), **columns)) for block in blocks)


def arrow(block: Any) -> pa.Table:
    """Return a block, of whatever kind, as Arrow."""
    return BlockAccessor.for_block(block).to_arrow()


def judge(schema: Any, columns: Mapping[str, Any]) -> None:
    """Refuse a schema whose rows would all be refused.

    Raises:
        InputError: A column is missing or of another type.

    """
    if not isinstance(schema, pa.Schema):
        return  # pandas blocks, which say no types
    # What is said of a table's first row, of a row of nulls.
    row = pa.table([pa.nulls(1, field.type) for field in schema], schema=_nullable(schema))
    for _ in lines_of(table(row, **columns)):
        pass
    identity = schema.field(columns["id_column"]).type
    if not (pa.types.is_string(identity) or pa.types.is_large_string(identity) or pa.types.is_null(identity)):
        raise InputError(f"column {columns['id_column']!r} is {identity}; ids are strings: cast it before")


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, field.type) for field in schema])
