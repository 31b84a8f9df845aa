"""Planning alone: where a file's batches begin and end; prints its speed beside that of only reading the file."""

import json
import sys
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from cf_vectorize.source.cut import BLOCK, BatchLimits, split

ROUNDS = 7


def read(file: FileIO) -> None:
    buffer = memoryview(bytearray(BLOCK))
    while file.readinto(buffer):
        pass


def plan(file: FileIO) -> None:
    for _ in split(file.readinto, BatchLimits()):
        pass


def fastest(work: Callable[[FileIO], None], path: str) -> float:
    """Return the seconds of the fastest of some runs: what else the machine does only ever adds."""
    seconds = []
    for _ in range(ROUNDS):
        with FileIO(path) as file:
            began = time.perf_counter()
            work(file)
            seconds.append(time.perf_counter() - began)
    return min(seconds)


def main(path: str) -> None:
    planned, bare = fastest(plan, path), fastest(read, path)
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({"speed": Path(path).stat().st_size / planned, "share": bare / planned, "bytes": peak}))


main(sys.argv[1])
