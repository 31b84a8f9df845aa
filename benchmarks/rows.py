"""What is measured with whole processes: scenarios are tables of cases, with the floors that they must keep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from harness import GB, MB, Floor, Quantity, Section, by_turns, section
from processes import Bench, Case

SECONDS = Quantity("seconds", attrgetter("wall"))
SPEED = Quantity("MB/s", attrgetter("speed"), MB, ",.0f")
CPU = Quantity("CPU s", attrgetter("cpu"))
MEMORY = Quantity("peak MB", attrgetter("memory"), MB, ",.0f")
LOAD = (
    SECONDS,
    SPEED,
    CPU,
    Quantity("CPU s/GB", lambda sample: sample.cpu / sample.sent, 1 / GB),
    MEMORY,
    Quantity("requests", attrgetter("requests"), form=".0f"),
)
# Numbers that programs print.
LOADING = Quantity("seconds of the load", lambda sample: sample.printed["seconds"])
PLANNING = Quantity("GB/s", lambda sample: sample.printed["speed"], GB, ".1f")
PLANNING_SHARE = Quantity("of reading alone", lambda sample: sample.printed["share"])
PRINTED_MB = Quantity("MB", lambda sample: sample.printed["bytes"], MB, ".1f")
MS = Quantity("ms", attrgetter("wall"), 1e-3, ".0f")

# Commands: programs in the environments that the nox session makes.
PROGRAMS = Path(__file__).with_name("programs")
OURS, FAST, SDK = (f"{{here}}/{name}/bin" for name in ("ours", "fast", "sdk"))
PLAIN: Mapping[str, Any] = {"certificate": None}


def ours(*options: str, where: str = FAST) -> tuple[str, ...]:
    """Return a load by our command line, with the extra `fast` unless it says where else."""
    return (f"{where}/cf-vectorize", "insert", "bench", "{data}", *options)


def program(name: str, *arguments: str, where: str = FAST) -> tuple[str, ...]:
    """Return the command of a program beside this one."""
    return (f"{where}/python", f"{PROGRAMS}/{name}.py", *arguments)


def code(text: str, where: str = OURS) -> tuple[str, ...]:
    """Return the command of a line of Python."""
    return (f"{where}/python", "-c", text)


LOADERS = {
    "cf-vectorize --no-check, 1 connection": ours("--no-check", "--concurrency", "1"),
    "cf-vectorize --no-check, 2 connections": ours("--no-check", "--concurrency", "2"),
    "cf-vectorize": ours(),
    "cf-vectorize without the extra `fast`": ours(where=OURS),
    "official SDK": program("sdk_sync", "{data}", "1", where=SDK),
    "official SDK, 2 threads": program("sdk_sync", "{data}", "2", where=SDK),
    "official SDK, async": program("sdk_async", "{data}", "1", where=SDK),
    "official SDK, async, 2 at once": program("sdk_async", "{data}", "2", where=SDK),
    "wrangler": (
        "node", "{here}/node_modules/wrangler/bin/wrangler.js", "vectorize", "insert", "bench", "--file", "{data}",
    ),
    "curl -T, one request": (
        "curl", "--silent", "--show-error", "--fail", "--upload-file", "{data}", "--header", "Expect:",
        "--header", "Content-Type: application/x-ndjson", "--cacert", "{certificate}", "{url}/insert",
    ),
    "raw sockets": program("raw", "{data}"),
}  # fmt: skip
OTHER_LOADERS = {
    "cf-vectorize --no-check": ours("--no-check"),
    "cf-vectorize --compact": ours("--compact"),
    "cf-vectorize's transport": program("transfer", "{data}"),
}
STARTS = {
    "bare Python": code("pass"),
    "import cf_vectorize": code("import cf_vectorize"),
    "from cf_vectorize import Vectorize": code("from cf_vectorize import Vectorize"),
    "import cloudflare": code("import cloudflare", SDK),
    "a client made": code("from cf_vectorize import Vectorize; Vectorize('i', account_id='a', api_token='t')"),
    "a client made, official SDK": code(
        "from cloudflare import Cloudflare; Cloudflare(api_token='t').vectorize.indexes", SDK
    ),
    "cf-vectorize --help": (f"{OURS}/cf-vectorize", "--help"),
}


def loads(size: int, *names: str) -> list[Case]:
    """Return the cases of loaders by name."""
    return [Case(name, {**LOADERS, **OTHER_LOADERS}[name], size) for name in names]


@dataclass(frozen=True)
class Scenario:
    """Cases that are run by turns against sinks of one kind.

    Attributes:
        title: Its heading.
        about: What to know about it.
        cases: What is run.
        rounds: Runs of each case.
        floors: What must hold.
        line: What `sink.running` is told, over TLS unless it says otherwise; None where nothing is sent.
        quantities: What is told of each case.

    """

    title: str
    about: str
    cases: list[Case]
    rounds: int
    floors: list[Floor] = field(default_factory=list)
    line: Mapping[str, Any] | None = field(default_factory=dict)
    quantities: tuple[Quantity, ...] = LOAD

    def measure(self, bench: Bench, absent: tuple[str, ...]) -> Section:
        """Run the cases, but for those whose names begin like what this machine lacks."""
        cases = [case for case in self.cases if not case.name.startswith(absent)]
        measured = by_turns({case.name: partial(bench.run, case, self.line) for case in cases}, self.rounds)
        about = f"{self.about} Medians of {self.rounds}."
        return section(self.title, about, measured, self.quantities, self.floors, absent=absent)


GROWTH = "Growth"
MEMORIES = "Memory by size of the file"
WORKERS = "Connections of 50 MB/s, answers after 200 ms"


def scenarios(*, quick: bool) -> Iterator[Scenario]:
    """Yield all scenarios; the quick ones load less, less often."""
    size, rounds = (200 * MB, 1) if quick else (GB, 2)
    mine, one, two, sdk = "cf-vectorize", *list(LOADERS)[:2], "official SDK"
    checked = [Floor(mine, sdk, SECONDS, most=1.0)]
    unchecked = [
        Floor(one, sdk, SECONDS, most=0.45),
        Floor(two, sdk, SECONDS, most=0.40),
        Floor(two, "official SDK, async", SECONDS, most=0.27),
        Floor(two, "wrangler", SECONDS, most=0.10),
        Floor(two, "curl -T, one request", SECONDS, most=1.1),
    ]
    about = "As fast as the loopback goes; checked and over 4 connections unless it says otherwise."
    title = f"A load of {size / GB:g} GB of 33 KB lines"
    yield Scenario(f"{title}, TLS", about, loads(size, *LOADERS), 1 if quick else 5, unchecked + checked)
    yield Scenario(f"{title}, plain", about, loads(size, *LOADERS), rounds, checked, PLAIN)

    about = "One connection, no planning, no check; the processes say how much CPU time the transfer took."
    transfers = loads(size, "cf-vectorize's transport", "raw sockets")
    floors = [Floor("cf-vectorize's transport", "raw sockets", CPU, most=1.15)]
    yield Scenario("The transfer alone, TLS", about, transfers, 5 if quick else 11, floors)
    yield Scenario("The transfer alone, plain", about, transfers, 5 if quick else 11, floors, PLAIN)

    about = "TLS; what the time before the first byte comes to in the end."
    yield Scenario("A load of three vectors", about, loads(100_000, mine, sdk, "wrangler"), 3 if quick else 15)

    fast = "cf-vectorize --no-check"
    yield Scenario(
        "A line of 100 MB/s",
        "All connections together get 100 MB/s, over TLS. Raw sockets show what no client can go below.",
        loads(size, fast, mine, sdk, "official SDK, async", "raw sockets"),
        rounds,
        [
            Floor(fast, None, SPEED, least=99),
            Floor(mine, None, SPEED, least=99),
            Floor(fast, sdk, CPU, most=0.45),
            Floor(fast, "official SDK, async", CPU, most=0.15),
            Floor(mine, sdk, SECONDS, most=1.0),
            Floor(mine, fast, SECONDS, most=1.01),
        ],
        {"line_speed": 100 * MB},
    )
    yield Scenario(
        "An uplink of 100 Mbit/s",
        "A file written by Python's json, sent as it is and rewritten on the way to shortest float32 decimals.",
        loads(20 * MB if quick else 200 * MB, mine, "cf-vectorize --compact"),
        rounds,
        [Floor("cf-vectorize --compact", mine, SECONDS, most=1 / 1.5)],
        {"line_speed": 100 * MB / 8},
    )
    size = 64 * MB if quick else 800 * MB
    options = ("--no-check", "--batch-bytes", str(size // 32), "--concurrency")
    yield Scenario(
        WORKERS,
        f"TLS, unchecked, 32 batches of {size / 32 / MB:g} MB; the speed is from the first byte to the last.",
        [Case(f"concurrency {count}", ours(*options, str(count)), size) for count in (1, 2, 4, 8)],
        rounds,
        [Floor(f"concurrency {count}", "concurrency 1", SPEED, least=0.85 * count) for count in (4, 8)],
        {"connection_speed": 50 * MB, "latency": 0.2},
    )
    sizes = (20 * MB, 200 * MB) if quick else (100 * MB, GB, 4 * GB)
    small, *_, large = labels = [f"{size / GB:g} GB" for size in sizes]
    yield Scenario(
        MEMORIES,
        "Checked, 4 connections, TLS; the peak of the largest process. wrangler stops after 100,000 vectors.",
        [
            Case(f"{name}, {size / GB:g} GB", LOADERS[name], size)
            for name in (mine, sdk, "wrangler")
            for size in (sizes if name != "wrangler" else (min(size, 3 * GB) for size in sizes))
        ],
        1,
        [
            *(Floor(f"{mine}, {label}", None, MEMORY, most=50) for label in labels),
            Floor(f"{mine}, {large}", f"{mine}, {small}", MEMORY, most=1.1),
            Floor(f"{mine}, {large}", f"{sdk}, {large}", MEMORY, most=0.07),
        ],
    )
    size = MB if quick else 10 * MB
    yield Scenario(
        GROWTH,
        f"Checked, TLS, files of {size / MB:g} MB and 10 and 100 times as much.",
        [Case(f"{times} times", ours("--json"), times * size) for times in (1, 10, 100)],
        3,
        [Floor("100 times", "10 times", LOADING, most=12), Floor("100 times", "10 times", MEMORY, most=1.1)],
        quantities=(*LOAD, LOADING),
    )
    yield Scenario(
        "Planning",
        "Finding where the batches of a file begin and end, the fastest of several times in one process.",
        [Case("planning", program("plan", "{data}"), 200 * MB if quick else GB)],
        1,
        [Floor("planning", None, PLANNING, least=10), Floor("planning", None, PRINTED_MB, most=20)],
        None,
        (PLANNING, PLANNING_SHARE, PRINTED_MB),
    )
    yield Scenario(
        "Starting",
        "Whole processes that send nothing.",
        [Case(name, command) for name, command in STARTS.items()],
        3 if quick else 21,
        [
            Floor("import cf_vectorize", "import cloudflare", MS, most=0.50),
            Floor("a client made", "a client made, official SDK", MS, most=0.55),
            Floor("cf-vectorize --help", "bare Python", MS, most=60, more=True),
        ],
        None,
        (MS,),
    )
    yield Scenario(
        "Installed",
        "With what each needs, without pip.",
        [Case(mine, program("installed", where=OURS)), Case(sdk, program("installed", where=SDK))],
        1,
        [Floor(mine, sdk, PRINTED_MB, most=0.10)],
        None,
        (PRINTED_MB,),
    )
