"""pytest plugin: the fixture `vectorize_emulator`. pytest loads it in every run, so it imports nothing heavy."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .core.activity import RequestRecord
    from .core.visibility import Order
    from .server import LocalServer

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
API_TOKEN = "any-token"  # noqa: S105 - the emulator accepts any


@dataclass(frozen=True)
class VectorizeEmulator:
    """A running emulator, and an index of its own for one test.

    Args:
        server: The server, which all tests of a session share.
        index: Name of an index that no other test has; it comes into being at its first insert.

    """

    server: LocalServer
    index: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")

    @property
    def base_url(self) -> str:
        """What a client takes as base URL; also in `CLOUDFLARE_BASE_URL`."""
        return self.server.base_url

    @property
    def account_id(self) -> str:
        """What a client takes as account; also in `CLOUDFLARE_ACCOUNT_ID`."""
        return ACCOUNT_ID

    @property
    def api_token(self) -> str:
        """What a client takes as token; also in `CLOUDFLARE_API_TOKEN`."""
        return API_TOKEN

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests to this test's index, the oldest first."""
        return [record for record in self.server.emulator.activity.records() if record.index == self.index]

    def fail_next(self, times: int = 1, **fault: Any) -> None:
        """Let something go wrong with the next requests.

        Args:
            times: How many.
            fault: What: members of `cf_vectorize_emulator.faults.Fault`, such as `status=500`.

        Raises:
            ValueError: A member has a value that it cannot have.

        """
        from .core.faults import Fault  # noqa: PLC0415

        self.server.emulator.faults.add(Fault(times=times, **fault))

    def visible(self, when: str | float, *, jitter: float = 0.0, order: Order = "accepted") -> None:
        """Decide when vectors become readable that are accepted from now on.

        Args:
            when: `immediately`, `held` (until `release`) or a number of seconds.
            jitter: Up to this many seconds later, drawn for each mutation.
            order: `accepted`, `any` or `scattered`.

        Raises:
            ValueError: One of them is not what it can be.

        """
        from .core.visibility import Visibility  # noqa: PLC0415

        self.server.emulator.service.visibility = Visibility.parse(when, jitter, order)

    def release(self) -> None:
        """Make everything readable that was accepted."""
        self.server.emulator.service.release()


@pytest.fixture(scope="session")
def _vectorize_server() -> Iterator[LocalServer]:
    try:
        from .server import serve  # noqa: PLC0415
    except ImportError as error:
        from .command import NEEDS_EXTRA  # noqa: PLC0415

        raise pytest.fail.Exception(f"vectorize_emulator: {error}; {NEEDS_EXTRA}", pytrace=False) from None
    with serve() as server:
        yield server


@pytest.fixture
def vectorize_emulator(
    _vectorize_server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VectorizeEmulator]:
    """Serve a local Vectorize, to which the CLOUDFLARE_* variables point for the length of the test."""
    emulator = VectorizeEmulator(_vectorize_server)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", emulator.base_url)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", emulator.account_id)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", emulator.api_token)
    usual = _vectorize_server.emulator.service.visibility
    yield emulator
    _vectorize_server.emulator.service.visibility = usual
    _vectorize_server.emulator.faults.clear()
