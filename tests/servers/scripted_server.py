"""A server of the two endpoints whose every answer is scripted, for the faults that no honest server commits."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MUTATION = "0f4a2b9e-0000-4000-8000-{:012d}"
LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        status: HTTP status.
        body: Bytes of the answer; None makes the success envelope of what was asked.
        headers: Headers of the answer.
        stores: Whether the request takes effect; None where the answer says success.
        reset: When to send a TCP reset in place of going on: before, in the middle of or after reading the body.
        ends: How the answer breaks off after `sends` bytes of its body: the connection closes, or nothing follows.
        sends: Bytes of the answer's body that are sent before it breaks off; -1 for not even the headers.
        content_length: A length to claim in place of the body's.

    """

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stores: bool | None = None
    reset: Literal["before", "during", "after"] | None = None
    ends: Literal["closes", "hangs"] | None = None
    sends: int = -1
    content_length: int | None = None

    @property
    def succeeds(self) -> bool:
        whole = self.reset is None and self.ends is None and self.content_length is None
        return self.status == HTTPStatus.OK and self.body is None and whole


def success(result: Any) -> Answer:
    """Return the answer of a service that does as asked."""
    return Answer(body=json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode())


def failure(status: int, code: int, message: str, **headers: str) -> Answer:
    """Return the answer of a service that refuses."""
    document = {
        "result": None,
        "success": False,
        "errors": [{"code": code, "message": message}],
        "messages": [],
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(document).encode(), {"content-type": "application/json", **named})


def html(status: int, **headers: str) -> Answer:
    """Return the answer of an edge server that knows nothing of envelopes."""
    page = f"<html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, page.encode(), {"content-type": "text/html; charset=UTF-8", **named})


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `body` is what arrived of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    size: int

    @property
    def operation(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]

    @property
    def ids(self) -> list[str]:
        if self.operation == "get_by_ids":
            return list(json.loads(self.body)["ids"])
        return [json.loads(line)["id"] for line in self.body.splitlines()]


class ScriptedServer:
    """Serves on loopback with one thread a connection, and keeps what it saw.

    Args:
        script: Answers in the order that requests arrive from now on, then success; or a function of a request's
            number (from 0) and the length of its body.
        keep_bodies: Whether bodies are kept and stored; without, only their sizes.

    Attributes:
        script: As the argument; may be set anew.
        requests: Every request, in the order their bodies had arrived.
        stored: What `get_by_ids` answers for each id, those asked last first, as no order is promised; the
            first version inserted wins.
        hidden: Tells of an id whether `get_by_ids` leaves it out.
        acknowledged: How often each id was in a request that was answered with success.
        most_at_once: The most requests that were under way together.
        before_answer: Called with each request between taking effect and being answered.
        on_silence: Called when an answer hangs.

    """

    def __init__(
        self, script: Sequence[Answer] | Callable[[int, int], Answer] = (), *, keep_bodies: bool = True
    ) -> None:
        self.script = script if callable(script) else list(script)
        self._keep_bodies = keep_bodies
        self._lock = threading.Lock()
        self._arrived = 0
        self._under_way = 0
        self._connections: set[socket.socket] = set()
        self.requests: list[Request] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.hidden: Callable[[str], bool] = lambda _identity: False
        self.acknowledged: Counter[str] = Counter()
        self.most_at_once = 0
        self.before_answer: Callable[[Request], object] = lambda _request: None
        self.on_silence: Callable[[], object] = lambda: None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/client/v4"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def inserts(self) -> list[Request]:
        return [request for request in self.requests if request.operation == "insert"]

    @property
    def asked(self) -> list[list[str]]:
        """The ids of each `get_by_ids`."""
        return [request.ids for request in self.requests if request.operation == "get_by_ids"]

    def put(self, identity: str, values: Sequence[float], **members: Any) -> None:
        """Store a vector."""
        self.stored[identity] = {"id": identity, "namespace": None, "metadata": None, "values": values, **members}

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            stream = _Stream(connection)
            while self._exchange(stream):
                pass
        self._connections.discard(connection)
        connection.close()

    def _exchange(self, stream: _Stream) -> bool:
        """Serve one request and tell whether another may follow."""
        head = stream.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        size = int(headers.get("content-length", 0))
        with self._lock:
            number = self._arrived
            self._arrived += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            if callable(self.script):
                answer = self.script(number, size)
            else:
                answer = self.script.pop(0) if self.script else Answer()
        try:
            read = {"before": 0, "during": size // 2}.get(answer.reset or "", size)
            body = stream.exactly(read) if self._keep_bodies else stream.skip(read)
            request = Request(method, path, headers, body, size)
            self._take_effect(request, answer)
            self.before_answer(request)
        finally:
            with self._lock:
                self._under_way -= 1
        return self._answer(stream.connection, answer, self._body(request, answer, number))

    def _take_effect(self, request: Request, answer: Answer) -> None:
        with self._lock:
            self.requests.append(request)
            stores = answer.succeeds if answer.stores is None else answer.stores
            if request.operation != "insert" or not stores or not self._keep_bodies:
                return
            for line in request.body.splitlines():
                vector = json.loads(line)
                self.stored.setdefault(vector["id"], {"namespace": None, "metadata": None, **vector})
            if answer.succeeds:
                self.acknowledged.update(request.ids)

    def _body(self, request: Request, answer: Answer, number: int) -> bytes:
        if answer.body is not None:
            return answer.body
        if request.operation == "insert":
            result: Any = {"mutationId": MUTATION.format(number)}
        else:
            known = [each for each in reversed(request.ids) if each in self.stored and not self.hidden(each)]
            result = [self.stored[each] for each in known]
        return success(result).body or b""

    def _answer(self, connection: socket.socket, answer: Answer, body: bytes) -> bool:
        if answer.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            return False
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body) if answer.content_length is None else answer.content_length),
            **answer.headers,
        }
        head = f"HTTP/1.1 {answer.status} Scripted\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        whole = head.encode("latin-1") + b"\r\n" + body
        if answer.ends is None:
            connection.sendall(whole)
            return answer.content_length is None
        connection.sendall(whole[: len(whole) - len(body) + answer.sends] if answer.sends >= 0 else b"")
        if answer.ends == "hangs":
            self.on_silence()
            connection.recv(1)  # returns when the client leaves
        return False


class _Stream:
    """The bytes of a connection, taken in the pieces that HTTP asks for."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._read = b""

    def until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._read += self._receive()
        found, _, self._read = self._read.partition(mark)
        return found

    def exactly(self, size: int) -> bytes:
        pieces = [self._read[:size]]
        self._read = self._read[size:]
        missing = size - len(pieces[0])
        while missing:
            pieces.append(self._receive(missing))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self, size: int) -> bytes:
        missing = size - len(self._read[:size])
        self._read = self._read[size:]
        while missing:
            missing -= len(self._receive(missing))
        return b""

    def _receive(self, most: int = 1 << 16) -> bytes:
        data = self.connection.recv(min(most, 1 << 16))
        if not data:
            raise EOFError
        return data
