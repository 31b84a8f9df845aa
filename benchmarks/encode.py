"""Encoding NumPy float32 vectors as NDJSON, side by side with json and bare orjson.

`python benchmarks/encode.py` prints ratios of medians over rounds in which every contestant writes the same vectors.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from cf_vectorize.source.columns import columns
from cf_vectorize.source.encode import numpy
from cf_vectorize.source.records import compact, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS = 9
VECTORS = 512


def medians(found: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Give each contestant's median microseconds a vector over interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, run in found.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) * 1e6 / VECTORS for name, each in seconds.items()}


def drain(lines: Iterable[object]) -> None:
    """Take each line and let go of it, as a load does."""
    deque(lines, maxlen=0)


def without_numpy(rows: list[dict[str, object]]) -> None:
    """Encode as where NumPy is not installed."""
    numpy.cache_clear()
    sys.modules["numpy"] = None  # type: ignore[assignment]
    drain(lines_of(rows))
    sys.modules["numpy"] = np
    numpy.cache_clear()


def contestants(values: Any) -> dict[str, Callable[[], object]]:
    """Give what is measured by name."""
    ids = [f"vector-{number}" for number in range(VECTORS)]
    rows = [{"id": identity, "values": row.tolist()} for identity, row in zip(ids, values, strict=True)]
    written = [json.dumps(row).encode() for row in rows]
    doubles = values.astype(np.float64)
    short = sum(len(compact(line)) for line in written) / sum(map(len, written))
    print(f"\n{values.shape[1]} dimensions: {short:.2f} of the bytes")
    return {
        "json.dumps(row.tolist())": lambda: drain(json.dumps(row.tolist()) for row in values),
        "orjson.dumps(array)": lambda: orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY),
        "orjson.dumps(row)": lambda: drain(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in values),
        "columns, float32": lambda: drain(lines_of(columns(ids=ids, values=values))),
        "columns, float64": lambda: drain(lines_of(columns(ids=ids, values=doubles))),
        "records of lists": lambda: drain(lines_of(rows)),
        "records, no NumPy": lambda: without_numpy(rows),
        "compact": lambda: drain(compact(line) for line in written),
    }


def main() -> None:
    for dimensions in (1536, 768, 128):
        values = np.random.default_rng(1).standard_normal((VECTORS, dimensions), np.float32) / 30
        result = medians(contestants(values))
        print(f"{'':28}us a vector  x json  of orjson")
        for name, each in result.items():
            against = (result["json.dumps(row.tolist())"] / each, result["orjson.dumps(array)"] / each)
            print(f"{name:28}{each:11.1f}{against[0]:8.2f}{against[1]:11.2f}")


if __name__ == "__main__":
    main()
