"""The budget and the pauses, by a clock that is an argument."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_vectorize import pacing
from cf_vectorize.pacing import (
    PAUSE_CAP,
    PAUSE_FLOOR,
    RESTART_SPACING,
    RETRY_AFTER_CAP,
    Budget,
    pause_before_retry,
)

# Milliseconds, so that times add up exactly and shrink well.
STEPS = st.tuples(st.integers(0, 200_000), st.sampled_from(["reserve"] * 5 + ["block", "throttled", "finish"]))


def most_in_any_window(starts: list[float], window: float) -> int:
    starts = sorted(starts)
    return max((sum(start <= other < start + window for other in starts) for start in starts), default=0)


@given(requests=st.integers(1, 6), steps=st.lists(STEPS, max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_window_holds_more_than_the_budget(requests: int, steps: list[tuple[int, str]]) -> None:
    budget = Budget(requests)
    now = 1_000.0
    starts: list[float] = []
    under_way = 0
    for milliseconds, step in steps:
        now += milliseconds / 1024
        if step == "reserve":
            start = budget.reserve(now)
            assert start >= now
            starts.append(start)
            under_way += 1
        elif step == "block":
            budget.block(now + 50)
        elif under_way:
            under_way -= 1
            budget.finish(now, {"ratelimit": '"default";r=0;t=30'} if step == "throttled" else None)
    assert most_in_any_window(starts, 300) <= requests


def test_a_budget_not_yet_used_lets_all_start_at_once() -> None:
    budget = Budget()
    assert {budget.reserve(5.0) for _ in range(1_200)} == {5.0}
    assert budget.reserve(5.0) == 305.0
    assert budget.reserve(306.0) == 306.0


def test_a_given_number_stands_against_the_policy_header() -> None:
    budget = Budget(3)
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit-policy": '"burst";q=1;w=60'})
    assert [budget.reserve(1.0) for _ in range(3)] == [1.0, 1.0, 300.0]


def test_a_stricter_policy_lowers_the_default() -> None:
    budget = Budget()
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit-policy": '"burst";q=100;w=60'})
    assert [budget.reserve(1.0) for _ in range(100)][-2:] == [1.0, 60.0]


@pytest.mark.parametrize(
    "policy", ['"loose";q=100000;w=60', '"none";q=0;w=60', '"none";q=5;w=0', "burst", "", 'q="x";w=1']
)
def test_a_looser_or_unreadable_policy_changes_nothing(policy: str) -> None:
    budget = Budget()
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit-policy": policy})
    assert [budget.reserve(0.0) for _ in range(1_200)][-2:] == [0.0, 300.0]


def test_what_the_service_says_is_left_is_obeyed() -> None:
    budget = Budget(1_000)
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=2;t=30'})
    assert [budget.reserve(1.0) for _ in range(4)] == [1.0, 1.0, 30.0, 30.0 + RESTART_SPACING]
    assert budget.reserve(40.0) == 40.0


def test_requests_under_way_count_against_what_is_left() -> None:
    budget = Budget()
    for _ in range(3):
        budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=3;t=30'})
    assert [budget.reserve(1.0), budget.reserve(1.0)] == [1.0, 30.0]


def test_of_several_limits_the_tightest_counts() -> None:
    budget = Budget()
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=50;t=30, "burst";r=0;t=10'})
    assert budget.reserve(1.0) == 10.0


def test_an_absurd_reset_is_capped() -> None:
    budget = Budget()
    budget.reserve(0.0)
    budget.finish(0.0, {"ratelimit": '"default";r=0;t=999999'})
    assert budget.reserve(0.0) == RETRY_AFTER_CAP


def test_after_a_block_workers_start_one_after_the_other() -> None:
    budget = Budget()
    budget.block(100.0)
    waiting = [budget.reserve(now) for now in (1.0, 2.0, 99.0)]
    assert waiting == [100.0, 100.0 + RESTART_SPACING, 100.0 + 2 * RESTART_SPACING]


def test_a_later_block_extends_and_an_earlier_one_does_not_shorten() -> None:
    budget = Budget()
    budget.block(100.0)
    budget.block(50.0)
    assert budget.reserve(0.0) == 100.0


def test_pauses_grow_jittered_between_floor_and_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = [pause_before_retry(failures, None) for failures in range(1, 40) for _ in range(20)]
    assert min(pauses) >= PAUSE_FLOOR
    assert max(pauses) <= PAUSE_CAP
    assert len(set(pauses)) > len(pauses) // 2
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    assert [pause_before_retry(failures, None) for failures in (1, 2, 3, 8)] == [1.0, 2.0, 4.0, PAUSE_CAP]


def test_many_failures_do_not_overflow() -> None:
    assert pause_before_retry(100_000, None) <= PAUSE_CAP


@pytest.mark.parametrize("asked", [0.0, 3.0, 299.0])
def test_what_the_service_asks_is_waited_and_a_little_more(asked: float) -> None:
    assert asked + PAUSE_FLOOR <= pause_before_retry(9, asked) <= asked + 1


def test_what_the_service_asks_is_capped() -> None:
    assert pause_before_retry(1, 1e9) <= RETRY_AFTER_CAP + 1
    assert pacing.RETRY_AFTER_CAP < 600
