"""Whole processes, measured from outside: wall time, CPU time, memory; each run against a fresh sink."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

# The tests' servers serve the benchmarks too.
sys.path.append(str(Path(__file__).parents[1] / "tests/servers"))

import data
import sink

MEMORY_INTERVAL = 0.02


class Case(NamedTuple):
    """A program by name: its command, where the bench fills in what is in braces, and the size of what it loads."""

    name: str
    command: tuple[str, ...]
    size: int = 0


@dataclass(frozen=True)
class Sample:
    """One run of a program.

    Attributes:
        wall: Seconds from start to exit.
        cpu: Seconds of CPU, user and system, children included; or what the program says in its `cpu`.
        history: Seconds since its start, the resident bytes of its largest process then, and their peak by then.
        printed: The JSON object that it printed, if it did.
        sent: Bytes of the request bodies that the sink read.
        transfer: Seconds that the sink saw from the first request's head to the last body's end.
        requests: Requests that the sink answered.

    """

    wall: float
    cpu: float
    history: tuple[tuple[float, int, int], ...]
    printed: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    transfer: float = 0
    requests: int = 0

    @property
    def memory(self) -> int:
        """Peak resident bytes of its largest process."""
        return max((peak for *_, peak in self.history), default=0)

    @property
    def speed(self) -> float:
        """Bytes a second, between the first byte and the last."""
        return self.sent / self.transfer


class Bench:
    """Runs cases; owns the data files and the certificate.

    Args:
        folder: Where those go.
        environments: What `{here}` in commands stands for.

    """

    def __init__(self, folder: Path, environments: Path) -> None:
        self._folder = folder
        self._environments = environments
        self._pem = sink.make_certificate(folder / "sink.pem")

    def data(self, size: int) -> Path:
        """Return a file of `size` bytes or a line more, made when it is first asked for."""
        path = self._folder / f"{size}.ndjson"
        if not path.exists():
            data.write(path, size)
        return path

    def run(self, case: Case, line: Mapping[str, Any] | None) -> list[Sample]:
        """Run a case, and return the one sample of it.

        Args:
            case: What is run.
            line: What `sink.running` is told, over TLS unless it says otherwise; None for a program that needs
                neither a sink nor the variables that lead to one.

        Raises:
            RuntimeError: The program failed, or the sink did not get the whole file.

        """
        certificate = str(self._pem.with_suffix(".crt"))
        places = {"here": self._environments, "data": self.data(case.size), "certificate": certificate}
        if line is None:
            return [run([part.format_map(places) for part in case.command])]
        settings: dict[str, Any] = {"certificate": self._pem, **line}
        with sink.running(**settings) as server:
            command = [part.format_map({**places, "url": server.base_url}) for part in case.command]
            variables = {
                "CLOUDFLARE_ACCOUNT_ID": "an-account",
                "CLOUDFLARE_API_TOKEN": "a-made-up-token",
                "CLOUDFLARE_BASE_URL": server.base_url,
                "SSL_CERT_FILE": certificate,
                # The same two, by the names that wrangler and Node know.
                "CLOUDFLARE_API_BASE_URL": server.base_url,
                "NODE_EXTRA_CA_CERTS": certificate,
                "WRANGLER_SEND_METRICS": "false",
            }
            sample = run(command, {**os.environ, **variables}, self._folder)
            counts = server.counts
        if counts.body_bytes < case.size and "--compact" not in command:  # which sends other bytes than the file's
            raise RuntimeError(f"{case.name}: only {counts.body_bytes:,} bytes arrived")
        return [replace(sample, sent=counts.body_bytes, transfer=counts.seconds, requests=counts.requests)]


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Sample:
    """Run a program to its end.

    Raises:
        RuntimeError: It failed; with what it printed.

    """
    history = []
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        ended = os.pidfd_open(process.pid)
        # The kernel's account of each process; what wait4 reports would include the memory of the parent.
        while not select.select([ended], [], [], MEMORY_INTERVAL)[0]:
            if found := list(_memories(process.pid)):
                history.append((time.monotonic() - began, *max(found)))
        wall = time.monotonic() - began
        os.close(ended)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {process.returncode}\n{text}")
    printed = json.loads(text) if text.startswith("{") else {}
    return Sample(wall, printed.get("cpu", usage.ru_utime + usage.ru_stime), tuple(history), printed)


def _memories(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes that a process and each of its descendants has resident, and the most it had."""
    with suppress(OSError, KeyError):  # it has just ended
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        yield int(status["VmRSS"].split()[0]) * 1024, int(status["VmHWM"].split()[0]) * 1024
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in path.read_text().split():
                yield from _memories(int(child))
