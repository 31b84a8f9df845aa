"""What the client and the emulator say to each other, captured on a real socket, keeps the contract."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from cf_vectorize import AsyncVectorize, Vectorize
from cf_vectorize_contract import Fragment, Proxy, Request
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


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmulatorProcess("--index", "example-index:32", "--declared-only", "--visible", "immediately") as process:
        yield process.base_url


@pytest.fixture
def judge(emulator: str) -> Iterator[Proxy]:
    with Proxy(emulator) as proxy:
        yield proxy


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
def client(request: pytest.FixtureRequest, judge: Proxy) -> Callable[..., None]:
    def send(operation: str, *args: Any, credentials: dict[str, str] = TOKEN, **options: Any) -> None:
        call(request.param, {"base_url": judge.base_url, **credentials}, operation, *args, **options)

    return send


def assert_kept(judge: Proxy, status: int = 200) -> list[Request]:
    """Hold every exchange against the strict contract, and return the requests."""
    judge.settle()
    for request, response in judge.exchanges:
        assert STRICT.request_problems(request) == []
        assert STRICT.exchange_problems(request, response) == []
        assert response.status == status
    return [request for request, _ in judge.exchanges]


@pytest.mark.parametrize("credentials", [TOKEN, KEY], ids=["token", "email and key"])
def test_insert_of_lines(client: Callable[..., None], judge: Proxy, credentials: dict[str, str]) -> None:
    client("insert", LINES, credentials=credentials)
    (request,) = assert_kept(judge)
    assert [json.loads(line)["id"] for line in request.body.splitlines()] == ["some-vector-id", "ünïcødé"]


@pytest.mark.parametrize("unparsable", ["error", "discard"])
def test_insert_says_what_to_do_with_unparsable_lines(
    client: Callable[..., None], judge: Proxy, unparsable: str
) -> None:
    client("insert", LINES, unparsable=unparsable)
    (request,) = assert_kept(judge)
    assert request.target.endswith(f"?unparsable-behavior={unparsable}")


def test_insert_of_a_file_in_several_batches(client: Callable[..., None], judge: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "vectors.ndjson"
    # Blank lines, CRLF and a missing last newline are the source's affair: no request shows them.
    path.write_text("\r\n\r\n".join(f'{{"id":"{n}","values":{VALUES}}}' for n in range(25)))
    client("insert", path, batch_vectors=10)
    requests = assert_kept(judge)
    assert len(requests) >= 3
    lines = [line for request in requests for line in request.body.splitlines()]
    assert {json.loads(line)["id"] for line in lines} == {str(n) for n in range(25)}


def test_get_by_ids_in_several_requests(client: Callable[..., None], judge: Proxy) -> None:
    client("insert", LINES)
    ids = ["some-vector-id", "ünïcødé", *(f"id/{n}?é" for n in range(43))]
    client("get_by_ids", ids, credentials=KEY)
    requests = assert_kept(judge)
    assert len(requests) == 4
    assert {i for request in requests[1:] for i in json.loads(request.body)["ids"]} == set(ids)
    found = [vector for _, response in judge.exchanges[1:] for vector in json.loads(response.body)["result"]]
    assert {vector["id"] for vector in found} == {"some-vector-id", "ünïcødé"}


@pytest.mark.parametrize("credentials", [TOKEN, {"api_token": "no,token"}], ids=["rejected", "unauthenticated"])
def test_refused_insert(client: Callable[..., None], judge: Proxy, credentials: dict[str, str]) -> None:
    """Another dimension than the index's: well formed, and refused."""
    line = json.dumps({"id": "a", "values": [0.5] * 33}).encode()
    with pytest.raises(ResponseError):
        client("insert", [line], credentials=credentials)
    assert len(assert_kept(judge, status=400)) == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_get_from_an_index_that_does_not_exist(judge: Proxy, colour: str) -> None:
    with pytest.raises(NotFoundError):
        call(colour, {"base_url": judge.base_url, **TOKEN}, "get_by_ids", ["a"], index="no-such-index")
    assert len(assert_kept(judge, status=400)) == 1


def test_a_request_that_departs_is_noticed(judge: Proxy) -> None:
    call("sync", {"base_url": judge.base_url, **TOKEN}, "get_by_ids", ["a"])
    (request,) = assert_kept(judge)
    headers = {**request.headers, "Content-Type": "text/plain"}
    departed = Request(request.method, request.target + "?x=1", headers, b"[]")
    assert {p.rule for p in STRICT.request_problems(departed)} == {"undocumented", "media type"}
