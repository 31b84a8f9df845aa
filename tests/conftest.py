"""Fixtures of the tests of `insert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loads import FACES, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize import InsertReport


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Make the transport's waits pass at once."""
    return Clock(monkeypatch)


@pytest.fixture(params=FACES)
def insert(request: pytest.FixtureRequest) -> Callable[..., InsertReport]:
    """Load with a new client of either face: `insert(settings, source, **options)`."""
    return FACES[request.param]
