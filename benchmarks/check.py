"""Checking NDJSON lines with every rule on, side by side with readers that check nothing.

What pysimdjson takes to parse a line, and to give its values, is what the check cannot go below.
"""

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pyarrow.json
import simdjson

import data
from cf_vectorize import check
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.source.records import compact
from harness import MB, Floor, Quantity, Section, section, timed

ROUNDS, LARGE_ROUNDS = 9, 3
SPEED = Quantity("MB/s", lambda seconds: 1 / seconds, MB, ",.0f")  # seconds a byte
AGAINST = ("json.loads", "orjson.loads")
ALL_CORES = ("duckdb (all cores)", "polars (all cores)", "pyarrow.json (all cores)")
ONE_CORE = [
    Floor("check, fast", "json.loads", SPEED, least=5),
    Floor("check, fast", "orjson.loads", SPEED, least=1.5),
]


def contestants(path: Path) -> dict[str, Callable[[], object]]:
    """Return what reads a file's lines, by name."""
    lines = path.read_bytes().splitlines()
    parse: Callable[[bytes], Any] = simdjson.Parser().parse
    reference = LineCheck()
    reference._parse = None  # noqa: SLF001 - as where pysimdjson is missing

    def each(read: Callable[[bytes], object]) -> Callable[[], object]:
        return lambda: [None for line in lines if read(line) is None]

    rows = f"select sum(len(\"values\")) from read_json('{path}', format='nd')"
    return {
        "json.loads": each(json.loads),
        "orjson.loads": each(orjson.loads),
        "pysimdjson, parse": each(parse),
        "pysimdjson, values": each(lambda line: parse(line)["values"].as_buffer(of_type="d")),
        "check, fast": each(LineCheck()),
        "check, reference": each(reference),
        ALL_CORES[0]: lambda: duckdb.execute(rows).fetchall(),
        ALL_CORES[1]: lambda: pl.read_ndjson(path),
        ALL_CORES[2]: lambda: pyarrow.json.read_json(io.BytesIO(path.read_bytes())),
    }


def measure(*, quick: bool) -> Iterator[Section]:
    """Measure reading lines of three kinds, then one process and two on a file that is worth a second one."""
    first = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.ndjson"
        for dimensions, kind, floors in ((1536, "float64", ONE_CORE), (1536, "float32", []), (128, "float64", [])):
            data.write(path, (5 if quick else 30) * MB, dimensions=dimensions, spread=0.03)
            if kind == "float32":
                path.write_bytes(b"".join(compact(line) + b"\n" for line in path.read_bytes().splitlines()))
            size = path.stat().st_size
            measured = timed(contestants(path), ROUNDS, per=size)
            first = first or measured
            about = f"{dimensions} dimensions, {kind}, {size / MB:.0f} MB. Medians of {ROUNDS}."
            yield section(f"Checking {dimensions} x {kind}", about, measured, [SPEED], floors, against=AGAINST)
        data.write(path, (500 if quick else 1000) * MB)
        size = path.stat().st_size
        works = {"one process": partial(check, path), "two processes": partial(check, path, processes=2)}
        measured = timed(works, LARGE_ROUNDS, per=size)
    floors = [Floor("two processes", "json.loads", SPEED, least=9)]
    floors += [Floor("two processes", reader, SPEED, least=1) for reader in ALL_CORES]
    about = f"{data.DIMENSIONS} dimensions, float64, {size / MB:.0f} MB. Medians of {LARGE_ROUNDS}."
    yield section("A whole check", about, measured, [SPEED], floors, beside=first, against=AGAINST[:1])
