"""Hundreds of thousands of rows through two workers while everything breaks; minutes, so apart."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import ray

from cf_vectorize import AccountBudget, Vectorize
from cf_vectorize.ray import VectorizeDatasink, VectorizeLookup, repartitioned, verify
from cf_vectorize.ray.ledger import Ledger
from cf_vectorize_emulator.server import EmulatorProcess
from ray_cluster import Cluster, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cf_vectorize import BatchOutcome

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Dying(Ledger):
    """Kills its worker once."""

    marker: Path

    def watched(self, outcomes: Iterable[BatchOutcome], task: int) -> Iterator[BatchOutcome]:
        for outcome in super().watched(outcomes, task):
            yield outcome
            if not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)


def rows_of(start: int, rows: int, dimensions: int) -> pa.Table:
    values = np.random.default_rng(start).standard_normal((rows, dimensions), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), dimensions)
    return pa.table({"key": [f"r{number}" for number in range(start, start + rows)], "embedding": column})


@pytest.mark.parametrize(("rows", "dimensions"), [(200_000, 64), (50_000, 768)])
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("cluster")
def test_every_row_arrives_once_whatever_breaks(
    rows: int, dimensions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 503 before and 500s after the commit, a killed worker, and an emulator that is killed and started again."""
    faults = [{"status": 503, "times": 2}, {"status": 500, "commit": True, "times": 2}]
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{**fault, "endpoint": "insert"} for fault in faults]))
    arguments = ("--data", str(tmp_path / "data"), "--index", f"big:{dimensions}", "--visible", "immediately")
    monkeypatch.setattr("cf_vectorize.ray.sink.Ledger", Dying)
    monkeypatch.setattr(Dying, "marker", tmp_path / "died", raising=False)
    emulator = EmulatorProcess(*arguments, "--faults", str(file))
    port = int(emulator.base_url.split(":")[2].split("/")[0])
    try:
        sink = VectorizeDatasink("big", id_column="key", values_column="embedding", base_url=emulator.base_url)
        blocks = [rows_of(start, 2_500, dimensions) for start in range(0, rows, 2_500)]
        ds = repartitioned(ray.data.from_arrow(blocks))
        done = threading.Event()
        writing = threading.Thread(target=lambda: (ds.write_datasink(sink), done.set()))
        writing.start()
        while not (tmp_path / "died").exists():
            assert writing.is_alive()
            time.sleep(0.1)
        emulator.kill()
        emulator = EmulatorProcess(*arguments, port=port)
        writing.join()
        assert done.is_set()
        assert sink.report is not None
        assert sink.report.vectors == rows
        assert len(sink.abandoned) >= 1
        assert sink.report.counts.accepted <= 1.1 * rows / 5_000
        with Vectorize("big", base_url=emulator.base_url, budget=AccountBudget(1_000_000)) as index:
            for block in blocks:
                found = index.get_by_ids(block["key"].to_pylist())
                stored = np.array([vector.values for vector in found.values()], np.float32)
                assert (stored.ravel() == block["embedding"].combine_chunks().flatten().to_numpy()).all()
    finally:
        emulator.stop()


def job(index: str, rows: int, start: int) -> list[int]:
    """Write rows, verify them and look them up; return what became of them."""
    ds = ray.data.from_arrow([table_of(100, at) for at in range(start, start + rows, 100)])
    columns = {"id_column": "key", "values_column": "embedding"}
    sink = VectorizeDatasink(index, batch_vectors=100, **columns)
    ds.write_datasink(sink)
    assert sink.report is not None
    report = verify(ds, index, sample=400, **columns)
    told: dict[str, Any] = {"fn_constructor_args": (index,), "fn_constructor_kwargs": {"id_column": "key"}}
    back = ds.limit(400).map_batches(VectorizeLookup, **told, **VectorizeLookup.RESOURCES)
    found = sum(row["found"] for row in back.take_all())
    return [sink.report.vectors, sink.report.retries, report.equal, found]


@pytest.mark.timeout(600)
def test_two_jobs_share_one_account_and_none_is_refused(cluster: Cluster) -> None:
    """40 requests in 10 seconds are all that the emulator allows, and two jobs want some 140 of them."""
    cluster.emulator.limit_rate("40/10")
    found: dict[int, list[int]] = {}

    def run(start: int) -> None:
        found[start] = job(cluster.index, 3_000, start)

    jobs = [threading.Thread(target=run, args=(start,)) for start in (0, 3_000)]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join()
    assert list(found.values()) == [[3_000, 0, 400, 400]] * 2
    records = cluster.emulator.activity.records()
    assert [record for record in records if record.index == cluster.index and record.status == 429] == []
