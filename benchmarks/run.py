"""Measures everything, side by side, and writes docs/benchmarks.md with its plots.

Usage: python benchmarks/run.py ENVIRONMENTS [--quick] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import Bench, Measured, median, run
from parts import PARTS, measure_part
from peers import CURL, WRANGLER
from rows import GB, MB, Scenario, memory, reported, scenarios
from start import measure_start
from tables import Verdict, judge, machine, scenario_table, summary

HERE = Path(__file__).parent
INTRODUCTION = """\
# Benchmarks

Written by `nox -s bench`, which measures everything anew. `nox -s bench -- --quick` takes a look in under three
minutes and leaves this page as it is.

Every program is a whole process, measured from outside and run by turns with the others. Numbers are medians, and
ratios are ratios of medians. Uploads go over the loopback to a sink that reads every byte, one process for each
connection; client and sink share the cores of one machine. The official SDK is used in its only form that reaches the
wire right: whole batches as `bytes`, with a Content-Type set by hand. `curl -T` sends one request without splitting
anything, and raw sockets send the bytes of a file with no client at all: they show that the sink is not what limits
the others. CPU is user and system time of the process; memory is the kernel's high-water mark of the largest process,
read from outside. The live service was never called.
"""


class Page:
    """The page as it grows: sections, and the floors of all of them."""

    def __init__(self, *, folder: Path) -> None:
        self._sections: list[str] = []
        self._verdicts: list[Verdict] = []
        self.folder = folder

    def add(self, title: str, text: str, verdicts: list[Verdict]) -> None:
        """Add a section."""
        self._sections.append(f"## {title}\n\n{text}\n")
        self._verdicts += verdicts
        say(f"{title}\n{text}\n{summary(verdicts) if verdicts else ''}")

    def write(self, environments: Path) -> Path:
        """Write the page; what was measured on stands first, the floors before their sections."""
        path = self.folder / "benchmarks.md"
        notes = (HERE / "notes.md").read_text()
        floors = f"## Floors\n\n{summary(self._verdicts)}\n\n{notes}"
        path.write_text("\n".join([INTRODUCTION, machine(environments), "", floors, *self._sections]))
        return path


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def measure_scenario(bench: Bench, scenario: Scenario, page: Page, *, without: set[tuple[str, ...]]) -> Measured:
    """Run a scenario's cases, but for the commands that this machine lacks, and add its section."""
    cases = [case for case in scenario.cases if case.command not in without]
    measured = bench.measure(cases, scenario.repetitions, **scenario.line)
    verdicts = []
    for floor in scenario.floors:
        try:
            value = floor.value(measured)
        except KeyError as missing:
            say(f"left out for want of {missing}: {floor.what}")
            continue
        verdicts.append(judge(floor.what, floor.against, value, most=floor.most, least=floor.least))
    about = f"{scenario.about} Medians of {scenario.repetitions}."
    page.add(scenario.title, f"{about}\n\n{scenario_table(scenario, measured)}", verdicts)
    return measured


def measure_plan(bench: Bench, environments: Path, size: int) -> tuple[str, list[Verdict]]:
    """Measure where batches begin and end."""
    *_, output = run([str(environments / "fast/bin/python"), str(HERE / "programs/plan.py"), str(bench.data(size))])
    speed, share, megabytes = map(float, output.split())
    text = (
        f"Finding where the batches of {size / GB:g} GB begin and end, the best of several runs: {speed:.1f} GB/s in "
        f"{megabytes:.0f} MB, {share:.0%} of the speed of only reading the same file into the same buffer."
    )
    return text, [
        judge("planning the batches: GB/s", "absolute", speed, least=10),
        judge("planning the batches: peak MB", "absolute", megabytes, most=20),
    ]


def plotted(measured: dict[str, Measured], all_scenarios: list[Scenario]) -> dict[str, Any]:
    """Give what the plots show."""
    growth = next(scenario for scenario in all_scenarios if scenario.title == "Growth")
    workers = next(scenario for scenario in all_scenarios if scenario.title.startswith("Connections"))
    memories = next(scenario for scenario in all_scenarios if scenario.title.startswith("Memory"))
    speeds = {
        case.name.split()[0]: median(measured[workers.title][case.name], lambda s: s.sent / s.transfer)
        for case in workers.cases
    }
    largest = {name.partition(",")[0]: name for name in measured[memories.title]}
    return {
        "growth": [
            {
                "size": case.size,
                "seconds": median(measured[growth.title][case.name], reported),
                "memory": median(measured[growth.title][case.name], memory),
            }
            for case in growth.cases
        ],
        "memory": {name: measured[memories.title][name][-1].history for name in largest.values()},
        "workers": speeds,
    }


def draw(page: Page, document: dict[str, Any], scratch: Path) -> None:
    """Draw the plots beside the page, and add them to it."""
    path = scratch / "measured.json"
    path.write_text(json.dumps(document))
    subprocess.run([sys.executable, HERE / "plots.py", path, page.folder / "benchmarks"], check=True)
    pictures = {"growth": "Time and memory by size of the input", "memory": "Memory over time"}
    pictures["workers"] = "Throughput by workers"
    page.add("Plots", "\n\n".join(f"![{text}](benchmarks/{name}.svg)" for name, text in pictures.items()), [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", type=Path, help="where the nox session installed what is compared")
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer runs")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page")
    arguments = parser.parse_args()
    environments: Path = arguments.environments.absolute()
    quick: bool = arguments.quick
    page = Page(folder=arguments.output)
    without: set[tuple[str, ...]] = set()
    if not (environments / "node_modules/wrangler").exists():
        without.add(WRANGLER)
    if shutil.which("curl") is None:
        without.add(CURL)
    all_scenarios = scenarios(quick=quick)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), environments)
        measured = {
            scenario.title: measure_scenario(bench, scenario, page, without=without) for scenario in all_scenarios
        }
        page.add("Planning", *measure_plan(bench, environments, 200 * MB if quick else GB))
        page.add("Starting", *measure_start(environments, 3 if quick else 21))
        for part in PARTS:
            page.add(part.title, *measure_part(part, quick=quick))
        draw(page, plotted(measured, all_scenarios), Path(scratch))
    say(f"wrote {page.write(environments)}")


if __name__ == "__main__":
    main()
