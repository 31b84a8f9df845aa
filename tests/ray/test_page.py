"""The page on engines, as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import ray

from cf_vectorize import Vectorize
from ray_cluster import DIMENSIONS

if TYPE_CHECKING:
    from ray_cluster import Cluster

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.small
def test_a_dataset_is_loaded_verified_and_looked_up(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in BLOCKS if "cf_vectorize.ray" in block]
    with Vectorize("my-index", base_url=cluster.base_url) as index:
        index.insert([{"id": "first", "values": [0.5] * DIMENSIONS}])  # the emulator makes it
    rows = [{"key": f"doc-{number}", "embedding": [number / 100] * DIMENSIONS} for number in range(100)]
    names = {"ds": ray.data.from_items(rows)}
    exec(compile(block, PAGE, "exec"), names)
    assert all(row["found"] for row in names["back"].take_all())
    said = capsys.readouterr().out
    assert "100 vectors accepted" in said
    assert "100 equal" in said
