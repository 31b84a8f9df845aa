"""What the emulator lacks it says, and what it is asked by mistake."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx
import pytest
from raw_api import AUTHORIZED, NDJSON, code, ndjson, vector

from cf_vectorize_emulator import Address, serve

if TYPE_CHECKING:
    from raw_api import Api

INDEXES = "/client/v4/accounts/some-account/vectorize/v2/indexes"
LACKS = "this emulator has insert and get_by_ids only"
CLOUDFLARES = {
    ("GET", ""): "list indexes",
    ("POST", ""): "create index",
    ("GET", "/i"): "get index",
    ("DELETE", "/i"): "delete index",
    ("GET", "/i/info"): "info",
    ("GET", "/i/list"): "list vectors",
    ("POST", "/i/query"): "query",
    ("POST", "/i/upsert"): "upsert",
    ("POST", "/i/delete_by_ids"): "delete_by_ids",
    ("POST", "/i/metadata_index/create"): "create metadata index",
    ("POST", "/i/metadata_index/delete"): "delete metadata index",
    ("GET", "/i/metadata_index/list"): "list metadata indexes",
}


@pytest.mark.parametrize(("method", "path"), CLOUDFLARES)
def test_an_endpoint_that_cloudflare_has_is_named_in_the_answer_and_in_the_log(
    api: Api, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    caplog.set_level(logging.INFO, "cf_vectorize_emulator")
    answer = api.client.request(method, INDEXES + path, headers=AUTHORIZED)
    assert (answer.status_code, code(answer)) == (404, 7003)
    name = CLOUDFLARES[method, path]
    assert answer.json()["errors"][0]["message"] == (
        f"Could not route to {INDEXES}{path}, Cloudflare's endpoint `{name}`: {LACKS}"
    )
    logged = caplog.messages[-1]
    assert f"Cloudflare's endpoint `{name}`: {LACKS}" in logged
    assert "some-account" not in caplog.text


BASE = "whose base must be /client/v4"
HINTS = {
    "/accounts/a/vectorize/v2/indexes/i/insert": f"{BASE}, which is missing: the base URL is ",
    "/accounts/a/vectorize/v2/indexes/i/query": f"{BASE}, which is missing: the base URL is ",
    "/v4/accounts/a/vectorize/v2/indexes/i/insert": f"{BASE}, instead of /v4: the base URL is ",
    "/client/v4/client/v4/accounts/a/vectorize/v2/indexes/i/insert": "instead of /client/v4/client/v4: the base URL",
    "/client/v4/accounts/a/vectorize/indexes/i/insert": "an endpoint of Vectorize's first version; " + LACKS,
    "/client/v4/accounts/a/vectorize/v2/indexes/i/inzert": "object identifier is invalid? This emulator has",
    "/client/v4/accounts/a/vectorize/v2/indexes/i/insert/": "object identifier is invalid? This emulator",
    "/client/v4/user/tokens/verify": "perhaps your object identifier is invalid? Of Cloudflare's API " + LACKS,
    "/client/v4/accounts/a%20b/vectorize/v2/indexes/i/insert": "The account id is not 1 to 32 of A-Z a-z 0-9 _ -",
    "/client/v4/accounts/a/vectorize/v2/indexes/i%20j/insert": "The name of the index is not 1 to 64 of A-Z a-z",
}


@pytest.mark.parametrize("path", HINTS)
def test_a_path_that_leads_nowhere_is_answered_with_a_hint(api: Api, path: str) -> None:
    answer = api.client.post(path, headers=AUTHORIZED)
    assert (answer.status_code, code(answer)) == (404, 7003)
    assert HINTS[path] in answer.json()["errors"][0]["message"]


def test_a_base_url_without_its_path_is_told_whole() -> None:
    with serve(address=Address()) as server:
        root = server.base_url.removesuffix("/client/v4")
        answer = httpx.get(f"{root}/accounts/a/vectorize/v2/indexes", timeout=60)
    assert answer.json()["errors"][0]["message"].endswith(f"the base URL is {server.base_url}")


def test_a_request_for_a_lacking_endpoint_is_recorded_with_its_index(api: Api) -> None:
    api.post("upsert", content=ndjson(vector("a")), headers=NDJSON)
    record = api.emulator.activity.records()[-1]  # type: ignore[union-attr]
    assert (record.index, record.endpoint, record.code) == (api.index, None, 7003)
    assert record.message is not None
    assert "`upsert`" in record.message


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/robots.txt", "/healthz", "/", "/page/nothing.js", "/__emulator__/health"]
)
def test_what_browsers_and_health_checks_ask_for_is_not_recorded(api: Api, path: str) -> None:
    before = api.emulator.activity.started  # type: ignore[union-attr]
    assert api.client.get(path).status_code in {200, 404}
    assert api.emulator.activity.started == before  # type: ignore[union-attr]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "statte", 404), ("DELETE", "state", 405)])
def test_a_control_route_that_is_not_there_is_told(api: Api, method: str, path: str, status: int) -> None:
    answer = api.client.request(method, f"/__emulator__/{path}")
    assert answer.status_code == status
    message = answer.json()["errors"][0]["message"]
    assert message.startswith("there is no such control route; there are GET /__emulator__/health, GET ")
    assert ", DELETE /__emulator__/faults, PUT /__emulator__/visibility, " in message
