"""What was measured becomes tables: columns of numbers for each contestant, told as medians, held against floors."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

# Of each run, or call, of a contestant: seconds, bytes and whatever else was measured, by name.
Columns = dict[str, list[Any]]
Measured = dict[str, Columns]

MB, GB = 10**6, 10**9
# With more runs, the smallest and the largest number say little.
FEW_RUNS = 25


class Quantity(NamedTuple):
    """What is told of a contestant: a heading, which column (or 1), by which other, in which unit and format."""

    name: str
    column: str
    unit: float = 1
    form: str = ".2f"
    per: str = ""
    at: float = 0.5  # the share of runs that lies below

    def numbers(self, columns: Columns) -> list[float]:
        """Return the number of each run, in the unit."""
        ones = [1] * len(columns[self.column or self.per])
        pairs = zip(columns.get(self.column, ones), columns.get(self.per, ones), strict=True)
        return [number / other / self.unit for number, other in pairs]

    def value(self, columns: Columns) -> float:
        """Return the number that is told of all runs."""
        numbers = sorted(self.numbers(columns))
        return statistics.median(numbers) if self.at == 0.5 else numbers[int(self.at * (len(numbers) - 1))]

    def told(self, columns: Columns) -> str:
        """Return it as text."""
        return f"{self.value(columns):{self.form}}" if columns.get(self.column or self.per) else ""


class Floor(NamedTuple):
    """What a contestant is held against: at most or at least so much, of another's, or in its own unit."""

    name: str
    quantity: Quantity
    other: str = ""
    most: float | None = None
    least: float | None = None
    more: bool = False  # the difference is bounded, not the ratio
    bound: str = ""  # who shows what can be reached: its number is told where the floor is not kept
    why: str = "it is what this client takes"  # and this

    def number(self, name: str, measured: Measured) -> float:
        """Return what is bounded, of any contestant."""
        ours, other = (self.quantity.value(measured[each]) if each else 1.0 for each in (name, self.other))
        return ours - other if self.more else ours / other

    def judge(self, title: str, measured: Measured) -> tuple[tuple[str, ...], str]:
        """Return the row in the table of all floors, and why it is not kept, if it is not."""
        number = self.number(self.name, measured)
        kept = number <= self.most if self.most is not None else number >= (self.least or 0)
        ours = self.quantity.numbers(measured[self.name])
        others = self.quantity.numbers(measured[self.other]) if self.other else [1.0] * len(ours)
        told = f"{number:.3g}"
        if not self.more and 2 < len(ours) == len(others) <= FEW_RUNS:
            ratios = [one / other for one, other in zip(ours, others, strict=True)]
            told += f" ({min(ratios):.3g} to {max(ratios):.3g})"
        against = f", {'more than' if self.more else 'of'} {self.other}" if self.other else ""
        what = (f"{title}: {self.name}", self.quantity.name + against)
        floor = f"≥ {self.least:.3g}" if self.most is None else f"≤ {self.most:.3g}"
        reached = f"{self.bound}: {self.number(self.bound, measured):.3g}; " if self.bound in measured else ""
        why = "" if kept else f"- {', '.join(what)}: {number:.3g}, floor {floor}. {reached}{self.why}."
        return (*what, floor, told, "yes" if kept else "**no**"), why


class Case(NamedTuple):
    """A program: its command, where braces are filled in, and the size and kind of the file that it loads."""

    command: tuple[str, ...]
    size: int = 0
    kind: str = "lines"  # see data.py
    runs: int = 1000  # at most, for what takes long
    fails: bool = False  # it must, for what it is given is bad
    line: Mapping[str, Any] = {}  # of its own: see Section


@dataclass(frozen=True)
class Section:
    """A section of the page: whole processes, run by turns, or what a program measures."""

    title: str  # by which it is found in the results
    about: str
    quantities: Sequence[Quantity]
    floors: Sequence[Floor] = ()
    cases: Mapping[str, Case] | None = None
    rounds: int = 1
    line: Mapping[str, Any] | None = None  # what `sink.running` is told beside TLS; None where nothing is sent
    by: str = ""  # the program that measures it, maybe with others
    against: Sequence[str] = ()  # contestants that have a column, of each row's share of their first quantity
    beside: str = ""  # a section whose contestants are compared with, too
    spread: bool = False  # the range of the first quantity has a column
    steps: bool = False  # what the first quantity is more than in the row before has a column

    def table(self, results: Mapping[str, Measured]) -> str:
        """Return what was measured as a table."""
        measured, first = results[self.title], self.quantities[0]
        known = {**results.get(self.beside, {}), **measured}
        head = ["", *(quantity.name for quantity in self.quantities), *(f"of {other}" for other in self.against)]
        rows, before = [], 0.0
        for name, columns in measured.items():
            row = [name, *(quantity.told(columns) for quantity in self.quantities)]
            value, numbers = first.value(columns), first.numbers(columns)
            row += [f"{value / first.value(known[other]):.2f}" for other in self.against]
            row += [f"{min(numbers):{first.form}} to {max(numbers):{first.form}}"] * self.spread
            row += ["" if name.startswith("bare") else f"{value - before:+{first.form}}"] * self.steps
            rows.append(row)
            before = value
        return table(head + ["from and to"] * self.spread + ["more than above"] * self.steps, rows)

    def verdicts(self, results: Mapping[str, Measured]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what becomes of its floors, but for those of contestants that this machine lacks."""
        known = {**results.get(self.beside, {}), **results[self.title]}
        for floor in self.floors:
            if {floor.name, floor.other or floor.name} <= known.keys():
                yield floor.judge(self.title, known)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_turns(works: Mapping[str, Callable[[], Columns]], turns: Iterable[int]) -> Iterator[tuple[str, Columns]]:
    """Run each work once a turn, in an order that turns around each time; yield what it measured."""
    for turn in turns:
        for name in works if turn % 2 == 0 else reversed(list(works)):
            yield name, works[name]()


def collected(parts: Iterable[tuple[str, Columns]], names: Iterable[str] = ()) -> Measured:
    """Return all that was measured of each contestant."""
    measured: Measured = {name: {} for name in names}
    for name, columns in parts:
        for column, numbers in columns.items():
            measured.setdefault(name, {}).setdefault(column, []).extend(numbers)
    return measured


def timed(
    works: Mapping[str, Callable[[], object]], rounds: int, *, calls: int = 1, units: float = 1, warm_up: int = 0
) -> Measured:
    """Run each work by turns of several calls; return the seconds of each, for one unit of what it does."""

    def turn(work: Callable[[], object]) -> Columns:
        walls = []
        for _ in range(calls):
            began = time.perf_counter()
            work()
            walls.append((time.perf_counter() - began) / units)
        return {"wall": walls}

    turns = by_turns({name: partial(turn, work) for name, work in works.items()}, range(-warm_up, rounds))
    return collected(list(turns)[warm_up * len(works) :], works)
