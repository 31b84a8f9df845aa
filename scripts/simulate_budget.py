"""Simulate loads that share one account's budget: how long they take, and what binds.

    python scripts/simulate_budget.py                # 10 million vectors of 1,536 dimensions

Time is simulated, the budget is the client's own; a request takes the latency and its bytes over a worker's line.
"""

from __future__ import annotations

import argparse
import heapq
import math

from cf_vectorize_overlay import AccountBudget
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, VECTORS_PER_INSERT

# A value as shortest float32 text, with its comma; measured on normally distributed ones.
VALUE_BYTES = 11.2
OTHER_BYTES = 40


def simulate(requests: int, workers: int, seconds: float) -> tuple[float, float]:
    """Return how long so many requests take, and which share of the workers' time is spent on the budget."""
    now = 0.0
    budget = AccountBudget(clock=lambda: now)
    free = [(0.0, worker) for worker in range(min(workers, requests))]
    waited = end = 0.0
    while requests:
        now, worker = heapq.heappop(free)
        if pause := budget.ask():
            waited += pause
            heapq.heappush(free, (now + pause, worker))
            continue
        requests -= 1
        end = max(end, now + seconds)
        heapq.heappush(free, (now + seconds, worker))
    return end, waited / (end * workers)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=10_000_000)
    parser.add_argument("--dimensions", type=int, default=1_536)
    parser.add_argument("--megabytes", type=float, default=100.0, help="a worker's line, in MB a second")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds from a body's end to its answer")
    given = parser.parse_args()
    line = given.dimensions * VALUE_BYTES + OTHER_BYTES
    a_request = min(VECTORS_PER_INSERT, int(INSERT_BODY_BYTES / line))
    requests = math.ceil(given.vectors / a_request)
    seconds = a_request * line / given.megabytes / 1e6 + given.latency
    size = given.vectors * line / 1e9
    print(f"{requests:,} requests of {a_request:,} vectors, {size:,.0f} GB, {seconds:.1f} s each\n")
    print("| workers | time | waiting for the budget | what binds |")
    print("|---|---|---|---|")
    for workers in (1, 8, 64):
        end, share = simulate(requests, workers, seconds)
        binds = "the budget" if share > 0.1 else "the workers"  # noqa: PLR2004 - a tenth of the time
        print(f"| {workers} | {end / 60:,.1f} min | {share:.0%} of the workers' time | {binds} |")


if __name__ == "__main__":
    main()
