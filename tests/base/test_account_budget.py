"""The account's budget, by a clock that is an argument."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize.base.budget import RESTART_SPACING, AccountBudget
from cf_vectorize_overlay.pacing import RETRY_AFTER_CAP

# Milliseconds, so that times add up exactly and shrink well.
STEPS = st.tuples(st.integers(0, 200_000), st.sampled_from(["ask"] * 5 + ["block", "throttled", "finish"]))


class Budget(AccountBudget):
    """One that is asked by the clock of a test: when to start rather than how long to wait."""

    def __init__(self, requests: int | None = None) -> None:
        self.now = 0.0
        super().__init__(requests, lambda: self.now)

    def start(self, now: float) -> float:
        self.now = now
        return now + self.ask()

    def finish(self, now: float, headers: dict[str, str] | None = None) -> None:
        self.now = now
        self.give_back(headers)

    def block_until(self, now: float, until: float) -> None:
        self.now = now
        self.block(until - now)


def most_in_any_window(starts: list[float], window: float) -> int:
    starts = sorted(starts)
    return max((sum(start <= other < start + window for other in starts) for start in starts), default=0)


@given(requests=st.integers(1, 6), steps=st.lists(STEPS, max_size=60))
@settings(max_examples=300)
def test_every_asker_starts_once_within_the_budget_and_in_no_block(
    requests: int, steps: list[tuple[int, str]]
) -> None:
    budget = Budget(requests)
    now = 1_000.0
    starts: list[float] = []
    blocked_until = 0.0
    under_way = 0
    waiting: list[float] = []

    def let_start(until: float) -> None:
        nonlocal under_way
        while waiting and min(waiting) <= until:
            moment = min(waiting)
            waiting.remove(moment)
            if (told := budget.start(moment)) == moment:
                assert moment >= blocked_until
                starts.append(moment)
                under_way += 1
            else:
                assert moment < told < 100_000
                waiting.append(told)

    for milliseconds, step in steps:
        now += milliseconds / 1024
        let_start(now)
        if step == "ask":
            waiting.append(now)
            let_start(now)
        elif step == "block":
            budget.block_until(now, now + 50)
            blocked_until = max(blocked_until, now + 50)
        elif under_way:
            under_way -= 1
            if step == "throttled":
                blocked_until = max(blocked_until, now + 30)
            budget.finish(now, {"ratelimit": '"default";r=0;t=30'} if step == "throttled" else None)
    let_start(math.inf)
    assert len(starts) == [step for _, step in steps].count("ask")
    assert most_in_any_window(starts, 300) <= requests


def test_a_budget_not_yet_used_lets_all_start_at_once() -> None:
    budget = Budget()
    assert {budget.start(5.0) for _ in range(1_200)} == {5.0}
    assert budget.start(5.0) == 305.0
    assert budget.start(306.0) == 306.0


def test_a_given_number_stands_against_the_policy_header() -> None:
    budget = Budget(3)
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit-policy": '"burst";q=1;w=60'})
    assert [budget.start(1.0) for _ in range(3)] == [1.0, 1.0, 300.0]


def test_a_stricter_policy_lowers_the_default() -> None:
    budget = Budget()
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit-policy": '"burst";q=100;w=60'})
    assert [budget.start(1.0) for _ in range(100)][-2:] == [1.0, 60.0]


@pytest.mark.parametrize(
    "policy", ['"loose";q=100000;w=60', '"none";q=0;w=60', '"none";q=5;w=0', "burst", "", 'q="x";w=1']
)
def test_a_looser_or_unreadable_policy_changes_nothing(policy: str) -> None:
    budget = Budget()
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit-policy": policy})
    assert [budget.start(0.0) for _ in range(1_200)][-2:] == [0.0, 300.0]


def test_what_the_service_says_is_left_is_obeyed() -> None:
    budget = Budget(1_000)
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=2;t=30'})
    assert [budget.start(1.0) for _ in range(4)] == [1.0, 1.0, 30.0, 30.0 + RESTART_SPACING]
    assert budget.start(40.0) == 40.0


def test_requests_under_way_count_against_what_is_left() -> None:
    budget = Budget()
    for _ in range(3):
        budget.start(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=3;t=30'})
    assert [budget.start(1.0), budget.start(1.0)] == [1.0, 30.0]


def test_an_answer_that_is_told_late_adds_nothing_to_what_is_left() -> None:
    budget = Budget()
    budget.start(0.0)
    budget.start(0.0)
    budget.finish(1.0, {"ratelimit": '"default";r=0;t=9'})
    budget.finish(1.0, {"ratelimit": '"default";r=1;t=9'})
    assert budget.start(2.0) == 10.0
    budget.start(10.0)
    budget.finish(10.0, {"ratelimit": '"default";r=5;t=9'})
    assert budget.start(11.0) == 11.0


def test_a_service_that_counts_nothing_holds_nobody_back() -> None:
    budget = Budget(1_000)
    for _ in range(100):
        assert budget.start(1.0) == 1.0
        budget.finish(1.0, {"ratelimit": '"default";r=10;t=300'})


def test_of_several_limits_the_tightest_counts() -> None:
    budget = Budget()
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=50;t=30, "burst";r=0;t=10'})
    assert budget.start(1.0) == 10.0


def test_an_absurd_reset_is_capped() -> None:
    budget = Budget()
    budget.start(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=0;t=999999'})
    assert budget.start(0.0) == RETRY_AFTER_CAP


def test_after_a_block_workers_start_one_after_the_other() -> None:
    budget = Budget()
    budget.block_until(0.0, 100.0)
    waiting = [budget.start(now) for now in (1.0, 2.0, 99.0)]
    assert waiting == [100.0, 100.0 + RESTART_SPACING, 100.0 + 2 * RESTART_SPACING]


def test_a_worker_that_waits_asks_again_and_a_block_meanwhile_moves_it() -> None:
    budget = Budget(3)
    budget.start(0.0)
    budget.block_until(0.0, 10.0)
    told = [budget.start(1.0) for _ in range(3)]
    assert told == [10.0, 10.0 + RESTART_SPACING, 10.0 + 2 * RESTART_SPACING]
    assert budget.start(told[0]) == told[0]
    budget.block_until(10.0, 50.0)
    assert [budget.start(moment) for moment in told[1:]] == [50.0, 50.0 + RESTART_SPACING]
    # Two of three were started, however often the others had to ask.
    assert [budget.start(50.0), budget.start(50.0 + RESTART_SPACING)] == [50.0, 300.0]


def test_who_waits_is_not_under_way() -> None:
    budget = Budget()
    budget.start(0.0)
    budget.block_until(0.0, 10.0)
    assert [budget.start(1.0), budget.start(1.0)] == [10.0, 10.0 + RESTART_SPACING]
    budget.finish(2.0, {"ratelimit": '"default";r=1;t=30'})
    assert [budget.start(10.0), budget.start(10.25)] == [10.0, 32.0]


def test_a_later_block_extends_and_an_earlier_one_does_not_shorten() -> None:
    budget = Budget()
    budget.block_until(0.0, 100.0)
    budget.block_until(0.0, 50.0)
    assert budget.start(0.0) == 100.0
