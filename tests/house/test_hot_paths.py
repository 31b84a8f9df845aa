"""What speed rests on, counted and not timed: bytes read and copied, requests, connections, calls, memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cf_vectorize import Vectorize
from cf_vectorize.base.options import filled
from cf_vectorize.checks.line import LineCheck
from cf_vectorize.load.examine import Examiner
from cf_vectorize.load.options import checked
from cf_vectorize.load.plan import Planner
from cf_vectorize.load.resume import acknowledged
from cf_vectorize.source.cut import BLOCK, BatchLimits, split
from cf_vectorize.source.open import open_sources
from cf_vectorize_overlay.body import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SINK = Path(__file__).parents[1] / "servers" / "sink.py"
MIB = 1024 * 1024


class Sink:
    """A sink in a process of its own, so that what it allocates is not counted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._ask, self._answers = process.stdin, process.stdout
        self.base_url = self._answers.readline().strip()

    def counts(self) -> tuple[int, int, int]:
        """Return requests, connections and bytes of bodies so far."""
        self._ask.write("\n")
        self._ask.flush()
        requests, connections, size = map(int, self._answers.readline().split())
        return requests, connections, size


@contextmanager
def running_sink(*answer: Path) -> Iterator[Sink]:
    command = [sys.executable, *map(str, (SINK, *answer))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Sink(process)
        process.communicate()
    assert process.returncode == 0


@contextmanager
def client_of(sink: Sink) -> Iterator[Vectorize]:
    with Vectorize("an-index", account_id="a", api_token="t", base_url=sink.base_url) as client:
        yield client


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as sink:
        yield sink


@pytest.fixture
def client(sink: Sink) -> Iterator[Vectorize]:
    with client_of(sink) as client:
        yield client


@pytest.fixture(scope="module")
def line() -> bytes:
    values = [round(number / 1536 - 0.5, 16) for number in range(1536)]
    return orjson.dumps({"id": "vector-0", "values": values, "metadata": {"title": "a title"}}) + b"\n"


@pytest.fixture
def write(tmp_path: Path, line: bytes) -> Callable[[int], Path]:
    """Write a file of at least so many bytes."""

    def write(size: int) -> Path:
        path = tmp_path / f"{size}.ndjson"
        path.write_bytes(line * (size // len(line) + 1))
        return path

    return write


@contextmanager
def peak_allocated() -> Iterator[Callable[[], int]]:
    """Return the most bytes that were allocated at a time since."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@contextmanager
def calls() -> Iterator[Callable[[], int]]:
    """Count the calls of Python and C functions that this thread makes."""
    count = 0

    def profile(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        yield lambda: count
    finally:
        sys.setprofile(None)


class Reads:
    """Counts what is read from files by position."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = 0
        self.count = 0
        self.chunks: list[bytes] = []
        self._lock = threading.Lock()
        pread, preadv = os.pread, os.preadv

        def counted_pread(descriptor: int, size: int, offset: int) -> bytes:
            data = pread(descriptor, size, offset)
            self._add(len(data))
            self.chunks.append(data)
            return data

        def counted_preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
            got = preadv(descriptor, buffers, offset)
            self._add(got)
            return got

        monkeypatch.setattr(os, "pread", counted_pread)
        monkeypatch.setattr(os, "preadv", counted_preadv)

    def _add(self, size: int) -> None:
        with self._lock:
            self.size += size
            self.count += 1


@pytest.mark.parametrize(("check", "readings"), [(False, 2), (True, 3)])
def test_a_file_is_read_once_to_plan_once_to_check_and_once_to_send(
    client: Vectorize,
    write: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    check: bool,
    readings: int,
) -> None:
    path = write(8 * MIB)
    reads = Reads(monkeypatch)
    client.insert(path, check=check)
    size = path.stat().st_size
    assert reads.size == readings * size
    assert reads.count <= size // BLOCK + 2 + (readings - 1) * (size // CHUNK + 1)


def test_what_is_read_is_sent_without_a_copy(
    client: Vectorize, write: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(8 * MIB)
    reads = Reads(monkeypatch)
    sent: list[object] = []
    send = socket.socket.send

    def counted_send(self: socket.socket, data: bytes, flags: int = 0) -> int:
        sent.append(data)
        return send(self, data, flags)

    monkeypatch.setattr(socket.socket, "send", counted_send)
    client.insert(path, check=False)
    known = {id(data.obj) for data in sent if isinstance(data, memoryview)}
    assert len(reads.chunks) >= path.stat().st_size // CHUNK
    assert all(id(chunk) in known for chunk in reads.chunks)


def test_each_batch_is_one_request_on_as_few_connections_as_workers(
    client: Vectorize, sink: Sink, write: Callable[[int], Path]
) -> None:
    path = write(8 * MIB)
    report = client.insert(path, batch_bytes=MIB, concurrency=2)
    requests, connections, size = sink.counts()
    assert requests == len(report.batches) == 9
    assert connections <= 2
    assert size == path.stat().st_size


@pytest.mark.parametrize("check", [False, True])
def test_memory_grows_with_workers_and_neither_with_batches_nor_with_the_file(
    client: Vectorize, write: Callable[[int], Path], *, check: bool
) -> None:
    client.insert(write(MIB), check=check)  # what is imported and connected once is not counted
    for size, batch in ((4 * MIB, 2 * MIB), (16 * MIB, 8 * MIB), (32 * MIB, 2 * MIB)):
        path = write(size)
        with peak_allocated() as peak:
            client.insert(path, check=check, batch_bytes=batch, concurrency=2)
            # A block and a chunk to plan and check with; each worker's chunk, and what the HTTP stack keeps of it.
            assert peak() < BLOCK + CHUNK + 2 * 3 * CHUNK, f"{size} in batches of {batch}"


def test_planning_makes_few_calls_a_line(write: Callable[[int], Path]) -> None:
    path = write(4 * MIB)
    (source,) = open_sources(path)
    with source.open() as readable, calls() as made:
        lines = sum(cut.lines for cut in split(readable, BatchLimits()))
        assert made() <= 4 * lines


def test_checking_makes_few_calls_a_line(line: bytes) -> None:
    check = LineCheck()
    text = line.rstrip()
    assert check(text) == ()
    with calls() as made:
        for _ in range(100):
            check(text)
        assert made() <= 40 * 100


def test_examining_adds_few_calls_to_the_check(write: Callable[[int], Path], line: bytes) -> None:
    sources = open_sources(write(4 * MIB))
    check = LineCheck()
    text = line.rstrip()
    with calls() as made:
        check(text)
        for_one = made()
    with calls() as made:
        examiner = Examiner(checked(**filled(Vectorize.insert, {})))
        planner = Planner(BatchLimits(), examiner, acknowledged(sources, None, resends=False))
        lines = sum(batch.vectors for batch in planner.batches(sources))
        assert made() <= (for_one + 20) * lines + 1000


IDS = [f"vector-{number}" for number in range(20)]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Sink]:
    """A sink that answers every request with the same twenty vectors."""
    values = [round(number / 1536 - 0.5, 7) for number in range(1536)]
    vectors: list[dict[str, Any]] = [
        {"id": identity, "namespace": None, "metadata": {}, "values": values} for identity in IDS
    ]
    answer = tmp_path / "answer.json"
    answer.write_bytes(orjson.dumps({"success": True, "errors": [], "messages": [], "result": vectors}))
    with running_sink(answer) as sink:
        yield sink


def test_lookup_asks_in_twenties_on_as_few_connections_as_workers(stored: Sink) -> None:
    with client_of(stored) as client:
        assert sum(vector is not None for _, vector in client.iter_by_ids(IDS * 5, concurrency=2)) == 100
    requests, connections, _ = stored.counts()
    assert requests == 5
    assert connections <= 2


def test_memory_of_lookup_does_not_grow_with_the_ids(stored: Sink) -> None:
    peaks = []
    with client_of(stored) as client:
        for requests in (2, 10, 50):
            with peak_allocated() as peak:
                for _ in client.iter_by_ids(IDS * requests, concurrency=2):
                    pass
                peaks.append(peak())
    assert max(peaks) < 4 * MIB, peaks
