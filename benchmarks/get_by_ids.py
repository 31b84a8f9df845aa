"""get_by_ids beside the official SDK: time to a NumPy array, memory, and requests a second.

Both clients run in this process against the same sink, which answers every request with the same 20 vectors, by
turns of several calls: a single call finds the memory in the state that the other client's garbage left it in.
"""

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import simdjson
from cloudflare import Cloudflare

import sink
from cf_vectorize import Vectorize
from cf_vectorize_overlay import decode
from harness import Floor, Quantity, Section, section, timed
from processes import run
from rows import MEMORY, PROGRAMS

IDS = [f"vector-{number}" for number in range(20)]
DIMENSIONS = 1536
CALLS = 20
WARM_UP = 2
SDK = "official SDK"
MS = Quantity("ms", float, 1e-3)
RATE = Quantity("requests/s", lambda seconds: 1 / seconds, form=",.0f")


def answer() -> bytes:
    """Return what the service answers for 20 ids, its numbers as shortest float32 decimals."""
    values = np.random.default_rng(1).standard_normal((len(IDS), DIMENSIONS)).astype(np.float32)
    result = [
        {"id": identity, "namespace": None, "metadata": {"title": "a text", "tags": ["a", "b"]}, "values": row}
        for identity, row in zip(IDS, [[float(str(value)) for value in row] for row in values], strict=True)
    ]
    document = {"success": True, "errors": [], "messages": [], "result": result}
    return json.dumps(document, separators=(",", ":")).encode()


def array(vectors: Any) -> np.ndarray[Any, Any]:
    """Do what users of the SDK must: they get the result's items as the answer has them."""
    return np.array([vector["values"] for vector in vectors], np.float32)


def decoded(body: bytes) -> np.ndarray[Any, Any]:
    """Return an answer's array as our client decodes it."""
    decode.simdjson = simdjson
    return array(decode.decode(body)["result"])


class Clients:
    """Both clients of one sink."""

    def __init__(self, base_url: str) -> None:
        self._get = Cloudflare(api_token="t", base_url=base_url).vectorize.indexes.get_by_ids
        self._ours = Vectorize("i", account_id="a", api_token="t", base_url=base_url, requests_per_5min=10**9)

    def sdk(self, calls: int = 1) -> np.ndarray[Any, Any]:
        """Return the array of the last of some calls."""
        return [array(self._get("i", account_id="a", ids=IDS)) for _ in range(calls)][-1]

    def ours(self, parser: Any = simdjson) -> np.ndarray[Any, Any]:
        """Return the array of a call whose answer that parser reads; None is orjson."""
        decode.simdjson = parser
        return self._ours.get_by_ids(IDS).to_numpy()[1]

    def many(self, requests: int, concurrency: int) -> None:
        """Iterate over what many requests return."""
        decode.simdjson = simdjson
        ids = itertools.chain.from_iterable(itertools.repeat(IDS, requests))
        pairs = self._ours.iter_by_ids(ids, concurrency=concurrency)
        assert sum(vector is not None for _, vector in pairs) == requests * len(IDS)


def measure(*, quick: bool) -> Iterator[Section]:
    """Measure single calls, decoding alone, memory, and many requests, near and far."""
    body = answer()
    with tempfile.TemporaryDirectory() as folder:
        certificate = sink.make_certificate(Path(folder) / "sink.pem")
        os.environ["SSL_CERT_FILE"] = str(certificate.with_suffix(".crt"))
        with sink.running(answer=body) as plain:
            yield from calls(Clients(plain.base_url), body, 3 if quick else 15)
            command = [sys.executable, f"{PROGRAMS}/iterate.py", plain.base_url]
            memory = {f"{count * len(IDS):,} ids": [run([*command, str(count), *IDS])] for count in (0, 100, 1000)}
            yield section("Reading back: memory", "A process that iterates over vectors by id.", memory, [MEMORY])
        with sink.running(answer=body, certificate=certificate) as tls:
            size = (3, 50) if quick else (9, 100)
            yield rates("TLS", Clients(tls.base_url), *size, (1, 8), 2.5)
        with sink.running(answer=body, latency=0.05) as far:
            size = (1, 64) if quick else (3, 160)
            yield rates("50 ms of latency", Clients(far.base_url), *size, (16,), 14)


def calls(clients: Clients, body: bytes, rounds: int) -> Iterator[Section]:
    """Compare single calls with the SDK's, then what they do with the answer's bytes."""
    whole: dict[str, Callable[[], Any]] = {
        SDK: clients.sdk,
        "cf-vectorize, orjson": lambda: clients.ours(None),
        "cf-vectorize, pysimdjson": clients.ours,
    }
    decoding: dict[str, Callable[[], Any]] = {
        "json, as in the SDK": lambda: array(json.loads(body)["result"]),
        "cf-vectorize, pysimdjson": lambda: decoded(body),
    }
    floor = Floor("cf-vectorize, pysimdjson", SDK, MS, most=0.2)
    for title, works, floors in (("Reading back", whole, [floor]), ("Reading back, without HTTP", decoding, [])):
        results = [work() for work in works.values()]
        assert all(np.array_equal(results[0], result) for result in results)
        measured = timed(works, rounds, calls=CALLS, warm_up=WARM_UP)
        about = f"{len(IDS)} x {DIMENSIONS} in {len(body):,} bytes, to a float32 array. Medians of {rounds * CALLS}."
        yield section(title, about, measured, [MS], floors, against=list(works)[:1])


def rates(at: str, clients: Clients, rounds: int, requests: int, at_once: tuple[int, ...], least: float) -> Section:
    """Compare many requests with the SDK's one by one; the floor is for the most at once."""
    works: dict[str, Callable[[], Any]] = {SDK: partial(clients.sdk, requests)}
    works |= {f"cf-vectorize, concurrency {each}": partial(clients.many, requests, each) for each in at_once}
    measured = timed(works, rounds, per=requests, warm_up=WARM_UP)
    floor = Floor(f"cf-vectorize, concurrency {at_once[-1]}", SDK, RATE, least=least)
    about = f"{requests} requests a run, the SDK's one by one. Medians of {rounds}."
    return section(f"Reading back, {at}", about, measured, [RATE], [floor], against=[SDK])
