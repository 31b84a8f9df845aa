"""Services that are wrong in one way each: the emulator, its answers changed on their way by a proxy."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize_contract import Proxy, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

Change = Callable[[Request, Response], Response]

INSERT, GET = "insert", "get_by_ids"
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=UTF-8"}
TEXT = {"Content-Type": "text/plain; charset=UTF-8"}


class _Changed:
    """An upstream whose answers are changed."""

    def __init__(self, upstream: Any, change: Change) -> None:
        self._upstream = upstream
        self._change = change
        self.path = upstream.path

    def send(self, request: Request) -> Response:
        return self._change(request, self._upstream.send(request))


@contextmanager
def changed(base_url: str, change: Change) -> Iterator[str]:
    """Serve what another service answers, but changed, and yield the base URL."""
    with Proxy(base_url) as proxy:
        proxy.upstream = _Changed(proxy.upstream, change)  # type: ignore[assignment]
        yield proxy.base_url


@attrs.frozen
class Wrong:
    """One way of being wrong, or only odd.

    Attributes:
        name: What is wrong.
        change: Makes it so.
        exit_code: What `cf-vectorize contract --insert` must end with.
        says: What it must say.

    """

    name: str
    change: Change
    exit_code: int
    says: str


def always(status: int, headers: dict[str, str], body: bytes) -> Change:
    return lambda _, __: Response(status, headers, body)


def header(name: str, value: str) -> Change:
    return lambda _, response: attrs.evolve(response, headers={**response.headers, name: value})


def enveloped(change: Callable[[Any], None], operation: str = "", *, success: bool | None = None) -> Change:
    """Change every JSON envelope, or those of one operation, or only those of success or failure."""

    def apply(request: Request, response: Response) -> Response:
        envelope = json.loads(response.body)
        if request.target.endswith(operation) and success in {None, envelope["success"]}:
            change(envelope)
        return attrs.evolve(response, body=json.dumps(envelope).encode())

    return apply


def each_vector(change: Callable[[dict[str, Any]], Any]) -> Change:
    def apply(envelope: Any) -> None:
        for vector in envelope["result"]:
            change(vector)

    return enveloped(apply, GET, success=True)


def refusal(status: int, code: int, message: str = "no") -> Response:
    errors = [{"code": code, "message": message}]
    body = json.dumps({"success": False, "errors": errors, "messages": [], "result": None}).encode()
    return Response(status, JSON, body)


def cap_of(most: int) -> Change:
    """Refuse more ids than so many."""

    def apply(request: Request, response: Response) -> Response:
        if not request.target.endswith(GET) or response.status != 200:
            return response
        many = len(json.loads(request.body)["ids"]) > most
        return refusal(400, 40007, f"max id count is {most}") if many else response

    return apply


def unknown_as(other: Response) -> Change:
    def apply(request: Request, response: Response) -> Response:
        return other if request.target.endswith(GET) and b'"result":[]' in response.body else response

    return apply


def more_vectors(more: Callable[[list[Any], list[str]], list[Any]]) -> Change:
    """Answer with other vectors too, wherever one was found."""

    def apply(request: Request, response: Response) -> Response:
        envelope = json.loads(response.body)
        if not request.target.endswith(GET) or not envelope["result"]:
            return response
        envelope["result"] = more(envelope["result"], json.loads(request.body)["ids"])
        return attrs.evolve(response, body=json.dumps(envelope).encode())

    return apply


class LastWins:
    """Keeps the last version of an id in place of the first."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    def __call__(self, request: Request, response: Response) -> Response:
        if request.target.endswith(INSERT) and response.status == 200:
            for text in request.body.splitlines():
                self.sent[json.loads(text)["id"]] = json.loads(text)["values"]
        restore = each_vector(lambda vector: vector.update(values=self.sent[vector["id"]]))
        return restore(request, response)


def stored_all_the_same(found: list[Any], asked: list[str]) -> list[Any]:
    refused = next(name for name in asked if "refused" in name)
    return [*found, {**found[0], "id": refused}]


def float32(values: list[float]) -> list[float]:
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


def notice(envelope: Any) -> None:
    envelope["messages"] = [{"code": 1001, "message": "This endpoint will be removed on 2027-01-01"}]


def stored(change: Callable[[Response], Response]) -> Change:
    """Change the answer to what is stored."""
    return lambda request, response: (
        change(response) if request.target.endswith(INSERT) and response.status == 200 else response
    )


FULL = {"code": 1000, "message": "m", "documentation_url": "d", "source": {"pointer": "p"}}
REFUSED = refusal(403, 10000, "Authentication error")

WEATHER = [
    Wrong("an edge that fails in text", always(502, TEXT, b"error code: 502"), 3, "status 502"),
    Wrong("an edge that fails in HTML", always(522, HTML, b"<h1>Timed out</h1>"), 3, "status 522"),
    Wrong("a service that is unavailable without a word", always(503, {}, b""), 3, "status 503"),
    Wrong("a service that fails in an envelope", always(500, JSON, refusal(500, 1).body), 3, "status 500"),
    Wrong("a service that fails in other JSON", always(500, JSON, b'{"error":1}'), 3, "status 500"),
    Wrong("a throttle in text", always(429, TEXT, b"error code: 1015"), 3, "throttled"),
    Wrong(
        "a throttle until a date",
        always(429, {**JSON, "retry-after": "Sat, 21 Nov 2026 16:00:00 GMT"}, refusal(429, 971).body),
        3,
        "throttled",
    ),
    Wrong("a throttle until some time", always(429, {**JSON, "retry-after": "soon"}, b"{}"), 3, "throttled"),
    Wrong("throttled writes", always(400, JSON, refusal(400, 40041).body), 3, "throttled"),
    Wrong("a challenge", always(403, HTML, b"<title>Just a moment...</title>"), 3, "status 403"),
    Wrong("a block in text", always(403, TEXT, b"error code: 1020"), 3, "status 403"),
    Wrong("a block without a word", always(403, {}, b""), 3, "status 403"),
    Wrong("a block in other JSON", always(403, JSON, b'{"error":"forbidden"}'), 3, "status 403"),
    Wrong("refused credentials", lambda *_: REFUSED, 3, "code 10000: Authentication error"),
    Wrong(
        "refused credentials without messages",
        always(403, JSON, b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}'),
        3,
        "status 403",
    ),
    Wrong(
        "refused credentials with status 400, without messages",
        always(400, JSON, b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}'),
        3,
        "refused to whoever asks: status 400",
    ),
    Wrong("refused credentials, status 401", always(401, JSON, refusal(401, 10000).body), 3, "status 401"),
    Wrong("no such index", lambda *_: refusal(400, 3000, "no such index"), 3, "code 3000: no such index"),
    Wrong("an edge that refuses in HTML", always(400, HTML, b"<h1>Bad Request</h1>"), 3, "refused on the way"),
]
BROKEN = [
    Wrong("a cap of 10 ids", cap_of(10), 1, "20 ids are accepted"),
    Wrong("a cap of 19 ids", cap_of(19), 1, "code 40007"),
    Wrong(
        "no cap",
        lambda q, r: (
            Response(200, JSON, b'{"success":true,"errors":[],"messages":[],"result":[]}')
            if b"-id-20" in q.body
            else r
        ),
        1,
        "expected status 400 with code 40007; got status 200",
    ),
    Wrong("unknown ids are not found", unknown_as(refusal(404, 40400)), 1, "expected status 200"),
    Wrong("unknown ids are not found, without a word", unknown_as(Response(404, {}, b"")), 1, "status 404"),
    Wrong(
        "unknown ids are null",
        unknown_as(Response(200, JSON, b'{"success":true,"errors":[],"messages":[],"result":[null]}')),
        1,
        "is not of type 'object'",
    ),
    Wrong("unknown ids have no content", unknown_as(Response(204, {}, b"")), 1, "204 is not described"),
    Wrong(
        "a stranger beside what was asked for",
        more_vectors(lambda found, _: [*found, {**found[0], "id": "stranger"}]),
        1,
        "'stranger' is none of the ids asked for",
    ),
    Wrong("a vector twice", more_vectors(lambda found, _: [*found, found[0]]), 1, "has the id of [0]"),
    Wrong(
        "a vector of a refused batch", more_vectors(stored_all_the_same), 1, "a vector of the refused batch is stored"
    ),
    Wrong("values in reverse order", each_vector(lambda v: v["values"].reverse()), 1, "reverse order"),
    Wrong("values in order of size", each_vector(lambda v: v["values"].sort()), 1, "in another order"),
    Wrong(
        "values that are rounded",
        each_vector(lambda v: v.update(values=[round(x, 2) for x in v["values"]])),
        1,
        "values[2] is -0.0, and was -1e-07",
    ),
    Wrong("values that are cut off", each_vector(lambda v: v["values"].pop()), 1, "31 of 32"),
    Wrong(
        "one value that is another", each_vector(lambda v: v["values"].__setitem__(9, 0.25)), 1, "values[9] is 0.25"
    ),
    Wrong(
        "metadata that is gone", each_vector(lambda v: v.update(metadata=None)), 1, "metadata is not what was sent"
    ),
    Wrong("another namespace", each_vector(lambda v: v.update(namespace="x")), 1, "namespace is not what was sent"),
    Wrong("the last version of an id stays", LastWins(), 1, "a later version"),
    Wrong("no messages", enveloped(lambda e: e.pop("messages"), GET), 1, "'messages' is a required property"),
    Wrong(
        "another code",
        enveloped(lambda e: e["errors"][0].update(code=49999), INSERT, success=False),
        1,
        "expected status 400 with code 1005; got status 400 with code 49999",
    ),
    Wrong("a redirection", always(302, {"Location": "/elsewhere"}, b""), 1, "302 is not described"),
    Wrong(
        "an answer in UTF-16", lambda _, r: attrs.evolve(r, body=r.body.decode().encode("utf-16")), 1, "is not JSON"
    ),
    Wrong("a page in place of an answer", always(200, HTML, b"<h1>Hello</h1>"), 1, "text/html is not one of"),
    Wrong(
        "an accepted insert with status 202", stored(lambda r: attrs.evolve(r, status=202)), 1, "202 is not described"
    ),
    Wrong(
        "a mutation id that is no UUID",
        enveloped(lambda e: e["result"].update(mutationId="7"), INSERT, success=True),
        1,
        "'7' does not match",
    ),
    Wrong("an endpoint that is gone", always(404, HTML, b"<h1>Not Found</h1>"), 1, "the endpoint is not there"),
]
HARMLESS = [
    Wrong("rate headers that are lists", header("Ratelimit", '"default";r=50;t=30, "burst";r=9;t=1'), 0, "is kept"),
    Wrong(
        "a notice in messages",
        enveloped(notice, success=True),
        0,
        "notice: 1001 This endpoint will be removed on 2027",
    ),
    Wrong("a notice in messages of refusals", enveloped(notice, success=False), 0, "notice: 1001 This endpoint"),
    Wrong("a deprecation", header("Deprecation", "@1798761600"), 0, "notice: Deprecation: @1798761600"),
    Wrong("a sunset", header("Sunset", "Fri, 01 Jan 2027 00:00:00 GMT"), 0, "notice: Sunset: Fri, 01 Jan 2027"),
    Wrong(
        "an undocumented member", enveloped(lambda e: e.update(trace="x")), 0, "undocumented: response body $.trace"
    ),
    Wrong(
        "errors beside success",
        enveloped(lambda e: e.update(errors=[FULL]), success=True),
        0,
        "undocumented: response",
    ),
    Wrong(
        "values as wide float32",
        each_vector(lambda v: v.update(values=float32(v["values"]))),
        0,
        "not in their shortest",
    ),
    Wrong(
        "whole numbers with a point",
        each_vector(lambda v: v.update(values=[float(x) for x in v["values"]])),
        0,
        "is kept",
    ),
    Wrong("members in another order", each_vector(lambda v: v.update(id=v.pop("id"))), 0, "is kept"),
    Wrong(
        "an index that does not exist with 404",
        lambda _, r: attrs.evolve(r, status=404) if b"3000" in r.body else r,
        0,
        "is kept",
    ),
]
SERVICES = [*WEATHER, *BROKEN, *HARMLESS]
