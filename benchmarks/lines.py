"""Checking NDJSON lines with every rule on, and encoding NumPy vectors as such, beside what reads and writes them.

What pysimdjson takes to parse a line, and to give its values, is what the check cannot go below.
"""

import io
import json
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import polars as pl
import pyarrow.json
import simdjson

import data
from cf_vectorize import check
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.source.columns import columns
from cf_vectorize.source.records import compact, rows_to_lines
from harness import MB, Measured, timed

ROUNDS = 7
VECTORS = 512


def readers(path: Path) -> dict[str, Callable[[], object]]:
    """Return what reads a file's lines, by name."""
    lines = path.read_bytes().splitlines()
    parse: Callable[[bytes], Any] = simdjson.Parser().parse

    def each(read: Callable[[bytes], object]) -> Callable[[], object]:
        return lambda: [None for line in lines if read(line) is None]

    rows = f"select sum(len(\"values\")) from read_json('{path}', format='nd')"
    return {
        "json.loads": each(json.loads),
        "orjson.loads": each(orjson.loads),
        "pysimdjson, parse": each(parse),
        "pysimdjson, values": each(lambda line: parse(line)["values"].as_buffer(of_type="d")),
        "check, fast": each(LineCheck()),
        "duckdb (all cores)": lambda: duckdb.execute(rows).fetchall(),
        "polars (all cores)": lambda: pl.read_ndjson(path),
        "pyarrow.json (all cores)": lambda: pyarrow.json.read_json(io.BytesIO(path.read_bytes())),
    }


def drain(lines: Iterable[object]) -> None:
    """Take each line and let go of it, as a load does."""
    deque(lines, maxlen=0)


def writers(values: Any, rows: list[dict[str, object]], written: list[bytes]) -> dict[str, Callable[[], object]]:
    """Return what encodes the values, which are those of the rows and of the written lines too."""
    ids = [str(row["id"]) for row in rows]
    return {
        "json.dumps(row.tolist())": lambda: drain(json.dumps(row.tolist()) for row in values),
        "orjson.dumps(array)": lambda: orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY),
        "orjson.dumps(row)": lambda: drain(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in values),
        "columns, float32": lambda: drain(rows_to_lines(columns(ids=ids, values=values))),
        "records of lists": lambda: drain(rows_to_lines(rows)),
        "compact": lambda: drain(compact(line) for line in written),
    }


def measure(*, quick: bool) -> Iterator[tuple[str, Measured]]:
    """Measure lines of three kinds, one process and two on a file that is worth a second one, then encoding."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.ndjson"
        for dimensions, kind in ((1536, "float64"), (1536, "float32"), (128, "float64")):
            data.write(path, "lines", (5 if quick else 20) * MB, dimensions=dimensions, spread=0.03)
            if kind == "float32":
                path.write_bytes(b"".join(compact(line) + b"\n" for line in path.read_bytes().splitlines()))
            yield f"Checking {dimensions} x {kind}", timed(readers(path), ROUNDS, units=path.stat().st_size)
        data.write(path, "lines", (100 if quick else 1000) * MB)
        works = {"one process": partial(check, path), "two processes": partial(check, path, processes=2)}
        yield "A whole check", timed(works, 1 if quick else 3, units=path.stat().st_size)
    for dimensions in (1536, 128):
        values: Any = np.random.default_rng(1).standard_normal((VECTORS, dimensions), np.float32) / 30
        rows = [{"id": f"vector-{number}", "values": row.tolist()} for number, row in enumerate(values)]
        written = [json.dumps(row).encode() for row in rows]
        measured = timed(writers(values, rows, written), ROUNDS, units=VECTORS)
        measured["compact"]["bytes"] = [sum(len(compact(line)) for line in written) / VECTORS]
        measured["json.dumps(row.tolist())"]["bytes"] = [sum(map(len, written)) / VECTORS]
        yield f"Encoding {dimensions} dimensions", measured


if __name__ == "__main__":
    print(json.dumps(dict(measure(quick="--quick" in sys.argv))))
