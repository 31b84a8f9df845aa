"""A cluster on this machine, with an emulator beside it that its workers find in their environment."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("ray", reason="needs the extra ray, 600 MB: python -m nox -s ray")

import ray

from cf_vectorize_emulator.emulator import Settings
from cf_vectorize_emulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cf_vectorize_emulator.core.activity import RequestRecord
    from cf_vectorize_emulator.emulator import Emulator

DIMENSIONS = 32
TOKEN = "a-token-that-must-not-be-seen-anywhere"
ACCOUNT = "0123456789abcdef0123456789abcdef"
ENVIRONMENT = {
    "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    "CLOUDFLARE_API_TOKEN": TOKEN,
    # Nothing is told to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nothing is written into the home folder.
    "RAY_AUTH_MODE": "disabled",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


@dataclass
class Cluster:
    """An emulator, and an index of its own for a test.

    Args:
        emulator: What answers.
        base_url: Where.
        index: Of 32 dimensions, and empty.

    """

    emulator: Emulator
    base_url: str
    index: str = ""

    def requests(self, endpoint: str) -> list[RequestRecord]:
        """The requests to the test's index."""
        records = self.emulator.activity.records()
        return [record for record in records if record.index == self.index and record.endpoint == endpoint]



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
