"""Loader and emulator as real processes, killed at random moments, until everything has arrived."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from cf_vectorize import Vectorize
from loads import environment, ids, lines, settings
from raw_server import unserved_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND = [sys.executable, "-m", "cf_vectorize"]
VECTORS = 400
IN_A_BATCH = 5
# `nox -s kill` asks for many more.
SEEDS = range(int(os.environ.get("CF_VECTORIZE_TEST_KILL_SEEDS", "1")))


def poll(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def noted(journal: Path) -> list[tuple[int, int]]:
    whole = journal.read_bytes().split(b"\n")[1:-1] if journal.exists() else []
    return [(entry["start"], entry["stop"]) for entry in map(json.loads, whole) if not entry["mark"]]


class Scene:
    """One emulator and one loader at a time."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.port = stack.enter_context(unserved_port())
        self.url = f"http://127.0.0.1:{self.port}/client/v4"
        self.source, self.journal, self._data = folder / "vectors.ndjson", folder / "journal", folder / "data"
        self.source.write_bytes(b"".join(lines(VECTORS)))
        # It answers too few requests for a load to end before the first kill.
        self.emulator = self.start_emulator("--rate-limit", f"{VECTORS // IN_A_BATCH - 20}/3600")
        self.loader = self.start_loader()
        stack.callback(lambda: [self.kill(process) for process in (self.emulator, self.loader)])

    def start_emulator(self, *more: str) -> subprocess.Popen[bytes]:
        options = ["--port", str(self.port), "--data", str(self._data), "--visible", "immediately", *more]
        process = subprocess.Popen([*COMMAND, "emulate", "--quiet", *options])
        poll(self._listens)
        return process

    def _listens(self) -> bool:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def start_loader(self) -> subprocess.Popen[bytes]:
        options = ["--journal", str(self.journal), "--batch-vectors", str(IN_A_BATCH)]
        return subprocess.Popen(
            [*COMMAND, "insert", "index", str(self.source), *options],
            env=os.environ | environment(self.url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_noted_is_sent_again(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    kills = 0
    with ExitStack() as stack:
        scene = Scene(tmp_path, stack)
        while scene.loader.poll() is None:
            goal = len(noted(scene.journal)) + draw.randrange(1, 30)
            poll(lambda goal=goal: len(noted(scene.journal)) >= goal or scene.loader.poll() is not None)  # type: ignore[misc]
            victims = draw.choice(["loader", "emulator", "both"]) if kills else "both"
            if scene.loader.poll() is not None:
                break
            kills += 1
            if victims != "emulator":
                scene.kill(scene.loader)
            if victims != "loader":
                scene.kill(scene.emulator)
                scene.emulator = scene.start_emulator()
            if victims != "emulator":
                scene.loader = scene.start_loader()
        assert scene.loader.returncode == 0
        assert kills > 0
        # Every range once: what was noted was never sent, and so never noted, again.
        ranges = sorted(noted(scene.journal))
        assert len(ranges) == VECTORS // IN_A_BATCH
        assert [stop for _, stop in ranges] == [*(start for start, _ in ranges[1:]), scene.source.stat().st_size]
        with Vectorize("index", **settings(scene.url)) as index:
            found = index.get_by_ids(ids(VECTORS))
        assert found.missing == ()
        assert len(found) == VECTORS
