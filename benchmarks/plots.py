"""Draws the plots of docs/benchmarks.md from what was measured.

Usage: python benchmarks/plots.py MEASURED.json FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

MB = 10**6
COLOURS = {"cf-vectorize": "#d95f02", "official SDK": "#1b9e77", "wrangler": "#7570b3"}


def colour(name: str) -> str | None:
    return next((shade for prefix, shade in COLOURS.items() if name.startswith(prefix)), None)


def save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(points: list[dict[str, float]], path: Path) -> None:
    """Draw time and memory over the size of the input."""
    sizes = [point["size"] / MB for point in points]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    left.loglog(sizes, [point["seconds"] for point in points], "o-", color=COLOURS["cf-vectorize"], label="measured")
    last = points[-1]["seconds"]
    left.loglog(sizes, [last * size / sizes[-1] for size in sizes], "--", color="grey", label="linear")
    left.set(title="Time of the load, checked", xlabel="input, MB", ylabel="seconds")
    left.legend()
    right.semilogx(sizes, [point["memory"] / MB for point in points], "o-", color=COLOURS["cf-vectorize"])
    right.set(title="Peak memory", xlabel="input, MB", ylabel="MB", ylim=(0, 60))
    save(figure, path)


def memory(histories: dict[str, list[tuple[float, int]]], path: Path) -> None:
    """Draw resident memory over time, one line for each program."""
    figure, axes = plt.subplots(figsize=(9, 3.6))
    for name, history in histories.items():
        axes.plot(
            [moment for moment, _ in history], [size / MB for _, size in history], label=name, color=colour(name)
        )
    axes.set(title="Memory over time", xlabel="seconds", ylabel="resident MB", yscale="log")
    axes.legend()
    save(figure, path)


def workers(speeds: dict[str, float], path: Path) -> None:
    """Draw throughput over the count of workers, beside the ideal."""
    counts = [int(count) for count in speeds]
    measured = [speed / MB for speed in speeds.values()]
    figure, axes = plt.subplots(figsize=(9, 3.6))
    axes.plot(counts, measured, "o-", color=COLOURS["cf-vectorize"], label="measured")
    axes.plot(
        counts, [measured[0] * count for count in counts], "--", color="grey", label="one worker, times as many"
    )
    axes.set(title="Throughput by workers, 50 MB/s a connection, 200 ms", xlabel="workers", ylabel="MB/s")
    axes.set(xticks=counts, ylim=(0, None))
    axes.legend()
    save(figure, path)


def main(measured: Path, folder: Path) -> None:
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "cf-vectorize"
    document = json.loads(measured.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    growth(document["growth"], folder / "growth.svg")
    memory(document["memory"], folder / "memory.svg")
    workers(document["workers"], folder / "workers.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
