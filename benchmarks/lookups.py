"""get_by_ids beside the official SDK: time to a NumPy array, latency alone and among others, requests a second.

Both clients run in this process against the same sink, which answers every request with the same 20 vectors; beside
them runs what no client that uses httpx can do without: its exchange, and the reading of the answer.
"""

import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from cloudflare import AsyncCloudflare, Cloudflare

import processes
from cf_vectorize import AsyncVectorize, Vectorize
from cf_vectorize_overlay.decode import decode
from harness import Columns, Measured, by_turns, collected, timed

IDS = [f"vector-{number}" for number in range(20)]
DIMENSIONS, AT_ONCE, TICK = 1536, 64, 0.001
SDK, OURS, BOUND = "official SDK", "cf-vectorize", "httpx, and reading what it got"
Works = dict[str, Callable[[], Any]]


def answer() -> bytes:
    """Return what the service answers for 20 ids, its numbers as shortest float32 decimals."""
    values = np.random.default_rng(1).standard_normal((len(IDS), DIMENSIONS)).astype(np.float32)
    members = {"namespace": None, "metadata": {"title": "a text", "tags": ["a", "b"]}}
    rows = ([float(str(value)) for value in row] for row in values)
    result = [{"id": identity, **members, "values": row} for identity, row in zip(IDS, rows, strict=True)]
    document = {"success": True, "errors": [], "messages": [], "result": result}
    return json.dumps(document, separators=(",", ":")).encode()


def array(vectors: Any) -> np.ndarray[Any, Any]:
    """Do what users of the SDK must: they get the result's items as the answer has them."""
    return np.array([vector["values"] for vector in vectors], np.float32)


class Clients:
    """Both clients of one sink, in both colours."""

    def __init__(self, base_url: str) -> None:
        settings: Any = {"account_id": "a", "api_token": "t", "base_url": base_url, "requests_per_5min": 10**9}
        index = Vectorize("i", **settings)
        self.get, self.iterate = partial(index.get_by_ids, IDS), index.iter_by_ids
        self.get_async = partial(AsyncVectorize("i", **settings).get_by_ids, IDS)
        sdk, sdk_async = (each(api_token="t", base_url=base_url) for each in (Cloudflare, AsyncCloudflare))
        self.sdk = partial(sdk.vectorize.indexes.get_by_ids, "i", account_id="a", ids=IDS)
        self.sdk_async = partial(sdk_async.vectorize.indexes.get_by_ids, "i", account_id="a", ids=IDS)
        self._post = partial(httpx.Client().post, f"{base_url}/get_by_ids", json={"ids": IDS})

    def bound(self) -> Any:
        """Fetch and read with httpx alone, and check, bound and repeat nothing."""
        return decode(self._post().content)["result"]

    def many_bounds(self, requests: int, threads: int) -> None:
        """Do that many times."""
        with ThreadPoolExecutor(threads) as pool:
            assert sum(pool.map(lambda _: len(self.bound()), range(requests))) == requests * len(IDS)

    def many(self, requests: int, concurrency: int) -> None:
        """Iterate over what many requests return."""
        ids = itertools.chain.from_iterable(itertools.repeat(IDS, requests))
        pairs = self.iterate(ids, concurrency=concurrency)
        assert sum(vector is not None for _, vector in pairs) == requests * len(IDS)


def to_arrays(clients: Clients, body: bytes, rounds: int) -> Iterator[tuple[str, Measured]]:
    """Compare calls with the SDK's, in blocks and one by one, then what they do with the answer's bytes."""
    whole: Works = {SDK: lambda: array(clients.sdk()), OURS: lambda: clients.get().to_numpy()[1]}
    whole[BOUND] = lambda: array(clients.bound())
    decoding: Works = {"json, as in the SDK": lambda: array(json.loads(body)["result"])}
    decoding[OURS] = lambda: array(decode(body)["result"])
    for title, works, calls in (
        ("Reading back to NumPy, in blocks", whole, 20),
        ("Reading back to NumPy, by turns", whole, 1),
        ("Reading back, without HTTP", decoding, 20),
    ):
        results = [work() for work in works.values()]
        assert all(np.array_equal(results[0], result) for result in results)
        yield title, timed(works, rounds if calls > 1 else rounds * 20, calls=calls, warm_up=2)


def rates(clients: Clients, rounds: int, requests: int, at_once: tuple[int, ...]) -> Measured:
    """Compare many requests with the SDK's one by one."""
    works: Works = {SDK: lambda: [array(clients.sdk()) for _ in range(requests)]}
    works |= {f"{OURS}, concurrency {each}": partial(clients.many, requests, each) for each in at_once}
    works[f"{BOUND}, {at_once[-1]} threads"] = partial(clients.many_bounds, requests, at_once[-1])
    return timed(works, rounds, units=requests, warm_up=1)


async def called(get: Callable[[], Awaitable[object]], calls: int) -> Columns:
    """Return the seconds of calls that begin at once, and how long at most the event loop did nothing else."""
    held, ended, began = [0.0], False, 0.0

    async def tick() -> None:
        while not ended:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            held.append(time.perf_counter() - before - TICK)

    async def call() -> float:
        await get()
        return time.perf_counter() - began

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(TICK)
    began = time.perf_counter()
    walls = await asyncio.gather(*(call() for _ in range(calls)))
    ended = True
    await ticking
    return {"wall": list(walls), "held": [max(held)] * calls}


def latencies(clients: Clients, rounds: int) -> Iterator[tuple[str, Measured]]:
    """Measure single lookups, blocking and awaiting, then many at once in one event loop."""
    alone = timed({SDK: clients.sdk, OURS: clients.get, BOUND: clients.bound}, rounds, warm_up=2)
    with asyncio.Runner() as runner:

        def awaited(calls: int, turns: int) -> Measured:
            gets = {f"{SDK}, async": clients.sdk_async, f"{OURS}, async": clients.get_async}
            works: Works = {
                name: partial(lambda get: runner.run(called(get, calls)), get) for name, get in gets.items()
            }
            parts = list(by_turns(works, range(turns + 1)))
            return collected(parts[len(works) :], works)

        yield "A lookup's latency, alone", alone | awaited(1, rounds)
        yield "A lookup's latency, 64 at once", awaited(AT_ONCE, max(2, rounds // 30))


def measure(*, quick: bool) -> Iterator[tuple[str, Measured]]:
    """Measure calls, memory, latency, and many requests, near and far."""
    body = answer()
    with tempfile.TemporaryDirectory() as folder:
        certificate = processes.sink.make_certificate(Path(folder) / "sink.pem")
        os.environ["SSL_CERT_FILE"] = str(certificate.with_suffix(".crt"))
        with processes.sink.running(answer=body) as plain:
            yield from to_arrays(Clients(plain.base_url), body, 2 if quick else 12)
            program = [sys.executable, str(Path(__file__).with_name("program.py")), "iterate", plain.base_url]
            memory = {f"{each * 20:,} ids": processes.run([*program, str(each), *IDS]) for each in (0, 100, 1000)}
            yield "Reading back: memory", memory
        with processes.sink.running(answer=body, certificate=certificate) as tls:
            clients = Clients(tls.base_url)
            yield from latencies(clients, 30 if quick else 300)
            yield "Reading back, TLS", rates(clients, 2 if quick else 7, 50 if quick else 100, (1, 8))
        with processes.sink.running(answer=body, latency=0.05) as far:
            yield "Reading back, 50 ms of latency", rates(Clients(far.base_url), 1, 48 if quick else 160, (16,))


if __name__ == "__main__":
    print(json.dumps(dict(measure(quick="--quick" in sys.argv))))
