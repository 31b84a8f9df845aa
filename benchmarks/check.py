"""Checking NDJSON lines with every rule on, side by side with readers that check nothing.

`python benchmarks/check.py [MEGABYTES LARGE]` prints ratios of medians over rounds in which every contestant reads
the same lines once. What pysimdjson takes to parse a line, and to give its values, is what the check cannot go below.
Then one process and two look through a file of LARGE megabytes; on a busy machine two show nothing.
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
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import simdjson

import data
from cf_vectorize import check
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.source.records import compact

ROUNDS = 9
LARGE_ROUNDS = 3
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


def contestants(path: Path) -> dict[str, Contestant]:
    """Give what is measured by name; libraries that are not installed are left out."""
    lines = path.read_bytes().splitlines()
    parse = simdjson.Parser().parse

    def each(read: Callable[[bytes], object]) -> Contestant:
        return lambda: [None for line in lines if read(line) is None]

    def reference() -> LineCheck:
        line_check = LineCheck()
        line_check._parse = None  # noqa: SLF001 - as where pysimdjson is missing
        return line_check

    found: dict[str, Contestant] = {
        "json.loads": each(json.loads),
        "orjson.loads": each(orjson.loads),
        "pysimdjson, parse": each(parse),
        "pysimdjson, values": each(lambda line: parse(line)["values"].as_buffer(of_type="d")),
        "check, fast": each(LineCheck()),
        "check, reference": each(reference()),
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


def medians(found: dict[str, Contestant], rounds: int) -> dict[str, float]:
    """Give each contestant's median seconds over interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, run in found.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    megabytes, large = map(int, sys.argv[1:]) if sys.argv[1:] else (30, 1000)
    json_speeds = []
    with tempfile.TemporaryDirectory() as folder:
        for dimensions, short in ((1536, False), (1536, True), (128, False)):
            path = Path(folder) / f"{dimensions}-{short}.ndjson"
            write_lines(path, int(megabytes * 1e6 / (dimensions * 22)), dimensions, short=short)
            size = path.stat().st_size / 1e6
            result = medians(contestants(path), ROUNDS)
            json_speeds.append(size / result["json.loads"])
            print(f"\n{dimensions} dimensions, {'float32' if short else 'float64'}, {size:.0f} MB")
            print(f"{'':24}    MB/s  x json  x orjson")
            for name, seconds in result.items():
                against = (result["json.loads"] / seconds, result["orjson.loads"] / seconds)
                print(f"{name:24}{size / seconds:8.0f}{against[0]:8.2f}{against[1]:10.2f}")
        path = Path(folder) / "large.ndjson"
        data.main(path, large * 10**6)
        size = path.stat().st_size / 1e6
        whole = {"one process": partial(check, path), "two processes": partial(check, path, processes=2)}
        print(f"\nA whole check, {data.DIMENSIONS} dimensions, float64, {size:.0f} MB")
        print(f"{'':24}    MB/s  x json")
        for name, seconds in medians(whole, LARGE_ROUNDS).items():
            print(f"{name:24}{size / seconds:8.0f}{size / seconds / json_speeds[0]:8.2f}")


if __name__ == "__main__":
    main()
