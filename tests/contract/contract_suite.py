"""The contract's evidence: recordings that must be accepted, and changes to them that must be refused."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import yaml

from cf_vectorize_contract.fragment import Fragment, Request, Response
from cf_vectorize_overlay import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RECORDINGS = Path(__file__).parent / "recordings"


@attrs.frozen
class Recording:
    """One file of recordings/: an answer, its request where the source shows it, and where both come from."""

    name: str
    source: Mapping[str, str]
    operation: str
    request: Request | None
    response: Response


def load_recordings(folder: Path = RECORDINGS) -> dict[str, Recording]:
    """Read every recording by its name; an empty folder is an error, for nothing would be tested."""
    recordings = {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}
    if not recordings:
        raise ValueError(f"no recordings in {folder}")
    return recordings


def _load(path: Path) -> Recording:
    written = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    request, response = written.get("request"), written["response"]
    return Recording(
        name=path.stem,
        source=written["source"],
        operation=written["operation"],
        request=request and Request(**{**request, "body": request["body"].encode()}),
        response=Response(**{**response, "body": response["body"].encode()}),
    )


@attrs.frozen
class Case:
    """A recording with one change, and what a strict fragment must say of it: places with their rules."""

    name: str
    base: str
    change: Callable[[Recording], Recording]
    expected: frozenset[str]


def problems(fragment: Fragment, recording: Recording) -> frozenset[str]:
    """Judge a recording: its answer always, its request where the service took it."""
    found = fragment.response_problems(recording.operation, recording.response)
    if recording.request and recording.response.status == 200:
        found += fragment.request_problems(recording.request)
    return frozenset(f"{problem.place} {problem.path}".rstrip() + f" {problem.rule}" for problem in found)


def disagreements(document: Mapping[str, Any], recordings: Mapping[str, Recording]) -> Iterator[str]:
    """Name whatever of the evidence a strict fragment of `document` judges otherwise than expected."""
    stated = {name.upper(): limit["value"] for name, limit in document["x-limits"].items()}
    if stated != {name: value for name, value in vars(limits).items() if name.isupper()}:
        yield "x-limits is not what cf_vectorize_overlay.limits says"
    fragment = Fragment(document, strict=True)
    for recording in recordings.values():
        if said := problems(fragment, recording):
            yield f"{recording.name}: expected no problem, got {sorted(said)}"
    for case in CASES:
        said = problems(fragment, case.change(recordings[case.base]))
        if said != case.expected:
            yield f"{case.name}: expected {sorted(case.expected)}, got {sorted(said)}"


SECRETS = re.compile(
    r"\b[0-9a-f]{32}\b"  # an account
    r"|Bearer (?!TOKEN\b)\S+|X-Auth-(?:Email|Key): (?!EMAIL\b|KEY\b)\S+"
    r"|[\w.]+@[\w.]+\.\w+"
    r"|\b(?!0{16})[0-9a-f]{16}-[A-Z]{3}\b"  # a ray
    r"|\b(?!0000aaaa-11bb)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # a mutation
    r"|(?<!commit )(?<![\w-])(?!cf-vectorize-)[\w-]{38,}"  # a token
)


def secrets_in(text: str) -> list[str]:
    """Give what looks like a credential or an identifier that belongs to somebody."""
    return SECRETS.findall(text)


# The recordings that the cases start from.
INSERT = "documentation-insert"
INSERT_HEADERS = "documentation-insert-discard"
GET = "documentation-get_by_ids"
FAILURE = "documentation-error-members"
CHAIN = "report-6003-authorization-format"
RESULT_INFO = "report-3000-index-not-found-404"
THROTTLED = "report-971-throttled"
HTML = "report-html-502"

LONGEST_ID = "x" * limits.ID_BYTES
ABSENT = object()


def _put(text: bytes, pointer: str, value: Any) -> bytes:
    """Replace what stands at a JSON pointer, or take it away."""
    document = json.loads(text)
    *parents, last = pointer.split("/")[1:]
    target = document
    for token in parents:
        target = target[int(token) if isinstance(target, list) else token]
    if value is ABSENT:
        del target[last]
    elif isinstance(target, list):
        target[int(last)] = value
    else:
        target[last] = value
    return json.dumps(document).encode()


def _answer(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    return lambda r: attrs.evolve(r, response=attrs.evolve(r.response, body=_put(r.response.body, pointer, value)))


def _answer_text(text: str) -> Callable[[Recording], Recording]:
    return lambda r: attrs.evolve(r, response=attrs.evolve(r.response, body=text.encode()))


def _status(status: int) -> Callable[[Recording], Recording]:
    return lambda r: attrs.evolve(r, response=attrs.evolve(r.response, status=status))


def _answer_header(name: str, value: str) -> Callable[[Recording], Recording]:
    return lambda r: attrs.evolve(r, response=attrs.evolve(r.response, headers={**r.response.headers, name: value}))


def _asked(**changes: Any) -> Callable[[Recording], Recording]:
    return lambda r: attrs.evolve(r, request=attrs.evolve(r.request, **changes))


def _ask(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    return lambda r: _asked(body=_put(r.request.body, pointer, value))(r)


def _ask_header(name: str, value: Any) -> Callable[[Recording], Recording]:
    def change(recording: Recording) -> Recording:
        headers = dict(copy.copy(recording.request.headers))
        headers.pop(name, None)
        return _asked(headers=headers if value is ABSENT else {**headers, name: value})(recording)

    return change


def _target(old: str, new: str) -> Callable[[Recording], Recording]:
    return lambda r: _asked(target=r.request.target.replace(old, new))(r)


def _line(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    """Change the second line of an insert, the one that has every member."""

    def change(recording: Recording) -> Recording:
        first, second, _ = recording.request.body.split(b"\n")
        return _asked(body=first + b"\n" + _put(second, pointer, value) + b"\n")(recording)

    return change


def _case(name: str, base: str, change: Callable[[Recording], Recording], *expected: str) -> Case:
    return Case(name, base, change, frozenset(expected))


def _envelope_cases(title: str, base: str) -> list[Case]:
    """What every envelope promises, whatever its result."""
    body = "response body"
    cases = [
        _case(f"{title} without {member}", base, _answer(f"/{member}", ABSENT), f"{body} $ required")
        for member in ("success", "errors", "messages", "result")
    ]
    return [
        *cases,
        _case(f"{title} no object", base, _answer_text("[]"), f"{body} $ type"),
        _case(f"{title} success a string", base, _answer("/success", "yes"), f"{body} $.success const"),
        _case(f"{title} errors no array", base, _answer("/errors", {}), f"{body} $.errors type"),
        _case(f"{title} messages no array", base, _answer("/messages", {}), f"{body} $.messages type"),
        _case(f"{title} a message no object", base, _answer("/messages", [7]), f"{body} $.messages[0] type"),
        _case(f"{title} a full message", base, _answer("/messages", [{"code": 1, "message": ""}])),
        _case(f"{title} undocumented member", base, _answer("/extra", 1), f"{body} $.extra undocumented"),
        _case(f"{title} not JSON", base, _answer_text("{"), f"{body} json"),
        _case(f"{title} as text", base, _answer_header("Content-Type", "text/plain"), "response headers media type"),
    ]


def _error_cases(title: str, base: str, at: str, path: str) -> list[Case]:
    """What every error object promises, at one place of an envelope."""
    body = "response body"

    def put(member: str, value: Any) -> Callable[[Recording], Recording]:
        return _answer(f"{at}/{member}", value)

    return [
        _case(f"{title} without code", base, put("code", ABSENT), f"{body} {path} required"),
        _case(f"{title} without message", base, put("message", ABSENT), f"{body} {path} required"),
        _case(f"{title} code a string", base, put("code", "40007"), f"{body} {path}.code type"),
        _case(f"{title} code zero", base, put("code", 0), f"{body} {path}.code minimum"),
        _case(f"{title} code one", base, put("code", 1)),
        _case(f"{title} message a number", base, put("message", 5), f"{body} {path}.message type"),
        _case(f"{title} undocumented member", base, put("extra", 1), f"{body} {path}.extra undocumented"),
        _case(f"{title} no object", base, _answer(at, 7), f"{body} {path} type"),
    ]


def _vector_cases(title: str, base: str, put: Callable[[str, Any], Any], body: str, path: str) -> list[Case]:
    """What a vector promises, in an answer and in a line alike."""
    most = limits.DIMENSIONS_MAX
    return [
        _case(f"{title} without id", base, put("/id", ABSENT), f"{body} {path} required"),
        _case(f"{title} without values", base, put("/values", ABSENT), f"{body} {path} required"),
        _case(f"{title} id a number", base, put("/id", 7), f"{body} {path}.id type"),
        _case(f"{title} id empty", base, put("/id", ""), f"{body} {path}.id minLength"),
        _case(f"{title} id of one character", base, put("/id", "x")),
        _case(f"{title} id longest", base, put("/id", LONGEST_ID)),
        _case(f"{title} id too long", base, put("/id", LONGEST_ID + "x"), f"{body} {path}.id maxLength"),
        _case(f"{title} values no array", base, put("/values", {}), f"{body} {path}.values type"),
        _case(f"{title} values empty", base, put("/values", []), f"{body} {path}.values minItems"),
        _case(f"{title} one value", base, put("/values", [1])),
        _case(f"{title} most values", base, put("/values", [0.5] * most)),
        _case(f"{title} too many values", base, put("/values", [0.5] * (most + 1)), f"{body} {path}.values maxItems"),
        _case(f"{title} a null value", base, put("/values", [0.5, None]), f"{body} {path}.values[1] type"),
        _case(f"{title} namespace null", base, put("/namespace", None)),
        _case(f"{title} namespace absent", base, put("/namespace", ABSENT)),
        _case(f"{title} namespace a number", base, put("/namespace", 7), f"{body} {path}.namespace type"),
        _case(f"{title} namespace longest", base, put("/namespace", "n" * 64)),
        _case(f"{title} namespace too long", base, put("/namespace", "n" * 65), f"{body} {path}.namespace maxLength"),
        _case(f"{title} metadata null", base, put("/metadata", None)),
        _case(f"{title} metadata absent", base, put("/metadata", ABSENT)),
        _case(f"{title} metadata an array", base, put("/metadata", []), f"{body} {path}.metadata anyOf"),
        _case(f"{title} metadata key empty", base, put("/metadata", {"": 1}), f"{body} {path}.metadata pattern"),
        _case(
            f"{title} metadata key with a dot", base, put("/metadata", {"a.b": 1}), f"{body} {path}.metadata pattern"
        ),
        _case(f"{title} metadata key quoted", base, put("/metadata", {'a"': 1}), f"{body} {path}.metadata pattern"),
        _case(f"{title} metadata key with $", base, put("/metadata", {"$a": 1}), f"{body} {path}.metadata pattern"),
        _case(f"{title} undocumented member", base, put("/extra", 1), f"{body} {path}.extra undocumented"),
        _case(f"{title} no object", base, put("", 7), f"{body} {path} type"),
    ]


def _put_vector(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    return _answer("/result/1" + pointer, value)


def _put_line(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    if pointer:
        return _line(pointer, value)
    return lambda r: _asked(body=r.request.body.split(b"\n")[0] + b"\n" + json.dumps(value).encode())(r)


MANY = [{"id": f"id-{n}", "values": [1]} for n in range(limits.IDS_PER_GET_BY_IDS + 1)]
MANY_IDS = [vector["id"] for vector in MANY]
ONE_ERROR = {"code": 1, "message": ""}
INDEX = "indexes/example-index/"

CASES = [
    *_envelope_cases("insert envelope", INSERT),
    *_envelope_cases("get_by_ids envelope", GET),
    *_envelope_cases("failure envelope", FAILURE),
    *_envelope_cases("throttled envelope", THROTTLED),
    _case("insert failed under 200", INSERT, _answer("/success", value=False), "response body $.success const"),
    _case("get_by_ids failed under 200", GET, _answer("/success", value=False), "response body $.success const"),
    _case("success under 400", FAILURE, _answer("/success", value=True), "response body $.success const"),
    _case("insert errors in a success", INSERT, _answer("/errors", [ONE_ERROR]), "response body $.errors maxItems"),
    _case(
        "insert errors in a success, malformed",
        INSERT,
        _answer("/errors", [7]),
        "response body $.errors maxItems",
        "response body $.errors[0] type",
    ),
    _case("get_by_ids errors in a success", GET, _answer("/errors", [ONE_ERROR]), "response body $.errors maxItems"),
    _case("failure without errors", FAILURE, _answer("/errors", []), "response body $.errors minItems"),
    _case("failure with a result", FAILURE, _answer("/result", {}), "response body $.result type"),
    _case("failure with a result_info", RESULT_INFO, _answer("/result_info", {}), "response body $.result_info type"),
    *_error_cases("error", FAILURE, "/errors/0", "$.errors[0]"),
    *_error_cases("chained error", CHAIN, "/errors/0/error_chain/0", "$.errors[0].error_chain[0]"),
    _case(
        "documentation_url a number",
        FAILURE,
        _answer("/errors/0/documentation_url", 7),
        "response body $.errors[0].documentation_url type",
    ),
    _case("source a string", FAILURE, _answer("/errors/0/source", "/ids"), "response body $.errors[0].source type"),
    _case(
        "source undocumented member",
        FAILURE,
        _answer("/errors/0/source/extra", 1),
        "response body $.errors[0].source.extra undocumented",
    ),
    _case(
        "source pointer a number",
        FAILURE,
        _answer("/errors/0/source/pointer", 7),
        "response body $.errors[0].source.pointer type",
    ),
    _case(
        "error_chain no array",
        CHAIN,
        _answer("/errors/0/error_chain", {}),
        "response body $.errors[0].error_chain type",
    ),
    _case("insert result null", INSERT, _answer("/result", None), "response body $.result type"),
    _case("insert result empty", INSERT, _answer("/result", {}), "response body $.result required"),
    _case(
        "insert result with a count", INSERT, _answer("/result/count", 2), "response body $.result.count undocumented"
    ),
    _case("mutationId a number", INSERT, _answer("/result/mutationId", 7), "response body $.result.mutationId type"),
    _case(
        "mutationId no uuid", INSERT, _answer("/result/mutationId", "7"), "response body $.result.mutationId pattern"
    ),
    _case("get_by_ids result no array", GET, _answer("/result", {}), "response body $.result type"),
    _case("most vectors", GET, _answer("/result", MANY[:-1])),
    _case("too many vectors", GET, _answer("/result", MANY), "response body $.result maxItems"),
    *_vector_cases("vector", GET, _put_vector, "response body", "$.result[1]"),
    _case("cf-ray empty", INSERT_HEADERS, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case("cf-ray of one character", INSERT_HEADERS, _answer_header("cf-ray", "x")),
    _case(
        "Ratelimit otherwise",
        INSERT_HEADERS,
        _answer_header("Ratelimit", "50"),
        "response header Ratelimit $ pattern",
    ),
    _case(
        "Ratelimit-Policy otherwise",
        INSERT_HEADERS,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $ pattern",
    ),
    _case("get cf-ray empty", GET, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case("get Ratelimit otherwise", GET, _answer_header("Ratelimit", "50"), "response header Ratelimit $ pattern"),
    _case(
        "get Ratelimit-Policy otherwise",
        GET,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $ pattern",
    ),
    _case("throttled cf-ray empty", THROTTLED, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case("throttled Ratelimit", THROTTLED, _answer_header("Ratelimit", "50"), "response header Ratelimit $ pattern"),
    _case(
        "throttled Ratelimit-Policy",
        THROTTLED,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $ pattern",
    ),
    _case(
        "retry-after a word",
        THROTTLED,
        _answer_header("retry-after", "soon"),
        "response header retry-after $ pattern",
    ),
    _case("refused cf-ray empty", FAILURE, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case("failed cf-ray empty", HTML, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case(
        "insert retry-after a word",
        "report-10429-throttled",
        _answer_header("retry-after", "soon"),
        "response header retry-after $ pattern",
    ),
    _case("insert status 302", INSERT, _status(302), "response status status"),
    _case("get_by_ids status 302", GET, _status(302), "response status status"),
    _case("HTML under 200", HTML, _status(200), "response headers media type"),
    _case("an envelope under 503", FAILURE, _status(503)),
    _case(
        "a success under 503",
        INSERT,
        _status(503),
        "response body $.success const",
        "response body $.result type",
        "response body $.errors minItems",
    ),
    # Requests
    _case("another method", INSERT, _asked(method="PUT"), "request line operation"),
    _case("another path", INSERT, _target("/insert", "/upsert"), "request line operation"),
    _case("another base path", INSERT, _target("/client/v4", "/client/v3"), "request line operation"),
    _case("no account", INSERT, _target("ACCOUNT_ID", ""), "request path account_id required"),
    _case("account of one character", INSERT, _target("ACCOUNT_ID", "x")),
    _case("account longest", INSERT, _target("ACCOUNT_ID", "a" * 32)),
    _case("account too long", INSERT, _target("ACCOUNT_ID", "a" * 33), "request path account_id $ maxLength"),
    _case("no index", INSERT, _target(INDEX, "indexes//"), "request path index_name required"),
    _case("index of one character", INSERT, _target(INDEX, "indexes/x/")),
    _case("index longest", INSERT, _target(INDEX, f"indexes/{'i' * 64}/")),
    _case("index too long", INSERT, _target(INDEX, f"indexes/{'i' * 65}/"), "request path index_name $ maxLength"),
    _case("get account too long", GET, _target("ACCOUNT_ID", "a" * 33), "request path account_id $ maxLength"),
    _case("get index too long", GET, _target(INDEX, f"indexes/{'i' * 65}/"), "request path index_name $ maxLength"),
    _case("unparsable-behavior error", INSERT, _target("/insert", "/insert?unparsable-behavior=error")),
    _case(
        "unparsable-behavior otherwise",
        INSERT,
        _target("/insert", "/insert?unparsable-behavior=ignore"),
        "request query unparsable-behavior $ enum",
    ),
    _case("unknown query", INSERT, _target("/insert", "/insert?upsert=1"), "request query upsert undocumented"),
    _case("no credentials", INSERT, _ask_header("Authorization", ABSENT), "request headers security"),
    _case("no bearer token", INSERT, _ask_header("Authorization", "Basic TOKEN"), "request headers security"),
    _case(
        "email and key",
        INSERT,
        _asked(headers={"X-Auth-Email": "EMAIL", "X-Auth-Key": "KEY", "Content-Type": "application/x-ndjson"}),
    ),
    _case(
        "email without key",
        INSERT,
        _asked(headers={"X-Auth-Email": "EMAIL", "Content-Type": "application/x-ndjson"}),
        "request headers security",
    ),
    _case(
        "key without email",
        INSERT,
        _asked(headers={"X-Auth-Key": "KEY", "Content-Type": "application/x-ndjson"}),
        "request headers security",
    ),
    _case("insert as JSON", INSERT, _ask_header("Content-Type", "application/json"), "request headers media type"),
    _case(
        "get_by_ids as NDJSON", GET, _ask_header("Content-Type", "application/x-ndjson"), "request headers media type"
    ),
    _case("get_by_ids with charset", GET, _ask_header("Content-Type", "application/json; charset=utf-8")),
    _case("insert of nothing", INSERT, _asked(body=b""), "request body required"),
    _case("get_by_ids of nothing", GET, _asked(body=b""), "request body required"),
    _case("ids a bare array", GET, _asked(body=b'["some-vector-id"]'), "request body $ type"),
    _case("ids absent", GET, _asked(body=b"{}"), "request body $ required"),
    _case("ids no array", GET, _ask("/ids", "some-vector-id"), "request body $.ids type"),
    _case("ids empty", GET, _ask("/ids", []), "request body $.ids minItems"),
    _case("one id", GET, _ask("/ids", ["x"])),
    _case("most ids", GET, _ask("/ids", MANY_IDS[:-1])),
    _case("too many ids", GET, _ask("/ids", MANY_IDS), "request body $.ids maxItems"),
    _case("an id a number", GET, _ask("/ids", [7]), "request body $.ids[0] type"),
    _case("an undocumented member of a request", GET, _ask("/extra", 7), "request body $.extra undocumented"),
    *_vector_cases("line", INSERT, _put_line, "request line 2", "$"),
    _case("a NaN in a line", INSERT, _line("/values", [float("nan")]), "request line 2 json"),
    _case("half a surrogate pair", INSERT, _line("/metadata", {"k": "\ud83d"}), "request line 2 json"),
    _case("a blank line", INSERT, lambda r: _asked(body=r.request.body + b"\n")(r), "request line 3 json"),
    _case("id over its bytes", INSERT, _line("/id", "é" * 33), "request line 2 id_bytes"),
    _case("namespace over its bytes", INSERT, _line("/namespace", "é" * 33), "request line 2 namespace_bytes"),
    _case("metadata at its bytes", INSERT, _line("/metadata", {"k": "v" * (limits.METADATA_BYTES - 8)})),
    _case(
        "metadata over its bytes",
        INSERT,
        _line("/metadata", {"k": "v" * (limits.METADATA_BYTES - 7)}),
        "request line 2 metadata_bytes",
    ),
]
