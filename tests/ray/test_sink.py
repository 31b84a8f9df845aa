"""Writing a dataset: every row once, few requests, one report, errors as what they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import ray

from cf_vectorize import BadLinesError, InputError, Vectorize
from cf_vectorize.ray import VectorizeDatasink, repartitioned
from conftest import DIMENSIONS, Cluster


def table_of(rows: int, start: int = 0) -> pa.Table:
    values = np.random.default_rng(start).standard_normal((rows, DIMENSIONS), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIMENSIONS)
    return pa.table({"key": [f"r{number}" for number in range(start, start + rows)], "embedding": column})


def sink_of(cluster: Cluster, **settings: object) -> VectorizeDatasink:
    return VectorizeDatasink(cluster.index, id_column="key", values_column="embedding", **settings)


def test_rows_of_many_blocks_arrive_bit_for_bit_in_full_requests(cluster: Cluster) -> None:
    table = table_of(12_000)
    ds = ray.data.from_arrow([table.slice(start, 500) for start in range(0, 12_000, 500)])
    sink = sink_of(cluster)
    repartitioned(ds).write_datasink(sink)
    assert sink.report is not None
    assert sink.report.vectors == 12_000
    assert len(cluster.requests("insert")) == 3
    assert len(set(sink.report.mutation_ids)) == 3
    assert sink.abandoned == ()
    assert "12,000 vectors accepted in 3 batches" in sink.report.summary()
    with Vectorize(cluster.index) as index:
        found = index.get_by_ids(table["key"].to_pylist())
    stored = np.array([found[key].values for key in table["key"].to_pylist()], np.float32)
    assert (stored == table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSIONS)).all()


def test_a_bad_row_fails_the_job_with_its_task_row_and_id(cluster: Cluster) -> None:
    table = table_of(10).to_pylist()
    table[6]["key"] = "x" * 65
    with pytest.raises(BadLinesError, match=r"<task 0>:7 .*65 bytes") as caught:
        ray.data.from_arrow(pa.Table.from_pylist(table)).write_datasink(sink_of(cluster))
    assert type(caught.value) is BadLinesError
    assert caught.value.lines[0].id == "x" * 65
    assert caught.value.report.vectors == 0


def test_a_schema_is_judged_before_a_task_writes(cluster: Cluster) -> None:
    ds = ray.data.from_arrow(table_of(10).rename_columns(["key", "vector"]))
    with pytest.raises(InputError, match="no column 'embedding', only key, vector"):
        ds.write_datasink(sink_of(cluster))
