"""pytest plugin: the fixture `vectorize_emulator`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import LocalServer

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
API_TOKEN = "any-token"  # noqa: S105 - the emulator accepts any


@dataclass(frozen=True)
class VectorizeEmulator:
    """A running emulator and an index of its own for one test."""

    server: LocalServer
    index: str

    @property
    def base_url(self) -> str:
        """What a client takes as base URL."""
        return self.server.base_url


@pytest.fixture(scope="session")
def _vectorize_server() -> Iterator[LocalServer]:
    from .server import serve  # noqa: PLC0415 - nothing is imported before a test wants it

    with serve() as server:
        yield server


@pytest.fixture
def vectorize_emulator(
    _vectorize_server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VectorizeEmulator]:
    """A local Vectorize, to which the CLOUDFLARE_* variables point for the length of the test."""
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", _vectorize_server.base_url)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT_ID)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", API_TOKEN)
    yield VectorizeEmulator(_vectorize_server, f"test-{uuid.uuid4().hex[:12]}")
