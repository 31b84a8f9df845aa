"""The emulator at scale: vectors a second in over HTTP, lookups, start with data, memory.

`python benchmarks/emulator.py [--vectors 1000000] [--dimensions 768]`
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import orjson

from cf_vectorize_emulator.server import EmulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 5_000
PIECE = 1 << 18
LOOKUPS = 200
HEADERS = {"Authorization": "Bearer any-token", "Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def lines(dimensions: int) -> list[bytes]:
    """Give the values of one batch as JSON, so that making them is not what is measured."""
    return [orjson.dumps([round(random.gauss(0, 0.05), 8) for _ in range(dimensions)]) for _ in range(BATCH)]


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut a body up, since httpx copies a large one over and over."""
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def memory(process: EmulatorProcess) -> str:
    """Give the peak of a process's resident memory, as the kernel counts it."""
    status = Path(f"/proc/{process.process.pid}/status").read_text(encoding="ascii")
    return f"{int(status.partition('VmHWM:')[2].split()[0]) / 1024:.0f} MiB"


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=768)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.system()}")
    values = lines(arguments.dimensions)
    with tempfile.TemporaryDirectory() as data, httpx.Client(headers=HEADERS, timeout=600) as client:
        settings = ("--quiet", "--data", data, "--visible", "immediately")
        with EmulatorProcess(*settings) as process:
            index = f"{process.base_url}/accounts/a/vectorize/v2/indexes/i"
            sent, spent = 0, 0.0
            for start in range(0, arguments.vectors, BATCH):
                body = b"\n".join(b'{"id":"%d","values":%b}' % (start + n, item) for n, item in enumerate(values))
                begun = time.perf_counter()
                length = {"Content-Length": str(len(body))}
                client.post(f"{index}/insert", content=pieces(body), headers=length).raise_for_status()
                spent += time.perf_counter() - begun
                sent += len(body)
            rates = f"{arguments.vectors / spent:,.0f} vectors/s, {sent / spent / 1e6:,.0f} MB/s"
            print(f"insert: {rates}; peak {memory(process)}")
        begun = time.perf_counter()
        with EmulatorProcess(*settings) as process:
            print(f"start with {arguments.vectors:,} vectors: {time.perf_counter() - begun:.2f} s")
            index = f"{process.base_url}/accounts/a/vectorize/v2/indexes/i"
            times = []
            for _ in range(LOOKUPS):
                ids = [str(random.randrange(arguments.vectors)) for _ in range(20)]
                begun = time.perf_counter()
                answer = client.post(f"{index}/get_by_ids", json={"ids": ids}, headers=JSON)
                times.append(time.perf_counter() - begun)
                assert len(orjson.loads(answer.content)["result"]) == len(set(ids))
            median, worst = statistics.median(times) * 1000, max(times) * 1000
            print(f"20 ids: median {median:.1f} ms, longest of {LOOKUPS} {worst:.1f} ms; peak {memory(process)}")


if __name__ == "__main__":
    main()
