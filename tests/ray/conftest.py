"""A cluster on this machine, with an emulator beside it that its workers find in their environment."""

from __future__ import annotations

import itertools
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cf_vectorize_emulator.emulator import Settings
from cf_vectorize_emulator.server import serve
from ray_cluster import DIMENSIONS, ENVIRONMENT, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


def without_ray() -> bool:
    """Tell whether Ray is missing; this folder has its name, and is no package."""
    try:
        import_module("ray.data")
    except ImportError:
        return True
    return False


class WithoutRay(pytest.Module):
    """A file of tests that need Ray, where there is none."""

    def collect(self) -> Iterator[pytest.Item]:
        """Say why it is left out."""
        pytest.skip("needs the extra ray, 600 MB: python -m nox -s ray", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Leave out what needs Ray where there is none."""
    return WithoutRay.from_parent(parent, path=module_path) if without_ray() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Ray warn of itself."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore"))


NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Cluster]:
    import ray

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
