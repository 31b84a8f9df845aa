"""Measures everything, side by side, keeps the numbers, and writes docs/benchmarks.md with its pictures from them.

Usage: python benchmarks/run.py ENVIRONMENTS --output FOLDER [--quick] [--only WORD] [--render]
"""

import argparse
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from harness import GB, Measured, Section, by_turns, collected, table
from pictures import draw
from processes import Bench, run
from sections import GROWTH, LIMIT, MEMORIES, SDK, WORKERS, WRANGLER, sections

HERE = Path(__file__).parent
FLOORS = ("what", "against", "floor", "measured", "kept")
SPEED_START, SPEED_END = "<!-- speed: written by nox -s bench -->", "<!-- speed: end -->"
# Seconds in which the load against Cloudflare's limit uses up what it is allowed at first.
FIRST_BURST = 12
POINTS = 100
# What of an environment makes a difference.
NAMED = "cf-vectorize cloudflare duckdb h11 httpcore httpx numpy orjson polars pyarrow pydantic pysimdjson ray"


def main() -> None:
    """Measure, tell of each section as it comes, keep the numbers, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", type=Path, help="where the nox session installed what is compared")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page")
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer runs")
    parser.add_argument("--only", default="", help="measure what has this in its title or program, keep the rest")
    parser.add_argument("--render", action="store_true", help="measure nothing: write the page anew")
    given = parser.parse_args()
    environments, path = given.environments.absolute(), given.output / "benchmarks" / "results.json"
    kept: dict[str, Any] = {"quick": given.quick, "sections": {}}
    if given.render or given.only:
        kept = json.loads(path.read_text())
    if not given.render:
        kept["machine"] = list(machine(environments))
        wanted = [each for each in sections(quick=kept["quick"]) if given.only in f"{each.title} {each.by}"]
        path.parent.mkdir(parents=True, exist_ok=True)
        for section, measured in measure(environments, wanted, quick=kept["quick"]):
            kept["sections"][section.title] = reduced(section, measured)
            rows = [row for row, _ in section.verdicts(kept["sections"])]
            text = f"{section.title}\n{section.table(kept['sections'])}\n{table(FLOORS, rows) if rows else ''}"
            print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
            path.write_text(json.dumps(kept).replace("]}", "]}\n") + "\n")
    render(given.output, kept)
    if lacking := [each.title for each in sections(quick=kept["quick"]) if each.title not in kept["sections"]]:
        sys.exit(f"not measured: {', '.join(lacking)}; with --only WORD they can be, for the same page")


def measure(environments: Path, wanted: list[Section], *, quick: bool) -> Iterator[tuple[Section, Measured]]:
    """Yield what is measured for each section, but for what this machine lacks."""
    there = {WRANGLER: (environments / "node_modules/wrangler").exists(), "curl": bool(shutil.which("curl"))}
    absent = tuple(name for name in there if not there[name])
    found: dict[str, Measured] = {}
    tried: set[str] = set()

    def run_program(by: str) -> dict[str, Measured]:
        name, *arguments = by.split() + ["--quick"] * quick
        python = environments / "ray/bin/python" if name == "engine" else Path(sys.executable)
        columns = run([str(python), str(HERE / f"{name}.py"), *arguments]) if python.exists() else {}
        return {title: measured for title, (measured,) in columns.items() if isinstance(measured, dict)}

    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(1) as meanwhile:
        bench = Bench(Path(scratch), environments)
        at_the_limit = [meanwhile.submit(run_program, each.by) for each in wanted if each.title == LIMIT]
        time.sleep(FIRST_BURST * len(at_the_limit))
        for section in wanted:
            try:
                if section.by and section.by not in tried:
                    tried.add(section.by)
                    found |= at_the_limit[0].result() if section.title == LIMIT else run_program(section.by)
                measured = found.get(section.title) if section.by else measure_cases(bench, section, absent)
            except RuntimeError as error:
                print(f"{section.title}: {error}", file=sys.stderr, flush=True)
                continue
            if measured:
                yield section, measured


def measure_cases(bench: Bench, section: Section, absent: tuple[str, ...]) -> Measured:
    """Run a section's cases by turns."""
    cases = {name: case for name, case in (section.cases or {}).items() if not name.startswith(absent)}
    works = {name: partial(bench.run, case, section.line) for name, case in cases.items()}
    turns = ({name: works[name] for name in cases if turn < cases[name].runs} for turn in range(section.rounds))
    return collected((part for turn, now in enumerate(turns) for part in by_turns(now, [turn])), cases)


def reduced(section: Section, measured: Measured) -> Measured:
    """Return what the page needs of what was measured, in four digits."""
    quantities = (*section.quantities, *(floor.quantity for floor in section.floors))
    needed = {column for quantity in quantities for column in (quantity.column, quantity.per)}
    few: Measured = {name: {} for name in measured}
    for name, columns in measured.items():
        for column in sorted(needed & columns.keys()):
            few[name][column] = [float(f"{number:.4g}") for number in columns[column]]
        if section.title == MEMORIES:
            history = columns["history"][0]
            few[name]["history"] = [history[:: len(history) // POINTS + 1]]
    return few


def render(folder: Path, kept: dict[str, Any]) -> None:
    """Write the page, its pictures, and the table of docs/emulator.md."""
    if {GROWTH, MEMORIES, WORKERS} <= kept["sections"].keys():
        draw(folder / "benchmarks", kept["sections"])
    (folder / "benchmarks.md").write_text(page(kept))
    emulator = folder / "emulator.md"
    if emulator.exists() and "The emulator" in kept["sections"]:
        (section,) = (each for each in sections(quick=kept["quick"]) if each.title == "The emulator")
        before, _, rest = emulator.read_text().partition(SPEED_START)
        text = "\n\n".join([before + SPEED_START, section.about, section.table(kept["sections"]), SPEED_END])
        emulator.write_text(text + rest.partition(SPEED_END)[2])
    print(f"wrote {folder / 'benchmarks.md'}", file=sys.stderr)


def page(kept: dict[str, Any]) -> str:
    """Return the page of what was measured."""
    results = kept["sections"]
    known = [section for section in sections(quick=kept["quick"]) if section.title in results]
    floors = [verdict for section in known for verdict in section.verdicts(results)]
    reasons = [why for _, why in floors if why]
    texts = (f"## {each.title}\n\n{each.about} {runs(each, results)}\n\n{each.table(results)}" for each in known)
    absent = tuple(name for name in ("Ray", SDK, WRANGLER) if name not in str(results))
    values = {
        "machine": "\n".join(f"- {fact}" for fact in kept["machine"] if not fact.startswith(absent)),
        "kept": f"{len(floors) - len(reasons)} of {len(floors)}",
        "floors": table(FLOORS, [row for row, _ in floors]),
        "reasons": "\n".join(reasons),
        "sections": "\n\n".join(texts),
    }
    return (HERE / "page.md").read_text().format_map(values)


def runs(section: Section, results: dict[str, Measured]) -> str:
    """Say how many runs or calls there were."""
    column = section.quantities[0].column or section.quantities[0].per
    counts = sorted({len(columns.get(column, ())) for columns in results[section.title].values()})
    return f"Medians of {' to '.join(map(str, counts[:1] + counts[1:][-1:]))}." if counts[-1] > 1 else "One run."


def machine(environments: Path) -> Iterator[str]:
    """Yield what this was measured on, and with which versions."""

    def said(*command: str | Path) -> str:
        return subprocess.check_output(command, text=True).strip().replace("==", " ")

    def packages(python: str | Path) -> str:
        lines = said(python, "-m", "pip", "list", "--format=freeze").splitlines()
        return ", ".join(line for line in lines if line.split()[0] in NAMED.split())

    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    yield f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GB of memory, Linux {platform.release().split('-')[0]}"
    yield f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    yield f"with extras, and within a process: {packages(Path(sys.executable))}"
    for name, about in (("ours", "without extras"), ("sdk", "official SDK"), ("ray", "Ray")):
        if (environments / name).exists():
            yield f"{about}: {packages(environments / name / 'bin/python')}"
    modules = environments / "node_modules"
    if (modules / "wrangler").exists():
        version = json.loads((modules / "wrangler/package.json").read_text())["version"]
        yield f"wrangler {version}, Node {said(modules / 'node/bin/node', '--version')}"


if __name__ == "__main__":
    main()
