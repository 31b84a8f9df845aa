"""The emulator at scale: vectors a second in over HTTP, lookups, start with data, memory.

`python benchmarks/emulator.py [VECTORS]` measures it alone, with a million unless told otherwise.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson

from cf_vectorize_emulator.server import EmulatorProcess
from harness import Section, table

BATCH = 5_000
DIMENSIONS = 768
PIECE = 1 << 18
LOOKUPS = 200
INDEX = "accounts/a/vectorize/v2/indexes/i"
TOKEN = {"Authorization": "Bearer any-token"}


def measure(*, quick: bool) -> Iterator[Section]:
    """Measure what fits into a look."""
    yield at_scale(20_000 if quick else 200_000)


def at_scale(vectors: int) -> Section:
    """Measure inserting so many vectors, starting with them, and looking some up."""
    values = [orjson.dumps([round(random.gauss(0, 0.05), 8) for _ in range(DIMENSIONS)]) for _ in range(BATCH)]
    sent, inserts, lookups = 0, [], []
    with tempfile.TemporaryDirectory() as folder, httpx.Client(headers=TOKEN, timeout=600) as client:
        settings = ("--quiet", "--data", folder, "--visible", "immediately")
        with EmulatorProcess(*settings) as process:
            for start in range(0, vectors, BATCH):
                body = b"\n".join(
                    b'{"id":"%d","values":%b}' % (start + each, item) for each, item in enumerate(values)
                )
                headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(len(body))}
                pieces = [
                    body[at : at + PIECE] for at in range(0, len(body), PIECE)
                ]  # httpx copies a large one often
                began = time.perf_counter()
                client.post(f"{process.base_url}/{INDEX}/insert", content=pieces, headers=headers).raise_for_status()
                inserts.append(time.perf_counter() - began)
                sent += len(body)
            peak_of_inserts = peak(process)
        began = time.perf_counter()
        with EmulatorProcess(*settings) as process:
            start_with_data = time.perf_counter() - began
            for _ in range(LOOKUPS):
                ids = [str(random.randrange(vectors)) for _ in range(20)]
                began = time.perf_counter()
                answer = client.post(f"{process.base_url}/{INDEX}/get_by_ids", json={"ids": ids})
                lookups.append((time.perf_counter() - began) * 1e3)
                assert len(orjson.loads(answer.content)["result"]) == len(set(ids))
            peak_of_lookups = peak(process)
    rows = {
        "insert over HTTP": f"{vectors / sum(inserts):,.0f} vectors/s, {sent / sum(inserts) / 1e6:,.0f} MB/s",
        "peak memory of it": f"{peak_of_inserts} MiB",
        "start with the vectors": f"{start_with_data:.2f} s",
        f"20 ids, {LOOKUPS} times": f"median {statistics.median(lookups):.1f} ms, at most {max(lookups):.1f} ms",
        "peak memory of such": f"{peak_of_lookups} MiB",
    }
    return Section(
        "The emulator", f"{vectors:,} vectors of {DIMENSIONS} dimensions.\n\n{table(('', 'seen'), rows.items())}"
    )


def peak(process: EmulatorProcess) -> int:
    """Return the peak of a process's resident memory in MiB, as the kernel counts it."""
    status = Path(f"/proc/{process.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    print(at_scale(int(sys.argv[1]) if sys.argv[1:] else 1_000_000).text)
