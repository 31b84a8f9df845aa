"""Memory does not depend on the size of a source; measured from outside the loading process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loads import environment
from scripted_server import ScriptedServer

MEGABYTE = 1_000_000
# 25 MB and 0.5 MB for each of 4 requests, as `InsertArguments` says, beside the interpreter and its libraries.
DOCUMENTED = 27 * MEGABYTE
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


def high_water(url: str, source: str, vectors: int, stdin: Path | None = None) -> int:
    """Load with a process of its own, and give the most memory it had, as the kernel tells of it, in bytes."""
    code = (
        "import sys; from cf_vectorize import Vectorize\n"
        "with Vectorize('index') as index: print(index.insert(sys.argv[1]).vectors)"
    )
    with open(stdin or os.devnull, "rb") as given:  # noqa: PTH123 - os.devnull is a str
        process = subprocess.Popen(
            [sys.executable, "-c", code, source],
            env=os.environ | environment(url),
            stdin=given,
            stdout=subprocess.PIPE,
        )
        most = 0
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text().split()
            if "VmHWM:" in status:  # not of a process that has just ended
                most = max(most, 1024 * int(status[status.index("VmHWM:") + 1]))
            time.sleep(0.01)
        out, _ = process.communicate()
    assert process.returncode == 0
    assert int(out) == vectors
    return most


@pytest.mark.parametrize("kind", ["path", "pipe"])
def test_memory_does_not_grow_with_the_source(kind: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small.ndjson", tmp_path / "large.ndjson"
    counts = {path: write_vectors(path, size) for path, size in ((small, 2), (large, LARGE))}
    most = {}
    with ScriptedServer(keep_bodies=False) as server:
        for path, count in counts.items():
            given = (str(path), count) if kind == "path" else ("-", count, path)
            most[path] = high_water(server.url, *given)
    total = sum(path.stat().st_size for path in counts)
    large.unlink()  # pytest keeps the folders of several runs
    assert sum(request.size for request in server.requests) == total
    assert most[large] - most[small] < DOCUMENTED
    assert most[large] < 110 * MEGABYTE
    print({path.stem: f"{size / MEGABYTE:.0f} MB" for path, size in most.items()})  # noqa: T201 - shown with -s
