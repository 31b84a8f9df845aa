"""The pause before a retry."""

from __future__ import annotations

import random

import pytest

from cf_vectorize_overlay import pacing
from cf_vectorize_overlay.pacing import PAUSE_CAP, PAUSE_FLOOR, RETRY_AFTER_CAP, pause_before_retry


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
