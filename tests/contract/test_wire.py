"""What the client and the emulator say to each other, captured on a real socket, keeps the contract."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from cf_vectorize import AsyncVectorize, Vectorize
from cf_vectorize_contract.fragment import Fragment, Request, Response
from cf_vectorize_emulator.server import EmulatorProcess
from cf_vectorize_overlay.errors import NotFoundError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STRICT = Fragment.load(strict=True)
VALUES = json.dumps([0.812, -2.5e-7, 3, 0] * 8)
LINES = [
    f'{{"id":"some-vector-id","values":{VALUES}}}\n'.encode(),
    f'{{"id":"ünïcødé","values":{VALUES},"namespace":"ns","metadata":{{"k":["a","b"]}}}}\n'.encode(),
]
ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = {"api_token": "TOKEN"}
KEY = {"api_email": "someone@example.com", "api_key": "0123456789abcdef0123456789abcdef01234"}


class Judge(ThreadingHTTPServer):
    """Stands between the client and the emulator, passes everything on, and keeps it."""

    def __init__(self, emulator: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.emulator = urlsplit(emulator).netloc
        self.exchanges: list[tuple[Request, Response]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/client/v4"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Judge

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with closing(HTTPConnection(self.server.emulator)) as emulator:
            emulator.request("POST", self.path, body, headers)
            answered = emulator.getresponse()
            answer = answered.read()
        response = Response(answered.status, dict(answered.getheaders()), answer)
        self.server.exchanges.append((Request("POST", self.path, headers, body), response))
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", "example-index:32", "--declared-only", "--visible", "immediately") as process:
        yield process.base_url


@pytest.fixture
def judge(emulator: str) -> Iterator[Judge]:
    with Judge(emulator) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(
    colour: str,
    settings: dict[str, Any],
    operation: str,
    *args: Any,
    index: str = "example-index",
    **options: Any,
) -> None:
    """Call one method of the client of one colour."""
    if colour == "sync":
        with Vectorize(index, account_id=ACCOUNT, **settings) as client:
            getattr(client, operation)(*args, **options)
        return

    async def call_async() -> None:
        async with AsyncVectorize(index, account_id=ACCOUNT, **settings) as client:
            await getattr(client, operation)(*args, **options)

    asyncio.run(call_async())


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, judge: Judge) -> Callable[..., None]:
    def send(operation: str, *args: Any, credentials: dict[str, str] = TOKEN, **options: Any) -> None:
        call(request.param, {"base_url": judge.base_url, **credentials}, operation, *args, **options)

    return send


def assert_kept(judge: Judge, status: int = 200) -> list[Request]:
    """Hold every exchange against the strict contract, and give the requests."""
    for request, response in judge.exchanges:
        assert STRICT.request_problems(request) == []
        operation = request.target.partition("?")[0].rpartition("/")[2]
        assert STRICT.response_problems(operation, response) == []
        assert response.status == status
    return [request for request, _ in judge.exchanges]


@pytest.mark.parametrize("credentials", [TOKEN, KEY], ids=["token", "email and key"])
def test_insert_of_lines(client: Callable[..., None], judge: Judge, credentials: dict[str, str]) -> None:
    client("insert", LINES, credentials=credentials)
    (request,) = assert_kept(judge)
    assert [json.loads(line)["id"] for line in request.body.splitlines()] == ["some-vector-id", "ünïcødé"]


@pytest.mark.parametrize("unparsable", ["error", "discard"])
def test_insert_says_what_to_do_with_unparsable_lines(
    client: Callable[..., None], judge: Judge, unparsable: str
) -> None:
    client("insert", LINES, unparsable=unparsable)
    (request,) = assert_kept(judge)
    assert request.target.endswith(f"?unparsable-behavior={unparsable}")


def test_insert_of_a_file_in_several_batches(client: Callable[..., None], judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    # Blank lines, CRLF and a missing last newline are the source's affair: no request shows them.
    path.write_text("\r\n\r\n".join(f'{{"id":"{n}","values":{VALUES}}}' for n in range(25)))
    client("insert", path, batch_vectors=10)
    requests = assert_kept(judge)
    assert len(requests) >= 3
    lines = [line for request in requests for line in request.body.splitlines()]
    assert {json.loads(line)["id"] for line in lines} == {str(n) for n in range(25)}


def test_get_by_ids_in_several_requests(client: Callable[..., None], judge: Judge) -> None:
    client("insert", LINES)
    ids = ["some-vector-id", "ünïcødé", *(f"id/{n}?é" for n in range(43))]
    client("get_by_ids", ids, credentials=KEY)
    requests = assert_kept(judge)
    assert len(requests) == 4
    assert {i for request in requests[1:] for i in json.loads(request.body)["ids"]} == set(ids)
    found = [vector for _, response in judge.exchanges[1:] for vector in json.loads(response.body)["result"]]
    assert {vector["id"] for vector in found} == {"some-vector-id", "ünïcødé"}


@pytest.mark.parametrize("credentials", [TOKEN, {"api_token": "no,token"}], ids=["rejected", "unauthenticated"])
def test_refused_insert(client: Callable[..., None], judge: Judge, credentials: dict[str, str]) -> None:
    """Another dimension than the index's: well formed, and refused."""
    line = json.dumps({"id": "a", "values": [0.5] * 33}).encode()
    with pytest.raises(ResponseError):
        client("insert", [line], credentials=credentials)
    assert len(assert_kept(judge, status=400)) == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_get_from_an_index_that_does_not_exist(judge: Judge, colour: str) -> None:
    with pytest.raises(NotFoundError):
        call(colour, {"base_url": judge.base_url, **TOKEN}, "get_by_ids", ["a"], index="no-such-index")
    assert len(assert_kept(judge, status=400)) == 1


def test_a_request_that_departs_is_noticed(judge: Judge) -> None:
    call("sync", {"base_url": judge.base_url, **TOKEN}, "get_by_ids", ["a"])
    (request,) = assert_kept(judge)
    headers = {**request.headers, "Content-Type": "text/plain"}
    departed = Request(request.method, request.target + "?x=1", headers, b"[]")
    assert {p.rule for p in STRICT.request_problems(departed)} == {"undocumented", "media type"}
