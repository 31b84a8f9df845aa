"""pytest plugin: the fixture `vectorize_contract`. pytest loads it in every run, so it imports nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cf_vectorize_contract

from . import NEEDS_EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .proxy import Proxy


@pytest.fixture
def vectorize_contract(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Judge every exchange of a test with the service, and fail it when one breaks the contract.

    Stands before the service that CLOUDFLARE_BASE_URL names, or the fixture `vectorize_emulator` where the test uses
    that too, and lets CLOUDFLARE_BASE_URL point to itself for the length of the test.
    """
    try:
        judging_proxy = cf_vectorize_contract.Proxy
    except ImportError as error:
        raise pytest.fail.Exception(f"vectorize_contract: {error}; {NEEDS_EXTRA}", pytrace=False) from None
    if "vectorize_emulator" in request.fixturenames:
        request.getfixturevalue("vectorize_emulator")
    with judging_proxy() as proxy:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", proxy.base_url)
        yield proxy
        proxy.settle()
    broken = [line for found in proxy.report.results if found.verdict == "broken" for line in found.lines()]
    if broken:
        pytest.fail("\n".join(["the contract is broken:", *broken]), pytrace=False)
    if not proxy.report.counts:
        pytest.fail("no exchange of the contract's operations went by vectorize_contract.base_url", pytrace=False)
