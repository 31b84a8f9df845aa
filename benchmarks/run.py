"""Measures everything, side by side, and writes docs/benchmarks.md with its pictures.

Usage: python benchmarks/run.py ENVIRONMENTS --output FOLDER [--quick] [--only WORD]
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
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from harness import GB, Section, table
from pictures import draw
from processes import Bench
from rows import scenarios

HERE = Path(__file__).parent
# What is measured within one process, each in a process of its own.
MODULES = ("check", "encode", "get_by_ids", "emulator")
FLOORS = ("what", "against", "floor", "measured", "kept")
PICTURE = "benchmarks/pictures.png"


def main() -> None:
    """Measure, tell of each section as it comes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", type=Path, help="where the nox session installed what is compared")
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer runs")
    parser.add_argument("--only", default="", help="measure what has this in its title or module, and write nothing")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page")
    arguments = parser.parse_args()
    environments, folder = arguments.environments.absolute(), arguments.output
    sections = []
    for section in measure(environments, only=arguments.only, quick=arguments.quick):
        say(f"{section.title}\n{section.text}\n\n{table(FLOORS, section.verdicts) if section.verdicts else ''}")
        sections.append(section)
    if arguments.only:
        return
    draw(folder / PICTURE, {section.title: section.measured for section in sections})
    page = (HERE / "page.md").read_text()
    values = {
        "machine": machine(environments),
        "picture": PICTURE,
        "floors": table(FLOORS, [verdict for section in sections for verdict in section.verdicts]),
        "sections": "\n\n".join(f"## {section.title}\n\n{section.text}" for section in sections),
    }
    (folder / "benchmarks.md").write_text(page.format_map(values))
    say(f"wrote {folder / 'benchmarks.md'}")


def measure(environments: Path, *, only: str, quick: bool) -> Iterator[Section]:
    """Yield all sections, but for what this machine lacks."""
    wrangler = () if (environments / "node_modules/wrangler").exists() else ("wrangler",)
    curl = () if shutil.which("curl") else ("curl",)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), environments)
        for scenario in scenarios(quick=quick):
            if only in scenario.title:
                yield scenario.measure(bench, absent=wrangler + curl)
    for module in MODULES:
        if only in module:
            with ProcessPoolExecutor(1, get_context("spawn")) as apart:
                yield from apart.submit(measure_module, module, quick=quick).result()


def measure_module(name: str, *, quick: bool) -> list[Section]:
    return list(import_module(name).measure(quick=quick))


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def machine(environments: Path) -> str:
    """Say what this was measured on, and with which versions."""

    def said(*command: str | Path) -> str:
        return subprocess.check_output(command, text=True).strip().replace("==", " ")

    def packages(name: str) -> str:
        return said(environments / name / "bin/python", "-m", "pip", "list", "--format=freeze").replace("\n", ", ")

    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    lines = [
        f"- {cpu}, {os.cpu_count()} cores, {memory:.0f} GB of memory, Linux {platform.release().split('-')[0]}",
        f"- Python {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        f"- with cf-vectorize: {packages('fast')}",
        f"- with the official SDK: {packages('sdk')}",
    ]
    manifest = environments / "node_modules/wrangler/package.json"
    if manifest.exists():
        lines.append(f"- wrangler {json.loads(manifest.read_text())['version']}, Node {said('node', '--version')}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
