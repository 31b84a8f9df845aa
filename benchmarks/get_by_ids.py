"""get_by_ids beside the official SDK: time to a NumPy array, requests a second, and memory.

Both clients run in this process against the same sink, which answers every request with the same 20 vectors, by
turns of several calls: a single call finds the memory in the state that the other client's garbage left it in.
Ratios are of medians. Usage: python benchmarks/get_by_ids.py [--quick]
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cloudflare import Cloudflare

from cf_vectorize import Vectorize
from cf_vectorize_overlay import decode

sys.path.append(str(Path(__file__).parents[1] / "tests/servers"))  # they serve the benchmarks too

import sink

if TYPE_CHECKING:
    from collections.abc import Callable


IDS = [f"vector-{number}" for number in range(20)]
DIMENSIONS = 1536
INDEX = "an-index"
ACCOUNT = "an-account"
TOKEN = "a-token"
NO_BUDGET = 10**9
CALLS = 20


def answer() -> bytes:
    """Give what the service answers for 20 ids, its numbers as shortest float32 decimals."""
    values = np.random.default_rng(1).standard_normal((len(IDS), DIMENSIONS)).astype(np.float32)
    result = [
        {"id": identity, "namespace": None, "metadata": {"title": "a text", "tags": ["a", "b"]}, "values": row}
        for identity, row in zip(IDS, [[float(str(value)) for value in row] for row in values], strict=True)
    ]
    document = {"success": True, "errors": [], "messages": [], "result": result}
    return json.dumps(document, separators=(",", ":")).encode()


def clients(base_url: str) -> tuple[Cloudflare, Vectorize]:
    ours = Vectorize(INDEX, account_id=ACCOUNT, api_token=TOKEN, base_url=base_url, requests_per_5min=NO_BUDGET)
    return Cloudflare(api_token=TOKEN, base_url=base_url), ours


def sdk_array(sdk: Cloudflare) -> np.ndarray[Any, Any]:
    """Do what a user of the SDK must: it gives the result's items as it finds them."""
    found: Any = sdk.vectorize.indexes.get_by_ids(INDEX, account_id=ACCOUNT, ids=IDS)
    return np.array([vector["values"] for vector in found], np.float32)


def medians(rounds: int, *works: Callable[[], object], calls: int = 1) -> list[float]:
    """Run each in turn, `rounds` times `calls` calls after a warm-up, and give the median seconds a call of each."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 2):
        for work, taken in zip(works, seconds, strict=True):
            for _ in range(calls):
                began = time.perf_counter()
                work()
                taken.append(time.perf_counter() - began)
    return [statistics.median(taken[2 * calls :]) for taken in seconds]


def compare_arrays(base_url: str, rounds: int) -> None:
    sdk, ours = clients(base_url)
    simdjson = decode.simdjson
    assert simdjson is not None, "install pysimdjson: both parsers are measured"

    def our_array(parser: Any) -> np.ndarray[Any, Any]:
        decode.simdjson = parser
        return ours.get_by_ids(IDS).to_numpy()[1]

    assert np.array_equal(our_array(None), sdk_array(sdk))
    assert np.array_equal(our_array(simdjson), sdk_array(sdk))
    theirs, with_orjson, with_simdjson = medians(
        rounds, lambda: sdk_array(sdk), lambda: our_array(None), lambda: our_array(simdjson), calls=CALLS
    )
    print(f"\nOne call, 20 x {DIMENSIONS}, to a float32 array (median of {rounds * CALLS})\n")
    print("| | ms | of the SDK's |\n|---|---|---|")
    print(f"| official SDK | {theirs * 1e3:.2f} | 1 |")
    print(f"| cf-vectorize, orjson | {with_orjson * 1e3:.2f} | {with_orjson / theirs:.2f} |")
    print(f"| cf-vectorize, pysimdjson | {with_simdjson * 1e3:.2f} | {with_simdjson / theirs:.2f} |")


def compare_decoding(body: bytes, rounds: int) -> None:
    """Leave HTTP out: from the answer's bytes to an array."""

    def theirs() -> np.ndarray[Any, Any]:
        return np.array([vector["values"] for vector in json.loads(body)["result"]], np.float32)

    def ours() -> np.ndarray[Any, Any]:
        return np.array([vector["values"] for vector in decode.decode(body)["result"]], np.float32)

    assert np.array_equal(theirs(), ours())
    with_json, with_simdjson = medians(rounds, theirs, ours, calls=CALLS)
    print(f"\nThe same without HTTP: the answer's {len(body):,} bytes to an array (median of {rounds * CALLS})\n")
    print("| | ms | of json's |\n|---|---|---|")
    print(f"| json, as in the SDK | {with_json * 1e3:.2f} | 1 |")
    print(f"| cf-vectorize, pysimdjson | {with_simdjson * 1e3:.2f} | {with_simdjson / with_json:.2f} |")


def compare_rates(base_url: str, title: str, requests: int, concurrencies: tuple[int, ...], rounds: int) -> None:
    sdk, ours = clients(base_url)

    def theirs() -> None:
        for _ in range(requests):
            sdk_array(sdk)

    def many(concurrency: int) -> None:
        ids = itertools.chain.from_iterable(itertools.repeat(IDS, requests))
        pairs = ours.iter_by_ids(ids, concurrency=concurrency)
        assert sum(vector is not None for _, vector in pairs) == requests * len(IDS)

    works = [lambda concurrency=concurrency: many(concurrency) for concurrency in concurrencies]
    sdk_seconds, *seconds = medians(rounds, theirs, *works)
    print(f"\n{title}, {requests} requests a run (median of {rounds})\n")
    print("| | requests/s | times the SDK's |\n|---|---|---|")
    print(f"| official SDK, one by one | {requests / sdk_seconds:.0f} | 1 |")
    for concurrency, taken in zip(concurrencies, seconds, strict=True):
        print(f"| cf-vectorize, concurrency {concurrency} | {requests / taken:.0f} | {sdk_seconds / taken:.2f} |")


MEMORY_PROGRAM = """
import itertools, sys
from cf_vectorize import Vectorize
ids, requests, base_url = sys.argv[1].split(","), int(sys.argv[2]), sys.argv[3]
index = Vectorize("an-index", account_id="a", api_token="t", base_url=base_url, requests_per_5min=10**9)
for _ in index.iter_by_ids(itertools.chain.from_iterable(itertools.repeat(ids, requests))):
    pass
print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])
"""


def compare_memory(base_url: str) -> None:
    print("\nPeak memory of a process that iterates over vectors by id\n")
    print("| ids | MB |\n|---|---|")
    for requests in (0, 100, 1000):
        command = [sys.executable, "-c", MEMORY_PROGRAM, ",".join(IDS), str(requests), base_url]
        kilobytes = int(subprocess.check_output(command, text=True))
        print(f"| {requests * len(IDS):,} | {kilobytes / 1000:.0f} |")


def main(*, quick: bool) -> None:
    names = ("cf-vectorize", "cloudflare", "httpx", "orjson", "pysimdjson", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs; {versions}")
    body = answer()
    with tempfile.TemporaryDirectory() as folder:
        certificate = sink.make_certificate(Path(folder) / "sink.pem")
        os.environ["SSL_CERT_FILE"] = str(certificate.with_suffix(".crt"))
        with sink.running(answer=body) as plain:
            compare_arrays(plain.base_url, 3 if quick else 15)
            compare_decoding(body, 3 if quick else 15)
            compare_memory(plain.base_url)
        with sink.running(answer=body, certificate=certificate) as tls:
            compare_rates(tls.base_url, "TLS", 50 if quick else 100, (1, 8), 3 if quick else 9)
        with sink.running(answer=body, latency=0.05) as far:
            compare_rates(far.base_url, "50 ms of latency", 64 if quick else 160, (16,), 1 if quick else 3)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
