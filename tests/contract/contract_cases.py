"""Changes to recordings, and what must be said of each: refused at that place for that reason, or accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from cf_vectorize_overlay import limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from cf_vectorize_contract import Recording


@attrs.frozen
class Case:
    """A recording with one change, and what must be said of it: places with their rules.

    Attributes:
        expected: What both forms of the contract say; what begins with `strict:` only the strict one.
        whole: Whether the exchange is judged as one, and not only the side that was changed.

    """

    name: str
    base: str
    change: Callable[[Recording], Recording]
    expected: frozenset[str]
    whole: bool = False

    @property
    def strict(self) -> set[str]:
        return {said.removeprefix("strict: ") for said in self.expected}

    @property
    def open(self) -> set[str]:
        return {
            said for said in self.expected if not said.startswith("strict: ") and not said.endswith(" undocumented")
        }


# The recordings that the cases start from.
INSERT = "documentation-insert"
INSERT_HEADERS = "documentation-insert-discard"
GET = "documentation-get_by_ids"
FAILURE = "documentation-error-members"
CHAIN = "report-6003-authorization-format"
RESULT_INFO = "report-3000-index-not-found-404"
THROTTLED = "report-971-throttled"
HTML = "report-html-502"

UUID = "0000aaaa-11bb-22cc-33dd-444444eeeeee"
LONGEST_ID = "x" * limits.ID_BYTES
ABSENT = object()
ODD_TEXTS = ["a b", "Ä/?&#%", "7", "-_.~", "日本", "a\tb", "x" * 33, "null", "$a.b", "🙂"]
ODD_METADATA: list[Any] = [
    {},
    {"key with spaces": 1, "ÜÑ": 2, "a-b_c/d": 3, "9": 4, "a$": 5, "'": 6},
    {"k" * 600: "v" * 600},
    {"nested": {"deeper": {"a.b": [1, {"c": None}]}}, "list": ["a", "b"], "mixed": [1, "a", None, True]},
    {"null": None, "true": True, "false": False, "zero": 0, "float": -1.5e-300, "big": 10**30, "empty": ""},
    {f"key-{number}": number for number in range(300)},
]
BAD_KEYS = ["", ".", "a.", ".a", '"', 'a"b', "$", "$a"]
# Members that nobody has described: odd ones, long ones, and many.
EXTRA = {"x y": 1, "9": [None], "Ü": {}, "k" * 65: "v", **{f"more {number}": number for number in range(101)}}
# The two doubles between which rounding to float32 becomes infinite.
FLOAT32_MOST, FLOAT32_BEYOND = 3.4028235677973362e38, 3.4028235677973366e38


def _put(text: bytes, pointer: str, value: Any) -> bytes:
    """Replace what stands at a JSON pointer, or take it away."""
    document = json.loads(text)
    *parents, last = pointer.split("/")[1:]
    target = document
    for token in parents:
        target = target[int(token) if isinstance(target, list) else token]
    if value is ABSENT:
        del target[int(last) if isinstance(target, list) else last]
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
        headers = dict(recording.request.headers)
        headers.pop(name, None)
        return _asked(headers=headers if value is ABSENT else {**headers, name: value})(recording)

    return change


def _form(field: str, lines: bytes) -> Callable[[Recording], Recording]:
    """Send the lines as a file of a form."""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="v"\r\n\r\n'.encode()
    return lambda r: _ask_header("Content-Type", "multipart/form-data; boundary=x")(
        _asked(body=head + lines.rstrip() + b"\r\n--x--\r\n")(r)
    )


def _target(old: str, new: str) -> Callable[[Recording], Recording]:
    return lambda r: _asked(target=r.request.target.replace(old, new))(r)


def _line(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    """Change the second line of an insert, the one that has every member, and leave out the first."""

    def change(recording: Recording) -> Recording:
        line = recording.request.body.split(b"\n")[1]
        return _asked(body=(_put(line, pointer, value) if pointer else json.dumps(value).encode()) + b"\n")(recording)

    return change


def _vector(pointer: str, value: Any) -> Callable[[Recording], Recording]:
    """Change the second vector of an answer, likewise."""

    def change(recording: Recording) -> Recording:
        alone = _put(recording.response.body, "/result/0", ABSENT)
        body = _put(alone, "/result/0" + pointer, value)
        return attrs.evolve(recording, response=attrs.evolve(recording.response, body=body))

    return change


def _case(
    name: str, base: str, change: Callable[[Recording], Recording], *expected: str, whole: bool = False
) -> Case:
    return Case(name, base, change, frozenset(expected), whole)


def _envelope_cases(title: str, base: str, *, success: bool) -> list[Case]:
    """What every envelope promises, whatever its result."""
    body = "response body"
    # A success says nothing beside its result, and whatever is no JSON comes from the edge.
    notice = [f"strict: {body} $.messages maxItems"] if success else []
    text = ["response headers media type"] if success else []
    cases = [
        _case(f"{title} without {member}", base, _answer(f"/{member}", ABSENT), f"{body} $ required")
        for member in ("success", "errors", "messages", "result")
    ]
    return [
        *cases,
        _case(f"{title} no object", base, _answer_text("[]"), f"{body} $ type"),
        _case(f"{title} success a string", base, _answer("/success", "yes"), f"{body} $.success const"),
        _case(f"{title} null", base, _answer_text("null"), f"{body} $ type"),
        *_extra_cases(title, base, _answer, body, "$"),
        _case(f"{title} errors null", base, _answer("/errors", None), f"{body} $.errors type"),
        _case(f"{title} messages null", base, _answer("/messages", None), f"{body} $.messages type"),
        _case(f"{title} errors no array", base, _answer("/errors", {}), f"{body} $.errors type"),
        _case(f"{title} messages no array", base, _answer("/messages", {}), f"{body} $.messages type"),
        _case(f"{title} a message no object", base, _answer("/messages", [7]), f"{body} $.messages[0] type", *notice),
        _case(f"{title} a full message", base, _answer("/messages", [{"code": 1, "message": ""}]), *notice),
        _case(f"{title} undocumented member", base, _answer("/extra", 1), f"{body} $.extra undocumented"),
        _case(f"{title} not JSON", base, _answer_text("{"), f"{body} json"),
        _case(f"{title} as text", base, _answer_header("Content-Type", "text/plain"), *text),
    ]


def _extra_cases(title: str, base: str, put: Callable[[str, Any], Any], body: str, path: str) -> list[Case]:
    """An object is open: what nobody has described breaks nothing, and is named by the strict contract."""

    def change(recording: Recording) -> Recording:
        for name, value in EXTRA.items():
            recording = put(f"/{name}", value)(recording)
        return recording

    named = [f"{path}.{name}" if name.isidentifier() else f"{path}[{name!r}]" for name in EXTRA]
    return [
        _case(
            f"{title} with much that is undocumented",
            base,
            change,
            *(f"{body} {name} undocumented" for name in named),
        )
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
        _case(f"{title} null", base, _answer(at, None), f"{body} {path} type"),
        _case(f"{title} message null", base, put("message", None), f"{body} {path}.message type"),
        *_extra_cases(title, base, lambda pointer, value: _answer(at + pointer, value), body, path),
        *[_case(f"{title} code {code}", base, put("code", code)) for code in (2, 999, 1000, 40040, 100_000, 2**53)],
        *[
            _case(f"{title} code {code!r}", base, put("code", code), f"{body} {path}.code type")
            for code in (40007.0, True, None)
        ],
        *[
            _case(f"{title} message {text!r}"[:99], base, put("message", text))
            for text in ["", "x" * 9999, "Ü\n<b>", *ODD_TEXTS]
        ],
    ]


def _vector_cases(
    title: str, base: str, put: Callable[[str, Any], Any], body: str, path: str, prudent: str = ""
) -> list[Case]:
    """What a vector promises, in an answer and in a line alike."""
    most = limits.DIMENSIONS_MAX
    return [
        _case(f"{title} without id", base, put("/id", ABSENT), f"{body} {path} required"),
        _case(f"{title} without values", base, put("/values", ABSENT), f"{body} {path} required"),
        _case(f"{title} id a number", base, put("/id", 7), f"{body} {path}.id type"),
        _case(f"{title} id empty", base, put("/id", ""), f"{prudent}{body} {path}.id minLength"),
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
        _case(f"{title} null", base, put("", None), f"{body} {path} type"),
        _case(f"{title} id null", base, put("/id", None), f"{body} {path}.id type"),
        _case(f"{title} values null", base, put("/values", None), f"{body} {path}.values type"),
        _case(
            f"{title} much undocumented",
            base,
            put("", {"id": "some-vector-id", "values": [1], **EXTRA}),
            *(
                f"{body} {path}.{name} undocumented"
                if name.isidentifier()
                else f"{body} {path}[{name!r}] undocumented"
                for name in EXTRA
            ),
        ),
        *[_case(f"{title} id {value!r}", base, put("/id", value)) for value in ODD_TEXTS],
        *[_case(f"{title} namespace {value!r}", base, put("/namespace", value)) for value in ["", *ODD_TEXTS]],
        *[_case(f"{title} metadata {value!r}"[:99], base, put("/metadata", value)) for value in ODD_METADATA],
        _case(
            f"{title} odd values",
            base,
            put("/values", [0, -1, 1e38, -3.4e38, 1e-45, -0.0, 2, 2, 12345678901234567890]),
        ),
        _case(f"{title} at its dimensions", base, put("/values", [-2.5] * limits.DIMENSIONS_MIN)),
        _case(
            f"{title} beyond float32",
            base,
            put("/values", [3.5e38]),
            f"{prudent}{body} {path}.values[0] exclusiveMaximum",
        ),
        _case(
            f"{title} below float32",
            base,
            put("/values", [-3.5e38]),
            f"{prudent}{body} {path}.values[0] exclusiveMinimum",
        ),
        _case(f"{title} just within float32", base, put("/values", [FLOAT32_MOST, -FLOAT32_MOST])),
        _case(
            f"{title} just beyond float32",
            base,
            put("/values", [FLOAT32_BEYOND]),
            f"{prudent}{body} {path}.values[0] exclusiveMaximum",
        ),
        _case(
            f"{title} just below float32",
            base,
            put("/values", [-FLOAT32_BEYOND]),
            f"{prudent}{body} {path}.values[0] exclusiveMinimum",
        ),
        _case(f"{title} a boolean value", base, put("/values", [True]), f"{body} {path}.values[0] type"),
        _case(f"{title} nested values", base, put("/values", [[0.5]]), f"{body} {path}.values[0] type"),
        _case(f"{title} id of 64 bytes", base, put("/id", "é" * 32)),
        _case(f"{title} id of 66 bytes", base, put("/id", "é" * 33), f"{body} {path}.id id_bytes"),
        _case(f"{title} namespace of 64 bytes", base, put("/namespace", "é" * 32)),
        _case(
            f"{title} namespace of 66 bytes",
            base,
            put("/namespace", "é" * 33),
            f"{body} {path}.namespace namespace_bytes",
        ),
        _case(f"{title} metadata at its bytes", base, put("/metadata", {"k": "v" * (limits.METADATA_BYTES - 8)})),
        _case(
            f"{title} metadata over its bytes",
            base,
            put("/metadata", {"k": "é" * (limits.METADATA_BYTES // 2 - 3)}),
            f"{body} {path}.metadata metadata_bytes",
        ),
        *[
            _case(
                f"{title} metadata key {key!r}", base, put("/metadata", {key: 1}), f"{body} {path}.metadata pattern"
            )
            for key in BAD_KEYS
        ],
    ]


MANY = [{"id": f"id-{n}", "values": [1]} for n in range(limits.IDS_PER_GET_BY_IDS + 1)]
MANY_IDS = [vector["id"] for vector in MANY]
ONE_ERROR = {"code": 1, "message": ""}
# The error object as it stands on Cloudflare's API pages.
FULL_ERROR = {
    "code": 1000,
    "message": "message",
    "documentation_url": "documentation_url",
    "source": {"pointer": "pointer"},
}
RATES = [
    '"default";r=50;t=30',
    '"default";r=0;t=0',
    '"a";r=9999999;t=86400',
    '"default";r=50;t=30, "burst";r=9;t=1',
    '"x y";r=1;t=2,"b";t=1;r=2',
    '"default";r=1;t=2;pk=:abc:',
    '"d" ; r=1; t=2',
    '"a";r=1;t=2, "a";r=1;t=2',
    '"a-long-name-of-a-limit-that-somebody-has-set-up";r=1;t=2',
    ", ".join(f'"{n}";r=1;t=2' for n in range(11)),
    f'"{"x" * 501}";r=1;t=2',
]
BAD_RATES = [
    "",
    'x"default";r=1;t=2',
    "50",
    "default;r=50;t=30",
    '"default";r=50',
    '"default";t=30',
    '"default";r=a;t=30',
    '"";r=1;t=2',
    '"default";r=50;t=30, 7',
]
RAYS = ["é", "x" * 501, "x", "8f1a2b3c4d5e6f70", "0" * 99, "a b"]
DATES = ["0", "1", "86400", "Sat, 21 Nov 2026 16:00:00 GMT"]
INDEX = "indexes/example-index/"


def said(name: str, text: str) -> str:
    """Return what is said of a rate header: of the item that is none, or of there being none."""
    place = "$ minItems" if not text else "$[1] pattern" if text.endswith(", 7") else "$[0] pattern"
    return f"response header {name} {place}"


CASES = [
    *_envelope_cases("insert envelope", INSERT, success=True),
    *_envelope_cases("get_by_ids envelope", GET, success=True),
    *_envelope_cases("failure envelope", FAILURE, success=False),
    *_envelope_cases("throttled envelope", THROTTLED, success=False),
    _case("insert failed under 200", INSERT, _answer("/success", value=False), "response body $.success const"),
    _case("get_by_ids failed under 200", GET, _answer("/success", value=False), "response body $.success const"),
    _case("success under 400", FAILURE, _answer("/success", value=True), "response body $.success const"),
    _case(
        "insert errors in a success",
        INSERT,
        _answer("/errors", [ONE_ERROR]),
        "strict: response body $.errors maxItems",
    ),
    _case(
        "insert errors in a success, malformed",
        INSERT,
        _answer("/errors", [7]),
        "strict: response body $.errors maxItems",
        "response body $.errors[0] type",
    ),
    _case(
        "get_by_ids errors in a success",
        GET,
        _answer("/errors", [ONE_ERROR]),
        "strict: response body $.errors maxItems",
    ),
    _case("several errors", FAILURE, _answer("/errors", [ONE_ERROR] * 25)),
    _case("the same error twice, and a chain of several", CHAIN, _answer("/errors/0/error_chain", [ONE_ERROR] * 25)),
    _case("an empty chain", CHAIN, _answer("/errors/0/error_chain", [])),
    _case(
        "a chained error without a message",
        CHAIN,
        _answer("/errors/0/error_chain/0/message", None),
        "response body $.errors[0].error_chain[0].message type",
    ),
    _case("a full error in a message", FAILURE, _answer("/messages", [FULL_ERROR] * 25)),
    *[
        _case(f"{member} {value!r}"[:99], FAILURE, _answer(f"/errors/0/{member}", value))
        for member in ("documentation_url", "source/pointer")
        for value in ["", "no url-1, and long " * 99, *ODD_TEXTS]
    ],
    *[
        _case(
            f"{member} null",
            FAILURE,
            _answer(f"/errors/0/{member}", None),
            f"response body $.errors[0].{member.replace('/', '.')} type",
        )
        for member in ("documentation_url", "source", "source/pointer")
    ],
    _case(
        "error_chain null",
        CHAIN,
        _answer("/errors/0/error_chain", None),
        "response body $.errors[0].error_chain type",
    ),
    *_extra_cases(
        "source",
        FAILURE,
        lambda pointer, value: _answer(f"/errors/0/source{pointer}", value),
        "response body",
        "$.errors[0].source",
    ),
    *_extra_cases(
        "insert result",
        INSERT,
        lambda pointer, value: _answer(f"/result{pointer}", value),
        "response body",
        "$.result",
    ),
    *_extra_cases("ids", GET, _ask, "request body", "$"),
    _case("mutationId null", INSERT, _answer("/result/mutationId", None), "response body $.result.mutationId type"),
    _case("ids null", GET, _ask("/ids", None), "request body $.ids type"),
    _case("a request that is null", GET, _asked(body=b"null"), "request body $ type"),
    _case(
        "unparsable-behavior of another word",
        INSERT,
        _target("/insert", "/insert?unparsable-behavior=another"),
        "request query unparsable-behavior $ enum",
    ),
    *[
        _case(
            f"a long page under {status}", HTML, lambda r, s=status: _answer_text("<p>a-b 1\n" * 999)(_status(s)(r))
        )
        for status in (403, 429, 503)
    ],
    _case("an empty source", FAILURE, _answer("/errors/0/source", {})),
    _case(
        "documentation's insert", INSERT, _answer("/errors", [FULL_ERROR]), "strict: response body $.errors maxItems"
    ),
    _case(
        "documentation's get_by_ids",
        GET,
        _answer("/messages", [FULL_ERROR]),
        "strict: response body $.messages maxItems",
    ),
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
    _case(
        "mutationId with a newline",
        INSERT,
        _answer("/result/mutationId", UUID + "\n"),
        "response body $.result.mutationId maxLength",
    ),
    _case(
        "mutationId with more before it",
        INSERT,
        _answer("/result/mutationId", "a" + UUID),
        "response body $.result.mutationId pattern",
        "response body $.result.mutationId maxLength",
    ),
    _case(
        "mutationId in capitals",
        INSERT,
        _answer("/result/mutationId", UUID.upper()),
        "response body $.result.mutationId pattern",
    ),
    *[
        _case(f"mutationId {text}", INSERT, _answer("/result/mutationId", text))
        for text in (
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            UUID.replace("a", "0"),
        )
    ],
    _case("mutationId a number", INSERT, _answer("/result/mutationId", 7), "response body $.result.mutationId type"),
    _case(
        "mutationId no uuid", INSERT, _answer("/result/mutationId", "7"), "response body $.result.mutationId pattern"
    ),
    _case("get_by_ids result no array", GET, _answer("/result", {}), "response body $.result type"),
    _case("no vectors", GET, _answer("/result", [])),
    _case("get_by_ids result null", GET, _answer("/result", None), "response body $.result type"),
    _case("most vectors", GET, _answer("/result", MANY[:-1])),
    _case("too many vectors", GET, _answer("/result", MANY), "response body $.result maxItems"),
    *_vector_cases("vector", GET, _vector, "response body", "$.result[0]"),
    _case("cf-ray empty", INSERT_HEADERS, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case("cf-ray of one character", INSERT_HEADERS, _answer_header("cf-ray", "x")),
    _case(
        "Ratelimit otherwise",
        INSERT_HEADERS,
        _answer_header("Ratelimit", "50"),
        "response header Ratelimit $[0] pattern",
    ),
    _case(
        "Ratelimit-Policy otherwise",
        INSERT_HEADERS,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $[0] pattern",
    ),
    _case("get cf-ray empty", GET, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case(
        "get Ratelimit otherwise", GET, _answer_header("Ratelimit", "50"), "response header Ratelimit $[0] pattern"
    ),
    _case(
        "get Ratelimit-Policy otherwise",
        GET,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $[0] pattern",
    ),
    _case("throttled cf-ray empty", THROTTLED, _answer_header("cf-ray", ""), "response header cf-ray $ minLength"),
    _case(
        "throttled Ratelimit", THROTTLED, _answer_header("Ratelimit", "50"), "response header Ratelimit $[0] pattern"
    ),
    _case(
        "throttled Ratelimit-Policy",
        THROTTLED,
        _answer_header("Ratelimit-Policy", "100"),
        "response header Ratelimit-Policy $[0] pattern",
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
    *[
        _case(f"{base} {name} {text!r}", base, _answer_header(name, text.replace("r=", of).replace("t=", per)))
        for base in (INSERT_HEADERS, GET, THROTTLED, "report-10429-throttled")
        for name, of, per in (("Ratelimit", "r=", "t="), ("Ratelimit-Policy", "q=", "w="))
        for text in RATES
    ],
    *[
        _case(
            f"{base} {name} {text!r}",
            base,
            _answer_header(name, text.replace("r=", of).replace("t=", per)),
            said(name, text),
        )
        for base in (INSERT_HEADERS, THROTTLED)
        for name, of, per in (("Ratelimit", "r=", "t="), ("Ratelimit-Policy", "q=", "w="))
        for text in BAD_RATES
    ],
    *[
        _case(f"{base} cf-ray {text!r}", base, _answer_header("cf-ray", text))
        for base in (GET, FAILURE, HTML, THROTTLED)
        for text in RAYS
    ],
    *[
        _case(f"{base} retry-after {text!r}", base, _answer_header("retry-after", text))
        for base in (THROTTLED, "report-10429-throttled")
        for text in DATES
    ],
    *[
        _case(
            f"{status} as {kind}", HTML, lambda r, s=status, k=kind: _answer_header("Content-Type", k)(_status(s)(r))
        )
        for status in (400, 401, 403, 413, 429, 500, 502, 520, 530)
        for kind in ("text/html", "text/plain; charset=UTF-8", "", "application/problem+json", "image/png")
    ],
    *[
        _case(f"nothing under {status}", HTML, lambda r, s=status: _answer_text("")(_status(s)(r)))
        for status in (403, 429, 503)
    ],
    *[
        _case(f"a refusal with status {status}", FAILURE, _status(status))
        for status in (400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 526)
    ],
    *[
        _case(
            f"retry-after {text!r}",
            THROTTLED,
            _answer_header("retry-after", text),
            "response header retry-after $ pattern",
        )
        for text in ("in 300", "300 seconds", "-1", "1.5", "")
    ],
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
    *[
        _case(f"index {name}", INSERT, _target(INDEX, f"indexes/{name}/"))
        for name in ("A_b-9", "%C3%BC", "9", "-", "a%20b", "_")
    ],
    *[_case(f"get index {name}", GET, _target(INDEX, f"indexes/{name}/")) for name in ("A_b-9", "9")],
    *[
        _case(f"account {name}", GET, _target("ACCOUNT_ID", name))
        for name in ("023e105f4ecef8ad9ca31a8372d0c353", "x_Y-9", "%C3%BC%20")
    ],
    _case(
        "unparsable-behavior discard of lines that are none",
        INSERT,
        lambda r: _asked(body=b"{\n[1]\n")(_target("/insert", "/insert?unparsable-behavior=discard")(r)),
    ),
    _case(
        "unparsable-behavior twice",
        INSERT,
        _target("/insert", "/insert?unparsable-behavior=error&unparsable-behavior=error"),
        "request query unparsable-behavior type",
    ),
    _case(
        "unparsable-behavior empty",
        INSERT,
        _target("/insert", "/insert?unparsable-behavior="),
        "request query unparsable-behavior $ enum",
    ),
    _case("unparsable-behavior discard", INSERT, _target("/insert", "/insert?unparsable-behavior=discard")),
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
    *[_case(f"an id {value!r}", GET, _ask("/ids", [value])) for value in [*ODD_TEXTS, "é" * 32, LONGEST_ID]],
    _case("the same id twice", GET, _ask("/ids", ["a", "a"])),
    _case("an id empty", GET, _ask("/ids", [""]), "strict: request body $.ids[0] minLength"),
    _case("an id too long", GET, _ask("/ids", [LONGEST_ID + "x"]), "request body $.ids[0] maxLength"),
    _case("an id of 66 bytes", GET, _ask("/ids", ["é" * 33]), "request body $.ids[0] id_bytes"),
    _case(
        "ids in UTF-16", GET, lambda r: _asked(body=r.request.body.decode().encode("utf-16"))(r), "request body json"
    ),
    _case("ids twice", GET, _asked(body=b'{"ids":["a"],"ids":["b"]}'), "request body json"),
    _case("insert as a form", INSERT, lambda r: _form("vectors", r.request.body)(r)),
    _case(
        "insert as a form of something else",
        INSERT,
        lambda r: _form("file", r.request.body)(r),
        "request headers media type",
    ),
    _case(
        "insert as a form of a bad line",
        INSERT,
        _form("vectors", b'{"id":"a"}'),
        "request line 1 $ required",
    ),
    _case(
        "lines of two dimensions",
        INSERT,
        lambda r: _asked(body=r.request.body + b'{"id":"c","values":[1]}')(r),
        "request line 3 $.values dimensions",
    ),
    _case("a line with a carriage return", INSERT, lambda r: _asked(body=r.request.body.replace(b"\n", b"\r\n"))(r)),
    _case("lines without a last newline", INSERT, lambda r: _asked(body=r.request.body.rstrip())(r)),
    _case(
        "the same id in two lines", INSERT, lambda r: _asked(body=r.request.body.splitlines(keepends=True)[0] * 2)(r)
    ),
    _case(
        "a line with a byte order mark",
        INSERT,
        lambda r: _asked(body=b"\xef\xbb\xbf" + r.request.body)(r),
        "request line 1 json",
    ),
    _case("a line beyond a double", INSERT, _asked(body=b'{"id":"a","values":[1e999]}'), "request line 1 json"),
    # Exchanges
    _case(
        "a vector that was not asked for",
        GET,
        _answer("/result/0/id", "stranger"),
        "response body $.result[0].id not asked for",
        whole=True,
    ),
    _case(
        "a vector twice",
        GET,
        _answer("/result/0/id", "other-vector-id"),
        "response body $.result[1] x-unique-by",
        whole=True,
    ),
    _case(
        "vectors of two dimensions",
        GET,
        _answer("/result/0/values", [1]),
        "response body $.result[1] x-same-length",
        whole=True,
    ),
    _case("fewer vectors than asked for", GET, _answer("/result/0", ABSENT), whole=True),
    _case("vectors in another order", GET, _ask("/ids", ["other-vector-id", "some-vector-id"]), whole=True),
    _case(
        "a request that should have been refused",
        GET,
        _ask("/ids", [*MANY_IDS, "some-vector-id", "other-vector-id"]),
        "request body $.ids maxItems",
        whole=True,
    ),
    _case(
        "20 ids refused as too many",
        "report-40026-content-type",
        lambda r: _answer("/errors/0/code", 40007)(_ask_header("Content-Type", "application/json")(r)),
        "response body $.errors[0].code refusal",
        whole=True,
    ),
    _case(
        "JSON refused as none",
        "report-40026-content-type",
        _ask_header("Content-Type", "application/json"),
        "response body $.errors[0].code refusal",
        whole=True,
    ),
    _case(
        "another refusal of a good request",
        "report-40026-content-type",
        lambda r: _answer("/errors/0/code", 40023)(_ask_header("Content-Type", "application/json")(r)),
        whole=True,
    ),
    _case("ids a bare array", GET, _asked(body=b'["some-vector-id"]'), "request body $ type"),
    _case("ids absent", GET, _asked(body=b"{}"), "strict: request body $ required"),
    _case("ids no array", GET, _ask("/ids", "some-vector-id"), "request body $.ids type"),
    _case("ids empty", GET, _ask("/ids", []), "strict: request body $.ids minItems"),
    _case("one id", GET, _ask("/ids", ["x"])),
    _case("most ids", GET, _ask("/ids", MANY_IDS[:-1])),
    _case("too many ids", GET, _ask("/ids", MANY_IDS), "request body $.ids maxItems"),
    _case("an id a number", GET, _ask("/ids", [7]), "request body $.ids[0] type"),
    _case("an undocumented member of a request", GET, _ask("/extra", 7), "request body $.extra undocumented"),
    *_vector_cases("line", INSERT, _line, "request line 1", "$", prudent="strict: "),
    _case("a NaN in a line", INSERT, _line("/values", [float("nan")]), "request line 1 json"),
    _case("half a surrogate pair", INSERT, _line("/metadata", {"k": "\ud83d"}), "request line 1 json"),
    _case("a blank line", INSERT, lambda r: _asked(body=r.request.body + b"\n")(r), "strict: request line 3 json"),
]
