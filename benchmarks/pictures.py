"""The pictures of docs/benchmarks.md: small, and readable on a light page and on a dark one."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

import simulate_budget
from harness import MB, Measured, Quantity
from sections import GROWTH, LOADING, MEMORIES, MEMORY, MINE, SPEED, WORKERS

Lines = dict[str, tuple[Sequence[float], Sequence[float]]]
SENT = Quantity("MB", "sent", MB)
LINE_SPEEDS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
# The last has contrast with white and with black, and is for what is ideal.
COLOURS, GREY = ("#d95f02", "#1b9e77", "#8b83c9"), "#84888f"
TEXTS = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")


def plots(results: Mapping[str, Measured]) -> Iterator[tuple[str, str, Lines, dict[str, Any]]]:
    """Yield picture, title, lines and axes of each plot."""
    growth, workers = results[GROWTH].values(), results[WORKERS]
    sizes, seconds, peaks = ([each.value(columns) for columns in growth] for each in (SENT, LOADING, MEMORY))
    lines: Lines = {MINE: (sizes, seconds), "linear": (sizes, [seconds[-1] * size / sizes[-1] for size in sizes])}
    axes: dict[str, Any] = {"xlabel": "input, MB", "xscale": "log"}
    yield "growth", "Time by size of the input", lines, {**axes, "ylabel": "seconds", "yscale": "log"}
    lines = {MINE: (sizes, peaks)}
    yield "growth", "Peak memory by size of the input", lines, {**axes, "ylabel": "MB", "ylim": (0, 60)}
    largest = {name.partition(",")[0]: name for name in results[MEMORIES]}
    histories = {name: results[MEMORIES][name]["history"][0] for name in largest.values()}
    lines = {name: ([each[0] for each in of], [each[1] / MB for each in of]) for name, of in histories.items()}
    axes = {"xlabel": "seconds", "ylabel": "MB", "yscale": "log"}
    yield "memory", "Memory over time", lines, axes
    counts = [int(name.split()[-1]) for name in workers]
    speeds = [SPEED.value(columns) for columns in workers.values()]
    lines = {MINE: (counts, speeds), "the first, times as many": (counts, [speeds[0] * each for each in counts])}
    yield "binds", WORKERS, lines, {"xlabel": "concurrency", "ylabel": "MB/s", "xticks": counts, "ylim": (0, None)}
    lines = {}
    for text, value_bytes in simulate_budget.TEXTS.items():
        load = simulate_budget.Load.of(value_bytes)
        ends = [simulate_budget.simulate(load.requests, seconds=load.size * 8e-6 / speed) for speed in LINE_SPEEDS]
        lines[text] = (LINE_SPEEDS, [end / 3600 for end in ends])
    axes = {"xlabel": "line, Mbit/s", "ylabel": "hours", "xscale": "log", "yscale": "log"}
    yield "binds", "20 million x 1536: the line, then the budget", lines, axes


def draw(folder: Path, results: Mapping[str, Measured]) -> None:
    """Write the pictures."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(dict.fromkeys(TEXTS, GREY) | {"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9})
    pictures: dict[str, list[Any]] = {}
    for name, *plot in plots(results):
        pictures.setdefault(name, []).append(plot)
    for name, parts in pictures.items():
        figure = Figure(figsize=(4.6 * len(parts), 3), layout="tight")
        subplots = figure.subplots(1, len(parts), squeeze=False).flat
        for axes, (title, lines, settings) in zip(subplots, parts, strict=True):
            for (label, (across, up)), colour in zip(lines.items(), COLOURS, strict=False):
                ideal = label in {"linear", "the first, times as many"}
                style = "--" if ideal else "o-" if len(across) < 9 else "-"
                axes.plot(across, up, style, color=GREY if ideal else colour, label=label)
            axes.set(title=title, facecolor="none", **settings)
            axes.legend(framealpha=0)
        figure.savefig(folder / f"{name}.svg", transparent=True, metadata={"Date": None, "Creator": None})
