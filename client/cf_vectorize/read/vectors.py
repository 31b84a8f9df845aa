"""What `get_by_ids` returns, and vectors as NumPy and Arrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from cf_vectorize.base.extras import extra
from cf_vectorize_overlay.errors import VectorizeError
from cf_vectorize_overlay.vector import Vector

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]


# Far deeper than any metadata, and less deep than what orjson writes, within a report too.
DEEPEST: Final = 200


@attrs.frozen(eq=False, repr=False)
class Vectors(Mapping[str, Vector]):
    """Vectors by id, in the order they were asked for.

    Attributes:
        missing: The ids that the index does not hold, in the order they were
            asked for.

    """

    _found: dict[str, Vector]
    missing: tuple[str, ...] = ()

    def __getitem__(self, identity: str) -> Vector:
        try:
            return self._found[identity]
        except KeyError:
            raise KeyError(
                f"{identity!r} was not asked for, or the index does not hold it, or not yet: a vector can be read "
                "some seconds after it was accepted, and verify() waits for it"
            ) from None

    def __contains__(self, identity: object) -> bool:
        return identity in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Vectors: {len(self):,} found, {len(self.missing):,} missing>"

    def to_numpy(self) -> tuple[list[str], Matrix]:
        """Return the ids, and the values as float32.

        Their shape is (vectors, dimensions). Needs the extra `numpy`.
        """
        extra("numpy", "to_numpy()")
        return list(self._found), matrix_of(self._found.values())

    def to_arrow(self) -> pa.Table:
        """Return a table with columns id, values, namespace and metadata.

        Needs the extra `arrow`.

        `values` is a fixed-size list of float32; `metadata` is JSON text, since
        its members may differ from vector to vector.
        """
        pa = extra("pyarrow", "to_arrow()")
        vectors = list(self._found.values())
        schema = arrow_schema(dimensions_of(vectors))
        return pa.Table.from_batches([arrow_batch(vectors, schema)] if vectors else [], schema)


def dimensions_of(vectors: Collection[Vector]) -> int:
    """Return the dimensions of the first vector, which are those of all in an index; 0 where there is none."""
    return next((len(vector.values) for vector in vectors), 0)


def matrix_of(vectors: Collection[Vector]) -> Matrix:
    """Return the values as float32, one row a vector.

    Raises:
        VectorizeError: A vector has another number of values than the first.

    """
    np = extra("numpy", "an array")
    matrix: Matrix = np.empty((len(vectors), dimensions_of(vectors)), np.float32)
    for row, vector in zip(matrix, vectors, strict=True):
        # NumPy would spread a single value over the whole row.
        if len(vector.values) != len(row):
            raise VectorizeError(f'vector "{vector.id}" has {len(vector.values)} values, the first has {len(row)}')
        row[:] = vector.values
    return matrix


def arrow_schema(dimensions: int) -> pa.Schema:
    """Return the Arrow schema of vectors; without dimensions, values are a list of any size."""
    pa = extra("pyarrow", "a table")
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("values", pa.list_(pa.float32(), dimensions or -1), nullable=False),
            pa.field("namespace", pa.string()),
            pa.field("metadata", pa.string()),
        ]
    )


def arrow_batch(vectors: Collection[Vector], schema: pa.Schema) -> pa.RecordBatch:
    """Return vectors as Arrow.

    Raises:
        VectorizeError: A vector has another number of values than the first.

    """
    pa = extra("pyarrow", "a table")
    values = pa.array(matrix_of(vectors).ravel())
    columns: list[Any] = [
        pa.array([vector.id for vector in vectors], pa.string()),
        pa.FixedSizeListArray.from_arrays(values, type=schema.field("values").type),
        pa.array([vector.namespace for vector in vectors], pa.string()),
        pa.array([orjson.dumps(v.metadata).decode() if v.metadata else None for v in vectors], pa.string()),
    ]
    return pa.record_batch(columns, schema=schema)


def nests_too_deeply(value: object) -> bool:
    """Tell whether a JSON value is nested more deeply than it could be written again."""
    if not value:
        return False
    try:
        text = orjson.dumps(value)
    except TypeError:
        return True
    # As many levels as brackets at most: nearly always that is enough to know.
    if text.count(b"{") + text.count(b"[") < DEEPEST:
        return False
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [each for each in level if isinstance(each, (dict, list))]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return True
