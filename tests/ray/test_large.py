"""Hundreds of thousands of rows through two workers while everything breaks; minutes, so apart."""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import ray

from cf_vectorize import AccountBudget, Vectorize
from cf_vectorize.ray import CarriedCredentials, VectorizeDatasink, VectorizeLookup, repartitioned, verify
from cf_vectorize.ray.budget import ClusterBudget
from cf_vectorize_emulator.core import rate
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.credentials import Credentials
from ray_cluster import ACCOUNT, Cluster, table_of
from ray_dying import die_once

if TYPE_CHECKING:
    from pathlib import Path

    from cf_vectorize.ray.budget import BudgetActor

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
WINDOW = 2


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
    die_once(monkeypatch, tmp_path / "died")
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


class Stopped(rate.RateLimit):
    """Counts by a clock that stands still until it is moved."""

    now = 0.0

    def count(self, credential: str, now: float) -> rate.Standing:  # noqa: ARG002
        """Count one request."""
        return super().count(credential, self.now)


def job(index: str, start: int, **settings: Any) -> list[int]:
    """Write 3,000 rows, verify them and look them up; return what became of them."""
    ds = ray.data.from_arrow([table_of(100, at) for at in range(start, start + 3_000, 100)])
    columns = {"id_column": "key", "values_column": "embedding"}
    sink = VectorizeDatasink(index, batch_vectors=100, **columns, **settings)
    ds.write_datasink(sink)
    assert sink.report is not None
    report = verify(ds, index, sample=400, **columns, **settings)
    told: dict[str, Any] = {
        "fn_constructor_args": (index,),
        "fn_constructor_kwargs": {"id_column": "key", **settings},
    }
    back = ds.limit(400).map_batches(VectorizeLookup, **told, **VectorizeLookup.RESOURCES)
    found = sum(row["found"] for row in back.take_all())
    return [sink.report.vectors, sink.report.retries, report.equal, found]


def stop_clock(budget: BudgetActor) -> None:
    """Let a budget's clock stand still."""
    budget._clock = partial(float, budget._clock())


def is_used_up(budget: BudgetActor) -> bool:
    """Tell whether the answers to all requests have come, and allow no further ones."""
    return not budget._under_way and budget._left is not None and budget._left <= 0


def move_clock(budget: BudgetActor) -> None:
    """Let a window pass."""
    budget._clock, budget._left = partial(float, budget._clock() + WINDOW), None


@pytest.mark.timeout(600)
def test_two_jobs_share_one_account_and_none_is_refused(cluster: Cluster) -> None:
    """40 requests are all that the emulator allows until clocks are moved, and two jobs want some 140 of them."""
    token = uuid.uuid4().hex
    cluster.emulator.rate_limit = limit = Stopped(rate.Rate(40, WINDOW))
    # Whoever is refused is refused until the clocks are moved, and says so in the end.
    settings = {"credentials": CarriedCredentials(account_id=ACCOUNT, api_token=token), "give_up_after": 15}
    asker = Credentials(ACCOUNT, token, None, None).asker(cluster.base_url)
    actor = ClusterBudget(f"budget-{asker}")._found()
    ray.get(actor.__ray_call__.remote(stop_clock))
    windows = 1
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(job, cluster.index, start, **settings) for start in (0, 3_000)]
        while not all(each.done() for each in jobs):
            if ray.get(actor.__ray_call__.remote(is_used_up)):
                limit.now += WINDOW
                ray.get(actor.__ray_call__.remote(move_clock))
                windows += 1
            time.sleep(0.05)
    assert [each.result() for each in jobs] == [[3_000, 0, 400, 400]] * 2
    assert windows >= 3
    records = cluster.emulator.activity.records()
    assert [record for record in records if record.index == cluster.index and record.status == 429] == []
