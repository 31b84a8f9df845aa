"""The same bodies against the emulator and, where its owner asks for it, the live service: they must agree."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import ACCOUNT, Api, code, ndjson

from cf_vectorize_emulator.core.visibility import Visibility
from cf_vectorize_emulator.server import Settings, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

# The index must have 32 dimensions; a handful of vectors is added to it.
VARIABLES = ("CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CF_VECTORIZE_TEST_INDEX")
WAIT = 120


@pytest.fixture(scope="module", params=["emulator", "live"])
def service(request: pytest.FixtureRequest) -> Iterator[Api]:
    if request.param == "emulator":
        settings = Settings(indexes={"i": 32}, declared_only=True, visibility=Visibility(0.2, 0.1))
        with (
            serve(settings) as server,
            httpx.Client(base_url=server.base_url.removesuffix("/client/v4"), timeout=60) as client,
        ):
            yield Api(client, "i", ACCOUNT)
        return
    if not os.environ.get("CF_VECTORIZE_CONTRACT_LIVE"):
        pytest.skip("the live service is asked with `nox -s contract -- --live tests/emulator` only")
    if missing := [name for name in VARIABLES if not os.environ.get(name)]:
        pytest.skip(f"the live service needs {', '.join(missing)}")
    account, token, index = (os.environ[name] for name in VARIABLES)
    with httpx.Client(base_url="https://api.cloudflare.com") as client:
        yield Api(client, index, account, token=token)


def fresh() -> dict[str, object]:
    return {"id": f"test-{uuid.uuid4()}", "values": [0.2321, 0.8121, 0, -1e-10, *[1.5] * 28]}


def wait_for(service: Api, *ids: str) -> dict[str, dict[str, object]]:
    deadline = time.monotonic() + WAIT
    while len(found := service.found(*ids)) < len(ids):
        assert time.monotonic() < deadline, f"not readable after {WAIT} s"
        time.sleep(0.1 if service.account == ACCOUNT else 2)
    return found


def test_a_vector_comes_back_as_it_was_stored(service: Api) -> None:
    plain, full = fresh(), {**fresh(), "namespace": "ü", "metadata": {"a": "b", "n": 1, "list": ["x"]}}
    assert service.insert(plain, full).is_success
    found = wait_for(service, str(plain["id"]), str(full["id"]))
    assert found[str(full["id"])] == full
    assert list(found[str(plain["id"])]) == ["id", "namespace", "metadata", "values"]
    assert found[str(plain["id"])]["namespace"] is None
    assert found[str(plain["id"])]["values"] == plain["values"]


def test_the_first_version_wins_and_discard_drops_the_bad_line(service: Api) -> None:
    first, marker = fresh(), fresh()
    assert service.insert(first).is_success
    second = {**first, "values": [9] * 32}
    body = ndjson(second) + b"{\n" + ndjson(marker)
    assert service.send(body, params={"unparsable-behavior": "discard"}).is_success
    found = wait_for(service, str(first["id"]), str(marker["id"]))
    assert found[str(first["id"])]["values"] == first["values"]


def test_what_is_refused_is_refused_with_the_same_status_and_code(service: Api) -> None:
    refused = [
        service.send(b"{\n"),
        service.insert({"id": "x" * 65, "values": [1] * 32}),
        service.insert({"id": "x", "values": [1] * 33}),
        service.insert({**fresh(), "metadata": {"k": "x" * 10_240}}),
        service.post("insert", content=ndjson(fresh()), headers={"Content-Type": "application/json"}),
        service.get(*(f"id-{number}" for number in range(21))),
        service.post("get_by_ids", content=b'{"ids":["a"]}', headers={"Content-Type": "text/plain"}),
    ]
    expected = [40023, 40008, 40012, 40016, 1005, 40007, 40026]
    assert [(answer.status_code, code(answer)) for answer in refused] == [(400, number) for number in expected]


def test_unknown_ids_are_left_out(service: Api) -> None:
    assert service.found("nobody-has-this-id") == {}
