"""The pictures of docs/benchmarks.md, small enough to live beside it."""

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from harness import MB, Measured, Quantity
from rows import GROWTH, LOADING, MEMORIES, MEMORY, SPEED, WORKERS

Lines = dict[str, tuple[Sequence[float], Sequence[float]]]

SENT = Quantity("MB", attrgetter("sent"), MB)
COLOURS = {"measured": "#d95f02", "cf-vectorize": "#d95f02", "official SDK": "#1b9e77", "wrangler": "#7570b3"}
IDEAL = "grey"


def plots(measured: Mapping[str, Measured]) -> Iterator[tuple[str, Lines, dict[str, Any]]]:
    """Yield title, lines and axes of each plot."""
    growth, workers = measured[GROWTH].values(), measured[WORKERS]
    sizes, seconds, peaks = ([each.median(samples) for samples in growth] for each in (SENT, LOADING, MEMORY))
    linear = [seconds[-1] * size / sizes[-1] for size in sizes]
    axes = {"xlabel": "input, MB", "xscale": "log"}
    lines: Lines = {"measured": (sizes, seconds), "linear": (sizes, linear)}
    yield "Time by size of the input", lines, {**axes, "ylabel": "seconds", "yscale": "log"}
    yield "Peak memory by size of the input", {"measured": (sizes, peaks)}, {**axes, "ylabel": "MB", "ylim": (0, 60)}

    histories = {name.partition(",")[0]: (name, samples[0].history) for name, samples in measured[MEMORIES].items()}
    lines = {
        name: ([moment for moment, *_ in history], [resident / MB for _, resident, _ in history])
        for name, history in histories.values()  # of each program's largest load
    }
    yield "Memory over time", lines, {"xlabel": "seconds", "ylabel": "resident MB", "yscale": "log"}

    counts = [int(name.split()[-1]) for name in workers]
    speeds = [SPEED.median(samples) for samples in workers.values()]
    lines = {
        "measured": (counts, speeds),
        "the first, times as many": (counts, [speeds[0] * each for each in counts]),
    }
    yield WORKERS, lines, {"xlabel": "concurrency", "ylabel": "MB/s", "xticks": counts, "ylim": (0, None)}


def draw(path: Path, measured: Mapping[str, Measured]) -> None:
    """Write all plots into one picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - threads and memory that no measurement shall meet

    figure = Figure(figsize=(10, 6.4), layout="tight")
    for axes, (title, lines, settings) in zip(figure.subplots(2, 2).flat, plots(measured), strict=True):
        for label, (across, up) in lines.items():
            colour = COLOURS.get(label.partition(",")[0], IDEAL)
            style = "--" if colour == IDEAL else "o-" if len(across) < 9 else "-"
            axes.plot(across, up, style, color=colour, label=label)
        axes.set(title=title, **settings)
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, metadata={"Software": None})
