"""The programs that measure within one process: how they are called, and floors for what they print."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import run
from tables import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """A floor for a number that is printed; see `rows.Floor`."""

    what: str
    against: str
    value: Callable[[str], float]
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True)
class Part:
    """One program.

    Attributes:
        program: Its file.
        title: The heading of what it prints.
        figures: What must hold of it.
        arguments: What it is told.
        quick: What it is told for a quick look.

    """

    program: str
    title: str
    figures: tuple[Figure, ...]
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()


def number(label: str, column: int, *, after: str = "") -> Callable[[str], float]:
    """Give the number in a column of the first line that has the label, in what follows `after`."""

    def value(text: str) -> float:
        line = text.partition(after)[2] if after else text
        rest = line.partition(label)[2].partition("\n")[0]
        return float(re.findall(r"[\d.,]*\d", rest)[column].replace(",", ""))

    return value


def ahead_of_all(text: str) -> float:
    """Give the speed of two checking processes, in times the fastest reader that takes all cores."""
    first = text.strip().partition("\n\n")[0]
    others = [number(label, 0)(first) for label in re.findall(r".* \(all cores\)", first)]
    return number("two processes", 0)(text) / max(others)


CHECK = "check, every rule on, 1536 dimensions"
ENCODE = "encode NumPy float32 to NDJSON, 1536 dimensions"
PARTS = (
    Part(
        "check.py",
        "Checking",
        (
            Figure(f"{CHECK}, one core", "json.loads: times as fast", number("check, fast", 1), least=5),
            Figure(f"{CHECK}, two processes", "json.loads: times as fast", number("two processes", 1), least=9),
            Figure(f"{CHECK}, one core", "orjson.loads: times as fast", number("check, fast", 2), least=1.5),
            Figure(f"{CHECK}, two processes", "duckdb, polars, pyarrow: times the best", ahead_of_all, least=1),
        ),
        quick=("5", "500"),
    ),
    Part(
        "encode.py",
        "Encoding",
        (
            Figure(ENCODE, "json.dumps(tolist()): times as fast", number("columns, float32", 1), least=12),
            Figure(ENCODE, "bare orjson: times as fast", number("columns, float32", 2), least=0.9),
            Figure(ENCODE, "json.dumps: bytes", number("1536 dimensions:", 0), most=0.60),
        ),
    ),
    Part(
        "get_by_ids.py",
        "Reading back",
        (
            Figure("get_by_ids to NumPy", "official SDK: time", number("cf-vectorize, pysimdjson", 1), most=0.2),
            Figure(
                "get_by_ids over TLS, 8 workers",
                "official SDK: times its requests",
                number("concurrency 8", 1, after="TLS"),
                least=2.5,
            ),
            Figure(
                "get_by_ids, 50 ms of latency, 16 workers",
                "official SDK one by one: times its requests",
                number("concurrency 16", 1, after="50 ms"),
                least=14,
            ),
        ),
        quick=("--quick",),
    ),
    Part("emulator.py", "The emulator", (), arguments=("--vectors", "200000"), quick=("--vectors", "20000")),
)


def measure_part(part: Part, *, quick: bool) -> tuple[str, list[Verdict]]:
    """Run it; give what it printed as Markdown, and the floors."""
    program = str(Path(__file__).with_name(part.program))
    *_, printed = run([sys.executable, program, *(part.quick if quick else part.arguments)])
    text = printed.strip()
    figures = [
        judge(figure.what, figure.against, figure.value(text), most=figure.most, least=figure.least)
        for figure in part.figures
    ]
    return text if "|---" in text else f"```\n{text}\n```", figures
