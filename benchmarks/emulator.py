"""The emulator at scale, and a load against one that keeps Cloudflare's limit; client and server share the cores."""

import json
import random
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

import data
import simulate_budget
from cf_vectorize import Vectorize, columns
from cf_vectorize_emulator.server import EmulatorProcess
from harness import Columns, Measured, timed
from processes import memories

DIMENSIONS, CALLS, FEW_VECTORS = 768, 200, 20


def client(process: EmulatorProcess, **settings: Any) -> Vectorize:
    """Return a client of an emulator."""
    return Vectorize("i", account_id="a", api_token="t", base_url=process.base_url, **settings)


def at_scale(vectors: int) -> Measured:
    """Measure inserting so many vectors, starting with them, looking some up, and what the page asks for."""
    values = np.broadcast_to(np.random.default_rng(1).standard_normal(DIMENSIONS, np.float32), (vectors, DIMENSIONS))
    found: Measured = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = ("--quiet", "--data", folder, "--visible", "immediately")
        with EmulatorProcess(*settings) as process, client(process, requests_per_5min=10**9) as index:
            source = columns(ids=list(map(str, range(vectors))), values=values)
            found["an insert of all"] = called(process, 1, lambda: index.insert(source)) | {"vectors": [vectors]}
        began = time.perf_counter()
        with EmulatorProcess(*settings) as process, client(process, requests_per_5min=10**9) as index:
            found["a start with all"] = {"wall": [time.perf_counter() - began], "memory": peak(process)}
            root = process.base_url.removesuffix("/client/v4")
            search = f"{root}/__emulator__/ids?account=a&index=i&search=99999&limit=100"
            calls: dict[str, tuple[int, Callable[[], object]]] = {
                "get_by_ids of 20": (CALLS, lambda: index.get_by_ids(map(str, random.sample(range(vectors), 20)))),
                "the page's request, one a second": (CALLS, lambda: fetch(f"{root}/__emulator__/state")),
                "the page's search of ids": (5, lambda: fetch(search)),
            }
            return found | {name: called(process, *each) for name, each in calls.items()}


def fetch(url: str) -> None:
    urllib.request.urlopen(url).read()


def called(process: EmulatorProcess, calls: int, call: Callable[[], object]) -> Columns:
    """Return the seconds of calls, what the server used of its CPU for each, and the peak of its memory."""
    used = cpu(process)
    walls = timed({"": call}, 1, calls=calls)[""]
    return {**walls, "cpu": [(cpu(process) - used) / calls], "memory": peak(process)}


def peak(process: EmulatorProcess) -> list[int]:
    """Return the peak of a process's resident memory."""
    return [most for _, most in memories(process.process.pid)]


def cpu(process: EmulatorProcess) -> float:
    """Return the seconds of CPU time of a process's threads, as the scheduler counts them."""
    threads = Path(f"/proc/{process.process.pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def at_the_limit(requests: int, limit: str) -> Measured:
    """Measure a load of so many requests against an emulator that keeps a limit; beside it, the simulation."""
    with tempfile.TemporaryDirectory() as folder, EmulatorProcess("--quiet", "--rate-limit", limit) as process:
        path = Path(folder) / "short.ndjson"
        data.write(path, "short", requests * FEW_VECTORS)
        with client(process) as index:
            report = index.insert(path, batch_vectors=FEW_VECTORS)
    allowed, window = map(int, limit.split("/"))
    simulated = simulate_budget.simulate(requests, limit=(allowed, window))
    return {
        "measured": {"wall": [report.seconds], "requests": [requests], "retries": [report.retries]},
        "simulated, requests take no time": {"wall": [simulated], "requests": [requests], "retries": [0]},
    }


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    if "limit" in sys.argv:
        print(json.dumps({"At Cloudflare's limit": at_the_limit(*((65, "30/10") if quick else (1_260, "1200/300")))}))
    else:
        print(json.dumps({"The emulator": at_scale(100_000 if quick else 1_000_000)}))
