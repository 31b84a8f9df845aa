"""What the two endpoints answer, request by request."""

from __future__ import annotations

import json
import math
import re
import struct
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_api import AUTHORIZED, DIMENSIONS, NDJSON, code, ndjson, vector

from cf_vectorize_emulator.core.lines import Vector
from cf_vectorize_emulator.core.service import render
from cf_vectorize_emulator.server import Address, Settings, serve

if TYPE_CHECKING:
    from raw_api import Api

JSON = {"Content-Type": "application/json"}


def test_a_vector_comes_back_in_the_live_shape(api: Api) -> None:
    values = [0.2321, 0.8121, 0, -0.0, 1e-10, 3e38, *[2.0] * 26]
    line = {"metadata": {"b": 1, "a": [1.0, "x"]}, "id": "ü", "values": values, "extra": 1}
    assert api.insert(line).status_code == 200
    body = api.get("ü").content
    assert body == (
        b'{"success":true,"errors":[],"messages":[],"result":[{"id":"\xc3\xbc","namespace":null,'
        b'"metadata":{"b":1,"a":[1.0,"x"]},"values":[0.2321,0.8121,0,-0.0,1e-10,3e+38,'
        + b",".join([b"2"] * 26)
        + b"]}]}"
    )


def test_an_accepted_batch_is_answered_with_a_mutation_id_only(api: Api) -> None:
    answer = api.insert(vector("a"))
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    expected = r'\{"success":true,"errors":\[\],"messages":\[\],"result":\{"mutationId":"' + uuid + r'"\}\}'
    assert re.fullmatch(expected, answer.text)


def test_every_answer_has_the_headers_of_the_service(api: Api) -> None:
    answers = [api.insert(vector("a")), api.get("a"), api.get(), api.client.get("/client/v4/nothing")]
    for answer in answers:
        assert re.fullmatch(r"[0-9a-f]{16}-EMU", answer.headers["cf-ray"])
        assert answer.headers["Ratelimit"] == '"default";r=1200;t=300'
        assert answer.headers["Ratelimit-Policy"] == '"default";q=1200;w=300'
        assert answer.headers["Content-Type"] == "application/json"
    assert len({answer.headers["cf-ray"] for answer in answers}) == len(answers)


def test_the_first_version_of_an_id_wins(api: Api) -> None:
    api.insert(vector("a", 1), vector("a", 2, namespace="n"))
    api.insert(vector("a", 3), vector("b", 3))
    found = api.found("a", "b")
    assert (found["a"]["values"][0], found["a"]["namespace"], found["b"]["values"][0]) == (1, None, 3)


def test_unknown_ids_are_left_out_and_repeated_ones_answered_once(api: Api) -> None:
    api.insert(vector("a"), vector("b"))
    assert [item["id"] for item in api.get("b", "nobody", "b").json()["result"]] == ["b"]
    assert api.get("nobody").json()["result"] == []


def test_an_index_has_the_dimensions_of_its_first_vector(api: Api) -> None:
    assert code(api.get("a")) == 3000
    assert code(api.insert(vector("a"), {"id": "b", "values": [1] * 33})) == 40012
    assert code(api.get("a")) == 3000, "a refused batch leaves nothing behind"
    api.insert({"id": "a", "values": [1] * 33})
    refused = api.insert(vector("b"))
    assert refused.json()["errors"] == [
        {"code": 40012, "message": 'invalid vector for id="b", expected 33 dimensions, and got 32 dimensions'}
    ]


def test_accounts_do_not_see_each_other(api: Api) -> None:
    api.insert(vector("a"))
    api.account = "f" * 32
    assert code(api.get("a")) == 3000


def line(**members: Any) -> bytes:
    return orjson.dumps({**vector("a"), **members})


TOO_LONG = b'{"id":"a","values":[' + b"0.1," * (1 << 20) + b"1]}"
UNPARSABLE = {
    "not JSON": b"{",
    "an array of vectors": b"[" + line() + b"]",
    "two objects": line() + line(),
    "blank": b" ",
    "numeric id": line(id=1),
    "no id": b'{"values":[1]}',
    "no values": b'{"id":"a"}',
    "typed array": line(values={"0": 1.0}),
    "null among values": line(values=[None] * DIMENSIONS),
    "true among values": line(values=[True] * DIMENSIONS),
    "string among values": line(values=["1"] * DIMENSIONS),
    "NaN": line().replace(b"0.5", b"NaN"),
    "Infinity": line().replace(b"0.5", b"-Infinity"),
    "beyond float32": line(values=[3.5e38] * DIMENSIONS),
    "beyond float64": line().replace(b"0.5", b"1e999"),
    "lone surrogate": line().replace(b'"a"', b'"\\ud800"'),
    "not UTF-8": line().replace(b'"a"', b'"\xff"'),
    "byte order mark": b"\xef\xbb\xbf" + line(),
    "numeric namespace": line(namespace=1),
    "metadata that is a list": line(metadata=[1]),
    "metadata that is deep": line()[:-1] + b',"metadata":' + b'{"a":' * 500 + b"1" + b"}" * 501,
    "JSON that is deep": b"[" * 100_000,
    "a line longer than any vector": TOO_LONG,
}


@pytest.mark.parametrize("bad", UNPARSABLE.values(), ids=UNPARSABLE)
def test_one_unparsable_line_refuses_the_batch_and_discard_drops_it(api: Api, bad: bytes) -> None:
    body = ndjson(vector("first")) + bad + b"\n" + ndjson(vector("last"))
    answer = api.send(body)
    assert answer.status_code == 400
    assert answer.json() == {
        "result": None,
        "success": False,
        "errors": [
            {
                "code": 40023,
                "message": "failed to parse insert vectors request in ndjson format: "
                "line Some(1) was not expected format",
            }
        ],
        "messages": [],
    }
    assert code(api.get("first")) == 3000
    assert api.send(body, params={"unparsable-behavior": "discard"}).status_code == 200
    assert set(api.found("a", "first", "last")) == {"first", "last"}


COMPACT = "the compact JSON representation of the metadata"
REFUSED = {
    "id of 65 bytes": (line(id="ü" * 32 + "x"), 40008, "id too long; max is 64 bytes, got 65 bytes"),
    "31 dimensions": (
        line(values=[1] * 31),
        40012,
        'invalid vector for id="a", expected 32 to 1536 dimensions, and got 31 dimensions',
    ),
    "1537 dimensions": (
        line(values=[1] * 1537),
        40012,
        'invalid vector for id="a", expected 32 to 1536 dimensions, and got 1537 dimensions',
    ),
    "metadata of 10241 bytes": (
        line(metadata={"k": "x" * (10241 - 8)}),
        40016,
        f'oversized metadata for vector id="a"; {COMPACT} must not exceed 10240 bytes, got 10241 bytes',
    ),
    "empty id": (line(id=""), 40000, "id must not be empty"),
    "namespace of 65 bytes": (
        line(namespace="n" * 65),
        40000,
        'namespace too long for vector id="a"; max is 64 bytes, got 65 bytes',
    ),
    "empty metadata key": (line(metadata={"": 1}), 40000, 'invalid metadata key "" for vector id="a"'),
    "metadata key with $": (line(metadata={"$a": 1}), 40000, 'invalid metadata key "$a" for vector id="a"'),
    "metadata key with .": (line(metadata={"o": {"a.b": 1}}), 40000, 'invalid metadata key "a.b" for vector id="a"'),
    "no line": (b"", 40000, "no vectors in payload"),
    "5001 lines": (b"\n".join([line()] * 5001), 40000, "too many vectors in payload; max vector count is 5000"),
}


@pytest.mark.parametrize(("body", "expected", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("behaviour", ["error", "discard"])
def test_a_limit_that_is_exceeded_refuses_the_batch(
    api: Api, body: bytes, expected: int, message: str, behaviour: str
) -> None:
    answer = api.send(body, params={"unparsable-behavior": behaviour})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"code": expected, "message": message}]
    assert code(api.get("a")) == 3000


def test_what_is_just_within_the_limits_is_accepted(api: Api) -> None:
    widest = {
        "id": "ü" * 32,
        "values": [1] * 1536,
        "namespace": "n" * 64,
        "metadata": {"k": "x" * (10240 - 8)},
    }
    lines = [widest, *({**widest, "id": str(number), "metadata": None} for number in range(4999))]
    assert api.insert(*lines).status_code == 200
    assert len(api.found("ü" * 32, *map(str, range(4980, 4999)))) == 20


def test_lines_that_are_discarded_count_as_lines_of_the_batch(api: Api) -> None:
    discard = {"params": {"unparsable-behavior": "discard"}}
    lines = [line(id=str(number)) for number in range(5000)]
    assert api.send(b"\n".join([*lines[:4999], b"{"]), **discard).is_success
    assert code(api.send(b"\n".join([*lines, b"{"]), **discard)) == 40000


def test_an_unparsable_line_goes_before_a_limit_on_an_earlier_one(api: Api) -> None:
    assert code(api.send(line(id="x" * 65) + b"\n{\n")) == 40023


def test_line_ends_may_be_crlf_and_the_last_may_be_missing(api: Api) -> None:
    assert api.send(b"\r\n".join([line(id="a"), line(id="b")])).status_code == 200
    assert set(api.found("a", "b")) == {"a", "b"}


def test_discarding_every_line_is_accepted_once_the_index_is_there(api: Api) -> None:
    discard = {"params": {"unparsable-behavior": "discard"}}
    assert code(api.send(b"{\n", **discard)) == 3000
    api.insert(vector("a"))
    assert api.send(b"{\n", **discard).status_code == 200


@pytest.mark.parametrize("query", [{"unparsable-behavior": "ignore"}, {"unparsable-behavior": ["error", "discard"]}])
def test_an_unknown_behaviour_is_refused(api: Api, query: dict[str, Any]) -> None:
    assert code(api.insert(vector("a"), params=query)) == 40000


@pytest.mark.parametrize("content_type", ["application/x-ndjson; charset=utf-8", "APPLICATION/X-NDJSON"])
def test_ndjson_is_taken_raw(api: Api, content_type: str) -> None:
    assert api.post("insert", content=line(), headers={"Content-Type": content_type}).status_code == 200


def test_ndjson_is_taken_as_the_multipart_file_vectors(api: Api) -> None:
    file = ("vectors.ndjson", line(), "application/octet-stream")
    assert api.post("insert", files={"vectors": file}, data={"other": "1"}).status_code == 200
    assert set(api.found("a")) == {"a"}
    assert code(api.post("insert", files={"vector": file})) == 40000
    assert code(api.post("insert", files={"other": b"x"}, data={"vectors": line().decode()})) == 40000


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_an_insert_of_another_content_type_is_refused(api: Api, content_type: str) -> None:
    answer = api.post("insert", content=line(), headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["errors"][0]) == (
        400,
        {"code": 1005, "message": "vectorize.unknown_content_type"},
    )


LOOKUPS = {
    "an array": (b'["a"]', 40026, "Failed to parse the request body as JSON: expected an object"),
    "no ids": (b"{}", 40026, "Failed to parse the request body as JSON: missing field `ids`"),
    "ids no array": (
        b'{"ids":"a"}',
        40026,
        "Failed to parse the request body as JSON: `ids` is not a sequence of strings",
    ),
    "ids no strings": (
        b'{"ids":[1]}',
        40026,
        "Failed to parse the request body as JSON: `ids` is not a sequence of strings",
    ),
    "21 ids": (orjson.dumps({"ids": ["a"] * 21}), 40007, "too many ids in payload; max id count is 20, got 21"),
    "id of 65 bytes": (orjson.dumps({"ids": ["ü" * 33]}), 40008, "id too long; max is 64 bytes, got 66 bytes"),
    "ids empty": (b'{"ids":[]}', 40000, "no ids in payload"),
    "id empty": (b'{"ids":[""]}', 40000, "id must not be empty"),
}


@pytest.mark.parametrize(("body", "expected", "message"), LOOKUPS.values(), ids=LOOKUPS)
def test_a_lookup_is_refused(api: Api, body: bytes, expected: int, message: str) -> None:
    api.insert(vector("a"))
    answer = api.post("get_by_ids", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"code": expected, "message": message}])


def test_a_lookup_must_be_json_and_say_so(api: Api) -> None:
    api.insert(vector("a"))
    body = b'{"ids":["a"]}'
    for content_type in ["text/plain", "", "application/x-ndjson"]:
        answer = api.post("get_by_ids", content=body, headers={"Content-Type": content_type})
        assert answer.json()["errors"] == [
            {"code": 40026, "message": "Expected request with `Content-Type: application/json`"}
        ]
    assert api.post(
        "get_by_ids", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    ).is_success
    broken = api.post("get_by_ids", content=body[:-1], headers=JSON)
    assert broken.json()["errors"][0]["message"].startswith("Failed to parse the request body as JSON: ")
    assert code(broken) == 40026


KEYS = {"X-Auth-Email": "someone@example.com", "X-Auth-Key": "0123456789"}
CREDENTIALS = {
    "none": ({}, 403, 10000, None),
    "no bearer": ({"Authorization": "Basic YTpi"}, 400, 6003, 6111),
    "empty token": ({"Authorization": "Bearer"}, 400, 6003, 6111),
    "two tokens": ({"Authorization": "Bearer a b"}, 400, 6003, 6111),
    "email without key": ({"X-Auth-Email": "someone@example.com"}, 403, 10000, None),
    "blank key": ({**KEYS, "X-Auth-Key": "a b"}, 400, 6003, 6103),
    "token": (AUTHORIZED, 200, None, None),
    "email and key": (KEYS, 200, None, None),
}


@pytest.mark.parametrize(("headers", "status", "expected", "chained"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_authentication(
    api: Api, headers: dict[str, str], status: int, expected: int | None, chained: int | None
) -> None:
    url = f"/client/v4/accounts/{api.account}/vectorize/v2/indexes/{api.index}/insert"
    answer = api.client.post(url, content=line(), headers={**NDJSON, **headers})
    assert answer.status_code == status
    if expected is not None:
        (error,) = answer.json()["errors"]
        assert (error["code"], [item["code"] for item in error.get("error_chain", [])]) == (
            expected,
            [] if chained is None else [chained],
        )


def test_a_token_that_is_set_is_the_only_one() -> None:
    settings = Settings(token="right")
    assert "right" not in repr(settings)
    with serve(settings, Address()) as server:
        url = f"{server.base_url}/accounts/a/vectorize/v2/indexes/i/insert"
        sent = {
            token: httpx.post(url, content=line(), headers={**NDJSON, "Authorization": f"Bearer {token}"}, timeout=60)
            for token in ("right", "wrong")
        }
    assert sent["right"].status_code == 200
    assert (sent["wrong"].status_code, code(sent["wrong"])) == (403, 9109)


@pytest.mark.parametrize(
    "path",
    [
        "/client/v4/user",
        "/client/v4",
        "/client/v4/accounts/a/vectorize/v2/indexes/i/insert/",
        "/client/v4/accounts/a/vectorize/v2/indexes/i/upsert",
        "/client/v4/accounts/a/vectorize/v2/indexes/" + "i" * 65 + "/insert",
        "/client/v4/accounts/" + "a" * 33 + "/vectorize/v2/indexes/i/insert",
        "/client/v4/accounts/a/vectorize/v2/indexes/%2e%2e/insert",
        "/client/v4/accounts/a/vectorize/v2/indexes/a%2Fb/insert",
        "/client/v4/accounts/a/vectorize/v2/indexes/..%2f..%2fetc/insert",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_there_is_no_other_route(api: Api, path: str) -> None:
    answer = api.client.post(path, headers=AUTHORIZED)
    assert (answer.status_code, code(answer)) == (404, 7003)


def test_another_method_is_refused_and_told_the_right_one(api: Api) -> None:
    answer = api.client.put(f"/client/v4/accounts/a/vectorize/v2/indexes/{api.index}/insert", headers=AUTHORIZED)
    assert (answer.status_code, answer.headers["Allow"], code(answer)) == (405, "POST", 40000)


def test_a_declared_index_exists_and_others_may_be_refused() -> None:
    settings = Settings(indexes={"declared": 32}, declared_only=True)
    with serve(settings) as server, httpx.Client(base_url=server.base_url, headers=AUTHORIZED, timeout=60) as client:
        path = "/accounts/a/vectorize/v2/indexes/{}/{}"
        assert client.post(path.format("declared", "get_by_ids"), json={"ids": ["a"]}).json()["result"] == []
        long = client.post(path.format("declared", "insert"), content=line(values=[1] * 33), headers=NDJSON)
        assert code(long) == 40012
        assert client.post(path.format("declared", "insert"), content=line(), headers=NDJSON).is_success
        assert code(client.post(path.format("other", "insert"), content=line(), headers=NDJSON)) == 3000


def test_an_index_may_be_declared_for_one_account_only() -> None:
    settings = Settings(indexes={"mine/i": 32, "i": 33, "mine/only": 32}, declared_only=True)
    with (
        serve(settings) as server,
        httpx.Client(base_url=server.base_url, headers={**AUTHORIZED, **NDJSON}, timeout=60) as client,
    ):
        path = "/accounts/{}/vectorize/v2/indexes/{}/insert"
        answers = {
            (account, index): client.post(path.format(account, index), content=line(values=[1] * 32))
            for account in ("mine", "yours")
            for index in ("i", "only")
        }
    assert answers["mine", "i"].is_success, "what is said of one account goes before what is said of all"
    assert code(answers["yours", "i"]) == 40012
    assert answers["mine", "only"].is_success
    assert code(answers["yours", "only"]) == 3000


NUMBERS = {
    "an integer beyond 2^53": b"9007199254740993",
    "an integer beyond 2^64": b"123456789012345678901234567890",
    "a negative one": b"-123456789012345678901234567890",
    "a float beyond 2^53": b"9007199254740993.5",
    "a float with an exponent": b"1.50e+300",
    "a float with many digits": b"0.1000000000000000055511151231257827",
    "a digit": b"7",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_a_number_in_metadata_comes_back_as_it_came(api: Api, number: bytes) -> None:
    body = line()[:-1] + b', "metadata": {"a": ' + number + b', "b": {"c": [' + number + b'], "a": "1e5 \\" x"}}}'
    assert api.send(body).is_success
    assert b'"metadata":{"a":' + number + b',"b":{"c":[' + number + b'],"a":"1e5 \\" x"}}' in api.get("a").content


def test_metadata_is_measured_as_it_came(api: Api) -> None:
    digits = b"0." + b"1" * (10240 - 8)
    body = line()[:-1] + b',"metadata":{"k":%b}}'
    assert api.send(body % digits).is_success
    assert code(api.send(body % (digits + b"1"))) == 40016


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_values_are_answered_as_the_shortest_decimals_of_their_float32(values: list[float]) -> None:
    packed = struct.pack(f"<{len(values)}f", *values)
    text = orjson.dumps(render(Vector("a", None, None, packed))).partition(b'"values":')[2].removesuffix(b"}")
    back = json.loads(text)
    assert struct.pack(f"<{len(back)}f", *back) == packed
    for word, value in zip(text[1:-1].split(b","), values, strict=True):
        shortest = np.format_float_scientific(np.float32(value), unique=True, trim="-")
        assert _digits(word.decode()) == _digits(shortest)
        if value == math.floor(value) and value != 0:
            assert b"." not in word or b"e" in word


def _digits(number: str) -> str:
    return number.lstrip("-").partition("e")[0].replace(".", "").strip("0")
