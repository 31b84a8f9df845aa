"""Reading back on the cluster: in the rows' order, with errors as what they are, and never starved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import ray

from cf_vectorize import InputError, NotFoundError, Vectorize
from cf_vectorize.ray import VectorizeLookup
from ray_cluster import DIMENSIONS, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKUP = VectorizeLookup.RESOURCES


def load(cluster: Cluster, *records: dict[str, object]) -> None:
    with Vectorize(cluster.index) as index:
        index.insert([{"values": [0.5] * DIMENSIONS, **record} for record in records])


@pytest.mark.small
def test_rows_keep_their_order_and_say_what_the_index_holds(cluster: Cluster) -> None:
    load(cluster, {"id": "a", "namespace": "n", "metadata": {"x": 1}}, {"id": "b"})
    ds = ray.data.from_arrow(pa.table({"id": ["b", "none", "a", "b"], "text": ["1", "2", "3", "4"]}))
    back = ds.map_batches(VectorizeLookup, fn_constructor_args=(cluster.index,), **LOOKUP).take_all()
    assert [row["id"] for row in back] == ["b", "none", "a", "b"]
    assert [row["text"] for row in back] == ["1", "2", "3", "4"]
    assert [row["found"] for row in back] == [True, False, True, True]
    assert [row["namespace"] for row in back] == [None, None, "n", None]
    assert [row["metadata"] for row in back] == [None, None, '{"x":1}', None]
    assert list(back[0]["values"]) == [0.5] * DIMENSIONS
    assert back[1]["values"] is None


def test_lookups_on_every_cpu_starve_nobody(cluster: Cluster) -> None:
    """Two actors with a CPU each would take both, and what feeds them would wait for ever."""
    load(cluster, *({"id": f"r{number}"} for number in range(400)))
    ds = ray.data.range(400, override_num_blocks=8).map_batches(
        lambda batch: {"id": [f"r{number}" for number in batch["id"]]}
    )
    told = {**LOOKUP, "concurrency": 2}
    back = ds.map_batches(VectorizeLookup, fn_constructor_args=(cluster.index,), **told).take_all()
    assert len(back) == 400
    assert all(row["found"] for row in back)


@pytest.fixture
def _as_they_are() -> Iterator[None]:
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True
    yield
    context.raise_original_map_exception = False


@pytest.mark.usefixtures("_as_they_are")
def test_errors_of_lookups_arrive_as_their_types(cluster: Cluster) -> None:
    ids = ray.data.from_arrow(pa.table({"id": ["a"]}))
    with pytest.raises(NotFoundError, match="no-such-index"):
        ids.map_batches(VectorizeLookup, fn_constructor_args=("no-such-index",), **LOOKUP).materialize()
    renamed = ids.rename_columns({"id": "key"})
    with pytest.raises(InputError, match="no column 'id', only key"):
        renamed.map_batches(VectorizeLookup, fn_constructor_args=(cluster.index,), **LOOKUP).materialize()
    taken = ids.add_column("found", lambda batch: batch["id"])
    with pytest.raises(InputError, match="column 'found' already"):
        taken.map_batches(VectorizeLookup, fn_constructor_args=(cluster.index,), **LOOKUP).materialize()
