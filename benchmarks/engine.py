"""A dataset of Parquet files through Ray Data on one machine, and through one process; both into the sink."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import processes
from harness import Columns, Measured, collected

DIMENSIONS, FILE_ROWS = 768, 5_000
ENVIRONMENT = {
    "CLOUDFLARE_ACCOUNT_ID": "a",
    "CLOUDFLARE_API_TOKEN": "t",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # writes nothing into the home folder
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # nox sets TMPDIR to a folder in its virtual environment, where Ray's workers end as soon as they start.
    "RAY_TMPDIR": "/tmp",
}


def write(folder: Path, rows: int) -> None:
    """Write the dataset."""
    for start in range(0, rows, FILE_ROWS):
        values = np.random.default_rng(start).standard_normal((FILE_ROWS, DIMENSIONS), np.float32)
        column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIMENSIONS)
        ids = [f"r{number}" for number in range(start, start + FILE_ROWS)]
        pq.write_table(pa.table({"id": ids, "values": column}), folder / f"{start}.parquet")


def alone(folder: str) -> None:
    """Load in one process."""
    from cf_vectorize import Vectorize

    with Vectorize("i") as index:
        index.insert(folder)


def with_ray(folder: str, readers: int = 32) -> None:
    """Load by a cluster, which is started if it has not been; so many actors read what Parquet files end with."""
    import ray

    from cf_vectorize.ray import VectorizeDatasink, repartitioned

    os.environ["RAY_DATA_PARQUET_FOOTER_NUM_ACTORS"] = str(readers)
    if not ray.is_initialized():
        ray.init(include_dashboard=False, configure_logging=False, log_to_driver=False)
    repartitioned(ray.data.read_parquet(folder)).write_datasink(VectorizeDatasink("i"))


def busy() -> float:
    """Return the seconds of CPU time that this machine has spent on anything."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def measure(rows: int, again: int) -> Measured:
    """Measure a load by one process and by Ray, the first one and some more."""
    with tempfile.TemporaryDirectory() as folder, processes.sink.running() as server:
        write(Path(folder), rows)
        os.environ |= {**ENVIRONMENT, "CLOUDFLARE_BASE_URL": server.base_url}

        def load(work: Callable[[str], None]) -> Columns:
            requests, used, began = server.counts.requests, busy(), time.perf_counter()
            work(folder)
            wall, spent = time.perf_counter() - began, busy() - used
            asked = server.counts.requests - requests
            return {"wall": [wall], "vectors": [rows], "cpu": [spent], "requests": [asked]}

        works: dict[str, Callable[[str], None]] = {
            "one process": alone,
            "Ray": with_ray,
            "Ray, 2 readers of footers": partial(with_ray, readers=2),
        }
        cold = collected((f"{name}, the first time", load(works[name])) for name in ("one process", "Ray"))
        return cold | collected((f"{name}, again", load(work)) for _ in range(again) for name, work in works.items())


if __name__ == "__main__":
    print(json.dumps({"Ray": measure(*((10_000, 1) if "--quick" in sys.argv else (100_000, 2)))}))
