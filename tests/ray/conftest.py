"""A cluster on this machine, with an emulator beside it that its workers find in their environment."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("ray.data", reason="needs the extra ray, 600 MB: python -m nox -s ray")

import ray

from cf_vectorize_emulator.emulator import Settings
from cf_vectorize_emulator.server import serve
from ray_cluster import DIMENSIONS, ENVIRONMENT, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Ray warn of itself."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Cluster]:
    settings = Settings(indexes={f"index-{number}": DIMENSIONS for number in range(100)})
    with serve(settings) as server, pytest.MonkeyPatch.context() as patch:
        server.emulator.set_visibility("immediately", 0.0, "accepted")
        for name, value in {**ENVIRONMENT, "CLOUDFLARE_BASE_URL": server.base_url}.items():
            patch.setenv(name, value)
        ray.init(
            num_cpus=2,
            object_store_memory=200_000_000,
            include_dashboard=False,
            configure_logging=False,
            log_to_driver=False,
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        try:
            yield Cluster(server.emulator, server.base_url)
        finally:
            ray.shutdown()


@pytest.fixture
def cluster(_cluster: Cluster) -> Iterator[Cluster]:
    """Start what is shared once, and put the emulator back after each test."""
    _cluster.index = f"index-{next(NUMBERS)}"
    yield _cluster
    _cluster.emulator.clear_faults()
    _cluster.emulator.limit_rate(None)


@pytest.fixture
def without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the credentials away from the driver."""
    for name in list(os.environ):
        if name.startswith("CLOUDFLARE_"):
            monkeypatch.delenv(name)
