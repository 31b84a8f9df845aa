"""Planning alone: where a file's batches begin and end; prints its speed beside that of only reading the file."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cf_vectorize.source.cut import BLOCK, BatchLimits, split
from cf_vectorize.source.ranges import OpenFile
from cf_vectorize.source.spool import FileInPlace

ROUNDS = 7


def read(file: FileInPlace) -> None:
    buffer = memoryview(bytearray(BLOCK))
    while file.read_into(buffer):
        pass


def plan(file: FileInPlace) -> None:
    for _ in split(file, BatchLimits()):
        pass


def fastest(work: Callable[[FileInPlace], None], path: str) -> float:
    """Return the seconds of the fastest of some runs: what else the machine does only ever adds."""
    seconds = []
    for _ in range(ROUNDS):
        file = FileInPlace(OpenFile(os.open(path, os.O_RDONLY), path))
        began = time.perf_counter()
        work(file)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main(path: str) -> None:
    planned, bare = fastest(plan, path), fastest(read, path)
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({"speed": Path(path).stat().st_size / planned, "share": bare / planned, "bytes": peak}))


main(sys.argv[1])
