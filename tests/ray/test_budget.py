"""One budget of an account in the cluster: shared, remembered when its process dies, gone when nobody asks."""

from __future__ import annotations

import os
import signal
import time
import uuid
from typing import TYPE_CHECKING

import pytest
import ray

from cf_vectorize.ray.budget import NAMESPACE, ClusterBudget

if TYPE_CHECKING:
    from cf_vectorize_overlay import Budget
    from ray_cluster import Cluster


def asked(budget: Budget, times: int) -> int:
    """How many of so many requests may start at once."""
    return sum(not budget.ask() for _ in range(times))


def actor_of(name: str) -> object:
    return ray.get_actor(name, namespace=NAMESPACE)


@pytest.fixture
def name(cluster: Cluster) -> str:  # noqa: ARG001 - which must run
    return f"budget-{uuid.uuid4().hex}"


@pytest.mark.small
def test_two_who_ask_share_one_budget(name: str) -> None:
    one, other = ClusterBudget(name, 10), ClusterBudget(name, 10)
    assert asked(one, 6) + asked(other, 6) == 10


def test_of_two_limits_the_smaller_counts(name: str) -> None:
    one, other = ClusterBudget(name, 10), ClusterBudget(name, 4)
    assert other.ask() == 0
    assert asked(one, 6) == 3


def test_a_throttled_task_holds_all_others_back(name: str) -> None:
    one, other = ClusterBudget(name), ClusterBudget(name)
    one.block(60)
    # A handle's calls arrive in order, those of two handles need not.
    assert one.ask() > 50
    assert other.ask() > 50


@pytest.mark.parametrize("requests", [8, None])
@pytest.mark.parametrize("no_restart", [True, False])
def test_a_budget_that_was_killed_does_not_burst(name: str, requests: int | None, *, no_restart: bool) -> None:
    budget = ClusterBudget(name, requests)
    assert asked(budget, 7) == 7
    budget.give_back({"ratelimit-policy": '"default";q=8;w=300', "cf-ray": "x"})
    assert budget.ask() == 0
    if no_restart:
        ray.kill(actor_of(name))
    else:
        os.kill(ray.get(actor_of(name).__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    assert budget.ask() > 200


def test_a_budget_that_was_killed_stays_blocked(name: str) -> None:
    budget = ClusterBudget(name)
    budget.block(100)
    assert budget.ask() > 90
    ray.kill(actor_of(name))
    assert 50 < budget.ask() <= 101


def test_a_budget_that_nobody_asks_leaves_and_comes_again(name: str) -> None:
    budget = ClusterBudget(name, 3, idle=0.4)
    assert asked(budget, 2) == 2
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            actor_of(name)
        except ValueError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the actor is still there")
    assert budget.ask() == 0
