"""Planning alone: where the batches of a file begin and end. Prints GB/s, the share of bare reading's, peak MB."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from cf_vectorize.source.cut import BLOCK, BatchLimits, split

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7


def reader(descriptor: int) -> Callable[[memoryview], int]:
    offset = 0

    def read_into(buffer: memoryview) -> int:
        nonlocal offset
        read = os.preadv(descriptor, [buffer], offset)
        offset += read
        return read

    return read_into


def best(work: Callable[[Callable[[memoryview], int]], None], descriptor: int) -> float:
    """Give the seconds of the fastest of some runs: what else the machine does only ever adds."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work(reader(descriptor))
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def read(read_into: Callable[[memoryview], int]) -> None:
    buffer = memoryview(bytearray(BLOCK))
    while read_into(buffer):
        pass


def plan(read_into: Callable[[memoryview], int]) -> None:
    for _ in split(read_into, BatchLimits()):
        pass


def peak_megabytes() -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123 - not a file of ours
        return int(status.read().partition("VmHWM:")[2].split()[0]) / 1000


def main(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    planned, bare = best(plan, descriptor), best(read, descriptor)
    print(size / planned / 1e9, bare / planned, peak_megabytes())


main(sys.argv[1])
