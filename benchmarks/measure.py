"""Whole processes, measured from outside: wall time, CPU time, memory; by turns, each run against a fresh sink."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "tests/servers"))  # they serve the benchmarks too

import sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MEMORY_INTERVAL = 0.02


@dataclass(frozen=True)
class Case:
    """A program with what it loads.

    Attributes:
        name: How tables call it.
        command: `{data}`, `{url}` and `{certificate}` in it are filled in.
        size: Bytes of the file that it loads.
        rewrites: Whether it sends other bytes than the file's.

    """

    name: str
    command: tuple[str, ...]
    size: int
    rewrites: bool = False


@dataclass(frozen=True)
class Sample:
    """One run of a program.

    Attributes:
        wall: Seconds from start to exit.
        cpu: Seconds of CPU, user and system, children included.
        memory: Peak resident bytes of its largest process.
        history: Seconds since its start, and the resident bytes of its largest process then.
        sent: Bytes of the request bodies that the sink read.
        transfer: Seconds that the sink saw from the first request's head to the last body's end.
        requests: Requests that the sink answered.
        output: What it printed.

    """

    wall: float
    cpu: float
    memory: int
    history: tuple[tuple[float, int], ...]
    sent: int
    transfer: float
    requests: int
    output: str


Measured = dict[str, list[Sample]]


def median(samples: Sequence[Sample], quantity: Callable[[Sample], float]) -> float:
    """Give the median of a quantity over the runs of one program."""
    return statistics.median(map(quantity, samples))


class Bench:
    """Runs cases; owns the data files and the certificate.

    Args:
        folder: Where those go.
        environments: What `{here}` in commands stands for.

    """

    def __init__(self, folder: Path, environments: Path) -> None:
        self._folder = folder
        self._environments = environments
        self.certificate = sink.make_certificate(folder / "sink.pem")

    def data(self, size: int) -> Path:
        """Give a file of `size` bytes or a line more, made when it is first asked for."""
        path = self._folder / f"{size}.ndjson"
        if not path.exists():
            subprocess.run([sys.executable, Path(__file__).with_name("data.py"), path, str(size)], check=True)
        return path

    def measure(self, cases: Sequence[Case], repetitions: int, *, tls: bool = True, **line: Any) -> Measured:
        """Run every case `repetitions` times, by turns, in an order that turns around each time."""
        measured: Measured = {case.name: [] for case in cases}
        for repetition in range(repetitions):
            for case in cases if repetition % 2 == 0 else reversed(cases):
                with sink.running(certificate=self.certificate if tls else None, **line) as server:
                    measured[case.name].append(self._run(case, server))
        return measured

    def _run(self, case: Case, server: sink.Sink) -> Sample:
        places = {
            "here": self._environments,
            "data": self.data(case.size),
            "url": server.base_url,
            "certificate": self.certificate.with_suffix(".crt"),
        }
        command = [part.format_map(places) for part in case.command]
        wall, cpu, history, output = run(command, self._environment(server.base_url), self._folder)
        counts = server.counts
        if counts.body_bytes < case.size and not case.rewrites:
            raise RuntimeError(f"{case.name}: only {counts.body_bytes:,} bytes arrived\n{output}")
        memory = max((peak for _, _, peak in history), default=0)
        resident = tuple((moment, now) for moment, now, _ in history)
        return Sample(wall, cpu, memory, resident, counts.body_bytes, counts.seconds, counts.requests, output)

    def _environment(self, base_url: str) -> dict[str, str]:
        certificate = str(self.certificate.with_suffix(".crt"))
        return {
            **os.environ,
            "CLOUDFLARE_ACCOUNT_ID": "an-account",
            "CLOUDFLARE_API_TOKEN": "a-made-up-token",
            "CLOUDFLARE_BASE_URL": base_url,
            "SSL_CERT_FILE": certificate,
            # The same two, by the names that wrangler and Node know.
            "CLOUDFLARE_API_BASE_URL": base_url,
            "NODE_EXTRA_CA_CERTS": certificate,
            "WRANGLER_SEND_METRICS": "false",
        }


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> tuple[float, float, list[tuple[float, int, int]], str]:
    """Run a program to its end.

    Returns:
        Seconds of wall time and of CPU, the memory of its largest process over time (seconds since the start, bytes
        resident, bytes at most so far), and what it printed.

    Raises:
        RuntimeError: It failed; with what it printed.

    """
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        watch = _MemoryWatch(process.pid, began)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        watch.ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {process.returncode}\n{printed}")
    return wall, usage.ru_utime + usage.ru_stime, watch.history, printed


class _MemoryWatch(threading.Thread):
    """Reads the kernel's account of a process; what wait4 reports would include the memory of its parent."""

    def __init__(self, pid: int, began: float) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.history: list[tuple[float, int, int]] = []
        self._pid = pid
        self._began = began

    def run(self) -> None:
        while not self.ended.wait(MEMORY_INTERVAL):
            found = [memory for pid in _family(self._pid) if (memory := _memory(pid))]
            if found:
                resident, peak = max(found)
                self.history.append((time.monotonic() - self._began, resident, peak))


def _family(pid: int) -> list[int]:
    """Give a process and its descendants."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has just ended
            children += map(int, path.read_text().split())
    return [pid, *(member for child in children for member in _family(child))]


def _memory(pid: int) -> tuple[int, int] | None:
    """Give the bytes a process has resident, and the most it had."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if "VmRSS" not in fields:
        return None
    return int(fields["VmRSS"].split()[0]) * 1024, int(fields["VmHWM"].split()[0]) * 1024
