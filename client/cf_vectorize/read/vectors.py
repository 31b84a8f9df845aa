"""What `get_by_ids` returns, and vectors as NumPy and Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from cf_vectorize_overlay.errors import InputError
from cf_vectorize_overlay.vector import Vector

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@attrs.frozen(eq=False, repr=False)
class Vectors(Mapping[str, Vector]):
    """Vectors by id, in the order they were asked for.

    Attributes:
        missing: The ids that the index does not hold, in the order they were asked for.

    """

    _found: dict[str, Vector]
    missing: tuple[str, ...] = ()

    def __getitem__(self, identity: str) -> Vector:
        return self._found[identity]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Vectors: {len(self):,} found, {len(self.missing):,} missing>"

    def to_numpy(self) -> tuple[list[str], np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
        """Give the ids, and the values as float32 of shape (vectors, dimensions). Needs the extra `numpy`."""
        np = extra("numpy", "numpy", "to_numpy()")
        matrix = np.empty((len(self), dimensions_of(self._found.values())), np.float32)
        for row, vector in zip(matrix, self._found.values(), strict=True):
            row[:] = vector.values
        return list(self._found), matrix

    def to_arrow(self) -> pa.Table:
        """Give a table with columns id, values, namespace and metadata. Needs the extra `arrow`.

        `values` is a fixed-size list of float32; `metadata` is JSON text, since its members may differ from vector to
        vector.
        """
        pa = extra("pyarrow", "arrow", "to_arrow()")
        vectors = list(self._found.values())
        schema = arrow_schema(dimensions_of(vectors))
        return pa.Table.from_batches([arrow_batch(vectors, schema)] if vectors else [], schema)


def extra(module: str, name: str, what: str) -> Any:
    """Import a module of an extra that `what` needs.

    Raises:
        InputError: It is not installed; the message names the extra.

    """
    try:
        return import_module(module)
    except ImportError:
        raise InputError(f"{what} needs an extra: pip install 'cf-vectorize[{name}]'") from None


def dimensions_of(vectors: Iterable[Vector]) -> int:
    """Give the dimensions of the first vector, which are those of all in an index; 0 where there is none."""
    return next((len(vector.values) for vector in vectors), 0)


def arrow_schema(dimensions: int) -> pa.Schema:
    """Give the Arrow schema of vectors; without dimensions, values are a list of any size."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("values", pa.list_(pa.float32(), dimensions or -1), nullable=False),
            pa.field("namespace", pa.string()),
            pa.field("metadata", pa.string()),
        ]
    )


def arrow_batch(vectors: list[Vector], schema: pa.Schema) -> pa.RecordBatch:
    """Give vectors as Arrow."""
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # noqa: PLC0415

    values = np.empty((len(vectors), schema.field("values").type.list_size), np.float32)
    for row, vector in zip(values, vectors, strict=True):
        row[:] = vector.values
    columns: list[Any] = [
        pa.array([vector.id for vector in vectors], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=schema.field("values").type),
        pa.array([vector.namespace for vector in vectors], pa.string()),
        pa.array([orjson.dumps(v.metadata).decode() if v.metadata else None for v in vectors], pa.string()),
    ]
    return pa.record_batch(columns, schema=schema)
