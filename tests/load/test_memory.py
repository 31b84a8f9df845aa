"""Memory does not depend on the size of a source; measured from outside the loading process."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loads import environment
from memory import PEAK
from scripted_server import ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1_000_000
# docs/insert.md: 37 MB, and 2 MB for each request under way. A process that only imports the libraries and sends a
# request takes 29 of the 37: what differs from Python to Python and from install to install is measured there.
OURS = (37 - 29) * MEGABYTE
EACH = 2 * MEGABYTE
# How large a load to measure; `nox -s big` asks for 2,000.
LARGE = int(os.environ.get("CF_VECTORIZE_TEST_MEGABYTES", "200"))


def write_vectors(path: Path, megabytes: int) -> int:
    """Write lines of 768 values up to a size, and give their count."""
    values = ",".join(f"{number / 997:.7f}" for number in range(768)).encode()
    count = 0
    with path.open("wb", buffering=1 << 20) as file:
        while file.tell() < megabytes * MEGABYTE:
            file.write(b'{"id":"vector-%012d","values":[%b]}\n' % (count, values))
            count += 1
    return count


LIBRARIES = """
import attrs, httpx, orjson, os, sys
try:
    import simdjson
except ImportError:
    pass
url = os.environ["CLOUDFLARE_BASE_URL"] + "/accounts/a/vectorize/v2/indexes/index/insert"
with httpx.Client() as client:
    print(client.post(url, content=b"one line").json()["success"])
"""
LOAD = """
import sys
from cf_vectorize import Vectorize
with Vectorize("index") as index:
    print(index.insert(sys.argv[1], concurrency=int(sys.argv[2]), batch_bytes=int(sys.argv[3])).vectors)
"""


def high_water(code: str, url: str, *arguments: object, stdin: Path | None = None) -> tuple[str, int]:
    """Run code in a process of its own; give what it printed, and the most memory it had, as the kernel tells it."""
    with open(stdin or os.devnull, "rb") as given:  # noqa: PTH123 - os.devnull is a str
        found = subprocess.run(
            [sys.executable, "-c", f"{PEAK}{code}print(peak())", *map(str, arguments)],
            env=os.environ | environment(url),
            stdin=given,
            stdout=subprocess.PIPE,
            check=True,
        )
    printed, peak = found.stdout.split()
    return printed.decode(), int(peak)


@pytest.fixture(scope="module")
def libraries() -> int:
    """Return what interpreter and libraries take."""
    with ScriptedServer(keep_bodies=False) as server:
        printed, peak = high_water(LIBRARIES, server.url)
    assert printed == "True"
    return peak


@pytest.mark.parametrize(
    ("kind", "concurrency", "batch_bytes"),
    [("path", 4, 99_999_999), ("pipe", 4, 99_999_999), ("path", 1, 5_000_000), ("path", 16, 5_000_000)],
)
def test_memory_is_what_the_docs_say_whatever_the_size_of_the_source(
    kind: str, concurrency: int, batch_bytes: int, libraries: int, tmp_path: Path
) -> None:
    source = tmp_path / "large.ndjson"
    vectors = write_vectors(source, LARGE)
    size = source.stat().st_size
    given = (source, None) if kind == "path" else ("-", source)
    with ScriptedServer(keep_bodies=False) as server:
        printed, peak = high_water(LOAD, server.url, given[0], concurrency, batch_bytes, stdin=given[1])
    source.unlink()  # pytest keeps the folders of several runs
    print(f"{libraries / MEGABYTE:.1f} MB, and {(peak - libraries) / MEGABYTE:.1f} MB of ours")  # noqa: T201 - with -s
    assert int(printed) == vectors
    assert sum(request.size for request in server.requests) == size
    assert peak - libraries < OURS + concurrency * EACH
