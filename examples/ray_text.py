"""Real text into Vectorize on Ray: documents -> embeddings -> Parquet -> index, and proof that they arrived.

    cf-vectorize emulate --index python-topics:256     # and set the variables that it prints
    python examples/ray_text.py python-topics /tmp/embeddings

The documents are the paragraphs of Python's own language reference, which every Python has; the embeddings are
scikit-learn's hashed words, which need no model to download. Put your model into `embed`.
"""

from __future__ import annotations

import sys
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import ray
from sklearn.feature_extraction.text import HashingVectorizer

from cf_vectorize.ray import VectorizeDatasink, VectorizeLookup, repartitioned, verify

COLUMNS = {"id_column": "key", "values_column": "embedding"}


def documents() -> list[dict[str, Any]]:
    """Return every paragraph that has a word or more, with the topic it is of."""
    paragraphs = (
        (topic, number, text) for topic in topics for number, text in enumerate(topics[topic].split("\n\n"))
    )
    return [
        {"key": f"{topic}-{number}", "metadata": {"topic": topic}, "text": text}
        for topic, number, text in paragraphs
        if len(text.split()) > 1
    ]


def embed(batch: dict[str, Any]) -> dict[str, Any]:
    """Add the embedding of each text."""
    return {
        **batch,
        "embedding": HashingVectorizer(n_features=256).transform(batch["text"]).toarray().astype(np.float32),
    }


def main(index: str, folder: str) -> None:
    """Write, read back and say what that proves."""
    sink = VectorizeDatasink(index, **COLUMNS)  # refused here where index or credentials are wrong
    ray.data.from_items(documents()).map_batches(embed).write_parquet(folder)
    embeddings = ray.data.read_parquet(folder)
    repartitioned(embeddings).write_datasink(sink)
    assert sink.report is not None
    print(sink.report.summary())
    print(verify(embeddings, index, **COLUMNS).summary())
    some = embeddings.select_columns(["key", "text"]).limit(3)
    where = {"fn_constructor_args": (index,), "fn_constructor_kwargs": {"id_column": "key"}}
    back = some.map_batches(VectorizeLookup, **where, **VectorizeLookup.RESOURCES)
    for row in back.take_all():
        print(row["key"], row["found"], row["metadata"])


if __name__ == "__main__":
    main(*sys.argv[1:])
