"""What users write, and what it types as; mypy and pyright read it, nobody runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import cf_vectorize as cf
from cf_vectorize import AsyncVectorize, Vectorize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import numpy as np


def on_progress(progress: cf.Progress) -> None:
    assert_type(progress.total, int | None)
    assert_type(progress.vectors, int)
    assert_type(progress.verification, cf.VerifyProgress | None)


def on_verify(progress: cf.VerifyProgress) -> None:
    assert_type(progress.looked_at, int)


def load(index: Vectorize, table: Any, array: np.ndarray[Any, Any]) -> None:
    report = index.insert("vectors.ndjson")
    assert_type(report, cf.InsertReport)
    assert_type(report.vectors, int)
    assert_type(report.mutation_ids, tuple[str, ...])
    assert_type(report.rejected, tuple[cf.BadLine, ...])
    assert_type(report.verification, cf.VerifyReport | None)
    # Every kind of source.
    index.insert(Path("vectors.ndjson.gz"))
    index.insert(["a.ndjson", "b.ndjson"])
    index.insert([Path("a.ndjson"), Path("b.ndjson")])
    index.insert([{"id": "a", "values": [0.5] * 32}])
    index.insert([cf.Vector("a", [0.5] * 32), cf.Vector("b", [0.5] * 32)])
    index.insert({"id": str(number), "values": [0.5] * 32} for number in range(10))
    index.insert(line.encode() for line in ("{}", "{}"))
    index.insert(cf.columns(ids=["a"], values=array))
    index.insert(cf.table(table))
    index.insert(cf.table("vectors.parquet", id_column="key"))
    index.insert(table)
    index.insert(cf.named([{"id": "a", "values": [0.5] * 32}], "part-7"))
    index.insert(source="vectors.ndjson")
    with Path("vectors.ndjson").open("rb") as file:
        index.insert(file)
    # Every option.
    index.insert(
        "vectors.ndjson",
        unparsable="discard",
        check=False,
        dimensions=None,
        batch_vectors=1_000,
        batch_bytes=1_000_000,
        concurrency=8,
        rejects=Path("rejects.ndjson"),
        journal="journal",
        on_changed="resend",
        on_error="continue",
        on_progress=on_progress,
        compact=True,
        verify=100,
    )
    for outcome in index.insert_batches("vectors.ndjson", batch_vectors=10, on_progress=on_progress):
        assert_type(outcome, cf.BatchOutcome)


def read(index: Vectorize) -> None:
    vectors = index.get_by_ids(["a", "b"], concurrency=2)
    assert_type(vectors, cf.Vectors)
    assert_type(vectors["a"], cf.Vector)
    assert_type(vectors.get("a"), cf.Vector | None)
    assert_type(vectors.missing, tuple[str, ...])
    for name, vector in index.iter_by_ids(name for name in "ab"):
        assert_type(name, str)
        assert_type(vector, cf.Vector | None)
    for name, held in index.export_by_ids(["a"], Path("vectors.npy")):
        assert_type(name, str)
        assert_type(held, bool)
    report = index.verify("vectors.ndjson", sample="all", deadline=5, on_progress=on_verify)
    assert_type(report, cf.VerifyReport)
    assert_type(report.findings, tuple[cf.Finding, ...])
    assert_type(report.findings[0].differences, tuple[cf.Difference, ...])
    assert_type(cf.check("vectors.ndjson", dimensions=64), cf.CheckReport)


def settings() -> None:
    with Vectorize("index", account_id="a", api_token="t", timeout=5, give_up_after=10.0) as index:
        assert_type(index, Vectorize)


async def records() -> AsyncIterator[dict[str, Any]]:
    yield {"id": "a", "values": [0.5] * 32}


async def awaiting(index: AsyncVectorize, table: Any) -> None:
    async with index as same:
        assert_type(same, AsyncVectorize)
    assert_type(await index.insert("vectors.ndjson", batch_vectors=5, on_progress=on_progress), cf.InsertReport)
    assert_type(await index.insert(records(), journal="journal"), cf.InsertReport)
    assert_type(await index.insert(table), cf.InsertReport)
    async for outcome in index.insert_batches(records(), concurrency=2):
        assert_type(outcome, cf.BatchOutcome)
    assert_type(await index.get_by_ids(["a"], concurrency=2), cf.Vectors)
    async for name, vector in index.iter_by_ids(["a"]):
        assert_type(name, str)
        assert_type(vector, cf.Vector | None)
    async for _, held in index.export_by_ids(["a"], "vectors.ndjson", concurrency=1):
        assert_type(held, bool)
    assert_type(await index.verify("vectors.ndjson", sample=5, on_progress=on_verify), cf.VerifyReport)


def load_twice(index: Vectorize, source: cf.SourceLike) -> None:
    """Say in code of one's own what it takes."""
    index.insert(source)
    index.verify(source)


async def load_twice_awaiting(index: AsyncVectorize, source: cf.AsyncSourceLike) -> None:
    await index.insert(source)
    await index.verify(source)


def errors(index: Vectorize) -> None:
    try:
        index.insert("vectors.ndjson")
    except cf.BadLinesError as error:
        assert_type(error.lines, tuple[cf.BadLine, ...])
    except cf.InsertError as error:
        assert_type(error.report, cf.InsertReport)
    except cf.ResponseError as error:
        assert_type(error.status, int)
    except cf.InsertInterrupted as interrupted:
        assert_type(interrupted.report, cf.InsertReport)
