"""Reading vectors back for the rows of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import orjson
import pyarrow as pa

from cf_vectorize_overlay.errors import InputError

from . import rows
from .connect import target

if TYPE_CHECKING:
    from collections.abc import Mapping

FOUND: tuple[pa.Field, ...] = (
    pa.field("found", pa.bool_()),
    pa.field("values", pa.list_(pa.float32())),
    pa.field("namespace", pa.string()),
    pa.field("metadata", pa.string()),
)


class VectorizeLookup:
    """Adds to each row what the index holds under its id: `found`, `values`, `namespace`, `metadata` (JSON text).

        ds.map_batches(VectorizeLookup, fn_constructor_args=("my-index",), **VectorizeLookup.RESOURCES)

    Rows keep their order and their other columns. With a whole CPU for each, actors could take all that there are,
    and starve the tasks that feed them; hence `RESOURCES`.

    Args:
        index: Name of the index.
        id_column: Strings.
        prefix: Stands before the names of the four columns, where the rows have columns of these names already.
        settings: As for `VectorizeDatasink`, without those of columns and of `insert`.

    Raises:
        InputError: A setting is wrong, a credential is missing or would be pickled, or a column is.

    """

    RESOURCES: ClassVar[Mapping[str, Any]] = {
        "num_cpus": 0.1,
        "concurrency": (1, 4),
        "batch_format": "pyarrow",
        "batch_size": 1_000,
    }

    def __init__(self, index: str, *, id_column: str = "id", prefix: str = "", **settings: Any) -> None:
        self._id_column = id_column
        self._prefix = prefix
        self._client = target(index, settings).client()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the rows of a batch with what is found."""
        names = [f"{self._prefix}{field.name}" for field in FOUND]
        ids = rows.ids(batch, self._id_column)
        for name in names:
            if name in batch.column_names:
                raise InputError(f"the rows have a column {name!r} already; give a prefix=…, or drop it before")
        fetched = self._client.get_by_ids(ids)
        vectors = [fetched.get(identity, None) for identity in ids]
        columns: tuple[list[Any], ...] = (
            [vector is not None for vector in vectors],
            [vector and vector.values for vector in vectors],
            [vector and vector.namespace for vector in vectors],
            [orjson.dumps(vector.metadata).decode() if vector and vector.metadata else None for vector in vectors],
        )
        for name, field, column in zip(names, FOUND, columns, strict=True):
            batch = batch.append_column(name, pa.array(column, field.type))
        return batch
