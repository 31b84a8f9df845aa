"""A server that reads every byte of every request, counts it, and answers like `insert`.

One process for each connection, so that it is no bottleneck; a line speed and a latency can be asked for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORK = multiprocessing.get_context("fork")
BUFFER = 256 * 1024
HEADER_END = b"\r\n\r\n"
ANSWER = b'{"success":true,"errors":[],"messages":[],"result":{"mutationId":"00000000-0000-4000-8000-000000000000"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SIZED = HEAD + b"Content-Length: %d\r\n\r\n"
# What is answered to `get_by_ids`, where `answer` is that of an insert.
EMPTY = b'{"success":true,"errors":[],"messages":[],"result":[]}'
NOTHING = SIZED % len(EMPTY) + EMPTY
# A line forgives being asked this late (seconds), so that a sleep that lasts too long does not lower its speed.
PATIENCE = 0.01
SHORTEST_SLEEP = 0.002


class Line:
    """A line of `speed` bytes a second, shared by the processes that inherit it; endlessly fast without a speed."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._free_at = FORK.Value("d", 0.0)

    def carry(self, count: int) -> None:
        """Take as long as the line takes for `count` bytes."""
        if self._speed is None:
            return
        with self._free_at.get_lock():
            begin = max(self._free_at.value, time.monotonic() - PATIENCE)
            self._free_at.value = end = begin + count / self._speed
        ahead = end - time.monotonic()
        if ahead > SHORTEST_SLEEP:
            time.sleep(ahead)


class Counts:
    """What arrived, in memory that all processes of a sink share."""

    def __init__(self) -> None:
        self._lock = FORK.Lock()
        self._requests = FORK.Value("q", 0, lock=False)
        self._connections = FORK.Value("q", 0, lock=False)
        self._bytes = FORK.Value("q", 0, lock=False)
        self._first = FORK.Value("d", 0.0, lock=False)
        self._last = FORK.Value("d", 0.0, lock=False)
        self._cpu = FORK.Value("d", 0.0, lock=False)

    def add_connection(self) -> None:
        """Count a connection."""
        with self._lock:
            self._connections.value += 1

    def add_request(self, size: int, began: float, cpu: float) -> None:
        """Count a request that is read to its end, `size` bytes of body in so many seconds of CPU time."""
        with self._lock:
            self._requests.value += 1
            self._bytes.value += size
            self._first.value = min(self._first.value or began, began)
            self._last.value = time.monotonic()
            self._cpu.value += cpu

    @property
    def requests(self) -> int:
        """Requests whose body was read to its end."""
        return int(self._requests.value)

    @property
    def connections(self) -> int:
        """Connections accepted."""
        return int(self._connections.value)

    @property
    def body_bytes(self) -> int:
        """Bytes of those bodies."""
        return int(self._bytes.value)

    @property
    def cpu(self) -> float:
        """Seconds of CPU time of the processes that read them."""
        return float(self._cpu.value)

    @property
    def seconds(self) -> float:
        """Seconds from the first request's head to the last body's end."""
        return float(self._last.value - self._first.value)


class Sink:
    """A running sink.

    Attributes:
        counts: What arrived.
        base_url: What a client takes for the API's address.

    """

    def __init__(self, counts: Counts, base_url: str) -> None:
        self.counts = counts
        self.base_url = base_url


@contextmanager
def running(
    *,
    certificate: Path | None = None,
    latency: float = 0.0,
    line_speed: float | None = None,
    connection_speed: float | None = None,
    answer: bytes | None = ANSWER,
) -> Iterator[Sink]:
    """Run a sink on a free port of the loopback.

    Args:
        certificate: A PEM file with key and certificate: TLS; None: plain.
        latency: Seconds between the end of a body and the answer.
        line_speed: Bytes a second of all connections together.
        connection_speed: Bytes a second of each connection.
        answer: The body of every answer; None for one that never ends.

    """
    counts = Counts()
    response = None if answer is None else SIZED % len(answer) + answer
    shared_line = Line(line_speed)
    tls = _tls(certificate) if certificate else None

    def serve(connection: socket.socket) -> None:
        lines = (shared_line, Line(connection_speed))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        counts.add_connection()
        with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
            _answer_requests(stream, counts, lines, latency, response)

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        acceptor = FORK.Process(target=_accept, args=(listener, serve))
        acceptor.start()
        try:
            yield Sink(counts, f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}/client/v4")
        finally:
            acceptor.terminate()
            acceptor.join()


def make_certificate(path: Path) -> Path:
    """Write a key and a certificate for the loopback, signed with itself, into the PEM file `path`."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the harness ends it
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            try:
                serve(connection)
            except (OSError, EOFError):
                pass  # the client left
            finally:
                os._exit(0)
        connection.close()


def _answer_requests(
    stream: socket.socket, counts: Counts, lines: tuple[Line, ...], latency: float, response: bytes | None
) -> None:
    buffer = bytearray(BUFFER)
    view = memoryview(buffer)
    used = 0.0
    answers_inserts = response is not None and response.endswith(ANSWER)
    while head := _read_head(stream):
        began = time.monotonic()
        header, _, early = head.partition(HEADER_END)
        length = _content_length(header)
        remaining = length - len(early)
        while remaining:
            got = stream.recv_into(view[: min(remaining, BUFFER)])
            if got == 0:
                raise EOFError
            remaining -= got
            for line in lines:
                line.carry(got)
        before, used = used, time.process_time()
        counts.add_request(length, began, used - before)
        time.sleep(latency)
        nothing = answers_inserts and b"/get_by_ids " in header
        stream.sendall(NOTHING if nothing else HEAD + b"\r\n" if response is None else response)
        while response is None:
            stream.sendall(b" " * BUFFER)


def _read_head(stream: socket.socket) -> bytes:
    """Read up to the end of a header, with what came of the body by then; nothing where the client is done."""
    head = b""
    while HEADER_END not in head:
        piece = stream.recv(BUFFER)
        if not piece:
            return b""
        head += piece
    return head


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    if b"chunked" in header.lower():
        raise EOFError("this sink takes sized bodies only")
    return 0


def main() -> None:
    """Serve on its own: prints the address, then after each line read the counts so far, until the input ends."""
    answer = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else ANSWER
    with running(answer=answer) as server:
        print(server.base_url, flush=True)  # noqa: T201 - its answers
        for _ in sys.stdin:
            counts = server.counts
            print(counts.requests, counts.connections, counts.body_bytes, flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main()
