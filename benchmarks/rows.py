"""What is measured, and the floors: each scenario is a table of cases, each row of issue and docs a `Floor`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from measure import Case, median
from peers import CURL, RAW, SDK_ASYNC, SDK_SYNC, TRANSFER, WRANGLER, ours

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Measured, Sample

MB, GB = 10**6, 10**9


@dataclass(frozen=True)
class Floor:
    """What a measurement is held against.

    Attributes:
        what: What is measured.
        against: What it is compared with.
        value: Gives the number from all samples of the scenario.
        most: The number may not be larger.
        least: The number may not be smaller.

    """

    what: str
    against: str
    value: Callable[[Measured], float]
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True)
class Scenario:
    """Cases that are run by turns against sinks of one kind.

    Attributes:
        title: Its heading.
        about: What to know about it.
        cases: What is run.
        floors: What must hold.
        repetitions: Runs of each case.
        line: What `sink.running` is told.

    """

    title: str
    about: str
    cases: tuple[Case, ...]
    floors: tuple[Floor, ...]
    repetitions: int
    line: dict[str, Any] = field(default_factory=dict)


def wall(sample: Sample) -> float:
    return sample.wall


def cpu(sample: Sample) -> float:
    return sample.cpu


def memory(sample: Sample) -> float:
    return sample.memory


def transfer(sample: Sample) -> float:
    return sample.transfer


def printed(sample: Sample) -> float:
    return float(sample.output)


def reported(sample: Sample) -> float:
    """Give the seconds of the load itself, without the start of its process, from a report as JSON."""
    return float(json.loads(sample.output)["seconds"])


def ratio(quantity: Callable[[Sample], float], one: str, other: str) -> Callable[[Measured], float]:
    """Give the ratio of two cases' medians."""
    return lambda measured: median(measured[one], quantity) / median(measured[other], quantity)


def share_of_line(name: str, speed: float) -> Callable[[Measured], float]:
    """Give a case's speed, between its first and its last byte, as a share of the line's."""
    return lambda measured: median(measured[name], lambda sample: sample.sent / sample.transfer) / speed


def megabytes(name: str) -> Callable[[Measured], float]:
    return lambda measured: median(measured[name], memory) / MB


def scenarios(*, quick: bool) -> list[Scenario]:
    """Give all scenarios; the quick ones load less, less often."""
    load = 200 * MB if quick else GB
    return [
        _loads(load, 1 if quick else 5, tls=True),
        _loads(load, 1 if quick else 2, tls=False),
        *(_transfers(load, 5 if quick else 11, tls=tls) for tls in (True, False)),
        _small_load(3 if quick else 15),
        _slow_line(200 * MB if quick else GB, 1 if quick else 2),
        _uplink(20 * MB if quick else 200 * MB, 1 if quick else 2),
        _workers(64 * MB if quick else 800 * MB, 1 if quick else 2),
        _memory((20 * MB, 200 * MB) if quick else (100 * MB, GB, 4 * GB), 1),
        _growth(MB if quick else 10 * MB, 3),
    ]


def _loads(size: int, repetitions: int, *, tls: bool) -> Scenario:
    one, two, default = (
        Case("cf-vectorize --no-check, 1 connection", ours("--no-check", "--concurrency", "1"), size),
        Case("cf-vectorize --no-check, 2 connections", ours("--no-check", "--concurrency", "2"), size),
        Case("cf-vectorize (checks each line, 4 connections)", ours(), size),
    )
    plain = Case("the same without the extra `fast`", ours(fast=False), size)
    sdk = Case("official SDK", (*SDK_SYNC, "1"), size)
    sdk_two = Case("official SDK, 2 threads", (*SDK_SYNC, "2"), size)
    sdk_async = Case("official SDK, async", (*SDK_ASYNC, "1"), size)
    sdk_async_two = Case("official SDK, async, 2 at once", (*SDK_ASYNC, "2"), size)
    wrangler = Case("wrangler", WRANGLER, size)
    curl = Case("curl -T, one request", CURL, size)
    raw = Case("raw sockets", RAW, size)
    kind = "TLS" if tls else "plain"
    what = f"load {size / GB:g} GB of 33 KB lines, unchecked, whole process, TLS"
    unchecked_floors = (
        Floor(f"{what}, 1 connection", "official SDK: time", ratio(wall, one.name, sdk.name), most=0.45),
        Floor(f"{what}, 2 connections", "official SDK: time", ratio(wall, two.name, sdk.name), most=0.40),
        Floor(
            f"{what}, 2 connections", "official SDK, async: time", ratio(wall, two.name, sdk_async.name), most=0.27
        ),
        Floor(f"{what}, 2 connections", "wrangler: time", ratio(wall, two.name, wrangler.name), most=0.10),
        Floor(f"{what}, 2 connections", "curl -T: time", ratio(wall, two.name, curl.name), most=1.1),
    )
    checked_floor = Floor(
        f"the same load, checked (the default), {kind}",
        "official SDK, which checks nothing: time",
        ratio(wall, default.name, sdk.name),
        most=1.0,
    )
    floors = (*unchecked_floors, checked_floor) if tls else (checked_floor,)
    return Scenario(
        f"A load of {size / GB:g} GB, {kind}",
        "As fast as the loopback goes. Raw sockets and curl show what the sink takes at least.",
        (one, two, default, plain, sdk, sdk_two, sdk_async, sdk_async_two, wrangler, curl, raw),
        floors,
        repetitions,
        {"tls": tls},
    )


def _transfers(size: int, repetitions: int, *, tls: bool) -> Scenario:
    mine, raw = Case("cf-vectorize's transport", TRANSFER, size), Case("raw sockets", RAW, size)
    kind = "TLS" if tls else "plain"
    return Scenario(
        f"The transfer alone, {kind}",
        "One connection, no planning, no check; the processes say how much CPU time the transfer took (printed).",
        (mine, raw),
        (Floor(f"transfer alone, CPU, {kind}", "raw `sendall`", ratio(printed, mine.name, raw.name), most=1.15),),
        repetitions,
        {"tls": tls},
    )


def _small_load(repetitions: int) -> Scenario:
    size = 100_000
    return Scenario(
        "A load of three vectors",
        "TLS; what the time before the first byte comes to in the end.",
        (
            Case("cf-vectorize", ours(), size),
            Case("official SDK", (*SDK_SYNC, "1"), size),
            Case("wrangler", WRANGLER, size),
        ),
        (),
        repetitions,
    )


def _slow_line(size: int, repetitions: int) -> Scenario:
    speed = 100 * MB
    unchecked = Case("cf-vectorize --no-check", ours("--no-check"), size)
    checked = Case("cf-vectorize (checks each line)", ours(), size)
    sdk = Case("official SDK", (*SDK_SYNC, "1"), size)
    sdk_async = Case("official SDK, async", (*SDK_ASYNC, "1"), size)
    line = "a line of 100 MB/s"
    return Scenario(
        "A line of 100 MB/s",
        "All connections together get 100 MB/s, over TLS. Raw sockets show what no client can go below.",
        (unchecked, checked, sdk, sdk_async, Case("raw sockets", RAW, size)),
        (
            Floor(f"{line}, unchecked", "the line itself", share_of_line(unchecked.name, speed), least=0.99),
            Floor(f"{line}, checked", "the line itself", share_of_line(checked.name, speed), least=0.99),
            Floor(f"{line}, unchecked", "official SDK: CPU", ratio(cpu, unchecked.name, sdk.name), most=0.45),
            Floor(
                f"{line}, unchecked",
                "official SDK, async: CPU",
                ratio(cpu, unchecked.name, sdk_async.name),
                most=0.15,
            ),
            Floor(f"{line}, checked", "official SDK: time", ratio(wall, checked.name, sdk.name), most=1.0),
            Floor(f"{line}, checked", "unchecked: time", ratio(wall, checked.name, unchecked.name), most=1.01),
        ),
        repetitions,
        {"line_speed": speed},
    )


def _uplink(size: int, repetitions: int) -> Scenario:
    mbit = 100 * MB / 8
    as_it_is = Case("the file as it is", ours(), size)
    compact = Case("--compact", ours("--compact"), size, rewrites=True)
    return Scenario(
        "An uplink of 100 Mbit/s",
        "A file written by Python's json, sent as it is and rewritten on the way to shortest float32 decimals.",
        (as_it_is, compact),
        (
            Floor(
                "compact rewriting of NDJSON, 100 Mbit/s",
                "the file as it is: times as fast",
                ratio(wall, as_it_is.name, compact.name),
                least=1.5,
            ),
        ),
        repetitions,
        {"line_speed": mbit},
    )


def _workers(size: int, repetitions: int) -> Scenario:
    counts = (1, 2, 4, 8)
    names = {count: f"{count} worker{'s' if count > 1 else ''}" for count in counts}
    batch = ("--batch-bytes", str(size // 32))
    cases = tuple(
        Case(names[count], ours("--no-check", "--concurrency", str(count), *batch), size) for count in counts
    )
    return Scenario(
        "Connections of 50 MB/s, answers after 200 ms",
        f"TLS, unchecked, 32 batches of {size / 32 / MB:g} MB; time from the first byte to the last.",
        cases,
        tuple(
            Floor(
                f"50 MB/s a connection, 200 ms: {names[count]}",
                "one worker: times as fast",
                ratio(transfer, names[1], names[count]),
                least=0.85 * count,
            )
            for count in (4, 8)
        ),
        repetitions,
        {"connection_speed": 50 * MB, "latency": 0.2},
    )


def _memory(sizes: tuple[int, ...], repetitions: int) -> Scenario:
    wrangler_most = 3 * GB  # it stops after 100,000 vectors
    by_size = {size: f"cf-vectorize, {size / GB:g} GB" for size in sizes}
    sdk = {size: f"official SDK, {size / GB:g} GB" for size in sizes}
    cases = [Case(by_size[size], ours("--concurrency", "4"), size) for size in sizes]
    cases += [Case(sdk[size], (*SDK_SYNC, "1"), size) for size in sizes]
    cases += [
        Case(f"wrangler, {size / GB:g} GB", WRANGLER, size)
        for size in dict.fromkeys(min(size, wrangler_most) for size in sizes)
    ]
    smallest, largest = sizes[0], sizes[-1]
    return Scenario(
        "Memory by size of the file",
        "Checked, 4 connections, TLS; the peak of the largest process. wrangler stops after 100,000 vectors.",
        tuple(cases),
        (
            *(
                Floor(f"peak MB, {size / GB:g} GB, concurrency 4", "absolute", megabytes(by_size[size]), most=50)
                for size in sizes
            ),
            Floor(
                f"peak memory, {largest / GB:g} GB",
                f"{smallest / GB:g} GB",
                ratio(memory, by_size[largest], by_size[smallest]),
                most=1.1,
            ),
            Floor(
                f"peak memory, {largest / GB:g} GB",
                "official SDK",
                ratio(memory, by_size[largest], sdk[largest]),
                most=0.07,
            ),
        ),
        repetitions,
    )


def _growth(size: int, repetitions: int) -> Scenario:
    cases = {times: Case(f"{times} times", ours("--json"), times * size) for times in (1, 10, 100)}
    return Scenario(
        "Growth",
        f"Checked, TLS, files of {size / MB:g} MB and 10 and 100 times as much.",
        tuple(cases.values()),
        (
            Floor(
                "growth: 100 times the input",
                "10 times: time of the load",
                ratio(reported, cases[100].name, cases[10].name),
                most=12,
            ),
            Floor(
                "growth: 100 times the input",
                "10 times: peak memory",
                ratio(memory, cases[100].name, cases[10].name),
                most=1.1,
            ),
        ),
        repetitions,
    )
