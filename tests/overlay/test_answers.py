"""An answer is believed only where it is the answer, and costs no more than it may; over raw sockets."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import socket
import ssl
import threading
import tracemalloc
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from cf_vectorize import (
    InsertError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
    Vectorize,
)
from cf_vectorize_overlay import Index, decode, wire
from cf_vectorize_overlay.body import CHUNK
from cf_vectorize_overlay.bounds import PIECE, READ, RECORD, SLOWEST, BoundedStream, Exchange
from loads import DIMENSIONS, ids, lines, settings
from raw_server import Connection, RawServer, answer, success
from sink import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loads import Clock, ServersTime

MUTATION = answer(success(b'{"mutationId":"m"}'))
VALUES = [0.5] * DIMENSIONS


def vector(identity: str, values: Any = VALUES, **members: Any) -> dict[str, Any]:
    return {"id": identity, "namespace": None, "metadata": None, "values": values, **members}


def vectors(*found: dict[str, Any]) -> bytes:
    return answer(success(json.dumps(found).encode()))


def always(reply: bytes) -> Callable[[Connection], None]:
    def serve(connection: Connection) -> None:
        while connection.read()[0]:
            connection.send(reply)

    return serve


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context of TLS 1.3, and the file by which a client trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    chain = make_certificate(folder / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(chain)
    return context, chain


@pytest.fixture(params=["plain", "TLS 1.3"])
def context(
    request: pytest.FixtureRequest, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ssl.SSLContext | None]:
    if request.param == "plain":
        yield None
        return
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    wire._ssl_context.cache_clear()
    yield tls[0]
    wire._ssl_context.cache_clear()


def impatient(url: str, **more: Any) -> dict[str, Any]:
    return settings(url, **{"give_up_after": 0, "timeout": 60, **more})


# It comes after its request.


def test_a_surplus_answer_is_not_taken_for_the_next_batch_s(context: ssl.SSLContext | None) -> None:
    """Two whole answers in one write; the body that the second would acknowledge is dropped."""
    held: list[bytes] = []

    def serve(connection: Connection) -> None:
        if connection.number == 0:
            held.append(connection.read()[1])
            connection.send(2 * MUTATION)
            connection.read_head()
            return
        while (request := connection.read())[0]:
            held.append(request[1])
            connection.send(MUTATION)

    with RawServer(serve, context) as server:
        options = {"batch_vectors": 1, "concurrency": 1}
        with Vectorize("index", **settings(server.url, give_up_after=30)) as index:
            report = index.insert(lines(3), **options)
    assert report.vectors == 3
    assert {json.loads(body)["id"] for body in held} == set(ids(3))


def test_a_healthy_server_raises_no_alarm(context: ssl.SSLContext | None) -> None:
    with RawServer(always(MUTATION), context) as server, Vectorize("index", **impatient(server.url)) as index:
        report = index.insert(lines(40), batch_vectors=1)
    assert (report.vectors, report.retries) == (40, 0)


BIG = bytes(30_000_000)  # more than the buffers of a connection hold


def test_an_early_success_is_not_believed(context: ssl.SSLContext | None) -> None:
    def serve(connection: Connection) -> None:
        connection.read_head()
        connection.send(MUTATION)
        server.ended.wait(60)

    with RawServer(serve, context) as server, Index("index", **impatient(server.url, timeout=2)) as index:
        with pytest.raises(UnexpectedResponseError, match="before the whole request was sent"):
            index.insert(BIG)
        server.ended.set()


@pytest.mark.parametrize(("status", "error"), [(403, "AuthenticationError"), (413, "RejectedError")])
def test_an_early_refusal_keeps_its_status(status: int, error: str, context: ssl.SSLContext | None) -> None:
    """The server reads no more of the body, and does not hang up either."""
    refusal = b'{"success":false,"errors":[{"code":1,"message":"no"}],"messages":[],"result":null}'

    def serve(connection: Connection) -> None:
        connection.read_head()
        connection.send(answer(refusal, status=status))
        server.ended.wait(60)

    with RawServer(serve, context) as server, Index("index", **impatient(server.url, timeout=2)) as index:
        with pytest.raises(Exception, match=f"no .HTTP {status}") as caught:
            index.insert(BIG)
        server.ended.set()
    assert type(caught.value).__name__ == error


def test_an_informational_answer_is_no_early_one() -> None:
    def serve(connection: Connection) -> None:
        head = connection.read_head()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(head)
        connection.send(MUTATION)

    with RawServer(serve) as server, Index("index", **impatient(server.url)) as index:
        assert index.insert(BIG) == "m"


# It is what was asked for.

WRONG = {
    "an id that was not asked for": [vector("a"), vector("z")],
    "an id twice": [vector("a"), vector("a")],
    "two lengths": [vector("a"), vector("b", VALUES * 2)],
    "one value among many": [vector("a"), vector("b", [7.0])],
    "no values": [vector("a", [])],
    "values missing": [{"id": "a"}],
    "values null": [vector("a", None)],
    "nested values": [vector("a", [[value] for value in VALUES])],
    "one nested value": [vector("a", [[0.5], *VALUES[1:]])],
    "truth in values": [vector("a", [True, *VALUES[1:]])],
    "text in values": [vector("a", ["0.5", *VALUES[1:]])],
    "beyond float32": [vector("a", [1e300, *VALUES[1:]])],
    "minus beyond float32": [vector("a", [-3.5e38, *VALUES[1:]])],
    "an id that is a number": [vector("a"), {**vector("b"), "id": 7}],
    "a namespace that is a number": [vector("a", namespace=7)],
    "metadata that is a list": [vector("a", metadata=[1])],
}
WRONG_TEXT = {
    "a member twice": b'[{"id":"a","id":"b","values":%s}]' % json.dumps(VALUES).encode(),
    "values twice": b'[{"id":"a","values":[1],"values":%s}]' % json.dumps(VALUES).encode(),
    "a member twice, once in escapes": b'[{"id":"a","\\u0069d":"b","values":%s}]' % json.dumps(VALUES).encode(),
    "an infinite value": b'[{"id":"a","values":[1e999]}]',
    "an object of vectors": b'{"a":1}',
    "nothing": b"null",
}
CASES = {name: json.dumps(found).encode() for name, found in WRONG.items()} | WRONG_TEXT


@pytest.mark.parametrize("fast", [True, False], ids=["simdjson", "orjson"])
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_answer_is_refused_with_and_without_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch, *, fast: bool
) -> None:
    if not fast:
        monkeypatch.setattr(decode, "simdjson", None)
    reply = answer(success(CASES[name]))
    with RawServer(always(reply)) as server, Vectorize("index", **impatient(server.url)) as index:
        with pytest.raises(UnexpectedResponseError):
            index.get_by_ids(["a", "b"])
        with pytest.raises(UnexpectedResponseError):
            dict(index.iter_by_ids(["a", "b"]))


# Bodies, and what is said of them.
LASTING = {
    "no envelope": (b"<html>sign in</html>", "not a Vectorize envelope but .*sign in"),
    "an empty body": (b"", "an empty body"),
    "another envelope": (success(b'{"mutationId":"m"}'), "no array of vectors"),
    "an id that was not asked for": (success(CASES["an id that was not asked for"]), "was not asked for: 'z'"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_lookup_that_is_always_answered_wrongly_ends_after_three(name: str, clock: Clock) -> None:
    """And not after the ten minutes that what may pass is given."""
    body, words = LASTING[name]
    requests: list[bytes] = []

    def serve(connection: Connection) -> None:
        while (request := connection.read())[0]:
            requests.append(request[1])
            connection.send(answer(body))

    with RawServer(serve) as server, Vectorize("index", **settings(server.url)) as index:
        with pytest.raises(UnexpectedResponseError, match=words):
            index.get_by_ids(["a"])
    assert len(requests) == 3
    assert clock.pauses == [1, 2]


def test_two_wrong_answers_and_other_failures_do_not_end_a_lookup(clock: Clock) -> None:
    wrong, busy, right = answer(b"<html>"), answer(b"", status=503), vectors(vector("a"))
    replies = [wrong, busy, busy, busy, wrong, busy, right]

    def serve(connection: Connection) -> None:
        while connection.read()[0]:
            connection.send(replies.pop(0))

    with RawServer(serve) as server, Vectorize("index", **settings(server.url)) as index:
        assert list(index.get_by_ids(["a"])) == ["a"]
    assert len(clock.pauses) == 6


@pytest.mark.parametrize("fast", [True, False], ids=["simdjson", "orjson"])
def test_an_odd_answer_that_is_right_is_taken(monkeypatch: pytest.MonkeyPatch, *, fast: bool) -> None:
    if not fast:
        monkeypatch.setattr(decode, "simdjson", None)
    metadata = {"id": "id", "values": ["[", '"', {"id": [["\\u005b"]]}], "ü": "["}
    reply = vectors(vector("b", [3.4028234e38, *VALUES[1:]], metadata=metadata), {"id": "a", "values": VALUES})
    with RawServer(always(reply)) as server, Vectorize("index", **impatient(server.url)) as index:
        found = index.get_by_ids(["a", "b", "c"])
    assert (list(found), found.missing) == (["a", "b"], ("c",))
    assert found["b"].metadata == metadata


@pytest.mark.parametrize(
    "other",
    [
        b'{"success":true,"result":[{"id":"b","values":[3,4]}]}',
        b'{"success":true,"result":[{"id":"b","values":[[3],4]}]}',
        b'{"success":true,"result":[{"id":"b","values":[3,',
        b'{"success":true,"result":[{"id":"b","values":[3,4]}]}' + b" " * decode.KEPT,
    ],
    ids=["one like it", "one of another shape", "one cut short", "a large one"],
)
def test_what_is_read_of_an_answer_is_its_own(other: bytes) -> None:
    body = b'{"success":true,"result":[{"id":"a","values":[1,2],"metadata":{"t":["x"]}}]}'
    held = {"success": True, "result": [{"id": "a", "values": array("d", [1, 2]), "metadata": {"t": ["x"]}}]}
    first = decode.decode(body)
    with suppress(ValueError, TypeError):
        decode.decode(other)
    assert [first, decode.decode(body)] == [held, held]


def test_only_the_buffers_of_common_answers_are_kept() -> None:
    pytest.importorskip("simdjson")
    assert decode._parser(decode.KEPT) is decode._parser(1)
    assert decode._parser(decode.KEPT + 1) is not decode._parser(1)


def test_an_index_is_of_one_length_from_answer_to_answer() -> None:
    def serve(connection: Connection) -> None:
        while (request := connection.read())[0]:
            asked = json.loads(request[1])["ids"]
            values = VALUES * (2 if "v000020" in asked else 1)
            connection.send(vectors(*(vector(identity, values) for identity in asked)))

    with (
        RawServer(serve) as server,
        Vectorize("index", **impatient(server.url)) as index,
        pytest.raises(UnexpectedResponseError),
    ):
        index.get_by_ids(ids(40))


# It takes no more than it may.

PACKED = gzip.compress(bytes(60_000_000))
HUGE = {
    "insert, plain": (answer(b" " * 1_500_000), "larger than 1,000,000 bytes"),
    "insert, packed": (answer(PACKED, "content-encoding: gzip"), "larger than 1,000,000 bytes"),
    "packed twice": (answer(gzip.compress(PACKED), "content-encoding: gzip, gzip"), "encoded as 'gzip, gzip'"),
    "packed otherwise": (answer(b"x", "content-encoding: br"), "encoded as 'br'"),
    "packed and cut": (answer(gzip.compress(b"x" * 99)[:-9], "content-encoding: gzip"), "cut short"),
}


@pytest.mark.parametrize("name", HUGE)
def test_an_answer_too_large_is_refused_in_bounded_memory(name: str) -> None:
    reply, words = HUGE[name]
    with RawServer(always(reply)) as server, Index("index", **impatient(server.url)) as index:
        tracemalloc.start()
        try:
            with pytest.raises(UnexpectedResponseError, match=words):
                index.insert(lines(1)[0])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000


def test_a_lookup_s_answer_may_be_larger_than_an_insert_s() -> None:
    padded = success(json.dumps([vector("a")]).encode()) + b" " * 7_000_000
    with RawServer(always(answer(padded))) as server, Index("index", **impatient(server.url)) as index:
        assert [found.id for found in index.get_by_ids(["a"])] == ["a"]
    with (
        RawServer(always(answer(padded + b" " * 1_500_000))) as server,
        Index("index", **impatient(server.url)) as index,
        pytest.raises(UnexpectedResponseError, match="larger than 8,000,000 bytes"),
    ):
        index.get_by_ids(["a"])


@pytest.mark.parametrize("packed", [False, True])
def test_of_an_error_page_the_beginning_is_enough(packed: bool) -> None:  # noqa: FBT001
    page = b"<html>down" + b" " * 3_000_000
    body = answer(gzip.compress(page), "content-encoding: gzip", status=503) if packed else answer(page, status=503)
    with (
        RawServer(always(body)) as server,
        Index("index", **impatient(server.url)) as index,
        pytest.raises(ServerError, match=r"down.*HTTP 503"),
    ):
        index.get_by_ids(["a"])


# It comes in time.


def trickle(*pieces: bytes) -> Callable[[Connection], None]:
    """Send the pieces, then the last of them again and again, each well within a timeout."""

    def serve(connection: Connection) -> None:
        connection.read()
        for piece in pieces:
            connection.send(piece)
        while not stop.wait(0.05):
            connection.send(pieces[-1])

    stop = threading.Event()
    serve.stop = stop  # type: ignore[attr-defined]
    return serve


@pytest.mark.parametrize(
    "serve",
    [
        trickle(b"", b""),
        trickle(b"HTTP/1.1 200 OK\r\nx: ", b"x"),
        trickle(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n", b" "),
        trickle(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["nothing", "headers", "informational answers", "a body", "chunks"],
)
def test_an_answer_that_trickles_ends_at_the_timeout(serve: Any) -> None:
    with RawServer(serve) as server, Index("index", **impatient(server.url, timeout=0.5)) as index:
        with pytest.raises(TransportError, match=r"no answer in time|took too long"):
            index.get_by_ids(["a"])
        serve.stop.set()


def test_a_slow_line_succeeds_though_it_takes_longer_than_the_timeout(servers_time: ServersTime) -> None:
    """What is not taken is not confirmed either."""

    def slowly(connection: Connection) -> None:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = connection.read_head()
        for _ in range(4):
            servers_time.run_out()
            connection.rest += connection.sock.recv(4096)
        # It has looked what is unsent, and waits on: only now may all of it leave.
        servers_time.waited_for()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        connection.read_body(head)
        connection.send(MUTATION)

    with RawServer(slowly) as server, Index("index", **impatient(server.url, timeout=1)) as index:
        assert index.insert(b"".join(lines(2_500))) == "m"


class Idle:
    """A stream that takes what is written, and says nothing."""

    def __init__(self, *, encrypted: bool) -> None:
        self.extra = {"ssl_object": self if encrypted else None, "is_readable": False}
        self.get_extra_info = self.extra.get
        self.written: list[int] = []
        self.timeouts: list[float] = []

    def read(self, *_: object) -> bytes:
        raise AssertionError

    def write(self, data: bytes, timeout: float) -> None:
        self.written.append(len(data))
        self.timeouts.append(timeout)


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("timeout", [0.5, 8, 20, 60])
def test_the_slowest_line_takes_each_write_in_time(timeout: float, encrypted: bool) -> None:  # noqa: FBT001
    exchange, stream = Exchange(most=1, size=2 * CHUNK), Idle(encrypted=encrypted)
    exchange.begin(timeout)
    bounded = BoundedStream(stream, lambda: exchange, httpcore)
    for _ in range(2):
        bounded.write(bytes(CHUNK), timeout)
    assert sum(stream.written) == 2 * CHUNK
    assert max(stream.written) <= max(PIECE, timeout * SLOWEST)
    assert set(stream.timeouts) == {timeout}
    # A chunk is one write where that is safe: each costs processor time.
    assert (stream.written == [CHUNK, CHUNK]) is (encrypted and timeout == 60)


def test_where_the_system_does_not_say_what_has_left_an_answer_is_late_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As macOS, which says it of terminals only."""

    def of_terminals(*_: object) -> None:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    def silent(*_: object) -> None:
        raise httpcore.ReadTimeout

    monkeypatch.setattr(fcntl, "ioctl", of_terminals)
    exchange, stream = Exchange(most=1, size=100_000_000), Idle(encrypted=True)
    exchange.begin(8)
    with socket.socket() as connection:
        stream.extra["socket"], stream.read = connection, silent
        with pytest.raises(httpcore.ReadTimeout):
            BoundedStream(stream, lambda: exchange, httpcore).read(1, 8)


FULL, SHORT = bytes(RECORD), b"the end"
ENDED = httpcore.ReadError("reset")


@pytest.mark.parametrize(
    ("there", "rounds"),
    [
        ([SHORT], [SHORT]),
        ([FULL, FULL, SHORT], [FULL + FULL + SHORT]),
        ([FULL, SHORT, FULL, b""], [FULL + SHORT, FULL]),
        ([*[FULL] * 5, b""], [FULL * 4, FULL]),
        ([FULL, httpcore.ReadTimeout(), FULL, SHORT], [FULL, FULL + SHORT]),
        ([FULL, b"", b""], [FULL, b""]),
        ([FULL, ENDED, ENDED], [FULL, ENDED]),
    ],
    ids=["a short one", "three", "a short one between", "five", "some later", "an end", "an error"],
)
def test_the_records_that_are_there_are_read_in_one_round(there: list[Any], rounds: list[Any]) -> None:
    """What the library does with each round costs more than reading a record of TLS."""

    def read(most: int, timeout: float) -> bytes:
        waits.append(timeout)
        if isinstance(found := there.pop(0), Exception):
            raise found
        assert len(found) <= most
        return bytes(found)

    waits: list[float] = []
    stream = Idle(encrypted=True)
    stream.read = read
    exchange = Exchange(most=1)
    bounded = BoundedStream(stream, lambda: exchange, httpcore)
    for expected in rounds:
        waits.clear()
        if expected is ENDED:
            with pytest.raises(httpcore.ReadError):
                bounded.read(READ, 8)
        else:
            assert bounded.read(READ, 8) == expected
        # Only the first is waited for.
        assert waits == [8, *[0] * (len(waits) - 1)]


# The process that it was asked from.


def test_a_forked_child_has_connections_of_its_own() -> None:
    def serve(connection: Connection) -> None:
        while (request := connection.read())[0]:
            connection.send(vectors(*(vector(identity) for identity in json.loads(request[1])["ids"])))

    with RawServer(serve) as server, Vectorize("index", **impatient(server.url)) as index:
        assert list(index.get_by_ids(["before"])) == ["before"]
        child = os.fork()
        if not child:
            try:
                found = [list(index.get_by_ids([f"child {number}"])) for number in range(20)]
                os._exit(found != [[f"child {number}"] for number in range(20)])
            finally:
                os._exit(2)
        assert [list(index.get_by_ids([f"parent {number}"])) for number in range(20)] == [
            [f"parent {number}"] for number in range(20)
        ]
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_load_s_report_survives_wrong_answers() -> None:
    def serve(connection: Connection) -> None:
        while (request := connection.read())[0]:
            connection.send(MUTATION if b"v000000" in request[1] else answer(b" " * 1_500_000))

    with (
        RawServer(serve) as server,
        Vectorize("index", **impatient(server.url)) as index,
        pytest.raises(InsertError) as caught,
    ):
        index.insert(lines(2), batch_vectors=1, concurrency=1)
    assert caught.value.report.vectors == 1
