"""One table of answers, wrong and odd, that contract and client are both held against; each judges by its own code.

`INSERT` answers a batch of one vector of 32 dimensions, `GET` a request for the ids `a` and `b`.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import attrs

INSERT, GET = "insert", "get_by_ids"
ASKED = ["a", "b"]
JSON = {"Content-Type": "application/json"}
UUID = "0f4a2b9e-0000-4000-8000-000000000000"

# Why a row may be broken for the contract and good enough for the client.
LENIENT = "nothing that the client uses is missing or doubtful"


@attrs.frozen
class Row:
    """One answer.

    Attributes:
        name: What is wrong or odd.
        operation: What was asked.
        body: The answer's bytes.
        status: Its status.
        headers: Its headers.
        contract: The contract's verdict.
        client: What the client makes of it: `accepted`, or the name of the error that it raises.
        differ: Why the two may differ; empty where they do not.
        todo: Whether the client does not yet do what stands in `client`.

    """

    name: str
    operation: str
    body: bytes
    contract: Literal["kept", "broken", "not judged"]
    client: str
    status: int = 200
    headers: dict[str, str] = attrs.field(factory=lambda: dict(JSON))
    differ: str = ""
    todo: bool = False


def envelope(result: Any, **members: Any) -> bytes:
    return json.dumps({"success": True, "errors": [], "messages": [], "result": result, **members}).encode()


def failure(code: Any, message: str = "no", **members: Any) -> bytes:
    errors = [{"code": code, "message": message}]
    return json.dumps({"result": None, "success": False, "errors": errors, "messages": [], **members}).encode()


def vector(vector_id: Any, **members: Any) -> dict[str, Any]:
    return {"id": vector_id, "namespace": None, "metadata": None, "values": [0.5] * 32, **members}


def got(*vectors: Any) -> bytes:
    return envelope(list(vectors))


A, B = vector("a"), vector("b")
GOOD = {INSERT: envelope({"mutationId": UUID}), GET: got(A, B)}
UNEXPECTED = "UnexpectedResponseError"


def broken(name: str, operation: str, body: bytes, client: str = UNEXPECTED, **more: Any) -> Row:
    return Row(name, operation, body, "broken", client, **more)


def lenient(name: str, operation: str, body: bytes, **more: Any) -> Row:
    return Row(name, operation, body, "broken", "accepted", differ=LENIENT, **more)


def kept(name: str, operation: str, body: bytes, client: str = "accepted", **more: Any) -> Row:
    return Row(name, operation, body, "kept", client, **more)


def weather(name: str, status: int, body: bytes, client: str, headers: dict[str, str], **more: Any) -> Row:
    return Row(f"{name}, status {status}", GET, body, "not judged", client, status, headers, **more)


def raw(values: str) -> bytes:
    return got(vector("a", values="@")).replace(b'"@"', values.encode())


HTML, TEXT = {"Content-Type": "text/html; charset=UTF-8"}, {"Content-Type": "text/plain; charset=UTF-8"}
PAGE = b"<!DOCTYPE html><title>Just a moment...</title><h1>Attention required</h1>"
FULL = {
    "code": 1000,
    "message": "message",
    "documentation_url": "documentation_url",
    "source": {"pointer": "pointer"},
}

IDS = [
    broken("a vector of another id", GET, got(A, vector("c"))),
    broken("vectors of other ids only", GET, got(vector("c"), vector("d"))),
    broken("a vector twice", GET, got(A, A)),
    broken(
        "a vector twice in place of another, with other values",
        GET,
        got(A, vector("a", values=[0.25] * 32)),
    ),
    broken("more vectors than were asked for", GET, got(A, B, vector("c"))),
    broken("21 vectors", GET, got(*(vector(f"id-{n}") for n in range(21)))),
    broken("an id in another case", GET, got(vector("A"), B)),
    broken("an id with a blank", GET, got(vector("a "), B)),
    broken("an id that is a number", GET, got(vector(7), B)),
    broken("an id that is null", GET, got(vector(None), B)),
    broken("an empty id", GET, got(vector(""), B)),
    broken("an id of 65 bytes", GET, got(vector("x" * 65), B)),
    broken("no id", GET, got({"values": [0.5] * 32}, B)),
]
VALUES = [
    broken("vectors of two dimensions", GET, got(A, vector("b", values=[0.5] * 33))),
    broken("no values", GET, got({"id": "a"}, B)),
    broken("values that are null", GET, got(vector("a", values=None))),
    broken("values that are a string", GET, got(vector("a", values="0.5"))),
    broken("values that are an object", GET, got(vector("a", values={"0": 0.5}))),
    broken("values that are empty", GET, got(vector("a", values=[]))),
    broken("a value that is null", GET, got(vector("a", values=[None, *[0.5] * 31]))),
    broken("a value that is true", GET, got(vector("a", values=[True, *[0.5] * 31]))),
    broken("a value that is a string", GET, got(vector("a", values=["0.5", *[0.5] * 31]))),
    broken("values that are nested", GET, got(vector("a", values=[[0.25, 0.5]] * 16))),
    broken("values that are nested whole", GET, got(vector("a", values=[[0.5] * 32]))),
    broken("a value that is NaN", GET, raw("[NaN]")),
    broken("a value that is Infinity", GET, raw("[Infinity]")),
    broken("a value beyond a double", GET, raw("[1e999]")),
    broken("a value beyond float32", GET, raw("[3.5e38]")),
    broken("a value below float32", GET, raw("[-1e300]")),
    broken("a value that just rounds beyond float32", GET, raw("[3.4028235677973366e38]")),
    broken("a value with a leading zero", GET, raw("[01]")),
    broken("a value with a point and nothing behind it", GET, raw("[1.]")),
    broken("a value with a plus", GET, raw("[+1]")),
    broken("values with a comma too many", GET, raw("[1,]")),
    lenient("1,537 values", GET, got(vector("a", values=[0.5] * 1537))),
]
MEMBERS = [
    broken("a namespace that is a number", GET, got(vector("a", namespace=7))),
    broken("a namespace that is an array", GET, got(vector("a", namespace=[]))),
    lenient("a namespace of 66 bytes", GET, got(vector("a", namespace="é" * 33))),
    broken("metadata that is an array", GET, got(vector("a", metadata=[]))),
    broken("metadata that is a string", GET, got(vector("a", metadata="{}"))),
    lenient("metadata of 10,241 bytes", GET, got(vector("a", metadata={"k": "v" * 10_233}))),
    lenient("a metadata key with a dot", GET, got(vector("a", metadata={"a.b": 1}))),
    lenient("an empty metadata key", GET, got(vector("a", metadata={"": 1}))),
    lenient("a metadata key with a dollar", GET, got(vector("a", metadata={"$a": 1}))),
    broken("a vector that is a string", GET, got("a")),
    broken("a vector that is null", GET, got(None)),
    broken("a vector that is an array", GET, got([])),
]
RESULTS = [
    broken("a result that is null", GET, envelope(None)),
    broken("a result that is an object", GET, envelope({})),
    broken("a result that is an object of vectors", GET, envelope({"a": A})),
    broken("a result that is a string", GET, envelope("a")),
    broken("no result", GET, b'{"success":true,"errors":[],"messages":[]}'),
    broken("vectors one level deeper", GET, envelope({"vectors": [A]})),
    broken("an insert's result", GET, GOOD[INSERT]),
    broken("vectors as result", INSERT, GOOD[GET]),
    broken("a result that is null", INSERT, envelope(None)),
    broken("a result that is a string", INSERT, envelope(UUID)),
    broken("a result without a mutation", INSERT, envelope({})),
    broken("a mutation id that is a number", INSERT, envelope({"mutationId": 7})),
    broken("a mutation id that is null", INSERT, envelope({"mutationId": None})),
    broken("a mutation id that is empty", INSERT, envelope({"mutationId": ""})),
    lenient("a mutation id that is no UUID", INSERT, envelope({"mutationId": "42"})),
    lenient("a mutation id in capitals", INSERT, envelope({"mutationId": UUID.upper()})),
    lenient("a mutation id with a newline", INSERT, envelope({"mutationId": f"{UUID}\n"})),
    lenient(
        "a mutation id under another name too", INSERT, envelope({"mutationId": f"{UUID}0", "mutation_id": UUID})
    ),
    broken("a mutation id under another name", INSERT, envelope({"mutation_id": UUID})),
    broken("no result", INSERT, b'{"success":true,"errors":[],"messages":[]}'),
]
TEXTS = [
    broken("an empty body", GET, b""),
    broken("no JSON", GET, b"{"),
    broken("JSON that is cut short", GET, GOOD[GET][:-9]),
    broken("JSON with more behind it", GET, GOOD[GET] + b"{}"),
    broken("two envelopes", INSERT, GOOD[INSERT] * 2),
    broken("a bare array", GET, b"[]"),
    broken("null", GET, b"null"),
    broken("a string", INSERT, b'"ok"'),
    broken("UTF-16", GET, GOOD[GET].decode().encode("utf-16")),
    broken("UTF-16 without a mark", GET, GOOD[GET].decode().encode("utf-16-le")),
    broken("UTF-32", INSERT, GOOD[INSERT].decode().encode("utf-32")),
    broken("Latin-1", GET, got(vector("a", namespace="@")).replace(b"@", b"\xe9")),
    broken("a byte order mark", GET, b"\xef\xbb\xbf" + GOOD[GET]),
    broken("a byte order mark", INSERT, b"\xef\xbb\xbf" + GOOD[INSERT]),
    broken("half a surrogate pair", GET, got(vector("a", namespace="@")).replace(b"@", b"\\ud800")),
    broken("a result twice", GET, b'{"success":true,"errors":[],"messages":[],"result":[],"result":[]}'),
    broken("success twice", INSERT, GOOD[INSERT].replace(b"{", b'{"success":false,', 1)),
    broken("an id twice in one vector", GET, GOOD[GET].replace(b'"id": "a"', b'"id": "a", "id": "b"')),
    broken("values twice in one vector", GET, GOOD[GET].replace(b'"id": "a"', b'"values": [1], "id": "a"')),
    broken("comments", GET, GOOD[GET].replace(b"{", b"{/* */", 1)),
    broken("single quotes", GET, GOOD[GET].replace(b'"', b"'")),
    broken("a callback", GET, b"callback(" + GOOD[GET] + b")"),
    broken("a body of NULs", GET, b"\x00" * 100),
    broken("JSON that is nested deep", GET, b"[" * 100_000),
    broken(
        "metadata that is nested deep",
        GET,
        got(vector("a", metadata="@")).replace(b'"@"', b'{"a":' * 99_999 + b"1" + b"}" * 99_999),
    ),
    broken("an HTML page", GET, PAGE, headers=HTML),
    broken("an HTML page", INSERT, PAGE, headers=HTML),
    broken("a line of text", GET, b"OK", headers=TEXT),
    lenient("an envelope as text", GET, GOOD[GET], headers=TEXT),
    lenient("an envelope without a content type", GET, GOOD[GET], headers={}),
    lenient("an envelope as octets", INSERT, GOOD[INSERT], headers={"Content-Type": "application/octet-stream"}),
]
ENVELOPES = [
    broken("success that is missing", GET, b'{"errors":[],"messages":[],"result":[]}'),
    broken("success that is a string", GET, envelope([], success="true")),
    broken("success that is a number", INSERT, envelope({"mutationId": UUID}, success=1)),
    broken("success that is null", GET, envelope([], success=None)),
    broken("failure under 200", GET, failure(40026), "RejectedError"),
    broken("failure under 200", INSERT, failure(40023), "RejectedError"),
    broken("failure without an error under 200", INSERT, failure(1, errors=[]), "RejectedError"),
    broken("success under 400", GET, GOOD[GET], status=400),
    broken("success under 404", INSERT, GOOD[INSERT], status=404),
    lenient("no errors", GET, b'{"success":true,"messages":[],"result":[]}'),
    lenient("no messages", GET, b'{"success":true,"errors":[],"result":[]}'),
    lenient("errors that are null", GET, envelope([], errors=None)),
    lenient("messages that are null", INSERT, envelope({"mutationId": UUID}, messages=None)),
    lenient("messages that are strings", GET, envelope([], messages=["soon"])),
    lenient("messages that are an object", GET, envelope([], messages={})),
    lenient("errors that are strings", GET, envelope([], errors=["no"])),
    kept("an error beside success", GET, envelope([A], errors=[FULL])),
    kept("an error beside success", INSERT, envelope({"mutationId": UUID}, errors=[FULL])),
    kept("a message", GET, envelope([A], messages=[FULL])),
    kept("a message", INSERT, envelope({"mutationId": UUID}, messages=[FULL])),
    kept("an undocumented member of the envelope", GET, envelope([A], result_info={"count": 1})),
    kept("an undocumented member of a vector", GET, got(vector("a", score=1))),
    kept("an undocumented member of a result", INSERT, envelope({"mutationId": UUID, "count": 1})),
    kept("none found", GET, got()),
    kept("one found", GET, got(B)),
    kept("both found, in another order", GET, got(B, A)),
    kept("no namespace and no metadata", GET, got({"id": "a", "values": [0.5] * 32})),
    kept("metadata that is empty", GET, got(vector("a", metadata={}))),
    kept("metadata of any shape", GET, got(vector("a", metadata={"a b": [1, {"c.d": None}], "é": -1e300}))),
    kept("whole numbers with a point", GET, raw("[1.0, 0.0, -0.0, 1e38, 1E+38, 12345678901234567890]")),
    kept("float32 written as doubles", GET, raw("[0.23210000991821289]")),
    kept("a charset", GET, GOOD[GET], headers={"Content-Type": "Application/JSON; charset=utf-8"}),
]
FAILURES = [
    broken("a refusal without an error", GET, failure(1, errors=[]), "RejectedError", status=400),
    broken("a refusal whose errors are null", GET, failure(1, errors=None), "RejectedError", status=400),
    broken("a refusal whose code is a string", GET, failure("40026"), "RejectedError", status=400),
    broken("a refusal whose code has a point", GET, failure(40026.0), "RejectedError", status=400),
    broken("a refusal whose code is true", GET, failure(code=True), "RejectedError", status=400),
    broken("a refusal whose code is zero", GET, failure(0), "RejectedError", status=400),
    broken("a refusal without a message", GET, failure(1, errors=[{"code": 40099}]), "RejectedError", status=400),
    broken(
        "a refusal without messages",
        GET,
        failure(40099).replace(b', "messages": []', b""),
        "RejectedError",
        status=400,
    ),
    broken("a refusal with a result", GET, failure(40099, result=[]), "RejectedError", status=400),
    broken("a refusal that is JSON and no envelope", GET, b'{"error":"bad"}', status=400),
    broken("20 ids are too many", GET, failure(40007, "max id count is 1, got 2"), "RejectedError", status=400),
    broken("an id is too long that is not", GET, failure(40008), "RejectedError", status=400),
    broken("JSON that is not taken for JSON", GET, failure(40026), "RejectedError", status=400),
    broken("NDJSON that is not taken for NDJSON", INSERT, failure(1005), "RejectedError", status=400),
    broken("metadata that is too large and is not", INSERT, failure(40016), "RejectedError", status=400),
    broken("status 201", INSERT, GOOD[INSERT], status=201),
    broken("status 202", INSERT, GOOD[INSERT], status=202),
    broken("status 204", INSERT, b"", status=204),
    broken("status 206", GET, GOOD[GET], status=206),
    broken("a redirection", GET, b"", status=302, headers={"Location": "https://example.com/"}),
    broken("a page that is not there", GET, PAGE, status=404, headers=HTML),
    broken("nothing that is there", GET, b"", status=404, headers={}),
    broken("a method that is not allowed", INSERT, b"", status=405, headers={}),
    kept("a refusal of a kind unknown", INSERT, failure(49999), "RejectedError", status=400),
    kept("a vector of other dimensions", INSERT, failure(40012), "RejectedError", status=400),
    kept("a line that cannot be parsed", INSERT, failure(40023, "line Some(0) was not"), "RejectedError", status=400),
    kept("no such index", GET, failure(3000), "NotFoundError", status=400),
    kept("no such index", GET, failure(3000), "NotFoundError", status=404),
    kept("credentials refused", GET, failure(10000), "AuthenticationError", status=403),
    kept("credentials refused", GET, failure(10000), "AuthenticationError", status=401),
    kept(
        "a refusal with everything",
        GET,
        failure(1, errors=[{**FULL, "error_chain": [{"code": 1, "message": ""}]}]),
        "RejectedError",
        status=400,
    ),
]
RATES = [
    kept(f"{name} {text!r}", GET, GOOD[GET], headers={**JSON, name: text})
    for name, text in (
        ("Ratelimit", '"default";r=50;t=30'),
        ("Ratelimit", '"default";r=50;t=30, "burst";r=9;t=1'),
        ("Ratelimit-Policy", '"default";q=1200;w=300, "burst";q=100;w=60'),
        ("Deprecation", "@1767225600"),
        ("Sunset", "Fri, 01 Jan 2027 00:00:00 GMT"),
    )
] + [
    lenient(f"{name} {text!r}", GET, GOOD[GET], headers={**JSON, name: text})
    for name, text in (("Ratelimit", "50"), ("Ratelimit-Policy", "many"), ("cf-ray", ""))
]
THROTTLED, SERVER = "RateLimitError", "ServerError"
WEATHER = [
    weather("throttled", 429, failure(971), THROTTLED, {**JSON, "retry-after": "1"}),
    weather(
        "throttled until a date",
        429,
        failure(10429),
        THROTTLED,
        {**JSON, "retry-after": "Sat, 21 Nov 2026 16:00:00 GMT"},
    ),
    weather("throttled writes", 400, failure(40041), THROTTLED, JSON),
    weather("throttled with a code unknown", 429, failure(49998), THROTTLED, JSON),
    weather("throttled in HTML", 429, PAGE, THROTTLED, HTML),
    weather("throttled in text", 429, b"error code: 1015", THROTTLED, TEXT),
    weather("throttled without a word", 429, b"", THROTTLED, {}),
    weather("throttled with a word for a time", 429, failure(971), THROTTLED, {**JSON, "retry-after": "soon"}),
    weather("a bad gateway in text", 502, b"error code: 502", SERVER, TEXT),
    weather("a bad gateway in HTML", 502, PAGE, SERVER, HTML),
    weather("unavailable without a word", 503, b"", SERVER, {}),
    weather("a failure of the service", 500, failure(10001), SERVER, JSON),
    weather("a failure that is no envelope", 500, b'{"error":"internal"}', SERVER, JSON),
    weather("a success that failed", 503, GOOD[GET], SERVER, JSON),
    *[weather("a failure of the edge", status, PAGE, SERVER, HTML) for status in (504, *range(520, 528), 530)],
    weather("a timeout", 408, b"", SERVER, {}),
    weather("a challenge", 403, PAGE, UNEXPECTED, {**HTML, "cf-mitigated": "challenge"}),
    weather("a block in text", 403, b"error code: 1020", UNEXPECTED, TEXT),
    weather("a block without a word", 403, b"", UNEXPECTED, {}),
    weather("a block in JSON", 403, b'{"error":"forbidden"}', UNEXPECTED, JSON),
    weather("credentials refused without an envelope", 401, b"", UNEXPECTED, {}),
    weather("an edge that refuses", 400, PAGE, UNEXPECTED, HTML),
    weather("an edge that finds it too large", 413, PAGE, "RejectedError", HTML),
    weather("withheld for legal reasons", 451, PAGE, UNEXPECTED, HTML),
]
ROWS = [
    kept("a good answer", INSERT, GOOD[INSERT]),
    kept("a good answer", GET, GOOD[GET]),
    *IDS,
    *VALUES,
    *MEMBERS,
    *RESULTS,
    *TEXTS,
    *ENVELOPES,
    *FAILURES,
    *RATES,
    *WEATHER,
]
