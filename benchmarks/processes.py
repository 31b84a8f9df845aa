"""Whole processes, measured from outside: wall time, CPU time, memory; each run against a fresh sink."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# The tests' servers serve the benchmarks too.
sys.path.append(str(Path(__file__).parents[1] / "tests/servers"))

import data
import sink
from harness import Case, Columns

__all__ = ["Bench", "memories", "run", "sink"]

MEMORY_INTERVAL = 0.02
LONGEST = 600


class Bench:
    """Runs cases; owns the data files and the certificate, which lie in `folder`."""

    def __init__(self, folder: Path, environments: Path) -> None:
        self._folder = folder
        self._pem = sink.make_certificate(folder / "sink.pem")
        self._certificate = str(self._pem.with_suffix(".crt"))
        python, modules = Path(sys.executable), environments / "node_modules"
        self._places = {"here": environments, "modules": modules, "python": python, "bin": python.parent}

    def run(self, case: Case, line: Mapping[str, Any] | None) -> Columns:
        """Run a case against a sink on a line, if there is one, and return what was measured.

        Raises:
            RuntimeError: The program failed, or the sink did not get the whole file.

        """
        path = self._folder / f"{case.kind}-{case.size}.ndjson"
        if not path.exists():
            data.write(path, case.kind, case.size)
        places = {**self._places, "data": path, "certificate": self._certificate}
        if line is None:
            return run([part.format_map(places) for part in case.command])
        settings: dict[str, Any] = {"certificate": self._pem, **line, **case.line}
        with sink.running(**settings) as server:
            command = [part.format_map({**places, "url": server.base_url}) for part in case.command]
            variables = {"CLOUDFLARE_ACCOUNT_ID": "an-account", "CLOUDFLARE_API_TOKEN": "a-made-up-token"}
            # Of each the second is for wrangler and Node.
            variables |= dict.fromkeys(("CLOUDFLARE_BASE_URL", "CLOUDFLARE_API_BASE_URL"), server.base_url)
            variables |= dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), self._certificate)
            variables["WRANGLER_SEND_METRICS"] = "false"
            measured = run(command, {**os.environ, **variables}, self._folder, fails=case.fails)
            counts = server.counts
        # --compact sends other bytes than the file's.
        if not case.fails and "--compact" not in command and counts.body_bytes < path.stat().st_size:
            raise RuntimeError(f"{case.command}: only {counts.body_bytes:,} bytes arrived")
        measured |= {"sent": [counts.body_bytes], "transfer": [counts.seconds], "requests": [counts.requests]}
        return measured | {"sink": [counts.cpu], "both": [counts.cpu + measured["cpu"][0]]}


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    *,
    fails: bool = False,
) -> Columns:
    """Run a program to its end.

    Returns:
        `wall`, the seconds from start to exit; `cpu`, those of user and system, children included; `memory`, the peak
        of its processes' bytes; `history`, for each moment of it how many seconds after the start and how many bytes
        then; and the members of the JSON object that it printed last, which come first.

    Raises:
        RuntimeError: It failed, or did not where it should have; with what it printed.

    """
    history, peak = [], 0
    with tempfile.TemporaryFile("w+") as output:
        began = time.monotonic()
        streams: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, env=environment, cwd=folder, process_group=0, **streams)
        ended = os.pidfd_open(process.pid)
        try:
            # The kernel's account of each process; what wait4 reports would include the memory of the parent.
            while not select.select([ended], [], [], MEMORY_INTERVAL)[0] and time.monotonic() - began < LONGEST:
                resident, peaks = map(sum, zip((0, 0), *memories(process.pid), strict=True))
                history.append((round(time.monotonic() - began, 3), resident))
                peak = max(peak, peaks)
            wall = time.monotonic() - began
        finally:
            os.close(ended)
            os.killpg(process.pid, signal.SIGKILL)  # with what it started; it may stand still
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if bool(process.returncode) != fails:
        how = f"exit {process.returncode}" if wall < LONGEST else f"not done after {LONGEST} s, and was ended"
        raise RuntimeError(f"{' '.join(map(str, command))}: {how}\n{text}")
    start = f"\n{text}".rfind("\n{")
    printed = json.loads(text[start:]) if start >= 0 else {}
    measured = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": peak, "history": history, **printed}
    return {name: [value] for name, value in measured.items()}


def memories(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes that a process and each of its descendants has resident, and the most it had, by the kernel."""
    with suppress(OSError, KeyError):  # it has just ended
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        yield int(status["VmRSS"].split()[0]) * 1024, int(status["VmHWM"].split()[0]) * 1024
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in path.read_text().split():
                yield from memories(int(child))
