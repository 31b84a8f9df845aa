"""An emulator to talk to."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import Api

from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.server import Settings, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cf_vectorize_emulator.emulator import Emulator


# The address of a thing that is gone is another's name.
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[str, Emulator]]:
    with serve(Settings(visibility=Visibility.parse("immediately"))) as server:
        yield server.base_url.removesuffix("/client/v4"), server.emulator


@pytest.fixture
def api(_server: tuple[str, Emulator], request: pytest.FixtureRequest) -> Iterator[Api]:
    base_url, emulator = _server
    name = f"{request.node.name[:40]}-{next(NUMBERS)}"
    index = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[-64:]
    with httpx.Client(base_url=base_url, timeout=60) as client:
        yield Api(client, index, emulator=emulator)
    emulator.restore()
    emulator.release()
