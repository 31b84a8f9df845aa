"""Verifying a dataset: one statement on all of it, from a sample drawn over all partitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import ray

from cf_vectorize import InputError, Vectorize
from cf_vectorize.ray import verify
from ray_cluster import DIMENSIONS, Cluster, table_of

COLUMNS = {"id_column": "key", "values_column": "embedding"}


def split(table: pa.Table, rows: int) -> ray.data.Dataset:
    return ray.data.from_arrow([table.slice(start, rows) for start in range(0, len(table), rows)])


def load(cluster: Cluster, table: pa.Table) -> None:
    with Vectorize(cluster.index) as index:
        index.insert(table.rename_columns(["id", "values"]))


@pytest.mark.small
def test_a_sample_speaks_for_all_rows_of_all_partitions(cluster: Cluster) -> None:
    table = table_of(2_000)
    load(cluster, table)
    report = verify(split(table, 300), cluster.index, sample=400, seed=7, **COLUMNS)
    assert (report.lines, report.judged, report.equal) == (2_000, 400, 400)
    assert report.wrong_share is not None
    assert report.wrong_share < 0.0075
    assert "at 95% confidence at most 0." in report.summary()
    assert "chosen with seed 7" in report.summary()
    again = verify(split(table, 777), cluster.index, sample=400, seed=7, **COLUMNS)
    assert again.equal == 400


def test_the_same_seed_chooses_the_same_rows_however_they_are_partitioned(cluster: Cluster) -> None:
    table = table_of(1_000)
    found = [
        {
            finding.id
            for finding in verify(
                split(table, rows), cluster.index, sample=50, seed=3, deadline=0, **COLUMNS
            ).findings
        }
        for rows in (1_000, 90)
    ]
    assert len(found[0]) == 50
    assert found[0] == found[1]


def test_what_differs_is_named_and_a_small_dataset_is_looked_at_whole(cluster: Cluster) -> None:
    table = table_of(60)
    load(cluster, table)
    values = np.array(table["embedding"].to_pylist(), np.float32)
    values[17, 3] += 1
    changed = pa.table(
        {"key": table["key"], "embedding": pa.FixedSizeListArray.from_arrays(values.ravel(), DIMENSIONS)}
    )
    report = verify(split(changed, 25), cluster.index, **COLUMNS)
    assert (report.equal, report.different, report.looked_at) == (59, 1, 60)
    assert report.seed is None
    assert [finding.id for finding in report.findings] == ["r17"]


def test_an_empty_dataset_is_refused(cluster: Cluster) -> None:
    with pytest.raises(InputError, match="no rows"):
        verify(ray.data.from_arrow(table_of(1).slice(1)), cluster.index, **COLUMNS)
