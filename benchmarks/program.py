"""The programs that are measured from outside: `python program.py NAME ARGUMENTS`. Each imports what it needs itself.

What they return is printed: a JSON object of numbers.
"""

import json
import os
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCH_BYTES = 99_999_999
HEADERS = {"Content-Type": "application/x-ndjson"}
# Python's own packages, which nobody installed.
OWN = ("pip", "setuptools", "_distutils", "pkg_resources", "distutils")


def read_batches(path: str) -> Iterator[bytes]:
    """Yield the file in pieces that end at newlines, as someone with the SDK has to."""
    with Path(path).open("rb") as file:
        rest = b""
        while block := file.read(BATCH_BYTES - len(rest)):
            batch = rest + block
            end = batch.rfind(b"\n") + 1
            yield batch[:end]
            rest = batch[end:]


def ranges(path: str) -> Iterator[tuple[int, int]]:
    """Yield ranges of equal size, for a sink that knows no newlines."""
    size = Path(path).stat().st_size
    for start in range(0, size, BATCH_BYTES):
        yield start, min(size, start + BATCH_BYTES)


def sdk(path: str, connections: str) -> None:
    """Load with the official SDK in the only form that reaches the wire right: bytes, and a Content-Type by hand."""
    from concurrent.futures import ThreadPoolExecutor

    from cloudflare import Cloudflare

    insert = Cloudflare().vectorize.indexes.insert

    def send(batch: bytes) -> None:
        insert("bench", account_id="account", body=batch, extra_headers=HEADERS)

    with ThreadPoolExecutor(int(connections)) as pool:
        for _ in (map if connections == "1" else pool.map)(send, read_batches(path)):
            pass


def sdk_async(path: str) -> None:
    """Do the same with its async client."""
    import asyncio

    from cloudflare import AsyncCloudflare

    async def send() -> None:
        client = AsyncCloudflare()
        for batch in read_batches(path):
            await client.vectorize.indexes.insert("bench", account_id="account", body=batch, extra_headers=HEADERS)

    asyncio.run(send())


def ours(path: str, **settings: Any) -> None:
    """Load with this client, from Python."""
    from cf_vectorize import Vectorize

    with Vectorize("bench", **settings) as index:
        index.insert(path)


def unlimited(path: str) -> None:
    """Do the same without an account's budget."""
    ours(path, requests_per_5min=10**9)


def transfer(path: str) -> dict[str, float]:
    """Send bodies through our transport, without planning."""
    from functools import partial

    from cf_vectorize.source.ranges import OpenFile, Segment
    from cf_vectorize_overlay.body import CHUNK, Body
    from cf_vectorize_overlay.index import Index

    index = Index("bench", give_up_after=0)
    file = OpenFile(os.open(path, os.O_RDONLY), path)
    used = time.process_time()
    for start, stop in ranges(path):
        index.insert(Body(partial(Segment(file, start, stop).chunks, CHUNK), stop - start))
    return {"cpu": time.process_time() - used}


def alone(path: str) -> None:
    """Send the file as one request of the HTTP library that both clients use, with neither of them."""
    import httpx

    url = f"{os.environ['CLOUDFLARE_BASE_URL']}/insert"
    httpx.Client().post(url, content=Path(path).read_bytes(), headers=HEADERS).raise_for_status()


def raw(path: str) -> dict[str, float]:
    """Send the file through one reused buffer into one socket, with no client at all."""
    import socket
    import ssl
    from urllib.parse import urlsplit

    url = urlsplit(os.environ["CLOUDFLARE_BASE_URL"])
    connection = socket.create_connection((str(url.hostname), int(url.port or 0)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    if url.scheme == "https":
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname)
    tls = time.perf_counter() - began
    buffer, descriptor = memoryview(bytearray(256 * 1024)), os.open(path, os.O_RDONLY)
    used = time.process_time()
    for start, stop in ranges(path):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: sink\r\nContent-Length: %d\r\n\r\n" % (stop - start))
        position = start
        while position < stop:
            got = os.preadv(descriptor, [buffer[: stop - position]], position)
            connection.sendall(buffer[:got])
            position += got
        connection.recv(4096)
    return {"cpu": time.process_time() - used, "tls": tls}


def plan(path: str) -> dict[str, float]:
    """Find where a file's batches begin and end; beside it, only read the file."""
    from cf_vectorize.source.cut import BLOCK, BatchLimits, split
    from cf_vectorize.source.ranges import OpenFile
    from cf_vectorize.source.spool import FileInPlace

    def speed(work: Callable[[FileInPlace], object]) -> float:
        """Return the bytes a second of the fastest of some runs: what else the machine does only ever adds."""
        file = OpenFile(os.open(path, os.O_RDONLY), path)
        return Path(path).stat().st_size / min(timeit.repeat(lambda: work(FileInPlace(file)), number=1, repeat=7))

    planned = speed(lambda file: [None for _ in split(file, BatchLimits())])
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    buffer = memoryview(bytearray(BLOCK))
    read = speed(lambda file: [None for _ in iter(lambda: file.read_into(buffer), 0)])
    return {"GB/s": planned, "GB/s of only reading": read, "bytes": peak}


def iterate(base_url: str, requests: str, *ids: str) -> None:
    """Iterate over vectors by id, again and again those of one request."""
    from itertools import chain, repeat

    from cf_vectorize import Vectorize

    with Vectorize("bench", account_id="a", api_token="t", base_url=base_url, requests_per_5min=10**9) as index:
        for _ in index.iter_by_ids(chain.from_iterable(repeat(ids, int(requests)))):
            pass


def installed() -> dict[str, float]:
    """Count the bytes in this Python's site-packages."""
    import sysconfig

    packages = Path(sysconfig.get_path("purelib"))
    files = [path for path in packages.rglob("*") if not path.relative_to(packages).parts[0].startswith(OWN)]
    return {"bytes": sum(path.stat().st_size for path in files if path.is_file())}


if __name__ == "__main__":
    if printed := globals()[sys.argv[1]](*sys.argv[2:]):
        print(json.dumps(printed))
