"""Encoding NumPy float32 vectors as NDJSON, side by side with json and bare orjson."""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import orjson

from cf_vectorize.source.columns import columns
from cf_vectorize.source.encode import numpy
from cf_vectorize.source.records import compact, rows_to_lines
from harness import Floor, Quantity, Section, section, timed

ROUNDS = 9
VECTORS = 512
JSON, ORJSON, OURS = "json.dumps(row.tolist())", "orjson.dumps(array)", "columns, float32"
SPEED = Quantity("vectors/s", lambda seconds: 1 / seconds, form=",.0f")
TIME = Quantity("us a vector", float, 1e-6, ".1f")
SIZE = Quantity("bytes a vector", float, VECTORS, ",.0f")
SPEEDS = [Floor(OURS, JSON, SPEED, least=12), Floor(OURS, ORJSON, SPEED, least=0.9)]
SIZES = [Floor("compact", "json.dumps", SIZE, most=0.60)]


def drain(lines: Iterable[object]) -> None:
    """Take each line and let go of it, as a load does."""
    deque(lines, maxlen=0)


def without_numpy(rows: list[dict[str, object]]) -> None:
    """Encode as where NumPy is not installed."""
    numpy.cache_clear()
    sys.modules["numpy"] = None  # type: ignore[assignment]
    drain(rows_to_lines(rows))
    sys.modules["numpy"] = np
    numpy.cache_clear()


def contestants(values: Any, rows: list[dict[str, object]], written: list[bytes]) -> dict[str, Callable[[], object]]:
    """Return what encodes the values, which are those of the rows and of the written lines too."""
    ids = [str(row["id"]) for row in rows]
    doubles = values.astype(np.float64)
    return {
        JSON: lambda: drain(json.dumps(row.tolist()) for row in values),
        ORJSON: lambda: orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY),
        "orjson.dumps(row)": lambda: drain(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in values),
        OURS: lambda: drain(rows_to_lines(columns(ids=ids, values=values))),
        "columns, float64": lambda: drain(rows_to_lines(columns(ids=ids, values=doubles))),
        "records of lists": lambda: drain(rows_to_lines(rows)),
        "records, no NumPy": lambda: without_numpy(rows),
        "compact": lambda: drain(compact(line) for line in written),
    }


def measure(*, quick: bool) -> Iterator[Section]:  # noqa: ARG001 - it takes a second
    """Measure vectors of three lengths: time, then bytes."""
    for dimensions in (1536, 768, 128):
        values: Any = np.random.default_rng(1).standard_normal((VECTORS, dimensions), np.float32) / 30
        rows = [{"id": f"vector-{number}", "values": row.tolist()} for number, row in enumerate(values)]
        written = [json.dumps(row).encode() for row in rows]
        measured = timed(contestants(values, rows, written), ROUNDS, per=VECTORS)
        sizes = {"json.dumps": [sum(map(len, written))], "compact": [sum(len(compact(line)) for line in written)]}
        first = dimensions == 1536
        title = f"Encoding {dimensions} dimensions"
        about = f"Medians of {ROUNDS}."
        yield section(title, about, measured, [SPEED, TIME], SPEEDS if first else [], against=(JSON, ORJSON))
        yield section(
            f"{title}: bytes", "Of whole lines.", sizes, [SIZE], SIZES if first else [], against=("json.dumps",)
        )
