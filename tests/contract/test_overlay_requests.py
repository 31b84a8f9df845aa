"""What the client puts on the wire, captured on a real socket, keeps the contract."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cf_vectorize import AsyncVectorize, Vectorize
from cf_vectorize.fragment import Fragment, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STRICT = Fragment.load(strict=True)
VALUES = json.dumps([0.812, -2.5e-7, 3, 0] * 8)
LINES = [
    f'{{"id":"some-vector-id","values":{VALUES}}}\n'.encode(),
    f'{{"id":"ünïcødé","values":{VALUES},"namespace":"ns","metadata":{{"k":["a","b"]}}}}\n'.encode(),
]
TOKEN = {"api_token": "TOKEN"}
KEY = {"api_email": "EMAIL", "api_key": "KEY"}


class Service(ThreadingHTTPServer):
    """Answers every request with success, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/client/v4"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(Request(self.command, self.path, dict(self.headers), body))
        inserting = "/insert" in self.path
        result: Any = {"mutationId": "0000aaaa-11bb-22cc-33dd-444444eeeeee"} if inserting else []
        envelope = {"success": True, "errors": [], "messages": [], "result": result}
        answer = json.dumps(envelope).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(colour: str, settings: dict[str, Any], operation: str, *args: Any, **options: Any) -> None:
    """Call one method of the client of one colour."""
    if colour == "sync":
        with Vectorize("example-index", account_id="ACCOUNT_ID", **settings) as index:
            getattr(index, operation)(*args, **options)
        return

    async def call_async() -> None:
        async with AsyncVectorize("example-index", account_id="ACCOUNT_ID", **settings) as index:
            await getattr(index, operation)(*args, **options)

    asyncio.run(call_async())


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, service: Service) -> Callable[..., None]:
    def send(operation: str, *args: Any, credentials: dict[str, str] = TOKEN, **options: Any) -> None:
        call(request.param, {"base_url": service.base_url, **credentials}, operation, *args, **options)

    return send


def assert_kept(service: Service, count: int) -> None:
    assert len(service.requests) == count
    for request in service.requests:
        assert STRICT.request_problems(request) == []


@pytest.mark.parametrize("credentials", [TOKEN, KEY], ids=["token", "email and key"])
def test_insert_of_lines(client: Callable[..., None], service: Service, credentials: dict[str, str]) -> None:
    client("insert", LINES, credentials=credentials)
    assert_kept(service, 1)
    assert [json.loads(line)["id"] for line in service.requests[0].body.splitlines()] == ["some-vector-id", "ünïcødé"]


@pytest.mark.parametrize("unparsable", ["error", "discard"])
def test_insert_says_what_to_do_with_unparsable_lines(
    client: Callable[..., None], service: Service, unparsable: str
) -> None:
    client("insert", LINES, unparsable=unparsable)
    assert_kept(service, 1)
    assert service.requests[0].target.endswith(f"?unparsable-behavior={unparsable}")


def test_insert_of_a_file_in_several_batches(client: Callable[..., None], service: Service, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    # Blank lines, CRLF and a missing last newline are the source's affair: no request shows them.
    path.write_text("\r\n\r\n".join(f'{{"id":"{n}","values":{VALUES}}}' for n in range(25)))
    client("insert", path, batch_vectors=10)
    assert_kept(service, len(service.requests))
    assert len(service.requests) >= 3
    lines = [line for request in service.requests for line in request.body.splitlines()]
    assert {json.loads(line)["id"] for line in lines} == {str(n) for n in range(25)}


def test_get_by_ids_in_several_requests(client: Callable[..., None], service: Service) -> None:
    ids = [f"id/{n}?é" for n in range(45)]
    client("get_by_ids", ids, credentials=KEY)
    assert_kept(service, 3)
    assert {i for request in service.requests for i in json.loads(request.body)["ids"]} == set(ids)


def test_a_request_that_departs_is_noticed(service: Service) -> None:
    call("sync", {"base_url": service.base_url, **TOKEN}, "get_by_ids", ["a"])
    (request,) = service.requests
    departed = Request(
        request.method, request.target + "?x=1", {**request.headers, "Content-Type": "text/plain"}, b"[]"
    )
    assert {p.rule for p in STRICT.request_problems(departed)} == {"undocumented", "media type"}
