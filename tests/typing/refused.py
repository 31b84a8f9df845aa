"""What type checkers refuse; where one of these is accepted, the comment on it is unused, which is an error too."""
# pyright: reportUnnecessaryTypeIgnoreComment=error

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cf_vectorize
from cf_vectorize import AsyncVectorize, Vectorize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import cf_vectorize as cf


def load(index: Vectorize, records: AsyncIterator[dict[str, Any]]) -> None:
    index.insert(5)  # type: ignore[arg-type]
    index.insert(None)  # type: ignore[arg-type]
    index.insert([[0.5, 0.5]])  # type: ignore[arg-type]
    index.insert(records)  # type: ignore[arg-type]
    index.insert("f", batch_vector=5)  # type: ignore[call-arg]
    index.insert("f", batch_vectors="5")  # type: ignore[arg-type]
    index.insert("f", concurrency=None)  # type: ignore[arg-type]
    index.insert("f", unparsable="ignore")  # type: ignore[arg-type]
    index.insert("f", on_error=True)  # type: ignore[arg-type]
    index.insert("f", rejects=5)  # type: ignore[arg-type]
    index.insert("f", on_progress=on_nothing)  # type: ignore[arg-type]
    index.insert("f", "error")  # type: ignore[call-arg]
    index.insert_batches("f", batch_vector=5)  # type: ignore[call-arg]
    index.insert_batches("f", batch_vectors="5")  # type: ignore[arg-type]


def look() -> None:
    cf_vectorize.check(5)  # type: ignore[arg-type]
    cf_vectorize.check([[0.5, 0.5]])  # type: ignore[arg-type]


def read(index: Vectorize) -> None:
    index.get_by_ids([1])  # type: ignore[list-item]
    index.get_by_ids(None)  # type: ignore[arg-type]
    index.get_by_ids(["a"], concurrency="8")  # type: ignore[arg-type]
    index.verify(None)  # type: ignore[arg-type]
    index.verify("f", samples=5)  # type: ignore[call-arg]
    index.verify("f", sample="some")  # type: ignore[arg-type]
    index.verify("f", on_progress=on_load)  # type: ignore[arg-type]


def settings() -> None:
    Vectorize("index", token="t")  # type: ignore[call-arg]
    Vectorize("index", timeout="5")  # type: ignore[arg-type]
    Vectorize(None)  # type: ignore[arg-type]


async def awaiting(index: AsyncVectorize) -> None:
    await index.insert(5)  # type: ignore[arg-type]
    await index.insert("f", batch_vector=5)  # type: ignore[call-arg]
    await index.insert("f", batch_vectors="5")  # type: ignore[arg-type]
    index.insert_batches("f", journal=5)  # type: ignore[arg-type]
    await index.get_by_ids(["a"], concurrency="8")  # type: ignore[arg-type]
    await index.verify("f", deadline="5")  # type: ignore[arg-type]
    with index:  # type: ignore[attr-defined]
        pass


def on_nothing() -> None: ...


def on_load(progress: cf.Progress) -> None: ...
