"""A server that says, byte for byte and when, what a test wants it to say."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Connection:
    """One connection, from the server's end.

    Attributes:
        number: Its number, from 0.
        rest: What was read and not yet taken.

    """

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.rest = bytearray()

    def read_head(self) -> bytes:
        """Read the head of the next request; nothing where the client has ended the connection."""
        while b"\r\n\r\n" not in self.rest:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self.rest += data
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return bytes(head)

    def read_body(self, head: bytes) -> bytes:
        """Read the body that belongs to a head."""
        length = int(found[1]) if (found := LENGTH.search(head)) else 0
        while len(self.rest) < length and (data := self.sock.recv(65536)):
            self.rest += data
        body, self.rest = bytes(self.rest[:length]), self.rest[length:]
        return body

    def read(self) -> tuple[bytes, bytes]:
        """Read one request."""
        head = self.read_head()
        return head, self.read_body(head) if head else b""

    def send(self, data: bytes) -> None:
        """Send bytes; the client may have gone."""
        self.sock.sendall(data)


class RawServer:
    """Runs `serve` in a thread for each connection, and remembers the requests that it read.

    Args:
        serve: What to do with a connection; it is closed when this returns.
        tls: Speaks TLS where given.

    """

    def __init__(self, serve: Callable[[Connection], Any], tls: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._tls = tls
        self.ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/client/v4"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        # Closing alone would not wake the thread that accepts.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        for sock in self._sockets:
            sock.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            sock.settimeout(20)
            thread = threading.Thread(target=self._run, args=(sock, len(self._sockets)))
            self._sockets.append(sock)
            self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket, number: int) -> None:
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock:
                self._serve(Connection(sock, number))
        except OSError:
            pass  # the client has gone, which is what some tests are about


def answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Return a whole answer."""
    head = [f"HTTP/1.1 {status} Raw", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def success(result: bytes) -> bytes:
    """Return an envelope."""
    return b'{"success":true,"errors":[],"messages":[],"result":%s}' % result


@contextmanager
def unserved_port() -> Iterator[int]:
    """Keep a port at which nobody listens: no system gives it to others, and who names it may listen there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
