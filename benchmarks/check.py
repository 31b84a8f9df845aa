"""Checking NDJSON lines with every rule on, side by side with readers that check nothing.

`python benchmarks/check.py [MEGABYTES]` prints ratios of medians over rounds in which every contestant reads the same
lines once. On a busy machine two processes show nothing.
"""

from __future__ import annotations

import importlib
import io
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson

from cf_vectorize.linecheck import LineCheck
from cf_vectorize.records import compact

ROUNDS = 9
Contestant = Callable[[], object]


def write_lines(path: Path, count: int, dimensions: int, *, short: bool) -> None:
    """Write vectors as Python's json does, from float64, or `short` as this package does."""
    rng = random.Random(dimensions)
    with path.open("wb") as file:
        for number in range(count):
            values = [rng.gauss(0, 0.03) for _ in range(dimensions)]
            metadata = {"title": f"Row {number}", "year": 2026, "tags": ["a", "b"]}
            line = json.dumps({"id": f"vector-{number}", "values": values, "metadata": metadata}).encode()
            file.write((compact(line) if short else line) + b"\n")


def check_range(path: Path, start: int, stop: int) -> int:
    """Check the lines that begin in a range of bytes; give how many are good."""
    check = LineCheck()
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        good = 0
        while file.tell() < stop and (line := file.readline()):
            good += not check(line)
    return good


def contestants(path: Path, pool: ProcessPoolExecutor) -> dict[str, Contestant]:
    """Give what is measured by name; libraries that are not installed are left out."""
    size = path.stat().st_size
    lines = path.read_bytes().splitlines()
    half = size // 2

    def each(read: Callable[[bytes], object]) -> Contestant:
        return lambda: [None for line in lines if read(line) is None]

    def reference() -> LineCheck:
        check = LineCheck()
        check._parse = None  # noqa: SLF001 - as where pysimdjson is missing
        return check

    def two_processes() -> int:
        good = sum(pool.map(check_range, [path] * 2, [0, half], [half, size]))
        assert good == len(lines)
        return good

    found: dict[str, Contestant] = {
        "json.loads": each(json.loads),
        "orjson.loads": each(orjson.loads),
        "check, fast": each(LineCheck()),
        "check, reference": each(reference()),
        "check, two processes": two_processes,
    }
    readers: dict[str, Callable[[Any], object]] = {
        "duckdb": lambda module: module.sql(
            f"select sum(len(\"values\")) from read_json('{path}', format='nd')"
        ).fetchall(),
        "polars": lambda module: module.read_ndjson(path),
        "pyarrow.json": lambda module: module.read_json(io.BytesIO(path.read_bytes())),
    }
    for name, read in readers.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[f"{name} (all cores)"] = partial(read, module)
    return found


def medians(found: dict[str, Contestant]) -> dict[str, float]:
    """Give each contestant's median seconds over interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, run in found.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for dimensions, short in ((1536, False), (1536, True), (128, False)):
            path = Path(folder) / f"{dimensions}-{short}.ndjson"
            write_lines(path, int(megabytes * 1e6 / (dimensions * 22)), dimensions, short=short)
            size = path.stat().st_size / 1e6
            result = medians(contestants(path, pool))
            print(f"\n{dimensions} dimensions, {'float32' if short else 'float64'}, {size:.0f} MB")
            print(f"{'':24}    MB/s  x json  x orjson")
            for name, seconds in result.items():
                against = (result["json.loads"] / seconds, result["orjson.loads"] / seconds)
                print(f"{name:24}{size / seconds:8.0f}{against[0]:8.2f}{against[1]:10.2f}")


if __name__ == "__main__":
    main()
