"""The recipes, as they stand on their pages: each reads its store, and what it held can be read back.

`python -m nox -s recipes` installs what most of them need.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from cf_vectorize import Vectorize

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize_emulator.pytest_plugin import VectorizeEmulator

PAGES: Final = Path(__file__).parents[2] / "docs" / "recipes"
COUNT, DIMENSIONS = 300, 64
VALUES: Final = (np.arange(COUNT * DIMENSIONS, dtype=np.float32) % 97 / 97).reshape(COUNT, DIMENSIONS)
ROWS: Final = [(f"doc-{number:03}", VALUES[number], number) for number in range(COUNT)]


def library(name: str) -> Any:
    """Import one that the tests' environment lacks."""
    return pytest.importorskip(name, reason=f"needs {name}: python -m nox -s recipes")


def lancedb() -> None:
    rows = [{"key": key, "vector": values, "page": page} for key, values, page in ROWS]
    library("lancedb").connect("lance").create_table("articles", data=rows)


def qdrant() -> None:
    client, models = library("qdrant_client").QdrantClient(path="qdrant"), library("qdrant_client.models")
    size = models.VectorParams(size=DIMENSIONS, distance=models.Distance.DOT)
    client.create_collection("articles", vectors_config=size)
    points = [models.PointStruct(id=page, vector=values.tolist(), payload={"page": page}) for _, values, page in ROWS]
    client.upload_points("articles", points)
    client.close()


def datasets() -> None:
    # The Hub is not asked for anything.
    os.environ["HF_HUB_OFFLINE"] = "1"
    members = {"key": [row[0] for row in ROWS], "embedding": VALUES, "page": list(range(COUNT))}
    library("datasets").Dataset.from_dict(members).to_parquet("articles.parquet")


def chroma() -> None:
    collection = library("chromadb").PersistentClient("chroma").create_collection("articles")
    pages = [{"page": page} for page in range(COUNT)]
    collection.add(ids=[row[0] for row in ROWS], embeddings=VALUES, metadatas=pages)


def pgvector() -> None:
    psycopg = library("psycopg")
    if "DATABASE_URL" not in os.environ:
        pytest.skip("needs PostgreSQL with pgvector, in a database without a table `articles`: set DATABASE_URL")
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        database.execute("CREATE EXTENSION IF NOT EXISTS vector")
        database.execute(f"CREATE TABLE articles (key text, embedding vector({DIMENSIONS}), page int)")
        for key, values, page in ROWS:
            row = key, values.tolist(), page
            # PGlite, which is small, takes a prepared statement once.
            database.execute("INSERT INTO articles VALUES (%s, %s::real[]::vector, %s)", row, prepare=False)


def object_storage() -> None:
    lines = [{"id": key, "values": values.tolist(), "metadata": {"page": page}} for key, values, page in ROWS]
    with library("fsspec").open("memory://vectors.ndjson.gz", "wt", compression="gzip") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def desk(vectorize_emulator: VectorizeEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with an empty service in which what is accepted is readable."""
    monkeypatch.chdir(tmp_path)
    vectorize_emulator.reset()
    vectorize_emulator.visible("immediately")


@pytest.mark.usefixtures("desk")
@pytest.mark.filterwarnings("default")  # of libraries that are not ours
@pytest.mark.parametrize(
    ("prepare", "left_out", "name_of_77"),
    [(lancedb, 0, "doc-077"), (qdrant, 0, "77"), (datasets, 11, "doc-077"), (chroma, 0, "doc-077"),
     (pgvector, 0, "doc-077"), (object_storage, 0, "doc-077")],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_recipe_loads_what_the_store_holds(
    prepare: Callable[[], None], left_out: int, name_of_77: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()
    page = (PAGES / f"{prepare.__name__.replace('_', '-')}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, prepare.__name__, "exec"), {})
    assert f"{COUNT - left_out} equal\n0 missing\n0 different" in capsys.readouterr().out
    with Vectorize("articles") as index:
        found = index.get_by_ids([name_of_77])[name_of_77]
    assert found.metadata == {"page": 77}
    assert np.array_equal(np.array(found.values, np.float32), VALUES[77])
