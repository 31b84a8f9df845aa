"""The example with real text, as it stands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from cf_vectorize import Vectorize

pytest.importorskip("sklearn", reason="needs scikit-learn: python -m nox -s ray")

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_text.py"


@pytest.mark.usefixtures("cluster")
def test_text_becomes_vectors_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Vectorize("python-topics") as index:  # which the emulator makes at its first insert
        index.insert([{"id": "first", "values": [0.5] * 256}])
    example = runpy.run_path(str(EXAMPLE))
    count = len(example["documents"]())
    example["main"]("python-topics", str(tmp_path / "embeddings"))
    said = capsys.readouterr().out
    assert count > 1_000, said
    assert f"{count:,} vectors accepted in" in said
    assert "0 missing" in said
    assert "0 different" in said
    assert '{"topic":' in said
