"""What each page speaks of as though its reader had it: files, vectors in the index, names. See `PREPARED`."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from shell import ROOT

from cf_vectorize import Vectorize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INDEX: Final = "my-index"


def lines(ids: Iterable[str], dimensions: int = 32) -> list[bytes]:
    """Return a line for each id."""
    values = [number / 100 for number in range(dimensions)]
    return [json.dumps({"id": name, "values": values, "metadata": {"page": 3}}).encode() + b"\n" for name in ids]


def vectors() -> None:
    """Write `vectors.ndjson`, also compressed, which every page may speak of."""
    data = b"".join(lines(["a", "b", "c", *(f"v{number}" for number in range(3, 40))]))
    Path("vectors.ndjson").write_bytes(data)
    Path("vectors.ndjson.gz").write_bytes(gzip.compress(data))


def load(source: Any = "vectors.ndjson", index: str = INDEX) -> None:
    """Let an index hold it."""
    with Vectorize(index) as client:
        client.insert(source)


def a_bad_line(name: str = "vectors.ndjson") -> dict[str, Any]:
    """Write 40 lines, the 17th of which holds a NaN."""
    found = lines((f"a{number}" for number in range(1, 41)), 768)
    found[16] = found[16].replace(b"0.03,", b"NaN,", 1)
    Path(name).write_bytes(b"".join(found))
    return {}


def ids_to_ask_for() -> dict[str, Any]:
    load()
    Path("ids.txt").write_text("a\nb\nc\n", encoding="utf-8")
    return {"open_ended_stream_of_ids": iter(["a", "b", "nobody"])}


def a_test_of_ones_own() -> dict[str, Any]:
    load()
    recordings("session.har")
    body = "def my_loader(base_url):\n    assert base_url\n"
    Path("my_project.py").write_text(body, encoding="utf-8")
    return {}


def loaded_in_part() -> dict[str, Any]:
    """Write 20,000 lines, of which the index lacks one in 1,000, and holds one in 3,000 otherwise."""
    rows = [{"id": f"c{number}", "values": [0.5] * 32} for number in range(20_000)]
    load()
    Path("corpus.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    load(
        {**row, "namespace": "x"} if number % 3_000 == 999 else row
        for number, row in enumerate(rows)
        if number % 1_000
    )
    with Vectorize(INDEX) as client:
        return {"reports": [client.verify(rows[1:40]), client.verify(rows[40:80])]}


def recordings(*names: str) -> dict[str, Any]:
    """Load an index, and write what others recorded."""
    load()
    recorded = ROOT / "tests" / "contract" / "har" / "cloudflare-python-sdk.har"
    for copy in names or ("traffic.har", "more.har"):
        shutil.copy(recorded, copy)
    Path("recordings").mkdir()
    for kept in (ROOT / "tests" / "contract" / "recordings").glob("emulator-*.yaml"):
        shutil.copy(kept, "recordings")
    return {}


def tables() -> dict[str, Any]:
    """Write the same vectors as arrays and as tables."""
    ids = [f"v{number}" for number in range(40)]
    values = np.arange(40 * 32, dtype=np.float32).reshape(40, 32)
    np.save("vectors.npy", values)
    Path("ids.txt").write_text("\n".join(ids), encoding="utf-8")
    frame = pl.DataFrame({"key": ids, "embedding": values.tolist(), "lang": ["de"] * 40})
    frame.rename({"embedding": "values"}).write_parquet("table.parquet")
    frame.select(id="key", values="embedding").write_parquet("embeddings.parquet")
    return {"embedding": values[0].tolist(), "ids": ids, "frame": frame}


PREPARED: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "README.md": a_test_of_ones_own,
    "docs/check.md": a_bad_line,
    "docs/contract.md": recordings,
    "docs/get.md": ids_to_ask_for,
    "docs/insert.md": lambda: a_bad_line("mixed.ndjson"),
    "docs/sources.md": tables,
    "docs/verify.md": loaded_in_part,
}
