"""Fixtures that several files of tests use."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cf_vectorize.base import budget
from loads import FACES, Clock, ServersTime, sending
from scripted_server import ScriptedServer

# Where the tests are started in the background Ctrl-C is ignored, also by the processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A machine may be busy: no example is timed. Tests on Ray and of recipes run where there is no Hypothesis.
with suppress(ImportError):
    import hypothesis

    hypothesis.settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("untimed")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cf_vectorize import InsertReport
    from cf_vectorize_overlay.index import Index


@pytest.fixture(autouse=True)
def _budgets_of_its_own() -> None:
    """Let no test meet the budget of an earlier one, whose server had the same port."""
    budget._SHARED.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Make the transport's waits pass at once."""
    return Clock(monkeypatch)


@pytest.fixture
def servers_time(monkeypatch: pytest.MonkeyPatch) -> ServersTime:
    """Let a server say when an answer is late."""
    return ServersTime(monkeypatch)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Note what is synchronised with the disk, and its size by then; that of a folder is -1."""
    noted: list[tuple[Path, int]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        noted.append((path, -1 if path.is_dir() else path.stat().st_size))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return noted


@pytest.fixture(params=FACES)
def insert(request: pytest.FixtureRequest) -> Callable[..., InsertReport]:
    """Load with a new client of either face: `insert(settings, source, **options)`."""
    return FACES[request.param]


@pytest.fixture
def index() -> Iterator[ScriptedServer]:
    """Serve `get_by_ids` of an index that a test fills by hand."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def transport(index: ScriptedServer) -> Iterator[Index]:
    """Send to that index."""
    transport = sending(index.url)
    yield transport
    transport.close()
