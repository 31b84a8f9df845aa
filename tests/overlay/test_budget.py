"""The budget of a client over real sockets: what headers may do to it, and who shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import AccountBudget, RateLimitError, Vectorize
from cf_vectorize_overlay import Index
from loads import lines, settings
from scripted_server import Answer, ScriptedServer, html

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize import InsertReport
    from loads import Clock

    Insert = Callable[..., InsertReport]

DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit": f'"default";r={DIGITS};t=1'},
        {"ratelimit": f'"default";r=0;t={DIGITS}'},
        {"ratelimit-policy": f'"default";q=1;w={DIGITS}'},
        {"ratelimit-policy": f'"default";q={DIGITS};w=1'},
        {"ratelimit-policy": '"default";q=1;w=86400'},
        {"retry-after": DIGITS},
        {"cf-ray": "x" * 50_000},
    ],
    ids=str,
)
def test_an_absurd_header_neither_stops_nor_breaks_a_load(
    headers: dict[str, str], clock: Clock, insert: Insert
) -> None:
    reply = Answer(headers=headers)
    with ScriptedServer(lambda _number, _size: reply) as server:
        assert insert(settings(server.url), lines(3), batch_vectors=1, concurrency=1).vectors == 3
    assert clock.pauses == []


def test_clients_of_one_account_share_its_budget(clock: Clock) -> None:
    with ScriptedServer() as server:
        options = settings(server.url)
        with Vectorize("one", **options, requests_per_5min=2) as one, Vectorize("other", **options) as other:
            one.get_by_ids(["a"])
            other.get_by_ids(["a"])
            assert clock.pauses == []
            other.get_by_ids(["a"])
            assert clock.pauses == [300]
        with Vectorize("one", **{**options, "api_token": "another-token"}, requests_per_5min=1) as another:
            another.get_by_ids(["a"])
    assert clock.pauses == [300]


def test_of_two_numbers_the_smaller_counts(clock: Clock) -> None:
    with ScriptedServer() as server:
        options = settings(server.url)
        with Vectorize("i", **options, requests_per_5min=9), Vectorize("i", **options, requests_per_5min=1) as index:
            index.get_by_ids(["a"])
            index.get_by_ids(["a"])
    assert clock.pauses == [300]


class Ledger:
    """A budget that somebody else keeps."""

    def __init__(self, *waits: float) -> None:
        self.waits = list(waits)
        self.asked = 0
        self.headers: list[Any] = []
        self.blocked: list[float] = []

    def ask(self) -> float:
        self.asked += 1
        return self.waits.pop(0) if self.waits else 0.0

    def give_back(self, headers: Any) -> None:
        self.headers.append(headers and headers.get("retry-after"))

    def block(self, seconds: float) -> None:
        self.blocked.append(seconds)


def test_a_budget_that_is_given_takes_the_place_of_ours(clock: Clock) -> None:
    budget = Ledger(2.5, 0.5)
    with ScriptedServer([Answer(ends="closes"), html(429, retry_after="7")]) as server:
        with Vectorize("index", **settings(server.url), budget=budget) as index:
            index.insert(lines(1))
    assert (budget.asked, budget.headers, budget.blocked) == (5, [None, "7", None], [8])
    assert clock.pauses == [2.5, 0.5, 1, 8]


def test_a_wait_for_another_s_refusal_falls_under_give_up_after(clock: Clock) -> None:
    refusal = html(429, retry_after="320")
    with (
        ScriptedServer(lambda _number, _size: refusal) as server,
        Vectorize("index", **settings(server.url, give_up_after=2)) as index,
    ):
        with pytest.raises(RateLimitError):
            index.get_by_ids(["a"])
        with pytest.raises(RateLimitError):
            index.get_by_ids(["b"])
    assert (len(server.requests), clock.pauses) == (1, [])


def test_what_a_dead_worker_had_under_way_comes_back() -> None:
    now = 0.0
    budget = AccountBudget(clock=lambda: now)
    budget.ask()  # and never given back
    budget.ask()
    budget.give_back({"ratelimit": '"default";r=1;t=300'})
    assert budget.ask() > 0
    now = 1_000.0
    budget.ask()
    budget.give_back({"ratelimit": '"default";r=1;t=300'})
    assert budget.ask() == 0


@pytest.mark.parametrize(("advisory", "waits"), [(True, [200, 200]), (False, [200, 200, 200])])
def test_headers_alone_hold_a_request_back_for_minutes_and_a_number_for_as_long_as_it_says(
    advisory: bool,  # noqa: FBT001 - a parameter of the test
    waits: list[float],
    clock: Clock,
) -> None:
    budget = Ledger(200, 200, 200)
    budget.advisory = advisory  # type: ignore[attr-defined]
    with ScriptedServer() as server, Index("index", **settings(server.url), budget=budget) as index:
        index.get_by_ids(["a"])
    assert clock.pauses == waits


@pytest.mark.parametrize(("given", "advisory"), [(None, True), (7, False)])
def test_only_who_gave_no_number_is_held_back_by_headers_alone(given: int | None, advisory: bool) -> None:  # noqa: FBT001
    budget = AccountBudget()
    if given is not None:
        budget.limit(given)
    assert budget.advisory is AccountBudget(given).advisory is advisory


def test_without_a_budget_a_refusal_is_waited_out(clock: Clock) -> None:
    with ScriptedServer([html(429, retry_after="7")]) as server, Index("index", **settings(server.url)) as index:
        index.insert(b"".join(lines(1)))
    assert (len(server.requests), clock.pauses) == (2, [8])
