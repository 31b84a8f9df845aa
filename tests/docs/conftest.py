"""What the pages lean on: a service that answers, and the files and names that each of them speaks of."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cf_vectorize_emulator.pytest_plugin import VectorizeEmulator


@pytest.fixture
def desk(vectorize_emulator: VectorizeEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VectorizeEmulator:
    """Work in an empty folder, with our program on the path, and a service that takes its time to make readable."""
    vectorize_emulator.visible(0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"PYTHONUNBUFFERED": "1", "COLUMNS": "100", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    # Nothing leaves this machine.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return vectorize_emulator
