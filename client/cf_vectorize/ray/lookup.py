"""Reading vectors back for the rows of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
import pyarrow as pa

from cf_vectorize_overlay.errors import InputError

from .connect import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cf_vectorize_overlay.vector import Vector

FOUND: Final[dict[str, tuple[pa.DataType, Callable[[Vector], Any]]]] = {
    "values": (pa.list_(pa.float32()), lambda vector: vector.values),
    "namespace": (pa.string(), lambda vector: vector.namespace),
    "metadata": (pa.string(), lambda vector: orjson.dumps(vector.metadata).decode() if vector.metadata else None),
}


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
        self._client = Target(index, settings).client()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the rows of a batch with what is found."""
        ids = ids_of(batch, self._id_column)
        names = [f"{self._prefix}{name}" for name in ("found", *FOUND)]
        if taken := set(names) & set(batch.column_names):
            raise InputError(f"the rows have a column {min(taken)!r} already; give a prefix=…, or drop it before")
        fetched = self._client.get_by_ids(ids)
        vectors = [fetched.get(identity, None) for identity in ids]
        columns = [pa.array([vector is not None for vector in vectors])]
        columns += [pa.array([vector and told(vector) for vector in vectors], kind) for kind, told in FOUND.values()]
        for name, column in zip(names, columns, strict=True):
            batch = batch.append_column(name, column)
        return batch


def ids_of(batch: pa.Table, id_column: str) -> list[Any]:
    """Return the ids of a batch's rows.

    Raises:
        InputError: There is no such column.

    """
    if id_column not in batch.column_names:
        raise InputError(f"there is no column {id_column!r}, only {', '.join(batch.column_names)}; say id_column=…")
    return list(batch[id_column].to_pylist())
