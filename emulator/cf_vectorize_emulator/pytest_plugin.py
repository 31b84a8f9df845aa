"""pytest plugin: the fixture `vectorize_emulator`. pytest loads it in every run, so it imports nothing heavy."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import cf_vectorize_emulator

from . import NEEDS_EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from .core.activity import RequestRecord
    from .core.faults import Fault, FaultMembers
    from .core.rate import Rate
    from .core.visibility import Order
    from .server import LocalServer

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
API_TOKEN = "any-token"  # noqa: S105 - the emulator accepts any


@dataclass(frozen=True)
class VectorizeEmulator:
    """A running emulator, and an index of its own for one test.

    What a test changes is put back after it: vectors, faults, visibility, rate limit and records.

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

    def fail_next(self, times: int | None = 1, **fault: Unpack[FaultMembers]) -> None:
        """Let something go wrong with the next requests.

        Args:
            times: How many; None until the faults are cleared.
            fault: What: members of `Fault`, such as `status=500`.

        Raises:
            ValueError: A member has a value that it cannot have.

        """
        self.server.emulator.inject_json({"times": times, **fault})

    def inject(self, *faults: Fault) -> None:
        """Let faults wait behind those that are there.

        Args:
            faults: In the order in which they go wrong.

        Raises:
            ValueError: One of them is no `Fault`.

        """
        self.server.emulator.inject(*faults)

    def clear_faults(self) -> None:
        """Take all waiting faults away."""
        self.server.emulator.clear_faults()

    def visible(self, when: str | float, *, jitter: float = 0.0, order: Order = "accepted") -> None:
        """Decide when vectors become readable that are accepted from now on.

        Args:
            when: `immediately`, `held` (until `release`) or a number of seconds.
            jitter: Up to this many seconds later, drawn for each mutation.
            order: `accepted`, `any` or `scattered`.

        Raises:
            ValueError: One of them is not what it can be.

        """
        self.server.emulator.set_visibility(when, jitter, order)

    def hold(self) -> None:
        """Hold back what is accepted from now on, until `release`."""
        self.visible("held")

    def release(self) -> int:
        """Make everything readable that was accepted, and return how many mutations were pending."""
        return self.server.emulator.release()

    def limit_rate(self, rate: Rate | str | None) -> None:
        """Keep another rate limit, or none, and forget what was counted.

        Args:
            rate: `REQUESTS/SECONDS`, such as `1200/300`; None keeps no limit.

        Raises:
            ValueError: It is not that.

        """
        self.server.emulator.limit_rate(rate)

    def reset_index(self) -> int:
        """Delete this test's index with all that it holds, and return how many vectors that were."""
        return self.server.emulator.reset_index(ACCOUNT_ID, self.index)

    def reset(self) -> int:
        """Delete everything, put everything back to the start, and return how many vectors there were."""
        return self.server.emulator.reset()


@pytest.fixture(scope="session")
def _vectorize_server() -> Iterator[LocalServer]:
    try:
        serve = cf_vectorize_emulator.serve
    except ImportError as error:
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
    yield emulator
    emulator.reset()
