"""Simulate loads into one index: how long they take, and what binds. A test compares docs/engines.md with it.

    python scripts/simulate_budget.py                # writes the tables of docs/engines.md

Time is simulated, the budget is the client's own; a request takes its bytes over a line, then the latency.
"""

from __future__ import annotations

import heapq
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cf_vectorize import AccountBudget
from cf_vectorize_overlay.limits import INSERT_BODY_BYTES, REQUESTS_PER_WINDOW, VECTORS_PER_INSERT, WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "engines.md"
START, END = "<!-- simulation: written by scripts/simulate_budget.py -->", "<!-- simulation: end -->"
VECTORS, DIMENSIONS = 20_000_000, 1_536
# Bytes of a value and its comma, measured on normally distributed ones; and of what else stands on a line.
TEXTS: Final = {"as Python's json writes floats": 21.2, "compact: shortest float32": 11.2}
OTHER_BYTES: Final = 40
# Bytes a second.
LINES: Final = {"10 Mbit/s": 10e6 / 8, "1 Gbit/s": 1e9 / 8, "no limit": math.inf}
LATENCY: Final = 0.5
CONCURRENCY: Final = 4
MACHINES: Final = (1, 4, 16)
# Of the time; a line that is busy for longer binds.
MOST: Final = 0.9


class Load(NamedTuple):
    """A load of so many requests, each of so many bytes."""

    requests: int
    size: float

    @classmethod
    def of(cls, value_bytes: float) -> Load:
        """Return the load of all vectors."""
        line = DIMENSIONS * value_bytes + OTHER_BYTES
        vectors = min(VECTORS_PER_INSERT, int(INSERT_BODY_BYTES / line))
        return cls(math.ceil(VECTORS / vectors), vectors * line)


def simulate(
    requests: int,
    *,
    machines: int = 1,
    seconds: float = 0.0,
    latency: float = 0.0,
    limit: tuple[int, int] = (REQUESTS_PER_WINDOW, WINDOW_SECONDS),
) -> float:
    """Return how long so many requests take.

    Args:
        requests: All of them.
        machines: Each has a line of its own, and some requests under way at a time.
        seconds: What a request's bytes take on the line.
        latency: Seconds from a body's end to its answer.
        limit: Requests, and the seconds in which so many may start.

    """
    now = end = 0.0
    budget = AccountBudget(clock=lambda: now)
    budget.give_back({"ratelimit-policy": f'"default";q={limit[0]};w={limit[1]}'})
    lines = [0.0] * machines
    free = [(0.0, worker) for worker in range(CONCURRENCY * machines)]
    while requests:
        now, worker = heapq.heappop(free)
        if pause := budget.ask():
            heapq.heappush(free, (now + pause, worker))
            continue
        requests -= 1
        machine = worker % machines
        lines[machine] = max(now, lines[machine]) + seconds
        end = max(end, lines[machine] + latency)
        heapq.heappush(free, (lines[machine] + latency, worker))
    return end


def cell(load: Load, line: float, machines: int = 1) -> str:
    """Return hours and requests of a load by machines that have a line each, and what binds."""
    on_line = load.size / line
    end = simulate(load.requests, machines=machines, seconds=on_line, latency=LATENCY)
    busy = load.requests * on_line / machines / end
    hours = end / 3600
    told = f"{hours:,.0f}" if hours >= 10 else f"{hours:.2f}"  # noqa: PLR2004 - three digits
    return f"{told} h, {load.requests:,} requests: {'the line' if busy > MOST else 'the budget'}"


def tables() -> Iterator[str]:
    """Yield the lines of both tables: lines of several speeds, and several machines."""
    loads = {text: Load.of(value_bytes) for text, value_bytes in TEXTS.items()}
    yield "| text of the values | GB | " + " | ".join(LINES) + " | the line binds below |"
    yield "|---|---:|" + "---:|" * (len(LINES) + 1)
    for text, load in loads.items():
        cells = [f"{load.requests * load.size / 1e9:,.0f}", *(cell(load, line) for line in LINES.values())]
        meet = load.size * REQUESTS_PER_WINDOW / WINDOW_SECONDS * 8 / 1e9
        yield f"| {text} | {' | '.join(cells)} | {meet:.1f} Gbit/s |"
    yield ""
    yield "| machines, each with a line of 1 Gbit/s | " + " | ".join(loads) + " |"
    yield "|---|" + "---:|" * len(loads)
    for machines in MACHINES:
        found = [cell(load, LINES["1 Gbit/s"], machines) for load in loads.values()]
        yield f"| {machines} | {' | '.join(found)} |"


def render(page: str) -> str:
    """Return the page with the tables between their marks."""
    before, _, rest = page.partition(START)
    return "\n".join([before + START, "", *tables(), "", END]) + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
