"""The account's rate, and the block past its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from raw_api import code, vector

from cf_vectorize_emulator.core.rate import MANY, Rate, RateLimit
from cf_vectorize_emulator.http import exchange

if TYPE_CHECKING:
    from raw_api import Api


def test_requests_are_counted_down_and_renewed_after_the_window() -> None:
    limit = RateLimit(Rate(3, 10))
    standings = [limit.count("me", now) for now in (100.0, 101.0, 109.5, 110.0)]
    assert [(item.left, item.reset, item.refused) for item in standings] == [
        (2, 10, False),
        (1, 9, False),
        (0, 1, False),
        (2, 10, False),
    ]


def test_one_request_too_many_blocks_for_a_whole_window() -> None:
    limit = RateLimit(Rate(1, 300))
    assert not limit.count("me", 0).refused
    blocked = [limit.count("me", now) for now in (299, 300, 598)]
    assert [(item.refused, item.reset, item.left) for item in blocked] == [
        (True, 300, 0),
        (True, 299, 0),
        (True, 1, 0),
    ]
    assert not limit.count("me", 599).refused


def test_each_credential_has_its_own_window() -> None:
    limit = RateLimit(Rate(1, 300))
    assert [limit.count(who, 0).refused for who in ("me", "you", "me")] == [False, False, True]


def test_windows_that_are_over_are_forgotten() -> None:
    limit = RateLimit(Rate(1, 300))
    for number in range(3 * MANY):
        limit.count(str(number), number)
    assert len(limit._windows) <= MANY


def test_over_http_the_headers_count_down_and_the_block_says_how_long(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "time", SimpleNamespace(monotonic=lambda: 7_000.0, time=lambda: 1e9))
    assert api.client.put("/__emulator__/rate-limit", json={"rate": "2/300"}).is_success
    headers = [api.insert(vector("a")).headers["Ratelimit"] for _ in range(2)]
    assert headers == ['"default";r=1;t=300', '"default";r=0;t=300']
    refused = api.get("a")
    assert (refused.status_code, code(refused)) == (429, 971)
    assert refused.headers["Ratelimit-Policy"] == '"default";q=2;w=300'
    assert refused.headers["retry-after"] == "300"
    assert refused.headers["Ratelimit"] == '"default";r=0;t=300'


@pytest.mark.parametrize("text", ["", "1200", "0/300", "1200/0", "1.5/3", "-1/3", "a/b"])
def test_a_rate_is_requests_and_seconds(text: str) -> None:
    with pytest.raises(ValueError, match="is not REQUESTS/SECONDS"):
        Rate.parse(text)
