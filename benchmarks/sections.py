"""What is measured: each section of the page with its cases, the floors that they must keep, and what bounds them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from harness import GB, MB, Case, Floor, Quantity, Section

SECONDS, CPU = Quantity("seconds", "wall"), Quantity("CPU s", "cpu")
MS, P99 = Quantity("ms", "wall", 1e-3, ".1f"), Quantity("p99 ms", "wall", 1e-3, ".1f", at=0.99)
SPEED, CPU_GB = Quantity("MB/s", "sent", MB, ",.0f", "transfer"), Quantity("CPU s/GB", "cpu", 1 / GB, per="sent")
SINK, BOTH = Quantity("CPU s of the sink", "sink"), Quantity("CPU s of both", "both")
MEMORY, SENT = Quantity("peak MB", "memory", MB, ",.0f"), Quantity("MB sent", "sent", MB, ",.0f")
REQUESTS, RETRIES = (Quantity(name, name, form=".0f") for name in ("requests", "retries"))
LOAD = (SECONDS, SPEED, CPU, CPU_GB, MEMORY, REQUESTS)
WITH_SINK = (SECONDS, SPEED, CPU, SINK, BOTH, MEMORY, REQUESTS)
# What programs print.
LOADING, PRINTED_MB = Quantity("seconds of the load", "seconds"), Quantity("MB", "bytes", MB, ".1f")
PLANNING, READING = (Quantity(name, name, GB, ".1f") for name in ("GB/s", "GB/s of only reading"))
TLS_MS, HELD = Quantity("ms of it TLS", "tls", 1e-3, ".1f"), Quantity("loop held, ms at most", "held", 1e-3, ".1f")
VECTORS, BYTES = Quantity("vectors/s", "", form=",.0f", per="wall"), Quantity("bytes a vector", "bytes", form=",.0f")
READ, RATE = Quantity("MB/s", "", MB, ",.0f", "wall"), Quantity("requests/s", "", form=",.0f", per="wall")
ROWS, BUSY = Quantity("vectors/s", "vectors", 1, ",.0f", "wall"), Quantity("cores busy", "cpu", 1, ".1f", "wall")

# Commands: programs in the environments that the nox session makes.
PROGRAM = str(Path(__file__).with_name("program.py"))
BARE, OFFICIAL = "{here}/ours/bin/python", "{here}/sdk/bin/python"
MINE, FAST, COMPACT = "cf-vectorize", "cf-vectorize --no-check", "cf-vectorize --compact"
ONE, TWO, TRANSPORT = f"{FAST}, 1 connection", f"{FAST}, 2 connections", "cf-vectorize's transport"
SDK, ASYNC, WRANGLER = "official SDK", "official SDK, async", "wrangler"
CURL, RAW, HTTPX = "curl -T, one request", "raw sockets", "httpx, and reading what it got"
ALONE = "httpx alone, one request"
STARTING = 'starting Python and its imports comes on top: see "Where the time of a small load goes"'
TWICE = f"the file is read once more, since a request's length is sent before its bytes; {STARTING}"


def ours(*options: str, where: str = "{bin}") -> tuple[str, ...]:
    """Return a load by our command line, with the extra `fast` unless it says where else."""
    return (f"{where}/cf-vectorize", "insert", "bench", "{data}", *options)


def program(*arguments: str, where: str = "{python}") -> tuple[str, ...]:
    """Return the command of one of the programs."""
    return (where, PROGRAM, *arguments)


WRANGLER_COMMAND = "{modules}/node/bin/node {modules}/wrangler/bin/wrangler.js vectorize insert bench --file {data}"
LOADERS = {
    ONE: ours("--no-check", "--concurrency", "1"),
    TWO: ours("--no-check", "--concurrency", "2"),
    FAST: ours("--no-check"),
    MINE: ours(),
    "cf-vectorize without the extra `fast`": ours(where="{here}/ours/bin"),
    COMPACT: ours("--compact"),
    TRANSPORT: program("transfer", "{data}"),
    SDK: program("sdk", "{data}", "1", where=OFFICIAL),
    f"{SDK}, 2 threads": program("sdk", "{data}", "2", where=OFFICIAL),
    ASYNC: program("sdk_async", "{data}", where=OFFICIAL),
    WRANGLER: tuple(WRANGLER_COMMAND.split()),
    CURL: ("curl", "-sSf", "--cacert", "{certificate}", "-T", "{data}", "-H", "Expect:", "{url}/insert"),
    RAW: program("raw", "{data}"),
}
# What a small load does, step by step, each with what comes before it; and some steps for themselves.
IMPORTS = "import cf_vectorize.client, cf_vectorize.load.insert, cf_vectorize_overlay.index"
CONTEXT = f"{IMPORTS}, httpx; context = httpx.create_ssl_context()"
HANDSHAKE = f"""{CONTEXT}
import os, socket, urllib.parse
url = urllib.parse.urlsplit(os.environ["CLOUDFLARE_BASE_URL"])
context.wrap_socket(socket.create_connection((url.hostname, url.port)), server_hostname=url.hostname)"""
AUTHORITIES = "import ssl, certifi; ssl.create_default_context(cafile=certifi.where())"
STEPS = {
    "bare Python": (BARE, "-c", "pass"),
    "cf-vectorize: what a load imports": (BARE, "-c", IMPORTS),
    "cf-vectorize: httpx with a TLS context": (BARE, "-c", CONTEXT),
    "cf-vectorize: TLS handshake": (BARE, "-c", HANDSHAKE),
    "cf-vectorize: load": program("ours", "{data}", where=BARE),
    "bare Python, SDK": (OFFICIAL, "-c", "pass"),
    "official SDK: import": (OFFICIAL, "-c", "import cloudflare"),
    "official SDK: client made": (OFFICIAL, "-c", "import cloudflare; cloudflare.Cloudflare().vectorize.indexes"),
    "official SDK: load": LOADERS[SDK],
    "bare Python and the usual authorities": (BARE, "-c", AUTHORITIES),
    "bare Python and import cf_vectorize": (BARE, "-c", "import cf_vectorize"),
    "bare Python and a client made": (BARE, "-c", "import cf_vectorize; cf_vectorize.Vectorize('i')"),
    "bare Python and cf-vectorize --help": ("{here}/ours/bin/cf-vectorize", "--help"),
}  # fmt: skip
GROWTH, MEMORIES = "Growth", "Memory by size of the file"
WORKERS, LIMIT = "Connections of 50 MB/s, answers after 200 ms", "At Cloudflare's limit"


def loads(size: int, *names: str, most: int = 2) -> dict[str, Case]:
    """Return the cases of loaders by name; what takes long runs less often."""
    cases = {name: Case(LOADERS[name], size) for name in names}
    return cases | {name: cases[name]._replace(runs=most) for name in {ASYNC, WRANGLER} & cases.keys()}


def sections(*, quick: bool) -> Iterator[Section]:
    """Yield all sections; the quick ones load a tenth, less often."""
    part, rounds = (10, 1) if quick else (1, 4)
    size = GB // part
    about = """Uplinks are slower than the processor, so its time is what people pay. All connections together get
100 MB/s, over TLS. Of the transport and of raw sockets the CPU time is that of the transfer alone."""
    floors = [
        *(Floor(name, SPEED, least=99) for name in (FAST, MINE)),
        *(Floor(FAST, CPU, other, most, bound=TRANSPORT, why=TWICE) for other, most in ((RAW, 1.5), (SDK, 0.45))),
        Floor(FAST, CPU, ASYNC, most=0.15, bound=RAW, why="with no client at all"),
        *(Floor(MINE, SECONDS, other, most) for other, most in ((SDK, 1.0), (FAST, 1.01))),
    ]
    cases, line = loads(size, FAST, MINE, TRANSPORT, SDK, ASYNC, RAW), {"line_speed": 100.0 * MB}
    cases[TRANSPORT] = cases[TRANSPORT]._replace(runs=2)
    columns = (CPU_GB, SECONDS, SPEED, CPU, SINK, MEMORY, REQUESTS)
    yield Section("A line of 100 MB/s", about, columns, floors, cases, rounds, line, spread=True)
    about = "A file written by Python's json, as it is and rewritten on the way to shortest float32 decimals; TLS."
    cases, line = loads(size // 10, MINE, COMPACT), {"line_speed": 12.5 * MB}
    floors = [Floor(COMPACT, SECONDS, MINE, most=1 / 1.5)]
    yield Section("An uplink of 100 Mbit/s", about, LOAD, floors, cases, min(rounds, 2), line)
    small = 400 * MB // part
    about = f"TLS, unchecked, 32 batches of {small / 32 / MB:g} MB; the speed is from the first byte to the last."
    options = ("--no-check", "--batch-bytes", str(small // 32), "--concurrency")
    cases = {f"concurrency {count}": Case(ours(*options, str(count)), small) for count in (1, 2, 4, 8)}
    floors = [Floor(f"concurrency {count}", SPEED, "concurrency 1", least=0.85 * count) for count in (4, 8)]
    line = {"connection_speed": 50.0 * MB, "latency": 0.2}
    yield Section(WORKERS, about, LOAD, floors, cases, min(rounds, 2), line)
    about = """More requests than an account may start in 5 minutes, against the emulator, which keeps Cloudflare's
limit, while the loads above wait for their lines. The simulation is that of [engines.md](engines.md), whose tables
say for 20 million vectors when the line binds, and when the budget."""
    simulated, why = "simulated, requests take no time", "requests take time before and after"
    floors = [Floor("measured", SECONDS, simulated, 1.05, why=why)]
    yield Section(LIMIT, about, (SECONDS, REQUESTS, RETRIES), floors, by="emulator limit")
    yield from as_fast_as_possible(size, 1 if quick else 5)
    yield from what_may_not_grow(part)
    yield from within_a_process(part)


def as_fast_as_possible(size: int, rounds: int) -> Iterator[Section]:
    """Yield loads as fast as the loopback goes."""
    about = "Checked and over 4 connections unless it says otherwise; the sink shares the cores."
    default = Floor(MINE, SECONDS, SDK, 0.72, bound=FAST, why="unchecked; the check shares the cores with the sink")
    unchecked = ((ONE, SDK, 0.45), (TWO, SDK, 0.40), (TWO, ASYNC, 0.27), (TWO, WRANGLER, 0.10), (TWO, CURL, 1.1))
    floors = [Floor(name, SECONDS, other, most, bound=RAW, why=STARTING) for name, other, most in unchecked]
    cases = loads(size, *(name for name in LOADERS if name not in {COMPACT, TRANSPORT}))
    yield Section(f"A load of {size / GB:g} GB, TLS", about, WITH_SINK, [*floors, default], cases, rounds, {})
    cases, plain, floors = loads(size, TWO, FAST, MINE, SDK, RAW), {"certificate": None}, [default._replace(most=1.0)]
    yield Section(f"A load of {size / GB:g} GB, plain", about, WITH_SINK, floors, cases, min(rounds, 3), plain)
    about = "One connection, no planning, no check; the programs say how much CPU time the transfer took."
    floors = [Floor(TRANSPORT, CPU, RAW, most=1.15, why="HTTP/1.1, written and read by libraries in Python")]
    for at, line in (("TLS", {}), ("plain", plain)):
        cases = loads(size, TRANSPORT, RAW)
        yield Section(f"The transfer alone, {at}", about, LOAD, floors, cases, max(3, 2 * rounds - 1), line)
    about = """Over TLS, from the start of the process to its end. Raw sockets: Python, one TLS context, one
handshake; httpx alone: what no client that uses it can do without."""
    why = "which uses it, attrs and orjson too"
    floors = [Floor(MINE, SECONDS, other, most, bound=ALONE, why=why) for other, most in (("", 0.14), (SDK, 0.5))]
    cases = loads(100_000, MINE, SDK, WRANGLER, RAW, most=1000)
    cases[ALONE] = Case(program("alone", "{data}", where=BARE), 100_000)
    columns = (MS, CPU, MEMORY, TLS_MS)
    yield Section("A load of three vectors", about, columns, floors, cases, 3 * rounds, {}, spread=True)
    about = "The same from Python, without extras: each row does what the row above it does, and more."
    floors = [
        Floor("bare Python and import cf_vectorize", MS, "official SDK: import", most=0.50),
        Floor("bare Python and a client made", MS, "official SDK: client made", most=0.55),
        Floor("bare Python and cf-vectorize --help", MS, "bare Python", most=60, more=True),
    ]
    cases = {name: Case(command, 100_000 if name.endswith("load") else 0) for name, command in STEPS.items()}
    yield Section("Where the time of a small load goes", about, (MS, CPU), floors, cases, 3 * rounds, {}, steps=True)
    cases = {MINE: Case(program("installed", where=BARE)), SDK: Case(program("installed", where=OFFICIAL))}
    floors = [Floor(MINE, PRINTED_MB, SDK, most=0.10)]
    yield Section("Installed", "With what each needs, without pip.", (PRINTED_MB,), floors, cases)


def what_may_not_grow(part: int) -> Iterator[Section]:
    """Yield loads of several sizes and of odd files, whose memory is what counts."""
    sizes = (100 * MB // part, GB // part, 4 * GB // part)
    small, *_, large = labels = [f"{MINE}, {size / GB:g} GB" for size in sizes]
    about = "Checked, 4 connections, TLS; the peaks of all processes, added up."
    floors = [Floor(label, MEMORY, most=50) for label in labels]
    others = ((small, 1.1), (large.replace(MINE, SDK), 0.07))
    floors += [Floor(large, MEMORY, other, most) for other, most in others]
    runs = [(name, size) for name in (MINE, SDK, WRANGLER) for size in (sizes if name != WRANGLER else sizes[:2])]
    cases = {f"{name}, {size / GB:g} GB": Case(LOADERS[name], size) for name, size in runs}
    yield Section(MEMORIES, about, (MEMORY, SECONDS, CPU_GB), floors, cases, line={})
    size = 10 * MB // part
    about = f"Checked, TLS, files of {size / MB:g} MB and 10 and 100 times as much."
    floors = [Floor("100 times", quantity, "10 times", most) for quantity, most in ((LOADING, 12), (MEMORY, 1.1))]
    cases = {f"{times} times": Case(ours("--json"), times * size) for times in (1, 10, 100)}
    yield Section(GROWTH, about, (*LOAD, LOADING), floors, cases, 3, {})
    count, size, load = 1_000_000 // part, 400 * MB // part, program("unlimited", "{data}")
    usual, longest = f"{size / MB:g} MB of usual lines", f"{size / MB:g} MB of the longest lines"
    short, more = f"{count:,} short lines", f"{10 * count:,} short lines"
    endless, hostile = "a line that never ends", "an answer that never ends"
    about = """Checked, 4 connections, TLS. Short lines have 32 dimensions; the longest have the 4 MB that are
taken of a line; what never ends is given up with an error."""
    floors = [Floor(more, MEMORY, short, 1.1), *(Floor(name, MEMORY, usual, 1.1) for name in (endless, hostile))]
    floors.append(Floor(longest, MEMORY, usual, 2.0, why="what reads a line as JSON takes several times its size"))
    cases = {usual: Case(load, size), longest: Case(load, size, "longest")}
    cases |= {short: Case(load, count, "short"), more: Case(load, 10 * count, "short")}
    cases[endless] = Case(ours(), 3 * size, "endless", fails=True)
    cases[hostile] = Case(ours("--give-up-after", "1"), 100_000, fails=True, line={"answer": None})
    columns = (MEMORY, SECONDS, CPU, SENT, REQUESTS)
    yield Section("Odd input, and a hostile answer", about, columns, floors, cases, line={})
    about = "Finding where the batches of a file begin and end, the fastest of several times in one process."
    why = "looking for newlines comes on top of reading, whose own speed is in the table"
    floors = [Floor("planning", PLANNING, least=10, why=why), Floor("planning", PRINTED_MB, most=20)]
    cases = {"planning": Case(program("plan", "{data}"), GB // part)}
    yield Section("Planning", about, (PLANNING, READING, PRINTED_MB), floors, cases)


def within_a_process(part: int) -> Iterator[Section]:
    """Yield what is measured within one process, beside what else is imported there."""
    checked, plainest, best = "check, fast", "json.loads", "orjson.loads"
    floors = [Floor(checked, READ, plainest, least=5)]
    floors.append(Floor(checked, READ, best, least=1.5, bound="pysimdjson, parse", why="with no rule at all"))
    about = (
        "Every rule on, on one core, beside readers that check nothing; numbers as Python or as float32 prints them."
    )
    for kind in ("1536 x float64", "1536 x float32", "128 x float64"):
        yield Section(f"Checking {kind}", about, (READ,), floors, by="lines", against=(plainest, best))
        floors = []
    every = [f"{name} (all cores)" for name in ("duckdb", "polars", "pyarrow.json")]
    floors = [Floor("two processes", READ, name, least=1) for name in every]
    floors.append(Floor("two processes", READ, plainest, least=9, bound="one process", why="there are two cores"))
    beside: Any = {"by": "lines", "against": (plainest,), "beside": "Checking 1536 x float64"}
    yield Section("A whole check", "`check` of a file that is worth a second process.", (READ,), floors, **beside)
    plainest, best, mine = "json.dumps(row.tolist())", "orjson.dumps(array)", "columns, float32"
    floors = [Floor(mine, VECTORS, plainest, least=12), Floor("compact", BYTES, plainest, most=0.60)]
    floors.append(Floor(mine, VECTORS, best, least=0.9, bound="orjson.dumps(row)", why="row by row, without ids"))
    columns: tuple[Quantity, ...] = (VECTORS, Quantity("us a vector", "wall", 1e-6, ".1f"), BYTES)
    for dimensions in (1536, 128):
        title, about = f"Encoding {dimensions} dimensions", "NumPy float32 to NDJSON, and `compact` from NDJSON."
        yield Section(title, about, columns, floors, by="lines", against=(plainest, best))
        floors = []
    reading, to_numpy = partial(Section, by="lookups"), "20 x 1536 to a float32 array"
    floor = Floor(MINE, MS, SDK, 0.17, bound=HTTPX, why="with nothing checked, bounded or asked again")
    about = f"{to_numpy}, by turns of 20 calls."
    yield reading("Reading back to NumPy, in blocks", about, (MS,), [floor], against=[SDK])
    about = f"{to_numpy}, one call at a time: each finds memory and caches as the other client's garbage left them."
    floor = floor._replace(most=0.3)
    yield reading("Reading back to NumPy, by turns", about, (MS, P99), [floor], against=[SDK])
    about = "What the bytes of the same answer take."
    yield reading("Reading back, without HTTP", about, (MS,), against=["json, as in the SDK"])
    yield reading("Reading back: memory", "A process that iterates over vectors by id.", (MEMORY,))
    about = "One `get_by_ids` of 20 ids over TLS, as each client returns it."
    yield reading("A lookup's latency, alone", about, (MS, P99, HELD), against=[SDK])
    about = "64 of them at once in one event loop: each from the start of all, and how long nothing else ran there."
    floors = [Floor(f"{MINE}, async", quantity, ASYNC, most=1.0) for quantity in (P99, HELD)]
    yield reading("A lookup's latency, 64 at once", about, (MS, P99, HELD), floors, against=[ASYNC])
    for at, concurrency, least in (("TLS", 8, 2.5), ("50 ms of latency", 16, 14)):
        bound, why = f"{HTTPX}, {concurrency} threads", "all of them in one Python, which runs one thread at a time"
        floors = [Floor(f"{MINE}, concurrency {concurrency}", RATE, SDK, least=least, bound=bound, why=why)]
        yield reading(f"Reading back, {at}", "Many requests, the SDK's one by one.", (RATE,), floors, against=[SDK])
    count, about = 1_000_000 // part, "kept on disk, by this client; its CPU time is an average."
    columns = (MS, P99, Quantity("CPU ms of the emulator", "cpu", 1e-3), ROWS, MEMORY)
    yield Section("The emulator", f"{count:,} vectors of 768 dimensions, {about}", columns, by="emulator")
    about = f"""{100_000 // part:,} vectors of 768 dimensions in files of Parquet, into the sink, without TLS. The
first time is with imports and the start of a cluster; CPU time is all that the machine spent meanwhile. For each
load Ray Data starts 32 actors that read how the files end, unless `RAY_DATA_PARQUET_FOOTER_NUM_ACTORS` says fewer."""
    yield Section("Ray", about, (SECONDS, ROWS, CPU, BUSY, REQUESTS), by="engine")
