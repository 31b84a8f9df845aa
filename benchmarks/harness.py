"""The one harness: what is compared runs by turns, is told by medians, and is held against floors."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

Measured = Mapping[str, Sequence[Any]]  # of each contestant: seconds of calls, or samples of processes

T = TypeVar("T")
MB, GB = 10**6, 10**9


class Quantity(NamedTuple):
    """What is told of a contestant: a heading, the number of one sample, the unit it is told in, and its format."""

    name: str
    of: Callable[[Any], float]
    unit: float = 1
    form: str = ".2f"

    def median(self, samples: Iterable[Any]) -> float:
        """Return the median over all samples, in the unit."""
        return statistics.median(map(self.of, samples)) / self.unit


@dataclass(frozen=True)
class Floor:
    """What a contestant's median is held against.

    Attributes:
        name: The contestant.
        other: Whom it is compared with, as a ratio of medians; None: the quantity itself is bounded.
        quantity: What is compared.
        most: The number may not be larger.
        least: The number may not be smaller.
        more: Whether the difference is bounded in place of the ratio.

    """

    name: str
    other: str | None
    quantity: Quantity
    most: float | None = None
    least: float | None = None
    more: bool = False

    def judge(self, title: str, measured: Measured) -> tuple[str, ...]:
        """Return the floor's row in the table of all floors."""
        value = self.quantity.median(measured[self.name])
        if self.other is not None:
            other = self.quantity.median(measured[self.other])
            value = value - other if self.more else value / other
        kept = (self.most is None or value <= self.most) and (self.least is None or value >= self.least)
        bound = f"≤ {self.most:.3g}" if self.least is None else f"≥ {self.least:.3g}"
        against = f"{self.quantity.name}, {'more than' if self.more else 'of'} {self.other}"
        against = against if self.other else self.quantity.name
        return f"{title}: {self.name}", against, bound, f"{value:.3g}", "yes" if kept else "**no**"


@dataclass(frozen=True)
class Section:
    """A section of the page: its text, the rows of its floors, and the samples that both come from."""

    title: str
    text: str
    verdicts: Sequence[tuple[str, ...]] = ()
    measured: Measured = field(default_factory=dict)


def section(
    title: str,
    about: str,
    measured: Measured,
    quantities: Sequence[Quantity],
    floors: Iterable[Floor] = (),
    *,
    beside: Measured | None = None,
    against: Sequence[str] = (),
    absent: tuple[str, ...] = (),
) -> Section:
    """Return what was measured as a section.

    Args:
        title: Its heading.
        about: What to know about it.
        measured: The samples of each row of its table.
        quantities: What is told of each row.
        floors: What must hold.
        beside: Samples that floors and columns compare with, and that have no row.
        against: Contestants that have a column, of each row's share of their first quantity.
        absent: How names begin that may be missing, with their floors.

    """
    known = {**(beside or {}), **measured}
    first = quantities[0]
    rows = [
        [
            name,
            *(f"{quantity.median(samples):{quantity.form}}" for quantity in quantities),
            *(f"{first.median(samples) / first.median(known[other]):.2f}" for other in against),
        ]
        for name, samples in measured.items()
    ]
    held = [floor for floor in floors if not f"{floor.other}".startswith(absent)]
    head = ("", *(quantity.name for quantity in quantities), *(f"of {other}" for other in against))
    return Section(title, f"{about}\n\n{table(head, rows)}", [floor.judge(title, known) for floor in held], measured)


def by_turns(works: Mapping[str, Callable[[], Iterable[T]]], rounds: int, *, warm_up: int = 0) -> dict[str, list[T]]:
    """Run each work `rounds` times, after `warm_up` rounds, in an order that turns around each time.

    Returns:
        All that each work returned.

    """
    samples: dict[str, list[T]] = {name: [] for name in works}
    for turn in range(-warm_up, rounds):
        for name in works if turn % 2 == 0 else reversed(list(works)):
            returned = works[name]()
            if turn >= 0:
                samples[name] += returned
    return samples


def timed(
    works: Mapping[str, Callable[[], object]], rounds: int, *, calls: int = 1, per: float = 1, warm_up: int = 0
) -> dict[str, list[float]]:
    """Run each work by turns of several calls; return the seconds of each call, `per` unit of what it does."""

    def seconds(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) / per

    def turn(work: Callable[[], object]) -> Callable[[], list[float]]:
        return lambda: [seconds(work) for _ in range(calls)]

    return by_turns({name: turn(work) for name, work in works.items()}, rounds, warm_up=warm_up)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
