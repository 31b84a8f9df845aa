"""Writing a dataset: every row once, few requests, one report, errors as what they are."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import ray
from pyarrow import parquet

from cf_vectorize import AuthenticationError, BadLinesError, InputError, NotFoundError, RejectedError, Vectorize
from cf_vectorize.ray import CarriedCredentials, VectorizeDatasink, VectorizeLookup, repartitioned
from cf_vectorize_emulator.core.faults import read_faults
from ray_cluster import ACCOUNT, DIMENSIONS, TOKEN, Cluster, table_of
from ray_dying import die_once


def sink_of(cluster: Cluster, **settings: object) -> VectorizeDatasink:
    return VectorizeDatasink(cluster.index, id_column="key", values_column="embedding", **settings)


@pytest.mark.small
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


@pytest.mark.small
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


def test_rows_of_a_worker_that_was_killed_arrive_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_once(monkeypatch, tmp_path / "died")
    table = table_of(3_000)
    sink = sink_of(cluster, batch_vectors=500)
    ray.data.from_arrow(table).write_datasink(sink)
    assert (tmp_path / "died").exists()
    assert sink.report is not None
    assert sink.report.vectors == 3_000
    assert len(sink.report.mutation_ids) == 6
    assert len(sink.abandoned) == 1
    assert len(cluster.requests("insert")) == 7
    with Vectorize(cluster.index) as index:
        assert index.get_by_ids(table["key"].to_pylist()).missing == ()


def test_bad_rows_become_parquet_where_a_folder_is_given(cluster: Cluster, tmp_path: Path) -> None:
    rows = table_of(20).to_pylist()
    rows[3]["key"] = ""
    rows[11]["embedding"] = rows[11]["embedding"][:5]
    good = table_of(20, start=20)
    bad = pa.Table.from_pylist(rows, pa.schema([("key", pa.string()), ("embedding", pa.list_(pa.float32()))]))
    blocks = [bad, good.cast(bad.schema)]
    folder = tmp_path / "rejects"
    sink = sink_of(cluster, rejects=str(folder))
    ray.data.from_arrow(blocks).repartition(target_num_rows_per_block=20).write_datasink(sink)
    assert sink.report is not None
    assert sink.report.vectors == 38
    assert sink.report.counts.rejected == 2
    (file,) = folder.iterdir()
    found = parquet.read_table(file).to_pylist()
    assert [(row["row"], row["id"], row["rules"]) for row in found] == [
        (4, "", ["id-bytes"]),
        (12, "r11", ["dimensions"]),
    ]
    assert found[1]["line"].startswith(b'{"id":"r11"')
    with pytest.raises(InputError, match="is not empty"):
        sink_of(cluster, rejects=str(folder))


def test_what_cannot_work_is_told_when_the_sink_is_made(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="no-such-index"):
        VectorizeDatasink("no-such-index")
    with pytest.raises(TypeError, match="idcolumn"):
        sink_of(cluster, idcolumn="x")
    with pytest.raises(InputError, match="batch_vectors is 6000"):
        sink_of(cluster, batch_vectors=6_000)
    with pytest.raises(InputError, match="journal is for one machine"):
        sink_of(cluster, journal="x")
    cluster.emulator.inject(*read_faults({"status": 401, "times": 1}))
    with pytest.raises(AuthenticationError):
        sink_of(cluster)
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    with pytest.raises(InputError, match="no credentials"):
        sink_of(cluster)
    assert cluster.requests("insert") == []


def test_what_the_service_refuses_arrives_as_its_type(cluster: Cluster) -> None:
    sink = sink_of(cluster)
    cluster.emulator.inject(*read_faults({"status": 403, "times": None}))
    with pytest.raises(AuthenticationError) as caught:
        ray.data.from_arrow(table_of(10)).write_datasink(sink)
    assert type(caught.value) is AuthenticationError
    cluster.emulator.clear_faults()
    wrong = pa.table({"key": ["a"], "embedding": [[0.5] * (DIMENSIONS + 1)]})
    with pytest.raises(RejectedError) as refused:
        ray.data.from_arrow(wrong).write_datasink(sink)
    assert type(refused.value) is RejectedError
    assert sink.report is not None
    assert sink.report.counts.failed == 1


def test_a_token_given_on_the_driver_is_refused(cluster: Cluster) -> None:
    for given in ({"api_token": "x" * 40}, {"api_email": "a@b.c", "api_key": "x" * 40}):
        with pytest.raises(InputError, match="would travel with every task") as caught:
            sink_of(cluster, **given)
        assert "x" * 40 not in str(caught.value)
        with pytest.raises(InputError, match="would travel with every task"):
            VectorizeLookup(cluster.index, **given)


def test_what_is_pickled_holds_no_secret_and_no_client(cluster: Cluster) -> None:
    data = pickle.dumps(sink_of(cluster))
    assert TOKEN.encode() not in data
    assert ACCOUNT.encode() not in data
    assert b"httpx" not in data


def test_a_token_that_is_carried_is_shown_nowhere(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = "carried-" + os.urandom(12).hex()
    sink = sink_of(cluster, credentials=CarriedCredentials(account_id=ACCOUNT, api_token=carried))
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    ds = ray.data.from_arrow(table_of(10))
    ds.write_datasink(sink)
    bad = ray.data.from_arrow(pa.table({"key": [""], "embedding": [[0.5] * DIMENSIONS]}))
    with pytest.raises(BadLinesError) as caught:
        bad.write_datasink(sink)
    looked = ds.rename_columns({"key": "id"}).map_batches(
        VectorizeLookup,
        fn_constructor_args=(cluster.index,),
        fn_constructor_kwargs={"credentials": CarriedCredentials(account_id=ACCOUNT, api_token=carried)},
        **VectorizeLookup.RESOURCES,
    )
    assert looked.count() == 10
    told = [repr(sink), repr(vars(sink)), repr(caught.value), str(ray.nodes()), looked.stats(), repr(looked)]
    assert carried not in " ".join(told)
    folder = Path(ray._private.worker.global_worker.node.get_session_dir_path())
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("export" in path.name or path.suffix in {".log", ".out"} for path in files)
    assert [path for path in files if carried.encode() in path.read_bytes()] == []
