"""Measurements -> Markdown."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import median

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from measure import Measured, Sample
    from rows import Scenario

MB = 10**6


@dataclass(frozen=True)
class Verdict:
    """One row of the summary: a floor and what was measured."""

    what: str
    against: str
    floor: str
    measured: str
    kept: bool


def judge(what: str, against: str, value: float, *, most: float | None = None, least: float | None = None) -> Verdict:
    """Hold a measured value against the most or the least it may be."""
    kept = (most is None or value <= most) and (least is None or value >= least)
    bound = f"≤ {most:.3g}" if least is None else f"≥ {least:.3g}"
    return Verdict(what, against, bound, f"{value:.3g}", kept)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a Markdown table; all columns but the first to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Give the table of all floors."""
    rows = [
        (each.what, each.against, each.floor, each.measured, "yes" if each.kept else "**no**") for each in verdicts
    ]
    return table(("what", "against", "floor", "measured", "kept"), rows)


def scenario_table(scenario: Scenario, measured: Measured) -> str:
    """Give the medians of a scenario's cases."""
    rows = [_row(case.name, measured[case.name]) for case in scenario.cases if case.name in measured]
    return table(("", "seconds", "MB/s", "CPU s", "CPU s/GB", "peak MB", "requests"), rows)


def _row(name: str, samples: Sequence[Sample]) -> tuple[str, ...]:
    seconds, cpu = median(samples, lambda s: s.wall), median(samples, lambda s: s.cpu)
    if samples[0].output.strip().replace(".", "").isdigit():
        cpu = median(samples, lambda s: float(s.output))
    sent = median(samples, lambda s: s.sent)
    return (
        name,
        f"{seconds:.2f}",
        f"{median(samples, lambda s: s.sent / s.transfer) / MB:,.0f}",
        f"{cpu:.2f}",
        f"{cpu / sent * 1e9:.2f}",
        f"{median(samples, lambda s: s.memory) / MB:,.0f}",
        f"{median(samples, lambda s: s.requests):.0f}",
    )


def machine(environments: Path) -> str:
    """Say what this was measured on, and with which versions."""
    cpu = _field("/proc/cpuinfo", "model name")
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    lines = [
        f"- {cpu}, {cores} cores, {memory:.0f} GB of memory, Linux {platform.release().split('-')[0]}",
        f"- Python {platform.python_version()}; {_said('openssl', 'version')}; {_said('curl', '--version')}",
        f"- with cf-vectorize: {_packages(environments / 'fast')}",
        f"- with the official SDK: {_packages(environments / 'sdk')}",
    ]
    manifest = environments / "node_modules/wrangler/package.json"
    if manifest.exists():
        version = manifest.read_text().partition('"version": "')[2].partition('"')[0]
        lines.append(f"- wrangler {version}, Node {_said('node', '--version')}")
    return "\n".join(lines)


def _field(path: str, name: str) -> str:
    return Path(path).read_text().partition(name)[2].partition(":")[2].partition("\n")[0].strip()


def _said(*command: str) -> str:
    words = subprocess.check_output(command, text=True).split("\n")[0].split()
    return " ".join(words[:2])


def _packages(environment: Path) -> str:
    names = ("cf_vectorize", "cloudflare", "httpx", "httpcore", "h11", "attrs", "orjson", "pysimdjson", "pydantic")
    folders = sorted(environment.glob("lib/python*/site-packages/*.dist-info"))
    found = [folder.name.removesuffix(".dist-info").rsplit("-", 1) for folder in folders]
    return ", ".join(f"{name.replace('_', '-')} {version}" for name, version in found if name in names)
